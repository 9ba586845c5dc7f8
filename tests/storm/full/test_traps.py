"""Where traps stand, and that each catches one."""

from __future__ import annotations

from tests.storm.faults import fault
from tests.storm.full.samples import instance
from tests.storm.full.traps import FAILING_STAGE, Traps

FAILS = fault("boot-fails slot0 at 0")
SERVES, BOOTS = instance("serves"), instance("boots", lifecycle_state="Pending:Wait")


def test_a_trap_stands_everywhere_until_one_has_walked_into_it() -> None:
    traps = Traps()
    traps.set_for_agents(fault("kill-agent at 0 after check"))
    traps.set_for_agents(fault("freeze-agent at 0 for 12.5 after drain"))
    killed = {"number": 1, "what": "kill", "seconds": 0.0}
    paused = {"number": 2, "what": "freeze", "seconds": 12.5}
    assert traps.content(SERVES) == traps.content(BOOTS) == {"agent": {"check": killed, "drain": paused}}
    assert traps.caught("serves", 1) == "kill-agent at 0.00 after check"
    assert traps.caught("another", 1) == ""
    assert traps.content(SERVES) == {"agent": {"drain": paused}}


def test_two_traps_at_one_step_catch_one_after_the_other() -> None:
    traps = Traps()
    traps.set_for_joiner(fault("pause-joiner joiner at 0 for 1"), "gate")
    traps.set_for_joiner(fault("pause-joiner joiner at 0 for 2"), "gate")
    assert traps.content(BOOTS)["boot"]["gate"]["seconds"] == 1.0
    traps.caught("boots", 1)
    assert traps.content(BOOTS)["boot"]["gate"]["seconds"] == 2.0


def test_one_boot_of_a_slot_fails_for_as_long_as_it_tries_and_no_other_one() -> None:
    traps = Traps()
    traps.set_for_boot(FAILS, 0)
    assert FAILING_STAGE in traps.content(BOOTS)["boot"]
    assert traps.content(SERVES) == {}
    assert traps.content(instance("elsewhere", slot=1, lifecycle_state="Pending:Wait")) == {}
    traps.caught("boots", 1)
    assert FAILING_STAGE in traps.content(BOOTS)["boot"]
    assert traps.content(instance("next", lifecycle_state="Pending:Wait")) == {}


def test_nothing_stands_after_all_was_taken_away() -> None:
    traps = Traps()
    traps.set_for_boot(FAILS, 0)
    traps.clear()
    assert traps.content(BOOTS) == {}


def test_something_may_come_of_a_trap_until_it_has_caught_one_and_of_a_failing_boot_until_that_is_over() -> None:
    traps = Traps()
    assert not traps.are_open([])
    traps.set_for_agents(fault("kill-agent at 0 after check"))
    assert traps.are_open([])
    traps.caught("serves", 1)
    assert not traps.are_open(["serves"])
    traps.set_for_boot(FAILS, 0)
    traps.caught("boots", 2)
    assert traps.are_open(["boots"])
    assert not traps.are_open([])

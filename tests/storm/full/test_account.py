"""What is read from looks at the local AWS."""

from __future__ import annotations

from tests.storm.full.account import WAITS, Hooks
from tests.storm.full.samples import instance, look


def test_of_a_slot_the_instance_in_service_is_meant_and_else_one_that_a_group_has() -> None:
    new, old = instance("new", lifecycle_state="Pending:Wait"), instance("old")
    detached = instance("detached", lifecycle_state="")
    assert look(new, old, detached).in_slot(0) == "old"
    assert look(detached, new).in_slot(0) == "new"
    assert look(old).in_slot(1) == ""


def test_one_that_does_not_run_is_in_no_slot_and_does_not_boot() -> None:
    ended = instance("ended", lifecycle_state="Pending:Wait", state="terminated")
    assert look(ended).in_slot(0) == ""
    assert look(ended).booting == []


def test_a_hook_has_ended_when_it_was_first_seen_not_to_hold_its_instance() -> None:
    hooks = Hooks()
    for at, state in enumerate(["InService", WAITS, WAITS, "Terminating:Proceed", "Terminating:Proceed"]):
        hooks.note(look(instance("a", lifecycle_state=state), at=float(at)))
    assert hooks.completed_by(["a"]) == [("a", 3.0)]


def test_a_hook_that_holds_or_that_nobody_has_called_for_was_not_completed() -> None:
    hooks = Hooks()
    hooks.note(look(instance("holds", lifecycle_state=WAITS), instance("lost", lifecycle_state=WAITS)))
    hooks.note(look(instance("holds", lifecycle_state=WAITS), at=2.0))
    assert hooks.completed_by(["holds"]) == []
    assert hooks.completed_by(["lost"]) == [("lost", 2.0)]


def test_only_what_is_terminated_or_forgotten_has_ended() -> None:
    before = look(*(instance(name) for name in ("runs", "begins", "ends", "ended", "forgotten")))
    states = {"runs": "running", "begins": "pending", "ends": "shutting-down", "ended": "terminated"}
    now = look(*(instance(name, state=state) for name, state in states.items()), instance("new", state="pending"))
    assert now.ended_since(before) == ["ended", "forgotten"]

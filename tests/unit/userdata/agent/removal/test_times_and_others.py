"""What a removal waits for, and for how long: slow answers, backups, and an agent that had better not do it itself."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from coordination.exclusion import LEASES, Activity
from coordination.names import OPERATION_ITEM
from coordination.operations import CALL_SECONDS, DOUBT_SECONDS, LONGEST_SECONDS, OperationOutcome
from coordination.writes import as_item
from tests.unit.userdata.agent.looks import NOW
from tests.unit.userdata.agent.removal.world import World
from userdata.agent.removal.task import MOST_ASIDE, Removal
from userdata.logs.lines import StageFailed

WITHDRAWN, DONE = OperationOutcome.WITHDRAWN, OperationOutcome.DONE
BACKUP = f"lease#{LEASES[Activity.BACKUP]}"


@pytest.fixture
def world() -> World:
    return World()


def said(agent: Removal) -> str:
    try:
        return agent.run()
    except StageFailed as failed:
        return f"failed: {failed}"


# slow answers


def test_however_slowly_auto_scaling_answers_the_removal_is_sent(world: World) -> None:
    def slow() -> None:
        world.now += 3 * CALL_SECONDS

    world.before["groups"] = slow
    assert world.run() == "remove of i-1: etcd does not list 10"
    assert world.wrong == []


def test_an_operation_that_was_withdrawn_while_auto_scaling_answered_is_not_carried_out(world: World) -> None:
    def slow() -> None:
        world.now += 3 * CALL_SECONDS
        world.table.store(replace(world.operation, outcome=WITHDRAWN, ended_at=NOW).item())

    # Before the second check, for the first has been made by then.
    world.after["drain"] = lambda: world.before.update({"groups": slow})
    assert world.run() == "failed: somebody else has changed the operation since"
    assert world.removed == []


def test_an_etcd_that_answers_too_slowly_is_asked_again(world: World) -> None:
    def slow() -> None:
        world.now += CALL_SECONDS + 1

    world.after["look"] = slow
    assert world.run().startswith("failed: the check took 11 s")
    world.after.clear()
    assert world.run() == "remove of i-1: etcd does not list 10"


PAUSES = [CALL_SECONDS - 1.0, CALL_SECONDS + 1.0, DOUBT_SECONDS - 1.0, DOUBT_SECONDS + 11.0, LONGEST_SECONDS + 70.0]
AGES = [0, LONGEST_SECONDS - 2]
"""How old the operation is when the agent checks."""


@pytest.mark.parametrize(("pause", "age", "slots"), [*itertools.product(PAUSES, AGES, [3, 5])])
def test_an_agent_that_is_paused_after_its_check_and_leads_again_never_takes_a_majority_of_the_slots(
    pause: float, age: int, slots: int
) -> None:
    """Another one led meanwhile, and did what the function asked for, as soon as the function might ask for it."""
    world = World(slots)
    world.ask(requested_at=NOW - age)
    # Each removal alone is allowed: one voter more than a majority answers.
    world.silent = set(range(slots // 2 + 3, slots + 1))
    looks: list[int] = []

    def paused() -> None:
        looks.append(1)
        if len(looks) != 2:
            return
        world.now += pause
        _function(world)
        world.run(1)
        # Its lease is its own again: only how old its check is can stop it.
        world.lease = 2

    world.after["look"] = paused
    world.run(2)
    assert len(looks) > 1
    assert world.wrong == []


@pytest.mark.parametrize(
    ("pause", "outcome", "says"),
    [
        (DOUBT_SECONDS + 1.0, OperationOutcome.VETOED, "failed: etcd's leadership does not leave i-1: bad leader"),
        (LONGEST_SECONDS + DOUBT_SECONDS + 1.0, WITHDRAWN, "failed: somebody else has changed the operation since"),
    ],
)
def test_an_heir_that_is_removed_while_the_mover_is_paused_leads_nobody_and_the_next_operation_finds_another(
    pause: float, outcome: OperationOutcome, says: str
) -> None:
    """The mover had chosen i-5; its operation ended meanwhile, and another agent removed i-5 by the next one."""
    world = World(5)
    world.leader = 1

    def paused() -> None:
        del world.before["move"]
        world.now += pause
        ended = int(NOW + world.now - DOUBT_SECONDS)
        world.put(OPERATION_ITEM, replace(world.operation, outcome=outcome, ended_at=ended).item())
        assert not world.operation.is_in_doubt(int(NOW + world.now))
        _asks(world, 5, "op-2")
        assert world.run(3) == "remove of i-5: etcd does not list 50"
        # Its lease is its own again: only etcd, or what it looks at next, can stop it.
        world.lease = 2

    world.before["move"] = paused
    assert world.run(2).startswith(says)
    assert (world.leader, world.calls) == (1, ["drain i-1", "drain i-5", "remove 5"])
    _asks(world, 1, "op-3")
    assert world.run(2) == "remove of i-1: etcd does not list 10"
    assert world.calls[-3:] == ["drain i-1", "move 1 to 4", "remove 1"]
    assert (world.ids(), world.wrong) == ({2, 3, 4}, [])


def _asks(world: World, number: int, operation_id: str) -> None:
    """The function asks for the removal of a voter whose instance terminates."""
    world.places[number] = "Terminating:Wait"
    world.store(number, hook_since=NOW - 600)
    world.ask(
        operation_id=operation_id,
        target_instance=f"i-{number}",
        target_member_id=f"{number}0",
        requested_at=int(NOW + world.now),
    )


def _function(world: World) -> None:
    """What a pass may do now: wait no longer for the operation, and ask for the next one."""
    now, found = int(NOW + world.now), world.operation
    if found.is_overdue(now):
        found = replace(found, outcome=WITHDRAWN, ended_at=found.requested_at + LONGEST_SECONDS + 1)
        world.put(OPERATION_ITEM, found.item())
    if found.outcome is not None and not found.is_in_doubt(now):
        _asks(world, 3, "op-2")


# backups


def test_the_very_call_waits_for_a_backup_and_not_the_drain_before_it(world: World) -> None:
    world.table.store(as_item(BACKUP, {"Owner": "i-3", "Counter": 1, "Fence": 1}))
    assert world.run() == "failed: the removal waits: i-3 holds lease#backup"
    assert (world.calls, world.outcome) == (["drain i-1"], None)
    world.table.store(as_item(BACKUP, {"Counter": 1, "Fence": 1}))
    assert world.run() == "remove of i-1: etcd does not list 10"


def test_a_backup_whose_node_died_holds_no_removal_up_for_longer_than_a_lease(world: World) -> None:
    world.table.store(as_item(BACKUP, {"Owner": "i-3", "Counter": 1, "Fence": 1}))
    world.lease, agent = 2, world.agent(2)
    assert said(agent) == "failed: the removal waits: i-3 holds lease#backup"
    world.now = 60.0
    assert said(agent) == "remove of i-1: etcd does not list 10"


def test_a_lease_of_backups_that_cannot_be_read_holds_the_call(world: World) -> None:
    world.table.store({"Id": BACKUP, "Owner": 7})
    assert world.run().startswith("failed: the removal waits: whether lease#backup is free is unknown")
    assert world.removed == []


# the target's own agent


def test_the_target_s_agent_does_it_by_another_member_once_nobody_else_took_over_twice(world: World) -> None:
    world.leader, world.lease, agent = 1, 1, world.agent(1)
    for _ in range(MOST_ASIDE):
        assert said(agent).startswith("stands aside")
        world.lease = 1
    assert world.removed == []
    assert said(agent) == "remove of i-1: etcd does not list 10"
    assert (world.calls, world.stood_aside) == (["drain i-1", "move 1 to 3", "remove 1"], [1] * MOST_ASIDE)
    assert world.told_to_remove[0] != 1
    assert (world.outcome, world.wrong) == (DONE, [])


def test_it_stands_aside_anew_for_the_next_operation(world: World) -> None:
    world.lease, agent = 1, world.agent(1)
    for _ in range(MOST_ASIDE):
        said(agent)
    world.ask(operation_id="op-2")
    assert said(agent).startswith("stands aside")


def test_other_agents_tell_their_own_etcd(world: World) -> None:
    world.run(3)
    assert world.told_to_remove == [3]

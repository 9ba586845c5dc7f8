"""One operation from its request to its end, and all that may go wrong with the agent that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from coordination.members import MemberState
from coordination.names import CLUSTER_ITEM, OPERATION_ITEM, lease_item
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.operations import CALL_SECONDS, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Unknown
from coordination.quorum import Objection
from coordination.writes import as_item, update
from tests.unit.userdata.agent.looks import NOW, RECORD, etcd_member
from tests.unit.userdata.agent.removal.world import FULL, PACE, World, die, failed_once, lost_once
from tests.unit.userdata.tables import Fate
from userdata.agent.removal.check import Veto
from userdata.etcd.refusals import EtcdRefused, Refusal
from userdata.kube.drain import Drained

ACCEPT = "apply operation"
FINISH = "transact member#i-1 operation"
DONE, VETOED = OperationOutcome.DONE, OperationOutcome.VETOED


@pytest.fixture
def world() -> World:
    return World()


def ended_well(world: World) -> bool:
    """The target, and nobody else, left once, and row and operation say so."""
    return (
        world.removed == [(1, "op-1")]
        and world.ids() == {2, 3}
        and world.row().state is MemberState.REMOVED
        and world.outcome == DONE
        and world.wrong == []
    )


# step by step


def test_a_voter_is_drained_and_removed_and_its_row_and_the_operation_say_so(world: World) -> None:
    assert world.run() == "remove of i-1: etcd does not list 10"
    assert world.calls == ["drain i-1", "remove 1"]
    assert ended_well(world)
    assert (world.operation.accepted_by, world.operation.drain_until) == ("i-2", NOW + PACE.drain)
    assert world.operation.ended_at == NOW


def test_without_an_operation_nothing_is_asked_of_etcd(world: World) -> None:
    world.table.remove(OPERATION_ITEM)
    world.before["look"] = lambda: pytest.fail("etcd was asked")
    assert world.run() == ""


def test_an_operation_that_has_ended_is_left_alone(world: World) -> None:
    stored = world.ask(outcome=DONE, ended_at=NOW)
    assert world.run() == ""
    assert (world.operation, world.calls) == (stored, [])


def test_leadership_is_moved_to_a_voter_that_stays_before_the_removal(world: World) -> None:
    world.leader = 1
    world.places[2] = "Terminating:Wait"
    assert world.run().startswith("remove of i-1")
    assert world.calls == ["drain i-1", "move 1 to 3", "remove 1"]


def test_a_silent_voter_is_neither_drained_nor_asked_to_give_up_leadership(world: World) -> None:
    world.silent = {1}
    world.run()
    assert world.calls == ["remove 1"]
    assert ended_well(world)


def test_a_silent_voter_that_wakes_before_the_second_check_is_drained_first(world: World) -> None:
    world.silent, world.pods = {1}, FULL
    world.after["look"] = world.silent.clear
    assert (world.run(), world.removed) == ("", [])
    world.run()
    assert world.calls == ["drain i-1"]
    world.pods = Drained()
    world.run()
    assert ended_well(world)


def test_while_pods_are_left_nothing_is_removed(world: World) -> None:
    world.pods = FULL
    for moment in (0.0, 100.0, PACE.drain - 1.0):
        world.now = moment
        assert world.run() == ""
    assert world.removed == []
    world.pods = Drained()
    world.run()
    assert ended_well(world)


def test_at_the_end_of_a_drain_force_is_used_once_and_the_removal_goes_on(world: World) -> None:
    world.pods = FULL
    world.run()
    world.now = float(PACE.drain)
    world.run()
    assert world.calls == ["drain i-1", "drain i-1 by force", "remove 1"]
    assert ended_well(world)


def test_an_api_server_that_cannot_drain_holds_the_removal_until_the_drain_s_end(world: World) -> None:
    world.pods = Unknown("no answer")
    assert world.run() == "failed: i-1 cannot be drained: no answer"
    world.now = float(PACE.drain)
    world.run()
    assert ended_well(world)


def test_clients_have_their_time_from_the_start_of_the_hook(world: World) -> None:
    world.store(1, hook_since=NOW)
    world.now = PACE.clients - 1
    assert (world.run(), world.removed) == ("", [])
    world.now = PACE.clients
    world.run()
    assert ended_well(world)


def test_a_leader_that_cannot_be_moved_is_waited_for_until_a_minute_after_the_drain(world: World) -> None:
    world.leader, world.lost = 1, {"never move"}
    for moment in (0.0, PACE.drain + 59.0):
        world.now = moment
        assert world.run() == "failed: etcd's leadership does not leave i-1: move leader: no answer"
    world.now = PACE.drain + 60.0
    world.run()
    assert ended_well(world)


def test_another_agent_goes_on_and_the_drain_ends_when_the_first_one_said(world: World) -> None:
    world.pods = FULL
    world.run(2)
    world.now = 200.0
    world.run(3)
    assert (world.operation.accepted_by, world.operation.drain_until) == ("i-3", NOW + PACE.drain)
    world.now = float(PACE.drain)
    world.run(3)
    assert ended_well(world)


# agents that die, and answers that are lost


@pytest.mark.parametrize("after", [ACCEPT, "drain", "move", "look", "remove", FINISH])
def test_when_the_agent_dies_after_a_step_another_one_ends_the_operation(world: World, after: str) -> None:
    world.leader = 1
    world.after[after] = die
    assert world.run(2) == "died"
    world.after.clear()
    world.now = 70.0
    world.run(3)
    assert ended_well(world), after


@pytest.mark.parametrize("before", ["drain", "move", "remove"])
def test_when_the_agent_dies_before_a_step_another_one_ends_the_operation(world: World, before: str) -> None:
    world.leader = 1
    world.before[before] = die
    assert world.run(2) == "died"
    world.before.clear()
    world.run(3)
    assert ended_well(world), before


@pytest.mark.parametrize("call", [ACCEPT, FINISH])
@pytest.mark.parametrize("fate", [lost_once, failed_once])
def test_a_write_of_which_nobody_knows_is_read_again(
    world: World, call: str, fate: Callable[[str], Callable[[str], Fate]]
) -> None:
    world.table.fate = fate(call)
    assert world.run().startswith("failed: whether the operation ")
    world.run()
    assert ended_well(world)


@pytest.mark.parametrize("fate", [lost_once, failed_once])
def test_a_veto_of_which_nobody_knows_is_said_again(world: World, fate: Callable[[str], Callable[[str], Fate]]) -> None:
    world.silent = {3}
    world.table.fate = fate(ACCEPT)
    assert world.run().startswith("failed: whether the operation has ended is unknown")
    world.run()
    assert (world.outcome, world.removed) == (VETOED, [])


def test_a_removal_whose_answer_is_lost_is_not_sent_again(world: World) -> None:
    world.lost = {"remove"}
    assert world.run() == "failed: whether i-1 was removed is unknown: member remove: the answer was lost"
    assert world.run() == "remove of i-1: etcd does not list 10"
    assert ended_well(world)


def test_a_move_of_leadership_whose_answer_is_lost_is_found_done(world: World) -> None:
    world.leader, world.lost = 1, {"move"}
    assert world.run().startswith("failed: etcd's leadership does not leave i-1")
    world.run()
    assert world.calls.count("move 1 to 3") == 1
    assert ended_well(world)


@pytest.mark.parametrize("item", [CLUSTER_ITEM, OPERATION_ITEM, "member#i-1"])
def test_what_cannot_be_read_is_waited_for(world: World, item: str) -> None:
    world.table.fate = failed_once(f"get {item}")
    assert world.run().startswith("failed: ")
    assert (world.calls, world.outcome) == ([], None)


@pytest.mark.parametrize("unknown", ["groups_broken", "states_broken"])
@pytest.mark.parametrize("kind", list(OperationKind))
def test_a_call_to_aws_that_fails_is_no_answer(world: World, unknown: str, kind: OperationKind) -> None:
    world.ask(kind=kind)
    del world.places[1]
    setattr(world, unknown, Unknown("throttled"))
    assert world.run() == "failed: throttled"
    assert (world.calls, world.outcome) == ([], None)


def test_an_etcd_without_a_majority_is_waited_for(world: World) -> None:
    world.silent = {1, 3}
    assert world.run() == "failed: member list: no answer"
    assert world.outcome is None


def test_an_operation_that_cannot_be_understood_is_waited_for(world: World) -> None:
    world.table.store({**world.operation.item(), "Kind": "merge"})
    assert world.run().startswith("failed: item operation: Kind")


# what must stop a removal


def test_an_agent_that_was_paused_after_its_check_sends_no_removal(world: World) -> None:
    looks: list[int] = []

    def pause() -> None:
        looks.append(1)
        if len(looks) == 2:
            world.now += CALL_SECONDS + 1

    world.after["look"] = pause
    assert world.run() == "failed: the check took 11 s, and what it says is too old to remove a member by"
    assert world.removed == []
    world.run()
    assert ended_well(world)


def test_an_agent_whose_lease_is_lost_before_the_call_sends_no_removal(world: World) -> None:
    def lose() -> None:
        world.lease = 3

    world.after["drain"] = lose
    assert world.run() == "failed: the lease agent is not this node's any more"
    assert (world.removed, world.outcome) == ([], None)


@pytest.mark.parametrize("meanwhile", ["drain", "move"])
def test_an_operation_that_was_withdrawn_during_a_drain_is_not_carried_out(world: World, meanwhile: str) -> None:
    def withdraw() -> None:
        ended = replace(world.operation, outcome=OperationOutcome.WITHDRAWN, ended_at=NOW)
        world.table.store(ended.item())

    world.leader = 1
    world.after[meanwhile] = withdraw
    assert world.run() == "failed: somebody else has changed the operation since"
    assert (world.removed, world.outcome) == ([], OperationOutcome.WITHDRAWN)


def test_an_operation_that_another_agent_has_accepted_is_its_own(world: World) -> None:
    def accept() -> None:
        world.table.store(replace(world.operation, accepted_by="i-3").item())

    world.after["drain"] = accept
    assert world.run() == "failed: somebody else has changed the operation since"
    assert world.removed == []


def test_a_voter_that_falls_silent_during_the_drain_vetoes_the_removal(world: World) -> None:
    world.after["drain"] = lambda: world.silent.add(3)
    assert world.run() == f"remove of i-1 is vetoed: {Objection.QUORUM_WOULD_END.value}"
    assert (world.removed, world.outcome) == ([], VETOED)


def test_an_instance_that_is_back_in_service_is_not_removed(world: World) -> None:
    world.places[1] = "Standby"
    world.after["drain"] = lambda: world.places.update({1: "InService"})
    world.run()
    assert (world.removed, world.operation.reason) == ([], Veto.SERVES.value)


def test_what_etcd_refuses_is_vetoed(world: World) -> None:
    world.refuses = EtcdRefused(Refusal.UNHEALTHY)
    assert world.run() == "remove of i-1 is vetoed: etcd refuses: unhealthy cluster"
    assert (world.outcome, world.row().state) == (VETOED, MemberState.VOTER)


def test_an_operation_of_an_epoch_before_is_vetoed_and_one_of_a_later_epoch_is_others(world: World) -> None:
    world.ask(epoch=3)
    assert world.run().startswith("failed: the etcd here is of epoch 2")
    world.ask(epoch=1)
    assert world.run() == f"remove of i-1 is vetoed: {Veto.OTHER_EPOCH.value}"
    assert world.calls == []


@pytest.mark.parametrize("changes", [{"epoch": 3}, {"etcd_cluster_id": "99"}])
def test_an_etcd_that_is_not_the_record_s_judges_nothing(world: World, changes: dict[str, object]) -> None:
    world.table.store({**RECORD.item(), **replace(RECORD, **changes).item()})  # type: ignore[arg-type]
    assert world.run().startswith("failed: the etcd here is abc")
    assert (world.calls, world.outcome) == ([], None)


def test_a_veto_after_somebody_else_has_ended_the_operation_changes_nothing(world: World) -> None:
    world.silent = {3}
    world.after["look"] = lambda: world.table.store(
        replace(world.operation, outcome=OperationOutcome.WITHDRAWN, ended_at=NOW).item()
    )
    assert (world.run(), world.outcome) == ("", OperationOutcome.WITHDRAWN)


# the target's own agent


def test_the_target_s_agent_lets_another_one_carry_it_out_where_others_serve(world: World) -> None:
    said = world.run(1)
    assert said == "stands aside, so that another agent carries out: remove of i-1 (10), requested"
    assert (world.stood_aside, world.operation.state) == ([1], OperationState.REQUESTED)
    world.run(3)
    assert ended_well(world)


def test_the_target_s_agent_vetoes_where_it_is_the_last_voter(world: World) -> None:
    for number in (2, 3):
        del world.members[number]
    assert world.run(1) == f"remove of i-1 is vetoed: {Objection.LAST_VOTER.value}"
    assert world.stood_aside == []


# rows


def test_a_target_that_is_not_listed_is_done_and_its_row_follows(world: World) -> None:
    del world.members[1]
    assert world.run() == "remove of i-1: etcd does not list 10"
    assert (world.row().state, world.outcome, world.calls) == (MemberState.REMOVED, DONE, [])


def test_a_row_that_the_observation_has_ended_before_is_no_failure(world: World) -> None:
    world.store(1, state=MemberState.REMOVED)
    del world.members[1]
    assert world.run() == "remove of i-1 is done: etcd does not list 10"


def test_a_row_that_changed_meanwhile_is_looked_at_again(world: World) -> None:
    world.after["remove"] = lambda: world.store(1, state=MemberState.REMOVED, etcd_member_id="11")
    assert world.run() == "failed: the operation or its target's row has changed since"
    assert world.outcome is None
    world.run()
    assert world.outcome == DONE


def joining(world: World) -> None:
    """The target has a row, and etcd has never heard of it."""
    world.store(1, state=MemberState.JOINING, etcd_member_id="")
    del world.members[1]
    world.ask(target_member_id="")


def test_a_joining_row_ends_under_the_lease_of_joiners_alone(world: World) -> None:
    joining(world)
    world.table.store(as_item("lease#join", {"Owner": "i-1", "Counter": 1, "Fence": 1}))
    agent = world.agent(2)
    with pytest.raises(Exception, match="i-1 holds lease#join"):
        agent.run()
    assert world.row().state is MemberState.JOINING
    # The holder was seen to stand still for a whole lease.
    world.now = 61.0
    assert agent.run() == "remove of i-1: etcd does not list i-1"
    assert (world.row().state, world.outcome) == (MemberState.REMOVED, DONE)
    assert held(world).owner == ""


def test_a_joining_row_stays_whose_member_is_added_before_the_lease_is_had(world: World) -> None:
    joining(world)
    world.after["apply lease#join"] = lambda: world.members.update({1: etcd_member(1, name="", learner=True)})
    assert world.run() == "failed: i-1 was added meanwhile"
    assert (world.row().state, world.outcome) == (MemberState.JOINING, None)


def test_a_joining_row_stays_once_the_lease_is_another_s(world: World) -> None:
    joining(world)

    def take_over() -> None:
        if held(world).owner == "i-2":
            taken = update(lease_item(LeaseName.JOIN), {"Owner": "i-1", "Fence": 9, "Counter": 9}, {})
            world.table.apply(taken)

    world.after["look"] = take_over
    assert world.run() == "failed: the operation or its target's row has changed since"
    assert (world.row().state, world.outcome) == (MemberState.JOINING, None)


def test_a_joining_row_that_was_removed_meanwhile_ends_the_operation(world: World) -> None:
    joining(world)
    world.after["apply lease#join"] = lambda: world.store(1, state=MemberState.REMOVED)
    assert world.run() == "remove of i-1 is done: etcd does not list i-1"


def held(world: World) -> NodeLease:
    item = world.table.stored("lease#join")
    return node_lease(item) if item is not None else NodeLease(LeaseName.JOIN, "", 0, 0)


# learners


def clean(world: World, **changes: object) -> None:
    """Ask for the removal of the learner on i-4."""
    values = {"kind": OperationKind.CLEAN_LEARNER, "target_instance": "i-4", "target_member_id": "40", **changes}
    world.ask(**values)


def test_a_learner_whose_instance_leaves_is_removed_without_a_drain(world: World) -> None:
    world.add_learner(4)
    world.places[4] = "Terminating:Wait"
    clean(world)
    assert world.run() == "clean-learner of i-4: etcd does not list 40"
    assert (world.calls, world.row(4).state) == (["remove 4"], MemberState.REMOVED)


def test_a_learner_that_nobody_knows_is_removed(world: World) -> None:
    world.add_learner(4)
    world.table.remove("member#i-4")
    world.silent = {4}
    clean(world, target_instance="")
    assert world.run() == "clean-learner of 40 is done: etcd does not list 40"
    assert world.ids() == {1, 2, 3}


def test_a_learner_of_a_joiner_at_work_whose_id_no_row_has_yet_is_left_alone(world: World) -> None:
    world.add_learner(4, name="")
    clean(world, target_instance="")
    assert world.run() == f"clean-learner of 40 is vetoed: {Veto.JOINS.value}"
    assert world.ids() == {1, 2, 3, 4}


def test_a_row_of_an_epoch_before_is_nobody_s(world: World) -> None:
    world.add_learner(4, name="")
    world.store(4, state=MemberState.JOINING, etcd_member_id="", epoch=1)
    clean(world, target_instance="")
    world.run()
    assert world.ids() == {1, 2, 3}


def test_a_learner_is_nobody_s_only_where_every_row_can_be_understood(world: World) -> None:
    world.add_learner(4, name="")
    world.table.store({**world.row(4).item(), "State": "merging"})
    clean(world, target_instance="")
    assert world.run().startswith("failed: item member#i-4: State is 'merging'")
    assert world.ids() == {1, 2, 3, 4}


def test_a_learner_of_a_joiner_that_gave_up_long_ago_is_removed(world: World) -> None:
    world.add_learner(4, name="")
    world.store(4, state=MemberState.JOINING, etcd_member_id="40", silent_since=NOW - 600)
    clean(world, target_instance="")
    assert world.run() == "clean-learner of 40 is done: etcd does not list 40"
    assert world.ids() == {1, 2, 3}


@pytest.mark.parametrize(("state", "unasked"), [("terminated", {"i-1"}), ("shutting-down", set()), (None, set())])
def test_the_member_of_a_terminated_target_is_not_asked(world: World, state: str | None, unasked: set[str]) -> None:
    """Its address would keep the check waiting; the hook holds it, so its group lists it still."""
    world.states["i-1"] = state
    world.silent = {1}
    world.run()
    assert world.unasked == unasked
    assert ended_well(world)


def test_whether_a_member_that_its_group_lists_is_terminated_may_be_unknown(world: World) -> None:
    world.states_broken = Unknown("throttled")
    world.run()
    assert ended_well(world)

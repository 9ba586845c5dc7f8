"""Members that leave: every state of small models keeps the rules, and each wrong rule is caught by what it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coordination import operations, quorum
from coordination.approvals import Approval
from coordination.members import Member, MemberState
from coordination.operations import Operation, OperationKind, OperationState
from coordination.quorum import Membership as Members
from coordination.quorum import Objection
from coordination.writes import Transaction
from functions.reconcile import decide, etcd_alone, membership, removals, sizes, slots
from functions.reconcile.endings import Endings
from functions.reconcile.places import Place
from functions.reconcile.removals import Facts, Plan
from functions.reconcile.surplus import Surplus
from tests.model.explorer import NO_PROGRESS, explore
from tests.model.membership import FEW_MEMBERS, ROWS_TRUE, Membership
from tests.model.membership_agent import JOINERS_GO_ON, MAJORITY_OF_SLOTS, ONE_BY_ONE
from tests.model.membership_function import ALONE, NO_LISTED_LET_GO, QUORUM
from tests.model.membership_state import REMOVED, SERVES, Faults, State
from tests.model.mutations import Watched, without
from tests.model.suite import MEMBERSHIP_QUICK
from userdata.agent.removal import check, task
from userdata.agent.removal.check import Allowed, Surroundings, Verdict
from userdata.boot import gate
from userdata.etcd.view import EtcdView

TWO = Faults(terminations=2)
PAUSED = Faults(terminations=2, pauses=1, withdrawals=1)
objection_to_removal = quorum.objection_to_removal
checked: Callable[[Operation, EtcdView, Surroundings], Verdict] = check.check


@pytest.mark.parametrize("name", MEMBERSHIP_QUICK)
def test_membership_keeps_every_promise(name: str) -> None:
    result = explore(MEMBERSHIP_QUICK[name])
    assert result.complete
    assert result.violation is None, str(result.violation)


def caught(faults: Faults, only: str = "", slots: int = 3, room: int = 1, dry: int = 0) -> str:
    """The sentence that a model breaks; with `only` no other one is looked at."""
    model = Membership(faults, slots, room, dry)
    wanted = {what: holds for what, holds in model.invariants.items() if only in ("", what)}
    result = explore(Watched(model, wanted), most_states=20_000)
    assert result.violation is not None, f"{result.states} states, and nothing was caught"
    return result.violation.what


@pytest.mark.parametrize("room", [1, 2])
def test_a_terminated_voter_is_removed_and_replaced(room: int) -> None:
    """That the rules are kept says little if nothing ever happens."""

    def never(state: State) -> bool:
        nodes = [node for _, node in state.nodes()]
        serving = [node for node in nodes if node.place == SERVES and node.answers]
        return not (len(nodes) == len(serving) == len(state.groups) and not state.faults.terminations)

    model = Membership(Faults(terminations=1), room=room)
    result = explore(Watched(model, {"never": never}))
    assert result.violation is not None
    assert any("removes" in label for label in result.violation.trace)


def by_etcd_alone(members: Members, target: str, slots: int, **_: bool) -> Objection | None:
    return objection_to_removal(members, target, slots, by_etcd_alone=True)


def test_a_walk_down_that_etcd_alone_would_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "objection_to_removal", by_etcd_alone)
    monkeypatch.setattr(check, "objection_to_removal", by_etcd_alone)
    assert caught(TWO) == MAJORITY_OF_SLOTS


def test_a_removal_beside_a_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(members: Members, target: str, slots: int, *, by_etcd_alone: bool = False) -> Objection | None:
        voters = replace(members, learners=frozenset())
        return objection_to_removal(voters, target, slots, by_etcd_alone=by_etcd_alone)

    monkeypatch.setattr(removals, "objection_to_removal", wrong)
    monkeypatch.setattr(check, "objection_to_removal", wrong)
    assert caught(TWO, room=2) == ONE_BY_ONE


def test_an_agent_that_does_not_check_what_an_old_pass_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "objection_to_removal", by_etcd_alone)
    assert caught(Faults(terminations=2, stale=1)) == MAJORITY_OF_SLOTS


def test_an_agent_that_takes_what_it_has_accepted_for_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(operation: Operation, view: EtcdView, around: Surroundings) -> Verdict:
        verdict = checked(operation, view, around)
        found = [each for each in view.members if f"{each.member.member_id:x}" == operation.target_member_id]
        if operation.state is OperationState.ACCEPTED and found and operation.kind is OperationKind.CLEAN_LEARNER:
            return Allowed(found[0].member, serves=False, leads=False)
        return verdict

    monkeypatch.setattr(task, "check", wrong)
    assert caught(Faults(terminations=1, hangs=1)) == JOINERS_GO_ON


def test_an_approval_that_is_taken_for_any_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Approval, "covers", lambda *_: True)
    assert caught(Faults(terminations=2, approvals=1)) == ALONE


def test_a_last_hour_that_counts_although_the_slot_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "without_room", lambda seen: {each.slot for each in seen.groups.value.slots})
    assert caught(Faults(terminations=2, last_hours=1), room=2) == ALONE


def test_an_approval_that_is_taken_for_all_that_etcd_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(members: Members, target: str, slots: int, *, by_etcd_alone: bool = False) -> Objection | None:
        return None if by_etcd_alone else objection_to_removal(members, target, slots)

    monkeypatch.setattr(removals, "objection_to_removal", wrong)
    monkeypatch.setattr(check, "objection_to_removal", wrong)
    # What etcd's own check refuses is not caught, for etcd refuses it.
    assert caught(Faults(terminations=2, approvals=1), room=2) == ONE_BY_ONE


def test_an_agent_that_takes_every_approved_operation_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes by the person's word, and not by what the operation says, which an older pass has written."""
    monkeypatch.setattr(check, "objection_to_removal", by_etcd_alone)
    assert caught(Faults(terminations=2, approvals=1, stale=1)) == MAJORITY_OF_SLOTS


def test_an_approval_that_nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd_alone, "decides", lambda *_: False)
    assert caught(Faults(terminations=1, approvals=1), dry=1) == NO_PROGRESS


@pytest.mark.parametrize("faults", [Faults(terminations=2, approvals=1), Faults(terminations=2, last_hours=1)])
def test_a_voter_leaves_that_etcd_alone_lets_go(faults: Faults) -> None:
    """That the rules are kept says little if nobody ever leaves by them."""

    def never(state: State) -> bool:
        alone = [node for _, node in state.nodes() if node.alone and node.alive and node.row == REMOVED]
        return not (alone and state.voters < len(state.groups) // 2 + 1)

    result = explore(Watched(Membership(faults, room=1), {"never": never}))
    assert result.violation is not None


def test_an_operation_that_was_withdrawn_and_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Operation, "is_in_doubt", lambda *_: False)
    assert caught(PAUSED) == MAJORITY_OF_SLOTS


def test_an_operation_that_another_agent_vetoed_and_that_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Operation.is_in_doubt

    def wrong(self: Operation, now: int) -> bool:
        return self.outcome is not operations.OperationOutcome.VETOED and right(self, now)

    monkeypatch.setattr(Operation, "is_in_doubt", wrong)
    assert caught(Faults(terminations=2, hangs=1, pauses=1)) == MAJORITY_OF_SLOTS


def test_a_plan_that_does_not_wait_for_the_operation_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, request = removals.plan, operations.request

    def hasty(facts: Facts) -> Plan:
        return plan(replace(facts, in_flight=False))

    def unconditional(wanted: Operation) -> Transaction:
        first, *others = request(wanted).updates
        return Transaction((without(first, "Id"), *others))

    monkeypatch.setattr(removals, "plan", hasty)
    monkeypatch.setattr(operations, "request", unconditional)
    assert caught(Faults(terminations=2, pauses=1)) == MAJORITY_OF_SLOTS


def test_a_hook_that_is_completed_although_the_row_says_voter(monkeypatch: pytest.MonkeyPatch) -> None:
    right = decide.may_be_member

    def wrong(*arguments: Any) -> Any:
        found = right(*arguments)
        return None if isinstance(found, Member) and found.state is MemberState.VOTER else found

    monkeypatch.setattr(decide, "may_be_member", wrong)
    assert caught(Faults(terminations=1)) == NO_LISTED_LET_GO
    # The one that is let go was one of two that answered.
    assert caught(Faults(terminations=1, hangs=1), only=QUORUM) == QUORUM


def test_a_joining_row_that_is_ended_while_its_joiner_holds_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    right = task.Removal._finish

    def wrong(self: Any, found: Operation, row: Member | None) -> str:
        if row is not None and row.state is MemberState.JOINING:
            return str(self._finished(found, row, ""))
        return right(self, found, row)

    monkeypatch.setattr(task.Removal, "_finish", wrong)
    assert caught(Faults(terminations=2, late=3), room=2) == ROWS_TRUE


def test_a_learner_that_may_be_a_joiners_taken_for_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "_somebody_joins", lambda _: False)
    # Nor does the agent look for a row of it.
    monkeypatch.setattr(task.Removal, "_row_of_member", lambda *_: None, raising=False)
    assert caught(Faults(terminations=1)) == JOINERS_GO_ON


def test_a_gate_that_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    right = gate.gate
    monkeypatch.setattr(gate, "gate", lambda view: right(replace(view, slots=9)))
    assert caught(TWO, room=2) == FEW_MEMBERS


def test_an_operation_that_nobody_clears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Operation, "is_in_doubt", lambda self, _: self.outcome is not None)
    assert caught(Faults(terminations=1)) == NO_PROGRESS


def test_a_terminated_member_whose_removal_nobody_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "LEAVING", frozenset({Place.LEAVES, Place.RETAINED}))
    assert caught(Faults(kills=1)) == NO_PROGRESS


def test_a_slot_without_an_instance_that_nobody_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "starts", lambda _: [])
    assert caught(Faults(sizes=1)) == NO_PROGRESS


def test_a_silent_member_that_nobody_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "endings", lambda _: Endings())
    assert caught(Faults(hangs=1)) == NO_PROGRESS


def test_a_surplus_that_nobody_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "surplus", lambda *_: Surplus())
    assert caught(Faults(sizes=1), room=2) == NO_PROGRESS


def test_a_surplus_that_an_update_has_left_and_that_stands_in_the_way_of_the_next_roll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "in_the_way", lambda *_: None)
    assert caught(Faults(rolls=2, stops=1), room=3) == NO_PROGRESS


def test_an_instance_without_a_row_that_is_let_go_and_not_barred_from_joining(monkeypatch: pytest.MonkeyPatch) -> None:
    right = decide._let_go
    monkeypatch.setattr(decide, "_let_go", lambda instance, reason, _=None: right(instance, reason))
    assert caught(Faults(kills=1, terminations=1, stale=1, late=5)) == NO_LISTED_LET_GO

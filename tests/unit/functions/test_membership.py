"""What a pass does about the operation that there is, and when it asks for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from coordination.instances import GroupInstance, Groups
from coordination.members import Member, MemberState, member
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import (
    DOUBT_SECONDS,
    LONGEST_SECONDS,
    Operation,
    OperationKind,
    OperationOutcome,
    OperationState,
    operation,
)
from coordination.outcomes import Conflict, Known, Unknown
from coordination.quorum import Objection
from coordination.record import Phase
from coordination.writes import as_item
from functions.reconcile.actions import Action, ClearOperation, NoteVeto, RequestOperation, Wait, WithdrawOperation
from functions.reconcile.apply import apply
from functions.reconcile.membership import MemberDecisions, decide
from functions.reconcile.removals import VETO_SECONDS, Pending
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import (
    BROKEN,
    NOW,
    SETTINGS,
    SLOTS,
    FunctionHarness,
    function_harness,
    record,
    rows,
    snapshot,
)

REQUESTED = Operation("1-7", OperationKind.REMOVE, "i-1", "10", 1, OperationState.REQUESTED, NOW - 100)
ACCEPTED = replace(REQUESTED, state=OperationState.ACCEPTED, accepted_by="i-2", drain_until=NOW + 200)
DONE, VETOED, WITHDRAWN = OperationOutcome
INSTANCES = tuple(
    GroupInstance(f"i-{number}", f"slot{number}", "control-plane", state, str(number))
    for number, state in ((1, "Terminating:Wait"), (2, "InService"), (3, "InService"), (4, "InService"))
)
SEEN = ClusterObservation(
    NOW - 10, "i-2", 1, members=tuple(SeenMember(f"{number}0", f"i-{number}", False, "") for number in (1, 2, 3, 4))
)


def row(number: int, **changes: Any) -> Member:
    usual = Member(f"i-{number}", 1, MemberState.VOTER, str(number), etcd_member_id=f"{number}0", created_at=NOW - 9999)
    hook = NOW - 9000 if number == 1 else None
    return replace(usual, hook_since=hook, **changes)


def look(found: Operation | Unknown | None = None, *members: Member, **changes: Any) -> Snapshot:
    """Four voters of which `i-1` leaves, with an operation; `members` are rows that differ."""
    by_name = {f"i-{number}": row(number) for number in (1, 2, 3, 4)} | {each.instance_id: each for each in members}
    table = rows(
        members={name: Known(each) for name, each in by_name.items()},
        observation=Known(SEEN),
        operation=found if isinstance(found, Unknown) else Known(found),
        **changes,
    )
    return snapshot(rows=table, groups=Known(Groups(INSTANCES, SLOTS)))


def kinds(actions: Sequence[Action]) -> list[type[Action]]:
    return [type(each) for each in actions]


# what is asked for


def test_a_removal_is_asked_for_under_an_id_of_this_pass_alone() -> None:
    (asked,) = decide(look()).actions
    assert isinstance(asked, RequestOperation)
    wanted = Operation(f"1-{NOW}", OperationKind.REMOVE, "i-1", "10", 1, OperationState.REQUESTED, NOW)
    assert asked.operation == wanted
    (later,) = decide(replace(look(), lease=Known(2))).actions
    assert isinstance(later, RequestOperation)
    assert later.operation.operation_id == f"2-{NOW}"


@pytest.mark.parametrize(
    ("case", "state"),
    [
        ("whether another pass runs is unknown", replace(look(), lease=BROKEN)),
        ("the table is unknown", replace(look(), rows=BROKEN)),
        ("the groups are unknown", replace(look(), groups=BROKEN)),
        ("the record is unknown", look(record=BROKEN)),
        ("there is no record", look(record=Known(None))),
        ("it is another cluster's record", look(record=record(cluster_id="another"))),
        *[(f"the phase is {phase}", look(record=record(phase))) for phase in Phase if phase is not Phase.READY],
    ],
)
def test_nothing_is_decided_where(case: str, state: Snapshot) -> None:
    assert decide(state) == MemberDecisions(), case


def test_members_of_other_epochs_are_nobody_s() -> None:
    assert decide(look(None, row(1, epoch=0))).actions == ()


def test_one_that_ec2_calls_terminated_waits_for_no_successor_though_it_answered_the_last_look() -> None:
    successor = GroupInstance("i-9", "slot1", "control-plane", "Pending:Wait", "1")
    seats = Groups((*INSTANCES, successor), SLOTS)
    three = {f"i-{number}": Known(row(number)) for number in (1, 2, 3)}
    three["i-1"] = Known(replace(row(1), hook_since=NOW - 1))
    seen = Known(replace(SEEN, members=(SEEN.members or ())[:3]))
    leaves = snapshot(rows=rows(members=three, observation=seen), groups=Known(seats))
    assert decide(leaves).holds == {"i-1": Pending.SUCCESSOR}
    lost = replace(leaves, states=Known({"i-1": "terminated"}))
    assert [each.operation.target_instance for each in decide(lost).actions if isinstance(each, RequestOperation)] == [
        "i-1"
    ]
    assert decide(replace(leaves, states=BROKEN)).holds == {"i-1": Pending.SUCCESSOR}


def test_one_that_ec2_calls_terminated_counts_for_no_quorum() -> None:
    both = {f"i-{number}": Known(row(number)) for number in (1, 2, 3)}
    seen = Known(replace(SEEN, members=(SEEN.members or ())[:3]))
    leaving = tuple(replace(each, lifecycle_state="Terminating:Wait") for each in INSTANCES[:2])
    state = snapshot(rows=rows(members=both, observation=seen), groups=Known(Groups((*leaving, *INSTANCES[2:]), SLOTS)))
    lost = replace(state, states=Known({"i-1": "terminated", "i-2": "terminated"}))
    assert decide(lost).holds == {"i-1": Objection.NO_QUORUM, "i-2": Objection.NO_QUORUM}


# what becomes of it


def held(state: Snapshot) -> list[object]:
    return [decide(state).holds["i-1"], *[each for each in decide(state).actions if isinstance(each, RequestOperation)]]


@pytest.mark.parametrize("found", [REQUESTED, ACCEPTED])
def test_one_in_flight_is_waited_for(found: Operation) -> None:
    assert decide(look(found)) == MemberDecisions((), {"i-1": Pending.IN_FLIGHT})


@pytest.mark.parametrize("found", [REQUESTED, ACCEPTED])
def test_one_that_takes_too_long_is_withdrawn_and_counts_as_in_flight_still(found: Operation) -> None:
    old = replace(found, requested_at=NOW - LONGEST_SECONDS - 1)
    (action,) = decide(look(old)).actions
    assert action == WithdrawOperation(old, "no agent has ended it in 601 s")
    assert held(look(old)) == [Pending.IN_FLIGHT]
    assert decide(look(replace(old, requested_at=NOW - LONGEST_SECONDS))).actions == ()


def test_one_of_another_epoch_is_withdrawn() -> None:
    other = replace(ACCEPTED, epoch=0)
    assert decide(look(other)).actions == (WithdrawOperation(other, "epoch 1 has begun"),)


def test_one_that_was_withdrawn_from_an_agent_counts_as_in_flight_for_a_minute() -> None:
    ended = replace(ACCEPTED, outcome=WITHDRAWN, ended_at=NOW - DOUBT_SECONDS + 1)
    assert decide(look(ended)) == MemberDecisions((), {"i-1": Pending.IN_FLIGHT})
    later = replace(ended, ended_at=NOW - DOUBT_SECONDS)
    assert kinds(decide(look(later)).actions) == [ClearOperation, RequestOperation]


def test_one_that_nobody_had_accepted_is_in_no_doubt() -> None:
    ended = replace(REQUESTED, outcome=WITHDRAWN, ended_at=NOW)
    assert kinds(decide(look(ended)).actions) == [ClearOperation, RequestOperation]


def test_one_that_is_done_is_cleared_before_another_is_asked_for() -> None:
    ended = replace(ACCEPTED, outcome=DONE, ended_at=NOW)
    clear, ask = decide(look(ended)).actions
    assert clear == ClearOperation(ended, "it is done")
    assert isinstance(ask, RequestOperation)


def test_a_veto_is_noted_and_cleared_and_the_same_is_not_asked_for_at_once() -> None:
    ended = replace(ACCEPTED, outcome=VETOED, end_seen_at=NOW - DOUBT_SECONDS, reason="etcd refuses")
    state = look(ended)
    assert decide(state).actions == (NoteVeto(row(1), "etcd refuses"), ClearOperation(ended, "it is vetoed"))
    assert held(state) == [Pending.VETOED]


@pytest.mark.parametrize(("vetoed", "asks"), [(NOW - VETO_SECONDS + 1, False), (NOW - VETO_SECONDS, True)])
def test_what_was_vetoed_is_asked_for_again_after_a_minute(vetoed: int, asks: bool) -> None:
    found = decide(look(None, row(1, vetoed_at=vetoed)))
    assert (kinds(found.actions) == [RequestOperation]) == asks


STRAY = Operation("1-7", OperationKind.CLEAN_LEARNER, "", "40", 1, OperationState.REQUESTED, NOW - 100, outcome=VETOED)


@pytest.mark.parametrize(
    ("rule", "ended", "waits"),
    [
        ("its veto stays in place for a minute, in which nothing else is asked for", STRAY, True),
        ("also where its instance is known, but has no row", replace(STRAY, target_instance="i-9"), True),
        ("and is cleared after that minute", replace(STRAY, ended_at=NOW - VETO_SECONDS), False),
        ("and at once, where the agent's clock is ahead", replace(STRAY, ended_at=NOW + VETO_SECONDS), False),
        ("a removal's veto is cleared at once", replace(STRAY, kind=OperationKind.REMOVE), False),
        ("what was done is cleared at once", replace(STRAY, outcome=DONE), False),
    ],
)
def test_a_learner_without_a_row(rule: str, ended: Operation, waits: bool) -> None:
    found = decide(look(replace(ended, ended_at=NOW - 59 if ended.ended_at is None else ended.ended_at)))
    assert (ClearOperation not in kinds(found.actions)) is waits, rule
    assert (RequestOperation not in kinds(found.actions)) is waits, rule


def test_the_veto_of_a_learner_whose_row_says_removed_is_noted_in_it() -> None:
    ended = replace(STRAY, target_instance="i-1", ended_at=NOW)
    noted, cleared = decide(look(ended, row(1, state=MemberState.REMOVED))).actions[:2]
    assert kinds([noted, cleared]) == [NoteVeto, ClearOperation]


@pytest.mark.parametrize("target", [row(1, state=MemberState.REMOVED), row(1, epoch=0)])
def test_a_veto_about_no_member_of_the_epoch_is_only_cleared(target: Member) -> None:
    ended = replace(REQUESTED, outcome=VETOED, ended_at=NOW)
    assert kinds(decide(look(ended, target)).actions) == [ClearOperation]


def test_one_that_cannot_be_understood_holds_everything() -> None:
    state = look(Unknown("item operation: Kind is 'merge'"))
    assert decide(state).actions == (Wait("operation", "item operation: Kind is 'merge'"),)
    assert held(state) == [Pending.IN_FLIGHT]


# carried out on a table


@pytest.fixture
def there() -> Any:
    with function_harness(*INSTANCES) as made:
        for number in (1, 2, 3, 4):
            made.table.put(row(number).item(), {})
        made.table.put(SEEN.item(), {})
        yield made


def stored(there: FunctionHarness) -> Operation | None:
    item = there.item("operation")
    return None if item is None else operation(item)


@pytest.mark.parametrize("clock", [-7200, -DOUBT_SECONDS, 0, 86400])
def test_the_minute_after_a_veto_is_the_functions_own_whatever_the_clock_of_the_agent_says(
    there: FunctionHarness, clock: int
) -> None:
    """Behind, another agent that was paused could be overtaken; ahead, nobody could join or leave for a day."""
    ended = replace(ACCEPTED, epoch=1, outcome=VETOED, ended_at=NOW + clock, requested_at=NOW - 100)
    there.table.put(ended.item(), {})
    for later in (0, 1, DOUBT_SECONDS - 1):
        there.moment = float(NOW + later)
        there.call(SCHEDULE)
        assert stored(there) == replace(ended, end_seen_at=NOW)
    there.moment = float(NOW + DOUBT_SECONDS)
    there.call(SCHEDULE)
    assert stored(there) is None


def test_from_a_request_to_a_veto_to_the_next_request(there: FunctionHarness) -> None:
    there.call(SCHEDULE)
    first = stored(there)
    assert first is not None
    assert (first.target_instance, first.state) == ("i-1", OperationState.REQUESTED)

    there.table.put(replace(first, outcome=VETOED, ended_at=NOW).item(), {})
    there.call(SCHEDULE)
    assert stored(there) is None
    assert member(there.item("member#i-1")).vetoed_at == NOW

    there.moment += VETO_SECONDS
    there.table.put(replace(SEEN, observed_at=NOW + VETO_SECONDS).item(), {})
    there.call(SCHEDULE)
    second = stored(there)
    assert second is not None
    assert second.operation_id != first.operation_id


def test_a_withdrawal_is_stored_and_the_item_stays_until_nobody_can_act_on_it(there: FunctionHarness) -> None:
    there.table.put(replace(ACCEPTED, requested_at=NOW - LONGEST_SECONDS - 1).item(), {})
    for _ in range(2):
        there.call(SCHEDULE)
        found = stored(there)
        assert found is not None
        assert (found.outcome, found.ended_at) == (WITHDRAWN, NOW)
    there.moment += DOUBT_SECONDS
    there.call(SCHEDULE)
    found = stored(there)
    assert found is None or found.operation_id != ACCEPTED.operation_id


def test_nothing_is_written_while_somebody_restarts_static_pods(there: FunctionHarness) -> None:
    there.table.put(as_item("lease#restart", {"Owner": "i-3", "Counter": 1, "Fence": 1}), {})
    there.call(SCHEDULE)
    assert stored(there) is None


def test_what_an_agent_ended_meanwhile_is_not_withdrawn(there: FunctionHarness) -> None:
    late = replace(ACCEPTED, requested_at=NOW - LONGEST_SECONDS - 1)
    there.table.put(replace(late, outcome=DONE, ended_at=NOW).item(), {})
    action = WithdrawOperation(late, "no agent has ended it")
    (result,) = apply([action], there.ports(), SETTINGS)
    assert isinstance(result.outcome, Conflict)
    found = stored(there)
    assert found is not None
    assert found.outcome is DONE

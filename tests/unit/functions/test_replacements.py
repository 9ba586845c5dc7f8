"""Requests to replace the instance of a slot: accepted in a whole cluster alone, one at a time, and always answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from coordination.fields import Malformed
from coordination.instances import GroupInstance, Groups
from coordination.members import Member, MemberState
from coordination.names import ReplacementState, replacement_item
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import Operation, OperationKind, OperationState
from coordination.outcomes import Conflict, Item, Known, Reading, Unknown
from coordination.replacements import KEPT_SECONDS, Replacement, replacement
from functions.reconcile.actions import AcceptReplacement, Action, AnswerReplacement, ClearReplacement
from functions.reconcile.apply import apply
from functions.reconcile.handler import PassFailed
from functions.reconcile.replacements import END_SECONDS, decide
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.events import SCHEDULE, stream
from tests.unit.functions.harness import (
    BROKEN,
    NOW,
    SETTINGS,
    SLOTS,
    FunctionHarness,
    function_harness,
    instance,
    record,
    rows,
    snapshot,
)

NAMES = ("i-0", "i-1", "i-2")
SERVING = tuple(instance(name, "InService", group=f"slot{name[-1]}") for name in NAMES)
MEMBERS = {name: Known(Member(name, 1, MemberState.VOTER, etcd_member_id=f"e{name}")) for name in NAMES}
ASKED = Replacement("a", "1", ReplacementState.REQUESTED)
RUNNING = replace(ASKED, state=ReplacementState.ACCEPTED, instance_id="i-1", accepted_at=NOW - 60)


def seen(*names: str, silent: str = "", learner: str = "", at: int = NOW - 5) -> Known[ClusterObservation | None]:
    """What the leading agent saw of etcd."""
    members = tuple(
        SeenMember(f"e{name}", name, name == learner, "no answer" if name == silent else "") for name in names
    )
    return Known(ClusterObservation(at, "i-0", 1, members=members))


WHOLE = seen(*NAMES)


def looked(*asked: Replacement, instances: tuple[GroupInstance, ...] = SERVING, **changes: Any) -> Snapshot:
    """A whole cluster of three, but for `changes` of its rows, with these requests."""
    found: dict[str, Reading[Replacement]] = {each.request_id: Known(each) for each in asked}
    table: dict[str, Any] = {"members": MEMBERS, "observation": WHOLE, "replacements": found, **changes}
    return snapshot(*instances, rows=rows(**table))


def one(found: list[Action]) -> Action:
    (action,) = found
    return action


def refusal(found: list[Action]) -> str:
    action = one(found)
    assert isinstance(action, AnswerReplacement)
    assert action.state is ReplacementState.REFUSED
    assert "\n" not in action.result
    return action.result.removeprefix("refused: ")


def test_the_instance_of_the_slot_is_ended_where_the_cluster_is_whole() -> None:
    action = one(decide(looked(ASKED)))
    assert isinstance(action, AcceptReplacement)
    assert (action.asked, action.instance) == (ASKED, SERVING[1])


OPERATION = Operation("op-1", OperationKind.REMOVE, "i-2", "ei-2", 1, OperationState.REQUESTED, NOW - 5)
LEAVING = (SERVING[0], replace(SERVING[1], lifecycle_state="Terminating:Wait"), SERVING[2])
REFUSED: list[tuple[str, Snapshot, str]] = [
    ("no such slot", looked(replace(ASKED, slot="7")), "there is no slot 7; the slots are 0, 1, 2"),
    ("another one is running", looked(ASKED, instances=LEAVING), "slot 1 is not at rest: i-1 is Terminating:Wait"),
    ("a slot is empty", looked(ASKED, instances=SERVING[:2]), "slot 2 is not at rest: it has 0 instances"),
    ("a voter is silent", looked(ASKED, observation=seen(*NAMES, silent="i-2")), "do not answer: i-2"),
    ("a learner joins", looked(ASKED, observation=seen(*NAMES, "i-3", learner="i-3")), "is joining: i-3"),
    ("a member is elsewhere", looked(ASKED, observation=seen(*NAMES, "i-3")), "not the same: i-3"),
    ("nobody has looked", looked(ASKED, observation=Known(None)), "whether etcd is whole is not known"),
    ("an old look", looked(ASKED, observation=seen(*NAMES, at=NOW - 3600)), "whether etcd is whole is not known"),
    ("a removal", looked(ASKED, operation=Known(OPERATION)), "a change of etcd's members is in flight"),
    ("an update", replace(looked(ASKED), root_status=Known("UPDATE_IN_PROGRESS")), "the stack is UPDATE_IN_PROGRESS"),
    ("a failed update", replace(looked(ASKED), root_status=Known("UPDATE_FAILED")), "the stack is UPDATE_FAILED"),
    ("no cluster", looked(ASKED, record=Known(None)), "no cluster is ready"),
    ("a restore", looked(ASKED, record=record("restoring")), "no cluster is ready"),
    (
        "nobody would launch another one",
        replace(
            looked(ASKED),
            groups=Known(Groups(SERVING, (SLOTS[0], replace(SLOTS[1], suspended=frozenset({"Launch"})), SLOTS[2]))),
        ),
        "processes of slot 1 are suspended: Launch",
    ),
    (
        "a slot is to have two",
        replace(looked(ASKED), groups=Known(Groups(SERVING, (SLOTS[0], SLOTS[1], replace(SLOTS[2], desired=2))))),
        "slot 2 is not at rest: it has 1 instances in service and wants 2",
    ),
]


@pytest.mark.parametrize(("case", "found", "why"), REFUSED, ids=[case for case, _, _ in REFUSED])
def test_a_request_is_refused_with_the_reason(case: str, found: Snapshot, why: str) -> None:
    assert why in refusal(decide(found)), case


@pytest.mark.parametrize(
    "found",
    [
        replace(looked(ASKED), lease=BROKEN),
        replace(looked(ASKED), groups=BROKEN),
        replace(looked(ASKED), root_status=BROKEN),
        looked(ASKED, record=BROKEN),
        looked(ASKED, operation=BROKEN),
    ],
    ids=["lease", "groups", "stack", "record", "operation"],
)
def test_a_request_waits_while_nobody_knows(found: Snapshot) -> None:
    assert not [each for each in decide(found) if isinstance(each, AcceptReplacement | AnswerReplacement)]


def test_of_two_requests_one_is_accepted_and_the_other_told_of_it() -> None:
    second = replace(ASKED, request_id="b", slot="2")
    accepted, refused = decide(looked(ASKED, second))
    assert isinstance(accepted, AcceptReplacement)
    assert accepted.asked == ASKED
    assert refusal([refused]) == "another replacement is running, of slot 1"
    # Also where Auto Scaling does not show it yet.
    assert refusal(decide(looked(RUNNING, second))[1:]) == "another replacement is running, of slot 1"


def test_a_termination_that_was_not_taken_is_asked_for_again_and_given_up_in_time() -> None:
    again = one(decide(looked(RUNNING)))
    assert isinstance(again, AcceptReplacement)
    assert again.instance == SERVING[1]
    silent = seen(*NAMES, silent="i-2")
    assert type(one(decide(looked(RUNNING, observation=silent)))).__name__ == "Wait"
    old = replace(RUNNING, accepted_at=NOW - END_SECONDS)
    assert refusal(decide(looked(old, observation=silent))).startswith("i-1 could not be terminated, and members of")
    # Also where nothing but Auto Scaling was in the way: who asked has gone, and expects nothing any more.
    assert refusal(decide(looked(old))).startswith("i-1 could not be terminated, and Auto Scaling has not taken it")
    assert refusal(decide(looked(old, operation=BROKEN))) == "i-1 could not be terminated, and broken by the test"


NEW = (SERVING[0], SERVING[2], instance("i-9", "InService", group="slot1"))
JOINED = {
    **{name: MEMBERS[name] for name in ("i-0", "i-2")},
    "i-9": Known(Member("i-9", 1, MemberState.VOTER, etcd_member_id="ei-9")),
}
AFTER = seen("i-0", "i-2", "i-9")


@pytest.mark.parametrize(
    "found",
    [
        looked(RUNNING, instances=LEAVING),
        looked(RUNNING, instances=(*LEAVING, NEW[2]), members={**MEMBERS, **JOINED}, observation=seen(*NAMES, "i-9")),
        looked(RUNNING, instances=(NEW[0], NEW[1], replace(NEW[2], lifecycle_state="Pending:Wait"))),
        looked(RUNNING, instances=NEW, members=JOINED, observation=Known(None)),
        looked(RUNNING, instances=NEW, members={**MEMBERS, **JOINED}, observation=seen(*NAMES, "i-9")),
    ],
    ids=[
        "it leaves",
        "its successor serves already",
        "its successor boots",
        "nobody has looked",
        "it is a member still",
    ],
)
def test_a_replacement_is_running_until_the_successor_serves_and_the_old_member_is_gone(found: Snapshot) -> None:
    assert type(one(decide(found))).__name__ == "Wait"


def test_a_replacement_has_succeeded_once_another_voter_serves_in_the_slot() -> None:
    action = one(decide(looked(RUNNING, instances=NEW, members=JOINED, observation=AFTER)))
    assert isinstance(action, AnswerReplacement)
    assert (action.state, action.result, action.successor) == (ReplacementState.REPLACED, "replaced", "i-9")


def test_a_replacement_of_a_slot_that_is_gone_ends() -> None:
    gone = replace(looked(RUNNING), groups=Known(Groups((SERVING[0],), SLOTS[:1])))
    assert refusal(decide(gone)) == "slot 1 is gone"


@pytest.mark.parametrize(("age", "kept"), [(KEPT_SECONDS - 1, True), (KEPT_SECONDS, False)])
def test_an_answer_that_nobody_fetches_is_deleted(age: int, kept: bool) -> None:
    answer = replace(ASKED, state=ReplacementState.REFUSED, result="refused: no", ended_at=NOW - age)
    assert [type(each) for each in decide(looked(answer))] == ([] if kept else [ClearReplacement])


def test_a_request_that_cannot_be_understood_is_left_alone() -> None:
    assert decide(looked(replacements={"a": Unknown("nonsense")})) == []


@pytest.fixture
def harness() -> Iterator[FunctionHarness]:
    with function_harness(*SERVING) as made:
        for row in (*(each.value.item() for each in MEMBERS.values()), _observation()):
            made.table.put(row, {})
        yield made


def _observation() -> Item:
    assert WHOLE.value is not None
    return WHOLE.value.item()


def ask(harness: FunctionHarness, request: str = "a", number: str = "1") -> None:
    harness.table.put(replace(ASKED, request_id=request, slot=number).item(), {})


def told(harness: FunctionHarness, request: str = "a") -> Replacement:
    return replacement(harness.item(replacement_item(request)))


def test_the_function_ends_the_instance_once_and_answers_what_became_of_it(harness: FunctionHarness) -> None:
    ask(harness)
    harness.call(stream(replacement_item("a")))
    assert ("end", "i-1") in harness.groups.calls
    assert told(harness).state is ReplacementState.ACCEPTED
    ask(harness, "b", "2")
    harness.call(stream(replacement_item("b")))
    assert told(harness, "b").result == "refused: another replacement is running, of slot 1"
    assert [call for call in harness.groups.calls if call[0] == "end"] == [("end", "i-1")]


def test_nothing_is_ended_where_the_acceptance_cannot_be_written(harness: FunctionHarness) -> None:
    ask(harness)
    harness.table.broken_writes = True
    with pytest.raises(PassFailed):
        harness.call(SCHEDULE)
    assert not [call for call in harness.groups.calls if call[0] == "end"]


def test_a_request_that_was_withdrawn_meanwhile_ends_nothing(harness: FunctionHarness) -> None:
    ask(harness)
    seen_by_pass = decide(looked(ASKED))
    harness.table.delete(replacement_item("a"), {})
    (result,) = apply(seen_by_pass, harness.ports(), SETTINGS)
    assert result.outcome == Conflict(None)
    assert not [call for call in harness.groups.calls if call[0] == "end"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"Slot": ""}, "item replacement#a: Slot is '', allowed: text"),
        ({"State": "soon"}, "item replacement#a: State is 'soon', allowed: requested, accepted, replaced, refused"),
        ({"State": "accepted"}, "item replacement#a: InstanceId is missing, allowed: text"),
        ({"State": "refused"}, "item replacement#a: Result is missing, allowed: text"),
    ],
)
def test_a_request_that_nobody_could_have_written_is_one_line(change: dict[str, str], line: str) -> None:
    with pytest.raises(Malformed) as raised:
        replacement({**ASKED.item(), **change})
    assert str(raised.value) == line


def test_a_request_is_stored_as_it_is_read() -> None:
    for each in (ASKED, RUNNING, replace(RUNNING, state=ReplacementState.REPLACED, result="replaced", ended_at=NOW)):
        assert replacement(each.item()) == each

"""Whether a member may be removed, by what etcd, rows and groups say at one moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.instances import GroupInstance
from coordination.members import SILENT_SECONDS, Member, MemberState
from coordination.operations import Operation, OperationKind, OperationState
from coordination.outcomes import Known, Unknown
from coordination.quorum import Objection, majority, objection_to_cleaning, objection_to_removal
from tests.unit.userdata.agent.looks import NOW, THREE, etcd_member, listed, row, view
from userdata.agent.removal.check import Allowed, NotListed, Surroundings, Verdict, Veto, check, membership, successor
from userdata.etcd.model import EtcdMember, Health, Status
from userdata.etcd.view import EtcdView, MemberAnswer, MemberView

REMOVE = Operation("op-1", OperationKind.REMOVE, "i-1", "10", 2, OperationState.REQUESTED, NOW)
CLEAN = replace(REMOVE, kind=OperationKind.CLEAN_LEARNER, target_instance="i-4", target_member_id="40")
LEARNER = etcd_member(4, learner=True)
UNSTARTED = etcd_member(4, learner=True, name="")
JOINING = row(4, MemberState.JOINING)
FIVE = tuple(etcd_member(number) for number in range(1, 6))
SILENT = {1: "no answer"}


def instance(number: int, state: str) -> GroupInstance:
    return GroupInstance(f"i-{number}", f"slot{number}", "control-plane", state, str(number))


def around(*instances: GroupInstance, of: Member | None = None, slots: int = 3, **states: str | None) -> Surroundings:
    """What is known beside etcd; `states` with `_` for `-`."""
    return Surroundings(of, instances, {name.replace("_", "-"): each for name, each in states.items()}, slots, NOW)


LEAVES = around(instance(1, "Terminating:Wait"), of=row(1))
LEAVES_OF_FIVE = around(instance(1, "Terminating:Wait"), of=row(1), slots=5)


@pytest.mark.parametrize(
    ("case", "seen", "beside", "verdict"),
    [
        ("a voter that leaves", view(*THREE), LEAVES, Allowed(THREE[0], serves=True, leads=True)),
        ("a voter that is retained", view(*THREE), around(instance(1, "Terminating:Retained")), Allowed),
        ("a voter in standby", view(*THREE), around(instance(1, "Standby")), Allowed),
        ("a voter in no group", view(*THREE), around(i_1="running"), Allowed),
        ("a silent voter", view(*THREE, problems=SILENT), LEAVES, Allowed(THREE[0], serves=False, leads=True)),
        ("a silent voter in service", view(*THREE, problems=SILENT), around(instance(1, "InService")), Allowed),
        ("a voter that serves in service", view(*THREE), around(instance(1, "InService")), Veto.SERVES),
        ("no majority", view(*THREE, problems={2: "x", 3: "x"}), LEAVES, Objection.NO_QUORUM),
        ("a learner beside it", view(*THREE, LEARNER), LEAVES, Objection.UNFINISHED),
        ("a learner beside it that has not started", view(*THREE, UNSTARTED), LEAVES, Objection.UNFINISHED),
        ("the last voter", view(THREE[0]), LEAVES, Objection.LAST_VOTER),
        ("another one is silent", view(*THREE, problems={3: "x"}), LEAVES, Objection.QUORUM_WOULD_END),
        ("two of three slots", view(*THREE[:2]), LEAVES, Objection.BELOW_MAJORITY_OF_SLOTS),
        ("three of five slots", view(*FIVE[:3]), LEAVES_OF_FIVE, Objection.BELOW_MAJORITY_OF_SLOTS),
        ("four of five slots", view(*FIVE[:4]), LEAVES_OF_FIVE, Allowed),
        ("a silent one of three of five slots", view(*FIVE[:3], problems=SILENT), LEAVES_OF_FIVE, Allowed),
        (
            "a voter beside it that has never started",
            view(*THREE[:2], etcd_member(4, name="")),
            LEAVES,
            Objection.QUORUM_WOULD_END,
        ),
    ],
)
def test_the_removal_of_a_voter(case: str, seen: EtcdView, beside: Surroundings, verdict: Any) -> None:
    found = check(REMOVE, seen, beside)
    assert isinstance(found, Allowed) if verdict is Allowed else found == verdict, case


def test_four_voters_of_which_one_has_never_started_need_three() -> None:
    assert membership(view(*THREE, etcd_member(4, name=""))).silent == {"40"}


@pytest.mark.parametrize(
    ("case", "operation", "seen", "of", "verdict"),
    [
        ("it is in the list no more", REMOVE, view(*THREE[1:]), row(1), NotListed()),
        ("it has no row and is not listed", REMOVE, view(*THREE[1:]), None, NotListed()),
        (
            "its instance has another id now",
            replace(REMOVE, target_member_id="99"),
            view(*THREE),
            row(1),
            Veto.OTHER_ID,
        ),
        ("the same without a row", replace(REMOVE, target_member_id="99"), view(*THREE), None, Veto.OTHER_ID),
        ("its id is another instance's", replace(REMOVE, target_instance="i-9"), view(*THREE), None, Veto.OTHER_ID),
        ("by its name, where no id is known", replace(REMOVE, target_member_id=""), view(*THREE), row(1), Allowed),
        (
            "added, not started, and found by its row's address",
            replace(REMOVE, target_instance="i-4", target_member_id=""),
            view(*THREE, UNSTARTED),
            replace(JOINING, etcd_member_id=""),
            Veto.OTHER_ID,
        ),
    ],
)
def test_the_target_is_one_member_alone(
    case: str, operation: Operation, seen: EtcdView, of: Member | None, verdict: Any
) -> None:
    found = check(operation, seen, around(instance(1, "Terminating:Wait"), of=of))
    assert isinstance(found, Allowed) if verdict is Allowed else found == verdict, case


@pytest.mark.parametrize(
    ("case", "seen", "beside", "verdict"),
    [
        ("it answers, and leaves", view(*THREE, LEARNER), around(instance(4, "Terminating:Wait"), of=JOINING), Allowed),
        ("it answers, and is retained", view(*THREE, LEARNER), around(instance(4, "Terminating:Retained")), Allowed),
        ("it answers, and shuts down", view(*THREE, LEARNER), around(i_4="shutting-down"), Allowed),
        (
            "it answers, and stays",
            view(*THREE, LEARNER),
            around(instance(4, "Pending:Wait")),
            Objection.LEARNER_ANSWERS,
        ),
        ("it answers, and is stopped", view(*THREE, LEARNER), around(i_4="stopped"), Objection.LEARNER_ANSWERS),
        ("EC2 does not know it", view(*THREE, LEARNER), around(i_4=None), Objection.LEARNER_ANSWERS),
        ("it has not started, and joins", view(*THREE, UNSTARTED), around(of=JOINING), Veto.JOINS),
        (
            "it has not started, and was silent too long",
            view(*THREE, UNSTARTED),
            around(of=replace(JOINING, silent_since=NOW - SILENT_SECONDS)),
            Allowed,
        ),
        (
            "it was silent for less",
            view(*THREE, UNSTARTED),
            around(of=replace(JOINING, silent_since=NOW - SILENT_SECONDS + 1)),
            Veto.JOINS,
        ),
        ("it is nobody's", view(*THREE, UNSTARTED), around(), Allowed),
        ("it became a voter", view(*THREE, etcd_member(4)), around(of=JOINING), Objection.IS_VOTER),
        (
            "no majority",
            view(*THREE, LEARNER, problems={2: "x", 3: "x", 4: "x"}),
            around(instance(4, "Terminating:Wait")),
            Objection.NO_QUORUM,
        ),
        ("it is in the list no more", view(*THREE), around(of=JOINING), NotListed()),
    ],
)
def test_the_removal_of_a_learner(case: str, seen: EtcdView, beside: Surroundings, verdict: Any) -> None:
    found = check(CLEAN, seen, beside)
    assert isinstance(found, Allowed) if verdict is Allowed else found == verdict, case


def test_the_heir_serves_stays_and_knows_most() -> None:
    def answering(number: int, applied: int) -> MemberView:
        member = etcd_member(number)
        status = Status(0xABC, member.member_id, 0x10, False, "3.6", 1, 1, applied, applied, ())
        return MemberView(member, MemberAnswer(Known(status), Known(Health(True))))

    def heir(*members: MemberView, leaving: tuple[GroupInstance, ...] = ()) -> str:
        seen = EtcdView(listed(*(each.member for each in members)), members, Known(()))
        found = successor(seen, etcd_member(1), leaving)
        return found.name if found else ""

    one, two, three = answering(1, 9), answering(2, 7), answering(3, 8)
    silent = MemberView(etcd_member(3), MemberAnswer(Unknown("x"), Unknown("x")))
    assert heir(one, two, three) == "i-3"
    assert heir(one, two, silent) == "i-2"
    assert heir(one, two, three, leaving=(instance(3, "Terminating:Wait"),)) == "i-2"
    assert heir(one, two, three, leaving=(instance(3, "Terminating:Retained"),)) == "i-2"
    # One that leaves is better than none.
    assert heir(one, three, leaving=(instance(3, "Terminating:Wait"),)) == "i-3"
    assert heir(one, silent) == ""


# for every cluster


@st.composite
def clusters(draw: st.DrawFn) -> tuple[EtcdView, Operation, Surroundings]:
    """Up to seven members of every kind, and an operation on one of them or on none."""
    kinds = draw(st.lists(st.sampled_from(["answers", "silent", "unstarted", "learner", "mute"]), max_size=7))
    members: list[EtcdMember] = []
    problems: dict[int, str] = {}
    for number, kind in enumerate(["answers", *kinds], 1):
        name = "" if kind == "unstarted" else None
        members.append(etcd_member(number, name=name, learner=kind in ("learner", "mute")))
        if kind in ("silent", "mute"):
            problems[number] = "no answer"
    number = draw(st.integers(1, 9))
    states = st.sampled_from(["InService", "Standby", "Pending:Wait", "Terminating:Wait", "Terminating:Retained"])
    instances = (instance(number, draw(states)),) if draw(st.booleans()) else ()
    of = draw(st.none() | st.builds(row, st.just(number), st.sampled_from(MemberState)))
    operation = replace(
        REMOVE,
        kind=draw(st.sampled_from(OperationKind)),
        target_instance=draw(st.sampled_from([f"i-{number}", ""])),
        target_member_id=draw(st.sampled_from([f"{number}0", "", "999"])),
        by_etcd_alone=draw(st.booleans()),
    )
    slots = draw(st.sampled_from([1, 3, 5]))
    return view(*members, problems=problems), operation, around(*instances, of=of, slots=slots)


@given(clusters())
def test_nothing_is_allowed_that_the_arithmetic_objects_to(drawn: tuple[EtcdView, Operation, Surroundings]) -> None:
    seen, operation, beside = drawn
    verdict: Verdict = check(operation, seen, beside)
    if not isinstance(verdict, Allowed):
        return
    members, target = membership(seen), f"{verdict.member.member_id:x}"
    assert operation.target_member_id in ("", target)
    assert operation.target_instance in ("", verdict.member.name) or not verdict.member.name
    assert members.has_quorum
    if operation.kind is OperationKind.CLEAN_LEARNER:
        assert target in members.learners
        assert objection_to_cleaning(members, target, answers=False, leaves=True) is None
        return
    assert objection_to_removal(members, target, beside.slots, by_etcd_alone=operation.by_etcd_alone) is None
    assert verdict.serves == (target in members.answering)
    if verdict.serves and not operation.by_etcd_alone:
        assert len(members.answering) - 1 >= majority(beside.slots)


@given(clusters())
def test_a_member_that_etcd_lists_is_never_called_gone(drawn: tuple[EtcdView, Operation, Surroundings]) -> None:
    seen, operation, beside = drawn
    if isinstance(check(operation, seen, beside), NotListed):
        for each in seen.listed.members:
            assert not operation.target_member_id or f"{each.member_id:x}" != operation.target_member_id
            assert not each.name or each.name != operation.target_instance

"""Which change of etcd's membership is asked for next, and what the others wait for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.instances import GroupInstance
from coordination.members import SILENT_SECONDS, Member, MemberState
from coordination.operations import OperationKind
from coordination.outcomes import Known, Reading
from coordination.quorum import Membership, Objection, majority
from functions.reconcile.believed import Believed
from functions.reconcile.places import LEAVING, Place
from functions.reconcile.removals import (
    LAUNCH_SECONDS,
    SUCCESSOR_SECONDS,
    VETO_SECONDS,
    Facts,
    Pending,
    Plan,
    Wanted,
    plan,
)
from tests.unit.functions.harness import BROKEN, NOW

LIFECYCLES = {
    Place.SERVES: "InService",
    Place.LAUNCHES: "Pending:Wait",
    Place.LEAVES: "Terminating:Wait",
    Place.RETAINED: "Terminating:Retained",
    Place.STRANGER: "Standby",
}
REMOVE, CLEAN = OperationKind.REMOVE, OperationKind.CLEAN_LEARNER


@dataclass
class Cluster:
    """Members by what the function believes of them, with a row for each but where a test takes it away.

    An instance `i-<number>` is of the slot `<number>` modulo the slots, so `i-4` is the successor of `i-1` of three.
    """

    answering: set[int] = field(default_factory=lambda: {1, 2, 3})
    silent: set[int] = field(default_factory=set)
    learners: set[int] = field(default_factory=set)
    joiners: set[int] = field(default_factory=set)
    """Rows that say joining, of which etcd has not heard."""
    places: dict[int, Place] = field(default_factory=dict)
    """In service where nothing is said."""
    boots: set[int] = field(default_factory=set)
    """Instances that launch, without a row."""
    slots: int = 3
    answers: bool = False
    in_flight: bool = False
    rows: dict[int, dict[str, object]] = field(default_factory=dict)
    """Fields of rows that are not as they usually are."""
    rowless: set[int] = field(default_factory=set)
    desired: dict[str, int] = field(default_factory=dict)

    def facts(self) -> Facts:
        numbers = self.answering | self.silent | self.learners | self.joiners
        rows = {f"i-{number}": self._row(number) for number in numbers - self.rowless}
        members = Membership(names(self.answering), names(self.silent), names(self.learners))
        return Facts(
            rows=rows,
            places={name: self.places.get(int(name[2:]), Place.SERVES) for name in rows},
            instances=[*self._instances(numbers), *(self._instance(number, "Pending:Wait") for number in self.boots)],
            believed=Known(
                Believed(members, {name: f"{name[2:]}0" for name in members.voters | members.learners}, self.answers)
            ),
            slots=self.slots,
            in_flight=self.in_flight,
            now=NOW,
            desired=self.desired,
        )

    def plan(self) -> Plan:
        return plan(self.facts())

    def _row(self, number: int) -> Member:
        state = MemberState.JOINING if number in self.learners | self.joiners else MemberState.VOTER
        hook = NOW - 10 * SUCCESSOR_SECONDS if self.places.get(number) in (Place.LEAVES, Place.RETAINED) else None
        usual = Member(f"i-{number}", 1, state, str(number % self.slots), created_at=NOW - 99999, hook_since=hook)
        return replace(usual, **self.rows.get(number, {}))  # type: ignore[arg-type]

    def _instances(self, numbers: Iterable[int]) -> list[GroupInstance]:
        found = {number: LIFECYCLES.get(self.places.get(number, Place.SERVES)) for number in numbers}
        return [self._instance(number, state) for number, state in found.items() if state is not None]

    def _instance(self, number: int, state: str) -> GroupInstance:
        slot = str(number % self.slots)
        return GroupInstance(f"i-{number}", f"slot{slot}", "control-plane", state, slot)


def names(numbers: Iterable[int]) -> frozenset[str]:
    return frozenset(f"i-{number}" for number in numbers)


def leaving(*numbers: int, place: Place = Place.LEAVES) -> dict[int, Place]:
    return dict.fromkeys(numbers, place)


def hook(seconds: int) -> dict[str, object]:
    """A row whose terminating hook began so long ago."""
    return {"hook_since": NOW - seconds}


def remove(number: int) -> Wanted:
    return Wanted(REMOVE, f"i-{number}", f"{number}0")


def clean(number: int) -> Wanted:
    return Wanted(CLEAN, f"i-{number}", f"{number}0")


# what is asked for


@pytest.mark.parametrize(
    ("rule", "cluster", "wanted"),
    [
        ("nothing is asked for while all are in service", Cluster(), None),
        ("a voter whose instance is terminating is removed", Cluster(places=leaving(1)), remove(1)),
        ("one that is retained is", Cluster(places=leaving(1, place=Place.RETAINED)), remove(1)),
        ("one in service of no slot is", Cluster(places=leaving(1, place=Place.STRANGER)), remove(1)),
        (
            "a voter whose instance is gone is removed at once",
            Cluster({2, 3}, {1}, places=leaving(1, place=Place.GONE)),
            remove(1),
        ),
        (
            "one that is silent and terminating is removed at once, by etcd's rule alone",
            Cluster({1, 2}, {3}, places=leaving(3), boots={6}, rows={3: hook(0)}),
            remove(3),
        ),
        ("one that launches stays", Cluster(places=leaving(1, place=Place.LAUNCHES)), None),
        ("one of which EC2 could not be asked stays", Cluster(places=leaving(1, place=Place.UNKNOWN)), None),
        (
            "dead members go before living ones",
            Cluster({1, 2, 3, 5}, {4}, slots=3, places=leaving(1, 4), rows={1: hook(9000), 4: hook(7000)}),
            remove(4),
        ),
        (
            "of those the one whose hook began first",
            Cluster({1, 2, 3, 4}, places=leaving(1, 2), rows={1: hook(7000), 2: hook(9000)}),
            remove(2),
        ),
        (
            "not strictly the oldest: the first that is safe",
            Cluster({1, 2, 3, 4, 5}, slots=5, places=leaving(1, 2), boots={6}, rows={1: hook(200), 2: hook(100)}),
            remove(2),
        ),
        (
            "a veto of one lets another one be asked for",
            Cluster({1, 2, 3, 4}, places=leaving(1, 2), rows={1: hook(9000) | {"vetoed_at": NOW}, 2: hook(7000)}),
            remove(2),
        ),
        (
            "what an agent refused is asked for again a minute later",
            Cluster(places=leaving(1), rows={1: hook(9000) | {"vetoed_at": NOW - VETO_SECONDS}}),
            remove(1),
        ),
        ("of five slots two may leave", Cluster({1, 2, 3, 4}, slots=5, places=leaving(1)), remove(1)),
        (
            "a silent one of five leaves though another one is silent",
            Cluster({1, 2, 3}, {4, 5}, slots=5, places=leaving(4)),
            remove(4),
        ),
        (
            "a terminating instance whose row is not removed is asked of an agent although etcd does not list it",
            Cluster({2, 3, 4}, joiners={1}, places=leaving(1)),
            Wanted(REMOVE, "i-1", ""),
        ),
        (
            "a row joining of an instance that boots is a joiner at work",
            Cluster(joiners={4}, places={4: Place.LAUNCHES}),
            None,
        ),
        ("a row joining of a stranger is left alone", Cluster(joiners={4}, places={4: Place.STRANGER}), None),
        (
            "a learner whose instance is terminating is cleaned before any voter is removed",
            Cluster(learners={4}, places=leaving(1, 4)),
            clean(4),
        ),
        (
            "a learner that answers and is terminating is cleaned",
            Cluster(learners={4}, answers=True, places=leaving(4)),
            clean(4),
        ),
        ("a learner that joins is left alone", Cluster(learners={4}, places={4: Place.LAUNCHES}), None),
        (
            "a learner that was silent for ten minutes is cleaned",
            Cluster(learners={4}, places={4: Place.LAUNCHES}, rows={4: {"silent_since": NOW - SILENT_SECONDS}}),
            clean(4),
        ),
        (
            "one that was silent for ten minutes and answers now is not",
            Cluster(
                learners={4}, answers=True, places={4: Place.LAUNCHES}, rows={4: {"silent_since": NOW - SILENT_SECONDS}}
            ),
            None,
        ),
        (
            "one whose cleaning an agent refused waits a minute",
            Cluster(learners={4}, places=leaving(4), rows={4: {"vetoed_at": NOW}}),
            None,
        ),
        ("a learner without a row that does not answer is stray", Cluster(learners={4}, rowless={4}), clean(4)),
        ("a learner without a row that answers is not", Cluster(learners={4}, rowless={4}, answers=True), None),
        ("nothing is asked for beside another operation", Cluster(places=leaving(1), in_flight=True), None),
        ("a voter that has no row is nobody's to remove", Cluster({1, 2, 3, 4}, rowless={4}), None),
    ],
)
def test_what_is_asked_for(rule: str, cluster: Cluster, wanted: Wanted | None) -> None:
    assert cluster.plan().request == wanted, rule


def test_a_learner_that_has_only_an_id_is_asked_for_by_its_id_alone() -> None:
    facts = Cluster().facts()
    members = Membership(names({1, 2, 3}), frozenset(), frozenset({"40"}))
    found = plan(replace(facts, believed=Known(Believed(members, {"40": "40"}, False))))
    assert found.request == Wanted(CLEAN, "", "40")


def test_a_voter_that_no_look_has_shown_is_asked_for_by_the_id_in_its_row() -> None:
    facts = Cluster(places=leaving(1), rows={1: hook(9000) | {"etcd_member_id": "8e9e"}}).facts()
    assert isinstance(facts.believed, Known)
    unseen = replace(facts.believed.value, etcd_ids={})
    assert plan(replace(facts, believed=Known(unseen))).request == Wanted(REMOVE, "i-1", "8e9e")


# what the others wait for


@pytest.mark.parametrize(
    ("rule", "cluster", "number", "hold"),
    [
        (
            "never below a majority of the slots by our own hand",
            Cluster({1, 2}, places=leaving(1)),
            1,
            Objection.BELOW_MAJORITY_OF_SLOTS,
        ),
        (
            "voters that are themselves terminating count as staying",
            Cluster({1, 2}, places=leaving(1, 2)),
            1,
            Objection.BELOW_MAJORITY_OF_SLOTS,
        ),
        (
            "of five slots three stay",
            Cluster({1, 2, 3}, slots=5, places=leaving(1)),
            1,
            Objection.BELOW_MAJORITY_OF_SLOTS,
        ),
        ("at least one voter stays", Cluster({1}, places=leaving(1)), 1, Objection.LAST_VOTER),
        ("no voter while a learner is listed", Cluster(learners={4}, places=leaving(1)), 1, Objection.UNFINISHED),
        ("present voters have a quorum", Cluster({1}, {2, 3}, places=leaving(2)), 2, Objection.NO_QUORUM),
        ("staying voters have a quorum", Cluster({1, 2}, {3}, places=leaving(1)), 1, Objection.QUORUM_WOULD_END),
        (
            "an unlisted row waits for a quorum, too",
            Cluster({1}, {2, 3}, joiners={4}, places=leaving(4)),
            4,
            Objection.NO_QUORUM,
        ),
        (
            "what an agent refused waits a minute",
            Cluster(places=leaving(1), rows={1: {"vetoed_at": NOW - 59}}),
            1,
            Pending.VETOED,
        ),
        ("one in flight holds the others", Cluster(places=leaving(1), in_flight=True), 1, Pending.IN_FLIGHT),
        ("one that is asked for now is in flight", Cluster(places=leaving(1)), 1, Pending.IN_FLIGHT),
        (
            "one at a time",
            Cluster({1, 2, 3, 4}, places=leaving(1, 2), rows={1: hook(9000), 2: hook(7000)}),
            2,
            Pending.TURN,
        ),
    ],
)
def test_why_a_member_stays_for_now(rule: str, cluster: Cluster, number: int, hold: object) -> None:
    assert cluster.plan().holds[f"i-{number}"] is hold, rule


def test_only_members_whose_time_has_come_wait_for_anything() -> None:
    assert set(Cluster(places=leaving(1)).plan().holds) == {"i-1"}


def test_nothing_is_asked_for_on_a_belief_that_nobody_has() -> None:
    facts = replace(Cluster(places=leaving(1)).facts(), believed=BROKEN)
    assert plan(facts) == Plan(None, {"i-1": BROKEN})


# the successor first


def before(**changes: object) -> Cluster:
    """`i-1` has been asked to leave a minute ago, and `i-4` boots in its slot."""
    cluster = Cluster(places=leaving(1), boots={4}, rows={1: hook(60)})
    for name, value in changes.items():
        setattr(cluster, name, value)
    return cluster


@pytest.mark.parametrize(
    ("rule", "cluster"),
    [
        ("a voter that answers waits for its successor", before()),
        (
            "also while that one has written its row",
            before(boots=set(), joiners={4}, places=leaving(1) | {4: Place.LAUNCHES}),
        ),
        ("until ten minutes have passed", before(rows={1: hook(SUCCESSOR_SECONDS - 1)})),
        ("from the first pass on, before its hook is noted", before(rows={1: {"hook_since": None}})),
        (
            "for a minute also while none has been launched",
            before(boots=set(), desired={"1": 1}, rows={1: hook(LAUNCH_SECONDS - 1)}),
        ),
        ("also one that is retained", before(places=leaving(1, place=Place.RETAINED))),
    ],
)
def test_a_removal_waits_for_the_successor(rule: str, cluster: Cluster) -> None:
    found = cluster.plan()
    assert (found.request, found.holds["i-1"]) == (None, Pending.SUCCESSOR), rule


@pytest.mark.parametrize(
    ("rule", "cluster"),
    [
        ("ten minutes after its hook began", before(rows={1: hook(SUCCESSOR_SECONDS)})),
        ("where nothing boots in its slot", before(boots=set())),
        (
            "where none has been launched for a minute",
            before(boots=set(), desired={"1": 1}, rows={1: hook(LAUNCH_SECONDS)}),
        ),
        ("where its slot wants none", before(boots=set(), desired={"1": 0, "2": 1}, rows={1: hook(1)})),
        ("where what boots is of another slot", before(boots={5})),
        (
            "where another instance of its slot does not boot",
            before(boots=set(), joiners={4}, places=leaving(1) | {4: Place.STRANGER}),
        ),
        ("once its successor is a voter", before(answering={1, 2, 3, 4}, boots={7})),
        ("while it is in service of no slot", before(places=leaving(1, place=Place.STRANGER))),
        ("when its instance is gone", before(places=leaving(1, place=Place.GONE))),
        (
            "that was retained before anybody noted a hook",
            before(places=leaving(1, place=Place.RETAINED), rows={1: {"hook_since": None}}),
        ),
        ("of which no slot is known", before(rows={1: hook(60) | {"slot": ""}})),
        ("while more voters are listed than slots", before(answering={1, 2, 3, 6}, boots={4})),
    ],
)
def test_a_removal_waits_for_no_successor(rule: str, cluster: Cluster) -> None:
    assert cluster.plan().request == remove(1), rule


def test_it_waits_for_no_successor_that_could_not_join_now() -> None:
    silent = before(answering={1, 2, 4, 5}, silent={3}, slots=5, boots={6})
    assert silent.plan().request == remove(1)
    learner = before(learners={5}, places=leaving(1) | {5: Place.LAUNCHES})
    assert learner.plan().holds["i-1"] is Objection.UNFINISHED


def test_a_worker_that_boots_is_nobody_s_successor() -> None:
    facts = before(boots=set(), rows={1: hook(60) | {"slot": ""}}).facts()
    worker = GroupInstance("i-9", "pool", "worker", "Pending:Wait")
    assert plan(replace(facts, instances=[*facts.instances, worker])).request == remove(1)


def test_another_voter_of_its_slot_that_leaves_too_is_no_successor() -> None:
    both = before(answering={1, 2, 3, 4, 6}, boots={11}, places=leaving(1, 6), slots=5, rows={1: hook(60), 6: hook(50)})
    assert both.plan().holds["i-1"] is Pending.SUCCESSOR
    both.places = leaving(1)
    assert both.plan().request == remove(1)


# for every cluster


NUMBERS = st.integers(1, 6)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    kinds = draw(st.lists(st.sampled_from(["answering", "silent", "learners", "joiners"]), min_size=1, max_size=6))
    by_kind = {kind: {number for number, each in enumerate(kinds, 1) if each == kind} for kind in set(kinds)}
    places = draw(st.dictionaries(NUMBERS, st.sampled_from(list(Place))))
    # etcd allows one learner.
    learners = set(sorted(by_kind.get("learners", set()))[:1])
    return Cluster(
        answering=by_kind.get("answering", set()),
        silent=by_kind.get("silent", set()),
        learners=learners,
        joiners=by_kind.get("joiners", set()),
        places=places,
        boots=draw(st.sets(st.integers(7, 12), max_size=2)),
        slots=draw(st.sampled_from([3, 5])),
        answers=draw(st.booleans()),
        rows={
            number: {
                "hook_since": draw(st.sampled_from([None, NOW, NOW - SUCCESSOR_SECONDS])),
                "vetoed_at": draw(st.sampled_from([None, NOW, NOW - VETO_SECONDS])),
                "silent_since": draw(st.sampled_from([None, NOW, NOW - SILENT_SECONDS])),
            }
            for number in range(1, 7)
        },
        rowless=draw(st.sets(NUMBERS, max_size=1)),
    )


@given(clusters())
def test_what_is_asked_for_leaves_a_quorum_and_of_living_voters_a_majority_of_the_slots(cluster: Cluster) -> None:
    wanted = cluster.plan().request
    if wanted is None:
        return
    number = int(wanted.instance_id[2:])
    voters = cluster.answering | cluster.silent
    assert len(cluster.answering) > len(voters) // 2
    if wanted.kind is CLEAN:
        assert number in cluster.learners
        return
    assert cluster.places.get(number, Place.SERVES) in LEAVING | {Place.STRANGER}
    assert number not in cluster.rowless
    if number not in voters:
        return
    assert not cluster.learners
    assert len(cluster.answering - {number}) > len(voters - {number}) // 2
    if number in cluster.answering:
        assert len(cluster.answering) - 1 >= majority(cluster.slots)


@given(clusters())
def test_whoever_has_to_leave_is_asked_for_or_waits_for_a_reason(cluster: Cluster) -> None:
    found = cluster.plan()
    due = {name for name, place in cluster.facts().places.items() if place in LEAVING}
    assert due <= set(found.holds)
    if found.request is not None and found.request.instance_id in cluster.facts().rows:
        assert found.holds[found.request.instance_id] is Pending.IN_FLIGHT


@given(clusters())
def test_the_same_facts_give_the_same_plan(cluster: Cluster) -> None:
    facts: Facts = cluster.facts()
    turned: Reading[Believed] = facts.believed
    again = replace(facts, rows=dict(reversed(list(facts.rows.items()))), believed=turned)
    assert plan(facts) == plan(again)

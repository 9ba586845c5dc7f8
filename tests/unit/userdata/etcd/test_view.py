"""The one view of etcd's health: what gate, restart, conditions and signal make of each kind of member."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from coordination.outcomes import Known, Reading, Unknown
from tests.unit.userdata.agent.looks import listed
from userdata.agent.cluster_ready import why_not
from userdata.boot.gate import Closed, Open, View, gate
from userdata.etcd.client import Etcd
from userdata.etcd.model import Alarm, EtcdMember, Health, MemberKind, MemberList, Status
from userdata.etcd.refusals import EtcdRefused, Refusal
from userdata.etcd.view import EtcdView, ask, ask_all, look, silent_voters, unhealthy_members
from userdata.host.https import NoAnswer

SILENT = NoAnswer("status at 10.0.0.3: TimeoutError: timed out", "TimeoutError")
NO_QUORUM = NoAnswer("health at 10.0.0.3: TimeoutError: timed out", "TimeoutError")
NONSENSE = Unknown("status: there is no header")
SERVES, LEARNS = Known(Health(True)), Known(Health(False, "QGET ERROR:etcdserver: rpc not supported for learner"))
NO_LEADER, UNWELL = Known(Health(False, "RAFT NO LEADER")), Known(Health(False))
NOT_ASKED = Unknown("it was not asked for")
NEVER = "it was added and has never started"


def member(number: int, *, name: str | None = None, learner: bool = False) -> EtcdMember:
    called = f"i-{number}" if name is None else name
    clients = (f"https://10.0.0.{number}:2379",) if called else ()
    return EtcdMember(number, called, (f"https://10.0.0.{number}:2380",), clients, learner)


def status(number: int, *, leader: int = 1, learner: bool = False) -> Known[Status]:
    return Known(Status(0xABC, number, leader, learner, "3.7.0", 1000 * number, 500, 7, 7, ()))


@dataclass
class Listening(Etcd):
    """A member that says what the test wants, and notes what it is asked."""

    address: str
    said_status: Reading[Status] | EtcdRefused
    said_health: Reading[Health]
    said_members: Reading[MemberList] | EtcdRefused = NOT_ASKED
    asked: list[str] = field(default_factory=list)
    before: Callable[[], object] = lambda: None

    def status(self) -> Reading[Status] | EtcdRefused:
        self.asked.append("status")
        self.before()
        return self.said_status

    def health(self) -> Reading[Health]:
        self.asked.append("health")
        return self.said_health

    def members(self) -> Reading[MemberList] | EtcdRefused:
        return self.said_members

    def alarms(self) -> Reading[tuple[Alarm, ...]]:
        return Known(())


class Cluster:
    """Two voters that serve, and a third member of one kind or another."""

    def __init__(
        self,
        third: EtcdMember,
        said_status: Reading[Status] | EtcdRefused = SILENT,
        said_health: Reading[Health] = SILENT,
    ) -> None:
        self.listed = listed(member(1), member(2), third)
        self.third = Listening("10.0.0.3", said_status, said_health)
        self.clients = {
            "10.0.0.1": Listening("10.0.0.1", status(1), SERVES, Known(self.listed)),
            "10.0.0.2": Listening("10.0.0.2", status(2), SERVES),
            "10.0.0.3": self.third,
        }

    def look(self) -> EtcdView:
        seen = look(self.clients["10.0.0.1"], self.clients.__getitem__)
        assert isinstance(seen, Known)
        return seen.value

    def silent(self) -> list[str]:
        return [each.name for each in silent_voters(self.listed, self.clients.__getitem__)]


@dataclass(frozen=True)
class Case:
    """A third member, and what each caller makes of it."""

    cluster: Cluster
    kind: MemberKind
    problem: str
    """For conditions and `status`; empty where there is none."""
    silent: list[str]
    """The gate's silent voters."""
    restart: str
    """Why etcd is not restarted on any node; empty where it may be."""
    whole: str
    """Why the cluster is not whole; empty where it is."""
    asked: list[str]


VOTER, LEARNER = member(3), member(3, learner=True)
VOTING, LEARNING, UNSTARTED = MemberKind.VOTER, MemberKind.LEARNER, MemberKind.UNSTARTED
BOTH, UNFINISHED = ["status", "health"], "a member of etcd is not a voter yet"
CASES: dict[str, Case] = {
    "a voter that serves": Case(Cluster(VOTER, status(3), SERVES), VOTING, "", [], "", "", BOTH),
    "a voter that says it is not well": Case(
        Cluster(VOTER, status(3, leader=0), NO_LEADER),
        VOTING,
        "RAFT NO LEADER",
        [],
        "i-3 (10.0.0.3): RAFT NO LEADER",
        "RAFT NO LEADER",
        BOTH,
    ),
    "a voter that is not well and says no more": Case(
        Cluster(VOTER, status(3), UNWELL),
        VOTING,
        "it is not healthy",
        [],
        "i-3 (10.0.0.3): it is not healthy",
        "it is not healthy",
        BOTH,
    ),
    "a voter without a majority": Case(
        Cluster(VOTER, status(3, leader=0), NO_QUORUM),
        VOTING,
        NO_QUORUM.reason,
        [],
        f"i-3 (10.0.0.3): {NO_QUORUM.reason}",
        NO_QUORUM.reason,
        BOTH,
    ),
    "a voter that does not answer": Case(
        Cluster(VOTER), VOTING, SILENT.reason, ["i-3"], f"i-3 (10.0.0.3): {SILENT.reason}", SILENT.reason, ["status"]
    ),
    "a voter whose view cannot be understood": Case(
        Cluster(VOTER, NONSENSE, SERVES), VOTING, "", ["i-3"], "", "", BOTH
    ),
    "a voter that refuses to say": Case(
        Cluster(VOTER, EtcdRefused(Refusal.ASKED_A_LEARNER), SERVES), VOTING, "", ["i-3"], "", "", BOTH
    ),
    "a learner": Case(
        Cluster(LEARNER, status(3, learner=True), LEARNS),
        LEARNING,
        "",
        [],
        "i-3 has not finished joining",
        UNFINISHED,
        BOTH,
    ),
    "a learner that does not answer": Case(
        Cluster(LEARNER), LEARNING, SILENT.reason, [], "i-3 has not finished joining", UNFINISHED, ["status"]
    ),
    "a learner that never started": Case(
        Cluster(member(3, name="", learner=True)),
        UNSTARTED,
        NEVER,
        [],
        "https://10.0.0.3:2380 has not finished joining",
        UNFINISHED,
        [],
    ),
    # Added by hand: kubeadm adds learners only. It counts for the quorum, and does not answer.
    "a voter that never started": Case(
        Cluster(member(3, name="")),
        UNSTARTED,
        NEVER,
        [""],
        "https://10.0.0.3:2380 has not finished joining",
        UNFINISHED,
        [],
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@each_case
def test_each_kind_of_member_means_one_thing_to_each_caller(case: Case) -> None:
    case.cluster.third.asked.clear()
    seen = case.cluster.look()
    assert case.cluster.third.asked == case.asked
    assert seen.members[2].member.kind is case.kind
    assert seen.problems == {1: "", 2: "", 3: case.problem}
    assert unhealthy_members(Known(seen)) == ((case.restart,) if case.restart else ())
    assert why_not(seen, 2) == (case.whole or None)
    assert case.cluster.silent() == case.silent


@each_case
def test_the_gate_opens_where_every_member_is_a_voter_that_answers(case: Case) -> None:
    view = View(Known(case.cluster.listed), case.cluster.silent(), Known(None), 3, "i-9", "https://10.0.0.9:2380")
    assert isinstance(gate(view), Open if case.kind is MemberKind.VOTER and not case.silent else Closed)


@each_case
def test_only_voters_that_serve_are_well(case: Case) -> None:
    well = [each.name for each in case.cluster.look().well]
    assert well == ["i-1", "i-2", *([] if case.restart else ["i-3"])]


@pytest.mark.parametrize(("voters", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_quorum_is_more_than_half_of_the_voters_and_learners_do_not_count(voters: int, quorum: int) -> None:
    members = [*(member(number + 1) for number in range(voters)), member(9, learner=True)]
    assert EtcdView(listed(*members), (), Known(())).quorum == quorum


def test_the_leader_is_known_by_those_that_have_a_majority_with_them() -> None:
    # A member that is cut off may still name one that has ceased to lead.
    cut_off = Cluster(VOTER, status(3, leader=3), NO_QUORUM).look()
    assert (cut_off.leader_id, sorted(cut_off.statuses)) == (1, [1, 2])
    nobody = Cluster(VOTER)
    nobody.clients["10.0.0.1"].said_status = nobody.clients["10.0.0.2"].said_status = SILENT
    assert nobody.look().leader_id == 0


@pytest.mark.parametrize(
    "refused", [Unknown("etcd's list"), EtcdRefused(Refusal.ASKED_A_LEARNER)], ids=["unknown", "refused"]
)
def test_without_a_list_there_is_no_view_and_no_restart(refused: Unknown | EtcdRefused) -> None:
    cluster = Cluster(VOTER, status(3), SERVES)
    cluster.clients["10.0.0.1"].said_members = refused
    seen = look(cluster.clients["10.0.0.1"], cluster.clients.__getitem__)
    assert isinstance(seen, Unknown)
    assert unhealthy_members(seen) == (seen.reason,)


def test_all_members_are_asked_at_the_same_time() -> None:
    cluster = Cluster(VOTER, status(3), SERVES)
    together = threading.Barrier(3, timeout=5)
    for each in cluster.clients.values():
        each.before = together.wait
    assert cluster.silent() == []
    assert [each.serves for each in ask_all(list(cluster.clients.values()))] == [True] * 3
    assert [each.is_well for each in cluster.look().members] == [True] * 3
    assert ask_all([]) == []


def test_the_member_of_a_terminated_instance_is_not_asked_and_counts_as_silent() -> None:
    cluster = Cluster(VOTER, status(3), SERVES)
    seen = look(cluster.clients["10.0.0.1"], cluster.clients.__getitem__, gone=["i-3"])
    assert isinstance(seen, Known)
    assert cluster.third.asked == []
    assert [member.name for member in seen.value.well] == ["i-1", "i-2"]
    assert seen.value.problems[3] == "its instance is terminated"


def test_a_learner_may_answer_and_never_serves() -> None:
    answer = ask(Listening("10.0.0.3", status(3, learner=True), LEARNS))
    assert isinstance(answer.status, Known)
    assert not answer.serves

"""An etcd of three members and its rows, as tests of the agent look at them."""

from __future__ import annotations

from collections.abc import Iterable

from coordination.members import Member, MemberState
from coordination.outcomes import Known, Unknown
from coordination.record import ClusterRecord, Phase
from userdata.etcd.model import Alarm, EtcdMember, Health, MemberList, Status
from userdata.etcd.view import EtcdView, MemberAnswer, MemberView

CLUSTER_ID = "arn:aws:cloudformation:us-east-1:000000000000:stack/holdfast/one"
ETCD_CLUSTER = 0xABC
NOW = 1_800_000_000
QUOTA = 2_000_000
"""In bytes, of every member."""
RECORD = ClusterRecord(CLUSTER_ID, Phase.READY, epoch=2, owner="i-1", counter=5, pki_epoch=1, etcd_cluster_id="abc")


def row(number: int, state: MemberState = MemberState.VOTER, etcd_id: str | None = None, epoch: int = 2) -> Member:
    """The row of instance `i-<number>`, whose member of etcd has the id `<number>0`."""
    known_as = f"{number}0" if etcd_id is None else etcd_id
    return Member(f"i-{number}", epoch, state, "0", f"10.0.0.{number}", known_as, created_at=NOW - 9999)


def etcd_member(number: int, *, name: str | None = None, learner: bool = False) -> EtcdMember:
    """The member of instance `i-<number>`; with an empty name it has never started."""
    called = f"i-{number}" if name is None else name
    clients = (f"https://10.0.0.{number}:2379",) if called else ()
    return EtcdMember(int(f"{number}0", 16), called, (f"https://10.0.0.{number}:2380",), clients, learner)


def listed(*members: EtcdMember) -> MemberList:
    return MemberList(ETCD_CLUSTER, members)


def view(
    *members: EtcdMember,
    problems: dict[int, str] | None = None,
    alarms: Iterable[Alarm] | Unknown = (),
    sizes: dict[int, tuple[int, int]] | None = None,
) -> EtcdView:
    """One look; `problems` and `sizes` (of the database, and what is in use) are by the instance's number."""
    told = {int(f"{number}0", 16): size for number, size in (sizes or {}).items()}
    wrong = {int(f"{number}0", 16): problem for number, problem in (problems or {}).items()}
    seen = tuple(
        MemberView(each, answer(each, wrong.get(each.member_id, ""), *told.get(each.member_id, (1000, 500))))
        for each in members
    )
    raised = alarms if isinstance(alarms, Unknown) else Known(tuple(alarms))
    return EtcdView(listed(*members), seen, raised)


def answer(member: EtcdMember, problem: str = "", size: int = 1000, in_use: int = 500) -> MemberAnswer:
    """What a member says; with a problem it does not answer."""
    silent = Unknown(problem or "it was added and has never started")
    if problem or not member.name:
        return MemberAnswer(silent, silent)
    status = Status(ETCD_CLUSTER, member.member_id, 0x10, member.is_learner, "3.7.0", size, in_use, 7, 7, (), QUOTA)
    return MemberAnswer(Known(status), Known(Health(not member.is_learner)))


THREE = (etcd_member(1), etcd_member(2), etcd_member(3))
ROWS = (row(1), row(2), row(3))

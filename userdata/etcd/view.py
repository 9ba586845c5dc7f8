"""What an agent sees of etcd: the list that a majority confirms, and what each member says when it is asked itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from coordination.outcomes import Known, Reading, Unknown
from userdata.etcd.client import Etcd
from userdata.etcd.model import Alarm, EtcdMember, MemberList, Status
from userdata.etcd.refusals import EtcdRefused

MEMBER_SECONDS = 3.0
"""How long one member may be silent before the next one is asked; together they must stay far below a watchdog."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class EtcdView:
    """One look. Members are told apart by their ids."""

    listed: MemberList
    problems: Mapping[int, str]
    """Why a member cannot serve, empty where it can."""
    statuses: Mapping[int, Status]
    """Of the members that answered."""
    alarms: Reading[tuple[Alarm, ...]]

    @property
    def leader_id(self) -> int:
        """The member that leads, by the word of those that answer; 0 where none knows."""
        return max((status.leader_id for status in self.statuses.values()), default=0)


def look(asked: Etcd, at: Callable[[str], Etcd]) -> Reading[EtcdView]:
    """Ask one member for the list, and then all of them. `at` is who listens at an address."""
    listed = _plain("member list", asked.members())
    if isinstance(listed, Unknown):
        return listed
    problems: dict[int, str] = {}
    statuses: dict[int, Status] = {}
    for member in listed.value.members:
        problems[member.member_id], status = _ask(member, at)
        if status is not None:
            statuses[member.member_id] = status
    return Known(EtcdView(listed.value, problems, statuses, _plain("alarms", asked.alarms())))


def address(member: EtcdMember) -> str:
    """Where a member is."""
    return next(iter(member.addresses), "")


def _ask(member: EtcdMember, at: Callable[[str], Etcd]) -> tuple[str, Status | None]:
    if not member.name:
        return "it was added and has never started", None
    client = at(address(member))
    health = client.health()
    if isinstance(health, Unknown):
        return health.reason, None
    status = client.status()
    # A learner refuses consistent reads, so to it health means nothing; that it answers is all there is.
    problem = "" if health.value.healthy or member.is_learner else health.value.reason or "it is not healthy"
    return problem, status.value if isinstance(status, Known) else None


def _plain(operation: str, answer: Reading[Value] | EtcdRefused) -> Reading[Value]:
    return Unknown(f"{operation}: {answer.refusal.value}") if isinstance(answer, EtcdRefused) else answer

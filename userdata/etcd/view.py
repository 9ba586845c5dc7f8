"""Which members of etcd are well: the list that a majority confirms, and what each member says when asked itself.

A booting node, the agents and `status` all ask here; what follows from an answer is for each of them to decide. A
member is asked at its first address, for kubeadm gives each exactly one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from coordination.outcomes import Known, Reading, Unknown
from userdata.etcd.asking import side_by_side, until
from userdata.etcd.client import NODE_CREDENTIALS, Etcd
from userdata.etcd.model import Alarm, EtcdMember, Health, MemberKind, MemberList, Status
from userdata.etcd.refusals import EtcdRefused
from userdata.host.https import NoAnswer

MEMBER_SECONDS = 3.0
"""How long an agent lets a member be silent; it must stay far below a watchdog."""
_NEVER_STARTED = Unknown("it was added and has never started")
_TERMINATED = Unknown("its instance is terminated")

At: TypeAlias = Callable[[str], Etcd]
"""Who listens at an address."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class MemberAnswer:
    """What one member says when it is asked itself."""

    status: Reading[Status]
    """Its own view, which needs no majority: leader, size, whether it is a learner. Known means that it answers."""
    health: Reading[Health]
    """Whether it serves consistent reads, which a learner never does."""

    @property
    def serves(self) -> bool:
        """Whether it serves consistent reads now, and so has a majority with it."""
        return isinstance(self.health, Known) and self.health.value.healthy


@dataclass(frozen=True)
class MemberView:
    """One member of etcd's list."""

    member: EtcdMember
    answer: MemberAnswer

    @property
    def problem(self) -> str:
        """Why it cannot do its work, empty where it can. Of a learner that is to answer, of a voter to serve."""
        health = self.answer.health
        if isinstance(health, Unknown):
            # Its words may be none, and it is a problem all the same.
            return health.reason or "it does not answer"
        # A learner refuses consistent reads, so to it health means nothing; that it answers is all there is.
        if self.answer.serves or self.member.kind is MemberKind.LEARNER:
            return ""
        return health.value.reason or "it is not healthy"

    @property
    def is_well(self) -> bool:
        """Whether it is a voter that serves."""
        return self.member.kind is MemberKind.VOTER and self.answer.serves


@dataclass(frozen=True)
class EtcdView:
    """One look. Members are told apart by their ids."""

    listed: MemberList
    members: tuple[MemberView, ...]
    """In the order of the list."""
    alarms: Reading[tuple[Alarm, ...]]

    @property
    def problems(self) -> Mapping[int, str]:
        """Why a member cannot do its work, empty where it can."""
        return {each.member.member_id: each.problem for each in self.members}

    @property
    def statuses(self) -> Mapping[int, Status]:
        """What the members say of themselves that have answered both questions."""
        return {
            each.member.member_id: each.answer.status.value
            for each in self.members
            if isinstance(each.answer.status, Known) and isinstance(each.answer.health, Known)
        }

    @property
    def leader_id(self) -> int:
        """The member that leads, by the word of those that answer; 0 where none knows."""
        return max((status.leader_id for status in self.statuses.values()), default=0)

    @property
    def size_bytes(self) -> int | None:
        """Of the largest database; None where no member that answers says."""
        return max((each.size_bytes for each in self.statuses.values()), default=None)

    @property
    def quorum(self) -> int:
        """How many voters have to serve, so that etcd takes writes."""
        return len(self.listed.voters) // 2 + 1

    @property
    def well(self) -> tuple[EtcdMember, ...]:
        """The voters that serve."""
        return tuple(each.member for each in self.members if each.is_well)


class EtcdLook(Protocol):
    """`look` of one member, with whom it asks bound to it."""

    def __call__(self, gone: Collection[str] = ()) -> Reading[EtcdView]: ...


def member_at(address: str) -> Etcd:
    """The member at an address, asked with the certificates of a control plane for as long as an agent can wait."""
    return Etcd(address, NODE_CREDENTIALS, seconds=MEMBER_SECONDS)


def address(member: EtcdMember) -> str:
    """Where a member is."""
    return next(iter(member.addresses), "")


def look(asked: Etcd, at: At, gone: Collection[str] = ()) -> Reading[EtcdView]:
    """Ask one member for the list, and then all of them at the same time: several that are silent cost one time-out.

    Nobody asks those of the instances in `gone`, which are terminated: at their addresses nobody answers.
    """
    listed = _plain("member list", asked.members())
    if isinstance(listed, Unknown):
        return listed
    members = tuple(side_by_side(lambda member: _view(member, at, gone), listed.value.members))
    return Known(EtcdView(listed.value, members, _plain("alarms", asked.alarms())))


def unhealthy_members(seen: Reading[EtcdView]) -> tuple[str, ...]:
    """What is wrong with the members of etcd, a line each; nothing if every member is a voter that serves."""
    if isinstance(seen, Unknown):
        return (seen.reason,)
    return tuple(_wrong(each) for each in seen.value.members if not each.is_well)


def silent_voters(listed: MemberList, at: At) -> tuple[EtcdMember, ...]:
    """The voters that do not answer, with or without a majority. All are asked at the same time."""
    statuses = side_by_side(lambda member: _status(member, at), listed.voters)
    return tuple(
        member for member, status in zip(listed.voters, statuses, strict=True) if not isinstance(status, Known)
    )


def ask_all(
    clients: Collection[Etcd], is_enough: Callable[[MemberAnswer], bool] = lambda _: False
) -> list[MemberAnswer]:
    """What each says who listens somewhere, whoever is listed; in the order given. All are asked at the same time, and
    once one answer is enough those who have not answered are waited for no more."""
    return until(ask, clients, is_enough)


def ask(client: Etcd) -> MemberAnswer:
    """Ask one member. One that does not answer is asked once, so it costs one time-out."""
    status = _plain("status", client.status())
    return MemberAnswer(status, status if isinstance(status, NoAnswer) else client.health())


def _view(member: EtcdMember, at: At, gone: Collection[str]) -> MemberView:
    if member.name and member.name in gone:
        return MemberView(member, MemberAnswer(_TERMINATED, _TERMINATED))
    if member.kind is MemberKind.UNSTARTED:
        return MemberView(member, MemberAnswer(_NEVER_STARTED, _NEVER_STARTED))
    return MemberView(member, ask(at(address(member))))


def _status(member: EtcdMember, at: At) -> Reading[Status]:
    if member.kind is MemberKind.UNSTARTED:
        return _NEVER_STARTED
    return _plain("status", at(address(member)).status())


def _wrong(seen: MemberView) -> str:
    member = seen.member
    if member.kind is not MemberKind.VOTER:
        return f"{member.name or ', '.join(member.peer_urls)} has not finished joining"
    return f"{member.name} ({address(member)}): {seen.problem}"


def _plain(operation: str, answer: Reading[Value] | EtcdRefused) -> Reading[Value]:
    return Unknown(f"{operation}: {answer.refusal.value}") if isinstance(answer, EtcdRefused) else answer

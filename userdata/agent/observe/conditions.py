"""The conditions that agents set, and those that they clear: which there should be, and what to write. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from coordination.boots import Boot
from coordination.conditions import QUORUM_LOST, Condition, is_of_boots
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.names import CONTROL_PLANE_ROLE
from coordination.outcomes import Known
from coordination.termination import TERMINATED
from userdata.agent.observe.actions import Change, ClearCondition, SetCondition
from userdata.agent.observe.members import member_of
from userdata.etcd.model import AlarmKind, EtcdMember, hexadecimal
from userdata.etcd.view import EtcdView, address
from userdata.pki.inventory import HeldCertificate


class Kind(StrEnum):
    """The part of a condition's name before what it is about."""

    MEMBER_UNHEALTHY = "MemberUnhealthy"
    LEARNER_STRAY = "LearnerStray"
    MEMBER_UNEXPECTED = "MemberUnexpected"
    ETCD_ALARM = "EtcdAlarm"
    ETCD_SPACE_LOW = "EtcdSpaceLow"
    CERTIFICATE_EXPIRING = "CertificateExpiring"
    QUORUM_LOST = QUORUM_LOST
    CERTIFICATES_DUE = "CertificatesDue"


OF_NODES = frozenset({Kind.CERTIFICATE_EXPIRING, Kind.CERTIFICATES_DUE})
"""Those that each node stores about itself."""


# A member that is restarted is back sooner; a joiner that works is promoted sooner.
_UNHEALTHY_SECONDS = 60.0
_STRAY_SECONDS = 60.0
_UNFINISHED_SECONDS = 600.0
# An election and a restart of etcd are over sooner.
_QUORUM_LOST_SECONDS = 60.0

_FULL_SHARE = 0.8
"""Of a member's quota: with more of it in its database, a person should look while etcd still takes writes."""


@dataclass(frozen=True)
class Wanted:
    """A condition that there should be once it has been so for `after_seconds`."""

    kind: Kind
    about: str
    reason: str
    next_step: str
    after_seconds: float = 0.0

    @property
    def name(self) -> str:
        """The condition's name; of what concerns the whole cluster it is the kind alone."""
        return f"{self.kind}/{self.about}" if self.about else str(self.kind)


def of_etcd(
    view: EtcdView, rows: Sequence[Member], states: Mapping[str, str | None], unread: Collection[str] = ()
) -> list[Wanted]:
    """What is wrong with etcd's members. `rows` are those of its epoch, `states` EC2's words for their instances.

    `unread` are the instances whose rows cannot be understood.
    """
    by_id = {member.member_id: row for row in rows if (member := member_of(row, view.listed)) is not None}
    found: list[Wanted] = []
    for member in view.listed.members:
        row, known_as = by_id.get(member.member_id), hexadecimal(member.member_id)
        who = f"etcd's member {known_as} ({member.name or address(member)})"
        if member in view.listed.unfinished:
            found += _unfinished(who, known_as, row, states, _rowless(member, unread))
            continue
        if row is None or row.state is MemberState.REMOVED:
            why = _rowless(member, unread) if row is None else "is listed, though its row says removed"
            found.append(
                Wanted(
                    Kind.MEMBER_UNEXPECTED,
                    known_as,
                    f"{who} {why}",
                    "If nobody is removing it at this moment, find out what it is: etcdctl member list names it.",
                    _UNHEALTHY_SECONDS,
                )
            )
        if problem := view.problems.get(member.member_id, ""):
            found.append(
                Wanted(
                    Kind.MEMBER_UNHEALTHY,
                    member.name,
                    f"{who} does not serve: {problem}",
                    "Ten minutes after it fell silent it is replaced, if etcd has a majority without it.",
                    _UNHEALTHY_SECONDS,
                )
            )
    return found + _alarms(view) + _filling(view)


def of_no_quorum(reason: str) -> Wanted:
    """What is wrong where no member of etcd could say which members there are, for this `reason`.

    The instances that boot store the same condition, but where control planes are only cut off, none boots.
    """
    return Wanted(
        Kind.QUORUM_LOST,
        "",
        f"no majority of etcd's members answers: {reason}",
        "Bring members back: holdfast-node status shows which answer. Nothing is removed or restored meanwhile.",
        _QUORUM_LOST_SECONDS,
    )


def of_certificates(instance_id: str, held: Iterable[HeldCertificate], now: datetime) -> list[Wanted]:
    """What ends soon on one node, although it should have been renewed long ago."""
    ending = [
        f"{each.place.name} in {each.certificate.value.days_left(now):.1f} days ({each.place.renewal} renews it)"
        for each in held
        if each.is_alarming(now) and isinstance(each.certificate, Known) and each.certificate.value is not None
    ]
    if not ending:
        return []
    next_step = "Look at the agent's and the kubelet's log of this node, or replace it: a new node has new ones."
    return [Wanted(Kind.CERTIFICATE_EXPIRING, instance_id, f"certificates end: {', '.join(ending)}", next_step)]


def of_restart(instance_id: str, reason: str) -> Wanted:
    """That a node's etcd waits for its restart."""
    next_step = (
        "Certificates were renewed, and etcd has to read them. Bring the control plane to three voters; three days "
        "before the end of what it has read it is restarted all the same, and for a minute no majority answers."
    )
    return Wanted(Kind.CERTIFICATES_DUE, instance_id, f"etcd is not restarted: {reason}", next_step)


@dataclass
class Lasting:
    """Remembers since when each condition has been wanted, in seconds of one's own steady clock."""

    since: dict[str, float] = field(default_factory=dict)

    def of(self, wanted: Iterable[Wanted], now: float) -> list[Wanted]:
        """Those that have been so for long enough."""
        given = list(wanted)
        self.since = {each.name: self.since.get(each.name, now) for each in given}
        return [each for each in given if now - self.since[each.name] >= each.after_seconds]


def changes(
    wanted: Sequence[Wanted],
    stored: Mapping[str, Condition],
    judged: Collection[str],
    now: int,
) -> list[Change]:
    """What to write. `judged` are the names that may be cleared: what could not be seen stays as it is.

    `since` stays for as long as there is a reason, whatever the reason is.
    """
    found: list[Change] = []
    for each in wanted:
        present = stored.get(each.name)
        since = present.since if present else now
        condition = Condition(each.name, each.reason, each.next_step, since)
        if condition != present:
            found.append(SetCondition(condition, present))
    names = {each.name for each in wanted}
    return found + [ClearCondition(stored[name]) for name in sorted(judged) if name in stored and name not in names]


def judged_by(view: EtcdView, names: Iterable[str]) -> frozenset[str]:
    """Which of these conditions `of_etcd` would have found in this view, if there were still a reason for them."""
    unseen = {each.name for each in view.listed.members if each.member_id not in view.statuses}
    kinds = {Kind.MEMBER_UNHEALTHY, Kind.LEARNER_STRAY, Kind.MEMBER_UNEXPECTED}
    if isinstance(view.alarms, Known):
        kinds.add(Kind.ETCD_ALARM)
    parts = {name: name.partition("/") for name in names}
    return frozenset(
        name
        for name, (kind, _, about) in parts.items()
        if kind in kinds or (kind == Kind.ETCD_SPACE_LOW and about not in unseen)
    )


def left_behind(names: Iterable[str], rows: Iterable[Member]) -> frozenset[str]:
    """Conditions that nodes had set about themselves, and that are no members any more: nobody else clears them."""
    members = {row.instance_id for row in rows if row.state is not MemberState.REMOVED}
    parts = {name: name.partition("/") for name in names}
    return frozenset(name for name, (kind, _, about) in parts.items() if kind in OF_NODES and about not in members)


def of_slots(boots: Iterable[Boot], instances: Iterable[GroupInstance]) -> tuple[Boot, ...]:
    """The boot rows of instances that are in a slot's group now.

    Of the others nobody may believe what they say: an instance's row is its own, but a worker writes its own as it
    likes, and could keep a condition for ever. An instance that was detached from its group, and still waits for what
    it tells, sets its condition again after each time that it is cleared.
    """
    slots = {each.instance_id for each in instances if each.role == CONTROL_PLANE_ROLE}
    return tuple(row for row in boots if row.instance_id in slots)


def waiting(stored: Collection[str], boots: Iterable[Boot]) -> frozenset[str]:
    """The instances whose boot rows name a stored condition that booting nodes store."""
    return frozenset(row.instance_id for row in boots if row.condition in stored and is_of_boots(row.condition))


def named_no_more(stored: Iterable[str], boots: Iterable[Boot], states: Mapping[str, str | None]) -> frozenset[str]:
    """The conditions of booting nodes that no living one names any more. `states` are EC2's words for them."""
    named = {row.condition for row in boots if states.get(row.instance_id, "") not in (TERMINATED, None)}
    return frozenset(name for name in stored if is_of_boots(name) and name not in named)


def _rowless(member: EtcdMember, unread: Collection[str]) -> str:
    return "has a member row that cannot be understood" if member.name in unread else "has no member row"


def _unfinished(
    who: str, known_as: str, row: Member | None, states: Mapping[str, str | None], rowless: str
) -> list[Wanted]:
    after = _STRAY_SECONDS
    if row is None:
        why = rowless
    elif states.get(row.instance_id, "") in (TERMINATED, None):
        why = f"belongs to {row.instance_id}, which is terminated"
    else:
        why, after = "has not finished joining for ten minutes", _UNFINISHED_SECONDS
    next_step = (
        "It blocks every join. It is removed once its instance leaves, or has not answered for ten minutes; by hand: "
        f"etcdctl member remove {known_as}"
    )
    return [Wanted(Kind.LEARNER_STRAY, known_as, f"{who} {why}", next_step, after)]


def _alarms(view: EtcdView) -> list[Wanted]:
    if not isinstance(view.alarms, Known):
        return []
    raised: dict[AlarmKind, list[str]] = {}
    for alarm in view.alarms.value:
        raised.setdefault(alarm.kind, []).append(hexadecimal(alarm.member_id))
    steps = {
        AlarmKind.NO_SPACE: "etcd takes no writes: compact and defragment it, then etcdctl alarm disarm.",
        AlarmKind.CORRUPT: "Replace the member that raised it: its data differs from the others'.",
    }
    return [
        Wanted(
            Kind.ETCD_ALARM,
            kind.value,
            f"etcd's alarm {kind} is raised by {', '.join(sorted(members))}",
            steps.get(kind, "etcdctl alarm list says more."),
        )
        for kind, members in sorted(raised.items())
        if kind is not AlarmKind.NONE
    ]


def _filling(view: EtcdView) -> list[Wanted]:
    found = []
    for member in view.listed.members:
        status = view.statuses.get(member.member_id)
        if status is None or not status.quota_bytes or status.size_bytes <= _FULL_SHARE * status.quota_bytes:
            continue
        held, used, most = (
            f"{size / 2**20:.0f} MiB" for size in (status.size_bytes, status.in_use_bytes, status.quota_bytes)
        )
        if status.in_use_bytes > _FULL_SHARE * status.quota_bytes:
            step = "Find out which objects take the room, and delete what nobody needs; then etcdctl defrag, one member"
        else:
            step = "Most of it is free inside the database: etcdctl defrag, one member"
        reason = f"etcd's database of {member.name} has {held}, {used} of them in use; at {most} it takes no writes"
        found.append(Wanted(Kind.ETCD_SPACE_LOW, member.name, reason, f"{step} after the other, the leader last."))
    return found

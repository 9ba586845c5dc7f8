"""The join gate: whether etcd takes a new member now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coordination.operations import Operation
from coordination.outcomes import Known, Reading, Unknown
from coordination.timers import Timer
from userdata.etcd.model import EtcdMember, MemberList, hexadecimal


@dataclass(frozen=True)
class Open:
    """Join now."""


@dataclass(frozen=True)
class Closed:
    """Wait; `reason` names what is in the way."""

    reason: str


@dataclass(frozen=True)
class MembersUnknown(Closed):
    """Closed, for nobody says with a majority who the members are. What that means is not for the gate to judge."""


@dataclass(frozen=True)
class RowRemoved(Closed):
    """Closed for this node for good: its row says that it must not become a member any more."""


@dataclass(frozen=True)
class OwnLearner:
    """A member of this very node's, from a join that did not end: it is removed before the next one."""

    member: EtcdMember


@dataclass(frozen=True)
class OwnVoter:
    """This node is a voter already: only what follows the promotion is missing."""

    member: EtcdMember


UNASKED = Unknown("it was not asked for")
NOBODY_WAITS: Reading[Timer | None] = Known(None)


@dataclass(frozen=True)
class View:
    """What the gate looks at. `members` is etcd's own list; `silent` are the names of voters that do not answer.

    `known_to_one` is the list as one member alone knows it, which is asked for where no majority answers.
    """

    members: Reading[MemberList]
    silent: Sequence[str]
    operation: Reading[Operation | None]
    slots: int
    own_name: str
    own_peer_url: str
    known_to_one: Reading[MemberList] = UNASKED
    is_out: bool = False
    """Whether this node's own row says removed."""
    waits: Reading[Timer | None] = NOBODY_WAITS
    """The timer that runs while the joiners of this node's slot wait."""


Gate = Open | Closed | OwnLearner | OwnVoter


def gate(view: View) -> Gate:
    """Whether this node may join."""
    if isinstance(view.members, Unknown):
        # Promoted, and rebooted before anybody said so: it may be the very voter that the majority waits for.
        voters = view.known_to_one.value.voters if isinstance(view.known_to_one, Known) else ()
        own = [member for member in voters if member.name == view.own_name]
        return OwnVoter(own[0]) if own else MembersUnknown(f"etcd's members are unknown: {view.members.reason}")
    members = view.members.value
    for member in members.members:
        # An address may have been another instance's before, whose member it then still is.
        if view.own_peer_url in member.peer_urls and member.name in ("", view.own_name):
            return OwnLearner(member) if member in members.unfinished else OwnVoter(member)
    if view.is_out:
        return RowRemoved("this node's row says that it must not become a member any more")
    if members.unfinished:
        return Closed(f"etcd takes one new member at a time, and {_named(members.unfinished[0])} is not a voter yet")
    if len(members.members) > view.slots:
        return Closed(
            f"etcd has {len(members.members)} members for {view.slots} slots, and one has to leave first "
            f"({', '.join(_named(member) for member in members.members)})"
        )
    if view.silent:
        # etcd before 3.6 refuses every new member then; with a later one the dead member would go on counting.
        return Closed(
            f"etcd's voter {', '.join(view.silent)} is unreachable, and is replaced after ten minutes of that"
        )
    if isinstance(view.operation, Unknown):
        # One of a kind or state that this release does not know, too.
        return Closed(f"whether etcd's members are being changed is unknown: {view.operation.reason}")
    if view.operation.value is not None:
        # Also one that has ended: for as long as it stands, whoever carried it out may not know.
        return Closed(f"etcd's members are being changed: {view.operation.value}")
    if isinstance(view.waits, Unknown):
        return Closed(f"whether this slot's joiners wait for an update is unknown: {view.waits.reason}")
    if view.waits.value is not None:
        return Closed("this slot has a member, and etcd's place for one more is needed by the update of another slot")
    return Open()


def _named(member: EtcdMember) -> str:
    return f"{member.name or 'a member that never started'} ({hexadecimal(member.member_id)})"

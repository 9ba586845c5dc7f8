"""`member#<instance>` rows: which instances are, or are about to be, members of etcd."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordination.fields import flag, one_of, optional_number, optional_text, text, whole_number
from coordination.names import MEMBER_ITEM_PREFIX, TABLE_KEY, member_item
from coordination.outcomes import Item
from coordination.writes import Value, as_item

SILENT_SECONDS = 600
"""After so long a member that does not do its work is given up: it is back after a reboot of its instance sooner."""


class MemberState(StrEnum):
    """Joining is written before etcd hears of the member, removed after etcd has forgotten it."""

    JOINING = "joining"
    VOTER = "voter"
    REMOVED = "removed"


@dataclass(frozen=True)
class Member:
    """A member row; `epoch` is the epoch of the cluster record under which it was written.

    Times are in seconds since 1970. What only people and agents look at may be missing.
    """

    instance_id: str
    epoch: int
    state: MemberState
    slot: str = ""
    address: str = ""
    etcd_member_id: str = ""
    """Hexadecimal, as etcd prints it; empty until it is known."""
    created_at: int | None = None
    """When the row was written; None keeps it young for ever."""
    not_found_since: int | None = None
    """Since when EC2 has not known the instance; None while it does."""
    silent_since: int | None = None
    """Since when it does not do its work in etcd, as agents have seen it without a gap; None while it does."""
    hook_since: int | None = None
    """When the function first saw its terminating hook; None before."""
    vetoed_at: int | None = None
    """When an agent refused to remove it last: the function asks for something else first."""
    target_since: int | None = None
    """Since when the function has it registered at the balancer again, though it terminates; None while it has not."""
    left_at: int | None = None
    """When the function deregistered it after that; None before."""
    ended_at: int | None = None
    """When the function terminated its instance, because the member was silent; None where it has not."""
    never_joined: bool = False
    """Whether the row was written so that the instance never becomes a member: its hook was completed."""

    @property
    def item_id(self) -> str:
        """The row's key."""
        return member_item(self.instance_id)

    def is_out(self, epoch: int) -> bool:
        """Whether it says that its instance must not be a member of this epoch's etcd any more."""
        return self.epoch == epoch and self.state is MemberState.REMOVED

    def leaves_since(self) -> int | None:
        """Since when its clients are asked to leave it: it is no target of the balancer any more."""
        moments = [each for each in (self.hook_since, self.left_at) if each is not None]
        return max(moments, default=None)

    def is_given_up(self, now: int) -> bool:
        """Whether it has not done its work for too long."""
        return self.silent_since is not None and now - self.silent_since >= SILENT_SECONDS

    def fields(self) -> dict[str, Value]:
        """The fields that store it; None stands for a field that is not there."""
        return {
            "Epoch": self.epoch,
            "State": self.state.value,
            "Slot": self.slot or None,
            "Address": self.address or None,
            "EtcdMemberId": self.etcd_member_id or None,
            "CreatedAt": self.created_at,
            "NotFoundSince": self.not_found_since,
            "SilentSince": self.silent_since,
            "HookSince": self.hook_since,
            "VetoedAt": self.vetoed_at,
            "TargetSince": self.target_since,
            "LeftAt": self.left_at,
            "EndedAt": self.ended_at,
            "NeverJoined": self.never_joined or None,
        }

    def item(self) -> Item:
        """The item that stores it."""
        return as_item(self.item_id, self.fields())


def member(item: Item) -> Member:
    """The member row that `item` holds. Raises Malformed."""
    return Member(
        instance_id=text(item, TABLE_KEY).removeprefix(MEMBER_ITEM_PREFIX),
        epoch=whole_number(item, "Epoch"),
        state=MemberState(one_of(item, "State", MemberState)),
        slot=optional_text(item, "Slot"),
        address=optional_text(item, "Address"),
        etcd_member_id=optional_text(item, "EtcdMemberId"),
        created_at=optional_number(item, "CreatedAt"),
        not_found_since=optional_number(item, "NotFoundSince"),
        silent_since=optional_number(item, "SilentSince"),
        hook_since=optional_number(item, "HookSince"),
        vetoed_at=optional_number(item, "VetoedAt"),
        target_since=optional_number(item, "TargetSince"),
        left_at=optional_number(item, "LeftAt"),
        ended_at=optional_number(item, "EndedAt"),
        never_joined=flag(item, "NeverJoined"),
    )

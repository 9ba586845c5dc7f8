"""`member#<instance>` rows: which instances are, or are about to be, members of etcd."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordination.fields import one_of, text, whole_number
from coordination.names import MEMBER_ITEM_PREFIX, TABLE_KEY
from coordination.outcomes import Item


class MemberState(StrEnum):
    """Joining is written before etcd hears of the member, removed after etcd has forgotten it."""

    JOINING = "joining"
    VOTER = "voter"
    REMOVED = "removed"


@dataclass(frozen=True)
class Member:
    """A member row; `epoch` is the epoch of the cluster record under which it was written."""

    instance_id: str
    epoch: int
    state: MemberState


def member(item: Item) -> Member:
    """The member row that `item` holds. Raises Malformed."""
    return Member(
        instance_id=text(item, TABLE_KEY).removeprefix(MEMBER_ITEM_PREFIX),
        epoch=whole_number(item, "Epoch"),
        state=MemberState(one_of(item, "State", MemberState)),
    )

"""The `operation` item: one change of etcd's membership, which the function requests and an agent carries out.

While it is there no new member joins, whatever it says: the join gate is closed by an operation that has ended, too,
and by one that cannot be understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordination.fields import one_of, optional_text, text, whole_number
from coordination.names import OPERATION_ITEM
from coordination.outcomes import Item
from coordination.writes import Value, as_item


class OperationKind(StrEnum):
    """What is done: a voter is removed from etcd, or a learner that will not become a voter."""

    REMOVE = "remove"
    CLEAN_LEARNER = "clean-learner"


class OperationState(StrEnum):
    """The function requests an operation; the agent that carries it out has accepted it before."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"


@dataclass(frozen=True)
class Operation:
    """One operation. Every write to it is conditional on `operation_id`, which is never used twice."""

    operation_id: str
    kind: OperationKind
    target_instance: str
    target_member_id: str
    """The etcd id of the member to be removed: hexadecimal, as etcd prints it."""
    epoch: int
    """The epoch of the record under which it was requested."""
    state: OperationState
    requested_at: int
    """Seconds since 1970."""
    result: str = ""
    """How it ended; empty while it has not."""

    def __str__(self) -> str:
        doing = f"ended: {self.result}" if self.result else str(self.state)
        return f"{self.kind} of {self.target_instance} ({self.target_member_id}), {doing}"

    def fields(self) -> dict[str, Value]:
        """The fields that store it; None stands for a field that is not there."""
        return {
            "OperationId": self.operation_id,
            "Kind": self.kind.value,
            "TargetInstance": self.target_instance,
            "TargetMemberId": self.target_member_id,
            "Epoch": self.epoch,
            "State": self.state.value,
            "RequestedAt": self.requested_at,
            "Result": self.result or None,
        }

    def item(self) -> Item:
        """The item that stores it."""
        return as_item(OPERATION_ITEM, self.fields())


def operation(item: Item) -> Operation:
    """The operation that `item` holds. Raises Malformed, for a kind or state of a later release, too."""
    return Operation(
        operation_id=text(item, "OperationId"),
        kind=OperationKind(one_of(item, "Kind", OperationKind)),
        target_instance=text(item, "TargetInstance"),
        target_member_id=text(item, "TargetMemberId"),
        epoch=whole_number(item, "Epoch"),
        state=OperationState(one_of(item, "State", OperationState)),
        requested_at=whole_number(item, "RequestedAt"),
        result=optional_text(item, "Result"),
    )

"""The `operation` item: one change of etcd's membership, which the function requests and an agent carries out.

While it is there no new member joins, whatever it says: the join gate is closed by an operation that has ended, too,
and by one that cannot be understood. Every write to it names its id, which is never used twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from coordination import exclusion, member_writes
from coordination.exclusion import Activity, Ended, Standing, Taken
from coordination.fields import flag, one_of, optional_number, optional_text, text, whole_number
from coordination.members import Member
from coordination.names import CLUSTER_ITEM, OPERATION_ITEM
from coordination.node_leases import NodeLease, still_held
from coordination.outcomes import Item, Reading, Unknown
from coordination.record import Phase
from coordination.writes import ABSENT, Transaction, Update, Value, as_item, check, update

LONGEST_SECONDS = 600
"""An operation that is older has no agent, or one that does not get on: the function withdraws it. A drain has the
half of that, and everything after it seconds."""
DOUBT_SECONDS = 60
"""For so long an operation counts as in flight that an agent had accepted, and that ended without a removal.

The agent may have been paused right before the removal, and sends it at most CALL_SECONDS after its check. Not even the
veto of an agent says that no other one is: the lease may have changed hands, and the operation with it.
"""
CALL_SECONDS = 10
"""How long after its check against etcd an agent may send the removal that it has checked."""


class OperationKind(StrEnum):
    """What is done: a voter is removed from etcd, or a learner that will not become a voter."""

    REMOVE = "remove"
    CLEAN_LEARNER = "clean-learner"


class OperationState(StrEnum):
    """The function requests an operation; the agent that carries it out has accepted it before."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"


class OperationOutcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    """etcd does not list the target any more, and its row says removed."""
    VETOED = "vetoed"
    """An agent has found that it must not be: a final answer, after which the function decides anew."""
    WITHDRAWN = "withdrawn"
    """The function does not wait for it any longer."""


@dataclass(frozen=True)
class Operation:
    """One operation. Times are in seconds since 1970."""

    operation_id: str
    kind: OperationKind
    target_instance: str
    """Empty for a learner of which nobody knows whose it is."""
    target_member_id: str
    """The etcd id of the member to be removed, hexadecimal, as etcd prints it; empty where no row and no list has one.
    """
    epoch: int
    """The epoch of the record under which it was requested."""
    state: OperationState
    requested_at: int
    by_etcd_alone: bool = False
    """Whether etcd's quorum alone decides, and not a majority of the slots."""
    accepted_by: str = ""
    """The instance whose agent carries it out."""
    drain_until: int | None = None
    """When the drain of the target ends, however many pods are left; None until an agent has accepted it."""
    outcome: OperationOutcome | None = None
    """None while it has not ended."""
    reason: str = ""
    """Why it ended so."""
    ended_at: int | None = None
    """By the clock of whoever ended it."""
    end_seen_at: int | None = None
    """When the function first saw that an agent had ended it, by the function's clock; None before."""

    def __str__(self) -> str:
        whose = f"{self.target_instance or 'an unknown instance'} ({self.target_member_id or 'not listed'})"
        if self.outcome is None:
            return f"{self.kind} of {whose}, {self.state}"
        return f"{self.kind} of {whose}, {self.outcome}" + (f": {self.reason}" if self.reason else "")

    def fields(self) -> dict[str, Value]:
        """The fields that store it; None stands for a field that is not there."""
        return {
            "OperationId": self.operation_id,
            "Kind": self.kind.value,
            "TargetInstance": self.target_instance or None,
            "TargetMemberId": self.target_member_id or None,
            "Epoch": self.epoch,
            "State": self.state.value,
            "RequestedAt": self.requested_at,
            "ByEtcdAlone": True if self.by_etcd_alone else None,
            "AcceptedBy": self.accepted_by or None,
            "DrainUntil": self.drain_until,
            "Outcome": None if self.outcome is None else self.outcome.value,
            "Reason": self.reason or None,
            "EndedAt": self.ended_at,
            "EndSeenAt": self.end_seen_at,
        }

    def item(self) -> Item:
        """The item that stores it."""
        return as_item(OPERATION_ITEM, self.fields())

    def is_overdue(self, now: int) -> bool:
        """Whether nobody waits for it any longer."""
        return self.outcome is None and now - self.requested_at > LONGEST_SECONDS

    def over_since(self) -> int | None:
        """When it ended, by the function's clock where that has seen it: an agent's may be minutes late, or a day
        ahead."""
        return self.ended_at if self.end_seen_at is None else self.end_seen_at

    def is_in_doubt(self, now: int) -> bool:
        """Whether it has ended, and an agent that had accepted it may not know yet."""
        if self.outcome in (None, OperationOutcome.DONE) or self.state is not OperationState.ACCEPTED:
            return False
        return (since := self.over_since()) is None or now - since < DOUBT_SECONDS


def operation(item: Item) -> Operation:
    """The operation that `item` holds. Raises Malformed, for a kind, state or outcome of a later release, too."""
    return Operation(
        operation_id=text(item, "OperationId"),
        kind=OperationKind(one_of(item, "Kind", OperationKind)),
        target_instance=optional_text(item, "TargetInstance"),
        target_member_id=optional_text(item, "TargetMemberId"),
        epoch=whole_number(item, "Epoch"),
        state=OperationState(one_of(item, "State", OperationState)),
        requested_at=whole_number(item, "RequestedAt"),
        by_etcd_alone=flag(item, "ByEtcdAlone"),
        accepted_by=optional_text(item, "AcceptedBy"),
        drain_until=optional_number(item, "DrainUntil"),
        outcome=OperationOutcome(one_of(item, "Outcome", OperationOutcome)) if "Outcome" in item else None,
        reason=optional_text(item, "Reason"),
        ended_at=optional_number(item, "EndedAt"),
        end_seen_at=optional_number(item, "EndSeenAt"),
    )


def request(wanted: Operation) -> Transaction:
    """Write a new operation: there is none, its epoch is still ready, and nothing goes on that excludes a removal.

    To the function only a lease that is absent or released is free, for it has no clock across its calls.
    """
    beside = exclusion.checks(Activity.REMOVAL, {})
    assert not isinstance(beside, Taken)
    return Transaction(
        (
            update(OPERATION_ITEM, wanted.fields(), ABSENT),
            check(CLUSTER_ITEM, {"Epoch": wanted.epoch, "Phase": Phase.READY.value}),
            *beside,
        )
    )


def standing(reading: Reading[Operation | None], now: int) -> Standing:
    """How a removal stands for whoever must not begin beside it. `now` is in seconds since 1970."""
    if isinstance(reading, Unknown):
        return Taken(f"whether etcd's members are being changed is unknown: {reading.reason}")
    found = reading.value
    if found is None:
        return exclusion.absent_or_released(Activity.REMOVAL)
    if found.outcome is None or found.is_in_doubt(now):
        return Taken(f"etcd's members are being changed: {found}")
    return Ended(check(OPERATION_ITEM, {"OperationId": found.operation_id, "Outcome": found.outcome.value}))


def accept(seen: Operation, by: str, now: int, drain_seconds: int) -> tuple[Update, Operation]:
    """The agent on the instance `by` carries it out from now on, first or in place of another one.

    Returns the write and the operation as it stands once that is done. The drain's end stays as the first one set it.
    `drain_seconds` is how long pods may take to leave; then they are deleted without asking their budgets.
    """
    until = seen.drain_until if seen.drain_until is not None else now + drain_seconds
    accepted = replace(seen, state=OperationState.ACCEPTED, accepted_by=by, drain_until=until)
    changes: dict[str, Value] = {
        "OperationId": seen.operation_id,
        "State": accepted.state.value,
        "AcceptedBy": by,
        "DrainUntil": until,
    }
    expected: dict[str, Value] = {
        "OperationId": seen.operation_id,
        "AcceptedBy": seen.accepted_by or None,
        "Outcome": None,
    }
    return update(OPERATION_ITEM, changes, expected), accepted


def end(seen: Operation, outcome: OperationOutcome, reason: str, now: int) -> Update:
    """It has ended; refused once anybody else has said so."""
    changes: dict[str, Value] = {
        "OperationId": seen.operation_id,
        "Outcome": outcome.value,
        "Reason": reason or None,
        "EndedAt": now,
    }
    return update(OPERATION_ITEM, changes, {"OperationId": seen.operation_id, "Outcome": None})


def end_seen(seen: Operation, now: int) -> Update:
    """The function has seen that an agent has ended it. `now` is in seconds since 1970."""
    changes: dict[str, Value] = {"OperationId": seen.operation_id, "EndSeenAt": now}
    return update(OPERATION_ITEM, changes, {"OperationId": seen.operation_id, "EndSeenAt": None})


def finish(seen: Operation, row: Member, reason: str, now: int, under: NodeLease | None = None) -> Transaction:
    """etcd does not list the target any more: its row says removed, and the operation is done, both or neither.

    `under` is the `lease#join` that a row in state joining takes: once it is another's, its joiner may add a member.
    """
    ended = (member_writes.removed(row), end(seen, OperationOutcome.DONE, reason, now))
    return Transaction(ended if under is None else (*ended, still_held(under)))

"""`drain#<instance>` items: a worker is being terminated, and its Pods are to leave it first.

The function writes one for every worker that a terminating hook holds, and the leading agent drains the Node and says
how that ended. There is no quorum in this: any number of workers drain at a time, and one that nobody drains goes
undrained in the end. Workers can neither write nor read these items.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coordination.fields import one_of, optional_number, optional_text, text, whole_number
from coordination.names import DRAIN_ITEM_PREFIX, TABLE_KEY, drain_item
from coordination.outcomes import Item
from coordination.writes import ABSENT, Update, Value, as_item, update

DRAIN_SECONDS = 600
"""How long Pods may take to leave a worker; then those that are left are deleted without asking their budgets. With
GRACE_SECONDS less than half of the terminating hook's heartbeat, so that no hook ends before its drain."""
GRACE_SECONDS = 120
"""For so long after the deadline the function waits for the agent's word: another agent leads a minute after one has
died, and may need half a minute for a step. Then nobody is there who drains."""


class DrainState(StrEnum):
    """The function requests a drain; an agent says that it is done."""

    REQUESTED = "requested"
    DONE = "done"


class DrainOutcome(StrEnum):
    """How a drain ended."""

    DRAINED = "drained"
    """No Pod is left that a drain takes away."""
    NO_NODE = "no-node"
    """The instance is no Node of the cluster."""
    FORCED = "forced"
    """The deadline had passed, and the Pods that were left have been told to end."""


@dataclass(frozen=True)
class Drain:
    """One drain. Times are in seconds since 1970."""

    instance_id: str
    state: DrainState
    requested_at: int
    deadline: int
    """When the Pods that are left are deleted, whatever their budgets say."""
    outcome: DrainOutcome | None = None
    """None while it is not done."""
    by: str = ""
    """The instance whose agent says that it is done."""
    ended_at: int | None = None

    @property
    def item_id(self) -> str:
        """The item's key."""
        return drain_item(self.instance_id)

    def fields(self) -> dict[str, Value]:
        """The fields that store it; None stands for a field that is not there."""
        return {
            "State": self.state.value,
            "RequestedAt": self.requested_at,
            "Deadline": self.deadline,
            "Outcome": None if self.outcome is None else self.outcome.value,
            "By": self.by or None,
            "EndedAt": self.ended_at,
        }

    def item(self) -> Item:
        """The item that stores it."""
        return as_item(self.item_id, self.fields())

    def is_late(self, now: int) -> bool:
        """Whether its deadline has passed."""
        return now >= self.deadline

    def is_overdue(self, now: int) -> bool:
        """Whether nobody waits for it any longer.

        A deadline later than the function sets one does not count, and neither does a request of the future: whatever
        the item says, an instance is held for DRAIN_SECONDS and two GRACE_SECONDS at most.
        """
        deadline = min(self.deadline, self.requested_at + DRAIN_SECONDS)
        return now >= deadline + GRACE_SECONDS or self.requested_at > now + GRACE_SECONDS


def drain(item: Item) -> Drain:
    """The drain that `item` holds. Raises Malformed, for a state or outcome of a later release, too."""
    state = DrainState(one_of(item, "State", DrainState))
    done = state is DrainState.DONE
    return Drain(
        instance_id=text(item, TABLE_KEY).removeprefix(DRAIN_ITEM_PREFIX),
        state=state,
        requested_at=whole_number(item, "RequestedAt"),
        deadline=whole_number(item, "Deadline"),
        outcome=DrainOutcome(one_of(item, "Outcome", DrainOutcome)) if done else None,
        by=optional_text(item, "By"),
        ended_at=optional_number(item, "EndedAt"),
    )


def requested(instance_id: str, now: int) -> Drain:
    """A new drain of a worker. `now` is in seconds since 1970."""
    return Drain(instance_id, DrainState.REQUESTED, now, now + DRAIN_SECONDS)


def request(wanted: Drain) -> Update:
    """Write it; refused where there is one, which keeps its deadline."""
    return update(wanted.item_id, wanted.fields(), ABSENT)


def done(seen: Drain, outcome: DrainOutcome, by: str, now: int) -> Update:
    """The agent on the instance `by` says how it ended; refused once anybody has said so, or once it is deleted."""
    changes: dict[str, Value] = {
        "State": DrainState.DONE.value,
        "Outcome": outcome.value,
        "By": by,
        "EndedAt": now,
    }
    expected: dict[str, Value] = {"State": DrainState.REQUESTED.value, "RequestedAt": seen.requested_at}
    return update(seen.item_id, changes, expected)

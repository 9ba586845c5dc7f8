"""`replacement#<id>` items: somebody asks that the instance of a slot be replaced, and the function's answer to him.

Whoever may write these items needs no right on Auto Scaling: the function ends the instance, and only in a cluster that
is whole. Each request has an item of its own, so that each gets an answer of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import one_of, optional_number, optional_text, text
from coordination.names import REPLACEMENT_ITEM_PREFIX, TABLE_KEY, ReplacementField, ReplacementState, replacement_item
from coordination.outcomes import Item
from coordination.writes import Update, Value, as_item, update

KEPT_SECONDS = 3600
"""So long an answer stays for whoever asked; the function deletes it then. Most are deleted before, by who has read
them."""


@dataclass(frozen=True)
class Replacement:
    """One request. Times are in seconds since 1970."""

    request_id: str
    slot: str
    state: ReplacementState
    instance_id: str = ""
    """The instance that is ended; empty before the request is accepted."""
    accepted_at: int | None = None
    successor: str = ""
    """The instance that serves in its place."""
    result: str = ""
    """REPLACED, or one line that says why nothing was replaced; empty before the answer."""
    ended_at: int | None = None
    """When it was answered."""

    @property
    def item_id(self) -> str:
        """The item's key."""
        return replacement_item(self.request_id)

    def item(self) -> Item:
        """The item that stores it."""
        fields: dict[str, Value] = {
            ReplacementField.SLOT.value: self.slot,
            ReplacementField.STATE.value: self.state.value,
            ReplacementField.INSTANCE_ID.value: self.instance_id or None,
            "AcceptedAt": self.accepted_at,
            ReplacementField.SUCCESSOR.value: self.successor or None,
            ReplacementField.RESULT.value: self.result or None,
            "EndedAt": self.ended_at,
        }
        return as_item(self.item_id, fields)


def replacement(item: Item) -> Replacement:
    """The request that `item` holds. Raises Malformed, for a state of a later release, too."""
    state = ReplacementState(one_of(item, ReplacementField.STATE, ReplacementState))
    accepted = state is ReplacementState.ACCEPTED
    answered = state in (ReplacementState.REPLACED, ReplacementState.REFUSED)
    return Replacement(
        request_id=text(item, TABLE_KEY).removeprefix(REPLACEMENT_ITEM_PREFIX),
        slot=text(item, ReplacementField.SLOT),
        state=state,
        instance_id=(text if accepted else optional_text)(item, ReplacementField.INSTANCE_ID),
        accepted_at=optional_number(item, "AcceptedAt"),
        successor=optional_text(item, ReplacementField.SUCCESSOR),
        result=(text if answered else optional_text)(item, ReplacementField.RESULT),
        ended_at=optional_number(item, "EndedAt"),
    )


def accepted(seen: Replacement, instance_id: str, now: int) -> Update:
    """The instance is about to be ended. Refused where somebody has withdrawn the request, or another pass was quicker.

    A second time it is the same write, where the instance could not be ended.
    """
    since = now if seen.accepted_at is None else seen.accepted_at
    changes: dict[str, Value] = {
        ReplacementField.STATE.value: ReplacementState.ACCEPTED.value,
        ReplacementField.INSTANCE_ID.value: instance_id,
        "AcceptedAt": since,
    }
    return update(seen.item_id, changes, _as_read(seen))


def answered(seen: Replacement, state: ReplacementState, result: str, successor: str, now: int) -> Update:
    """What became of it."""
    changes: dict[str, Value] = {
        ReplacementField.STATE.value: state.value,
        ReplacementField.RESULT.value: result,
        ReplacementField.SUCCESSOR.value: successor or None,
        "EndedAt": now,
    }
    return update(seen.item_id, changes, _as_read(seen))


def _as_read(seen: Replacement) -> dict[str, Value]:
    return {
        ReplacementField.STATE.value: seen.state.value,
        ReplacementField.SLOT.value: seen.slot,
        ReplacementField.INSTANCE_ID.value: seen.instance_id or None,
    }

"""Every order of a few calls, tried one by one: what a verdict on a small history is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tests.storm.history import Call, Operation, Outcome


def has_order(calls: Sequence[Call]) -> bool:
    """Whether the calls of one key have an order in which each finds what it found.

    A call comes after all that had their answer before it was sent. One whose reply was lost may be in any place after
    those, or in none; one that failed is in none.
    """
    acknowledged = frozenset(number for number, call in enumerate(calls) if call.outcome is Outcome.OK)
    possible = frozenset(number for number, call in enumerate(calls) if call.outcome is not Outcome.FAILED)

    @cache
    def search(holds: str | None, left: frozenset[int]) -> bool:
        if not left & acknowledged:
            return True
        earliest = min(calls[number].returned_ns or 0 for number in left & acknowledged)
        for number in left:
            call = calls[number]
            if call.called_ns <= earliest and _agrees(call, holds):
                after = call.value if _writes(call, holds) else holds
                if search(after, left - {number}):
                    return True
        return False

    return search(None, possible)


def _agrees(call: Call, holds: str | None) -> bool:
    if call.outcome is Outcome.MAYBE or call.operation is Operation.WRITE:
        return True
    return call.found == holds and call.swapped in (None, holds == call.expected)


def _writes(call: Call, holds: str | None) -> bool:
    swaps = call.operation is Operation.COMPARE_AND_SWAP and holds == call.expected
    return swaps or call.operation is Operation.WRITE

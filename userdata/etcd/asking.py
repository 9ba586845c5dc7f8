"""Asks several at the same time, so that those who are silent cost one time-out, or none where others say enough."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Given = TypeVar("Given")
Value = TypeVar("Value")


def side_by_side(ask: Callable[[Given], Value], given: Collection[Given]) -> list[Value]:
    """What each says, in the order given."""
    return until(ask, given, lambda _: False)


def until(ask: Callable[[Given], Value], given: Collection[Given], is_enough: Callable[[Value], bool]) -> list[Value]:
    """What was said by the time that one answer is enough, or that all have answered; in the order given.

    Those who are still asked then go on in threads of their own until they have their time-out.
    """
    if not given:
        return []
    pool = ThreadPoolExecutor(len(given))
    try:
        asked = [pool.submit(ask, each) for each in given]
        for answered in as_completed(asked):
            if is_enough(answered.result()):
                break
        return [each.result() for each in asked if each.done()]
    finally:
        pool.shutdown(wait=False)

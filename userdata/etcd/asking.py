"""Asks several at the same time, so that those who are silent cost one time-out, or none where others say enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from queue import SimpleQueue
from typing import TypeVar

Given = TypeVar("Given")
Value = TypeVar("Value")


def side_by_side(ask: Callable[[Given], Value], given: Collection[Given]) -> list[Value]:
    """What each says, in the order given."""
    return until(ask, given, lambda _: False)


def until(ask: Callable[[Given], Value], given: Collection[Given], is_enough: Callable[[Value], bool]) -> list[Value]:
    """What was said by the time that one answer is enough, or that all have answered; in the order given.

    Those who are still asked then go on in threads of their own, which hold up nobody's end. What `ask` raises is
    raised here, unless another one had said enough before.
    """
    answers: SimpleQueue[tuple[int, Value | Exception]] = SimpleQueue()

    def one(number: int, each: Given) -> None:
        try:
            answers.put((number, ask(each)))
        except Exception as error:
            answers.put((number, error))

    for number, each in enumerate(given):
        threading.Thread(target=one, args=(number, each), name=f"asking {number}", daemon=True).start()
    said: dict[int, Value] = {}
    while len(said) < len(given):
        number, answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        said[number] = answer
        if is_enough(answer):
            break
    return [said[number] for number in sorted(said)]

"""Looks at what goes on elsewhere end when it is over, when it is late, and when the local AWS stops."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rehearsal.aws.polling import last_look


def counter(at_look: Callable[[int], object] = lambda _: None) -> Callable[[], int]:
    """A look that finds how often there was one."""
    looks = [0]

    def look() -> int:
        looks[0] += 1
        at_look(looks[0])
        return looks[0]

    return look


def test_it_looks_until_it_is_over() -> None:
    assert last_look(threading.Event(), counter(), lambda found: found == 3) == 3


def test_what_is_there_when_it_is_late_is_found() -> None:
    late = iter([False, True])
    assert last_look(threading.Event(), counter(), lambda _: False, lambda: next(late)) == 2


def test_a_stop_ends_it() -> None:
    stopping = threading.Event()
    look = counter(lambda number: stopping.set() if number == 2 else None)
    assert last_look(stopping, look, lambda _: False) == 2

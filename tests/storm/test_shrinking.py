"""Shrinking: what is left still shows it, and nothing of it can be left out."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.storm.shrinking import NotRepeated, Shrunk, shrink


@given(st.integers(1, 8).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1)))))
def test_what_is_needed_is_left_and_nothing_else(drawn: tuple[int, set[int]]) -> None:
    size, needed = drawn
    found = shrink(range(size), lambda some: needed <= set(some), most_runs=1000)
    assert isinstance(found, Shrunk)
    assert found.complete
    assert set(found.parts) == needed
    assert list(found.parts) == sorted(needed)


def test_what_does_not_show_again_is_not_shrunk() -> None:
    assert shrink([1, 2, 3], lambda some: False, tries=3) == NotRepeated(3)


def test_what_shows_at_times_only_is_tried_more_than_once() -> None:
    runs: list[Sequence[int]] = []

    def shows(some: Sequence[int]) -> bool:
        runs.append(some)
        return 2 in some and len(runs) % 2 == 0

    found = shrink([1, 2, 3], shows, tries=2)
    assert isinstance(found, Shrunk)
    assert found.parts == (2,)


def test_it_says_where_the_runs_were_used_up() -> None:
    found = shrink(range(8), lambda some: 3 in some and 5 in some, tries=1, most_runs=4)
    assert isinstance(found, Shrunk)
    assert not found.complete
    assert found.runs == 4
    assert {3, 5} <= set(found.parts)

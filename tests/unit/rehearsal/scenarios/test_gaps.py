"""The largest gap between acknowledged writes is found, whatever the writer did."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rehearsal.scenarios.gaps import Gap, gaps, largest

# Eighths, so that sums are exact.
MOMENTS = st.integers(0, 800).map(lambda eighths: eighths / 8)


@given(st.lists(MOMENTS))
def test_gaps_lie_one_after_the_other_from_begin_to_end_and_nothing_was_acknowledged_in_one(
    moments: list[float],
) -> None:
    found = list(gaps(moments, 0.0, 100.0))
    assert (found[0].start, found[-1].end) == (0.0, 100.0)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert not [gap for gap in found for moment in moments if gap.start < moment < gap.end]
    assert len(found) == len(moments) + 1


@given(st.lists(MOMENTS), MOMENTS, MOMENTS)
def test_the_largest_gap_of_a_window_is_no_smaller_than_any_silence_in_it(
    moments: list[float], one: float, other: float
) -> None:
    start, end = min(one, other), max(one, other)
    found = largest(list(gaps(moments, 0.0, 100.0)), start, end)
    inside = sorted({start, end, *(moment for moment in moments if start <= moment <= end)})
    silences = [after - before for before, after in pairwise(inside)]
    if start == end:
        assert found is None or found.start < start < found.end
    else:
        assert found is not None
        assert found.seconds >= max(silences)
        assert found.start < end
        assert found.end > start


def test_a_gap_is_named_whole_though_only_its_end_lies_in_the_window() -> None:
    found = list(gaps([1.0, 2.0, 7.0, 8.0], 0.0, 9.0))
    assert largest(found, 6.5, 9.0) == Gap(2.0, 7.0)
    assert largest(found, 7.0, 9.0) == Gap(7.0, 8.0)
    assert largest([], 0.0, 9.0) is None


def test_what_was_acknowledged_before_the_writer_began_or_after_its_end_does_not_count() -> None:
    assert list(gaps([1.0, 5.0, 9.0], 2.0, 8.0)) == [Gap(2.0, 5.0), Gap(5.0, 8.0)]

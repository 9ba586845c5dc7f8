"""A lease is judged by watching it, on the observer's own clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coordination.lease_watch import LeaseWatch, observe

LEASE = 60.0
SEEN = (1, "i-1", 4)


def test_one_look_says_nothing() -> None:
    assert not observe(None, SEEN, 100.0, 100.5).is_still(LEASE)


def test_an_owner_that_did_not_renew_for_a_whole_lease_stands_still() -> None:
    watch = observe(observe(None, SEEN, 100.0, 100.5), SEEN, 160.5, 161.0)
    assert watch.is_still(LEASE)


def test_the_time_that_a_read_takes_does_not_count() -> None:
    watch = observe(observe(None, SEEN, 100.0, 100.5), SEEN, 160.4, 190.0)
    assert not watch.is_still(LEASE)


def test_a_renewal_starts_the_watch_again() -> None:
    watch = observe(observe(None, SEEN, 0.0, 0.0), (1, "i-1", 5), 100.0, 100.0)
    assert watch == LeaseWatch((1, "i-1", 5), 100.0, 100.0)
    assert not watch.is_still(LEASE)


READS = st.lists(st.tuples(st.floats(0, 80), st.floats(0, 30), st.floats(0, 1)), min_size=1, max_size=8)


@given(reads=READS, renewals=st.lists(st.floats(0, 300), max_size=4))
def test_no_renewal_falls_into_what_was_watched(reads: list[tuple[float, float, float]], renewals: list[float]) -> None:
    """Each read follows the one before after a pause, lasts a while, and finds what is stored somewhere within it."""
    now, watch = 0.0, None
    for pause, lasts, part in reads:
        began, ended = now + pause, now + pause + lasts
        stored_at = began + part * (ended - began)
        counter = sum(renewal <= stored_at for renewal in renewals)
        watch = observe(watch, (1, "i-1", counter), began, ended)
        now = ended
    assert watch is not None
    assert not [renewal for renewal in renewals if watch.since < renewal <= watch.until]

"""When `lease#function` may be taken."""

from __future__ import annotations

import pytest

from coordination.fields import Malformed
from coordination.function_lease import FunctionLease, function_lease, is_free, taken

NOW = 1_000_000
TIMEOUT = 60


@pytest.mark.parametrize(
    ("age_seconds", "free"),
    [(0, False), (60, False), (120, False), (121, True), (-30, False), (-121, True)],
    ids=[
        "just taken",
        "at the time-out of its call",
        "at twice the time-out",
        "older than twice the time-out",
        "by a clock that is a little ahead",
        "by a clock that is wrong",
    ],
)
def test_a_held_lease_is_judged_by_its_age(age_seconds: int, free: bool) -> None:
    assert is_free(FunctionLease("a", NOW - age_seconds, 4), NOW, TIMEOUT) is free


def test_a_released_lease_is_free_and_keeps_its_fence() -> None:
    released = function_lease({"Id": "lease#function", "Fence": 4})
    assert is_free(released, NOW, TIMEOUT)
    assert taken(released, "b", NOW) == FunctionLease("b", NOW, 5)


def test_the_first_fence_is_one() -> None:
    assert taken(None, "a", NOW).fence == 1


def test_a_lease_comes_back_as_it_was_stored() -> None:
    lease = FunctionLease("a", NOW, 4)
    assert function_lease(lease.item()) == lease


def test_a_held_lease_without_a_start_is_not_taken_for_a_free_one() -> None:
    with pytest.raises(Malformed, match="StartedAt is missing"):
        function_lease({"Id": "lease#function", "Fence": 4, "Owner": "a"})

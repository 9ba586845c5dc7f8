"""When an instance is gone for good."""

from __future__ import annotations

import pytest

from coordination.termination import is_gone

NOW = 1_800_000_000
OLD = NOW - 2 * 3600 - 1


def test_a_terminated_instance_is_gone_however_young() -> None:
    assert is_gone("terminated", None, None, NOW)


@pytest.mark.parametrize("state", ["pending", "running", "stopping", "stopped", "shutting-down"])
def test_an_instance_in_any_other_state_may_come_back_with_its_data(state: str) -> None:
    assert not is_gone(state, OLD, NOW - 3600, NOW)


@pytest.mark.parametrize(
    ("known_since", "not_found_since", "gone"),
    [
        (OLD, NOW - 60, True),
        (OLD, NOW - 59, False),
        (OLD, None, False),
        (NOW - 2 * 3600, NOW - 60, False),
        (None, NOW - 60, False),
    ],
    ids=["twice, and old", "twice within a minute", "once", "young", "of unknown age"],
)
def test_an_instance_that_ec2_does_not_know(known_since: int | None, not_found_since: int | None, gone: bool) -> None:
    assert is_gone(None, known_since, not_found_since, NOW) is gone

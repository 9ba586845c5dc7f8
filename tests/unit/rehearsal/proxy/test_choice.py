"""Which targets get a new connection, and which lose theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.proxy.choice import candidates, to_reset
from rehearsal.machines.proxy.plan import Check, Group, Target

CHECK = Check("TCP", "/", None, 10.0, 6.0, 2, 2, (), 6443)
TARGETS = (
    Target("one", 1, "10.0.0.1", "a"),
    Target("two", 1, "10.0.1.2", "b"),
    Target("three", 1, "10.0.1.3", "b"),
)
GROUP = Group("group", cross_zone=True, check=CHECK, cut_unhealthy=True, cut_drained=True, targets=TARGETS)


def chosen(group: Group, zone: str, *states: str) -> list[str]:
    found = dict(zip((target.key for target in TARGETS), states, strict=True))
    return [target.target_id for target in candidates(group, zone, lambda target: found[target.key])]


def reset(group: Group, *states: str) -> list[str]:
    found = dict(zip((target.key for target in TARGETS), states, strict=True))
    return [target.target_id for target in to_reset(group, lambda target: found[target.key])]


@pytest.mark.parametrize(
    ("states", "cross_zone", "zone", "expected"),
    [
        (("healthy", "healthy", "healthy"), True, "a", ["one", "two", "three"]),
        (("healthy", "healthy", "healthy"), False, "a", ["one"]),
        (("healthy", "healthy", "unhealthy"), False, "b", ["two"]),
        (("healthy", "initial", "unhealthy"), True, "b", ["one"]),
        (("unhealthy", "initial", "unhealthy"), True, "b", ["one", "two", "three"]),
        (("healthy", "unhealthy", "unhealthy"), False, "b", ["two", "three"]),
        (("healthy", "healthy", "healthy"), False, "c", []),
    ],
)
def test_healthy_targets_in_reach_are_chosen_and_all_of_them_when_none_is(
    states: tuple[str, ...], cross_zone: bool, zone: str, expected: list[str]
) -> None:
    assert chosen(replace(GROUP, cross_zone=cross_zone), zone, *states) == expected


def test_a_target_that_drains_gets_no_connection_even_when_it_is_the_only_healthy_one() -> None:
    draining = replace(GROUP, targets=(replace(TARGETS[0], draining=True), *TARGETS[1:]))
    assert chosen(draining, "a", "healthy", "unhealthy", "unhealthy") == ["two", "three"]


def test_unhealthy_targets_lose_their_connections_unless_none_is_healthy_or_the_group_keeps_them() -> None:
    assert reset(GROUP, "healthy", "unhealthy", "initial") == ["two"]
    assert reset(GROUP, "unhealthy", "unhealthy", "initial") == []
    assert reset(replace(GROUP, cut_unhealthy=False), "healthy", "unhealthy", "initial") == []

"""The health of a target after rounds of checks: consensus of the nodes, thresholds, reasons."""

from __future__ import annotations

import pytest

from rehearsal.machines.proxy.health import Health, after, checkers
from rehearsal.machines.proxy.plan import FAILED, MISMATCH, TIMEOUT, Check, Target, Zone

CHECK = Check("HTTPS", "/readyz", None, 10.0, 6.0, 2, 3, ((200, 399),), 6443)
PASSED = {"a": "", "b": ""}
REFUSED = {"a": FAILED, "b": FAILED}


@pytest.mark.parametrize(
    ("rounds", "state", "reason"),
    [
        ([], "initial", "Elb.InitialHealthChecking"),
        ([PASSED], "initial", "Elb.InitialHealthChecking"),
        ([PASSED, PASSED], "healthy", ""),
        ([PASSED, REFUSED, PASSED], "initial", "Elb.InitialHealthChecking"),
        ([REFUSED, REFUSED], "initial", "Elb.InitialHealthChecking"),
        ([REFUSED] * 3, "unhealthy", FAILED),
        ([PASSED] * 2 + [REFUSED] * 2, "healthy", ""),
        ([PASSED] * 2 + [REFUSED] * 2 + [PASSED] + [REFUSED] * 2, "healthy", ""),
        ([PASSED] * 2 + [REFUSED] * 3, "unhealthy", FAILED),
        ([REFUSED] * 3 + [PASSED], "unhealthy", FAILED),
        ([REFUSED] * 3 + [PASSED] * 2, "healthy", ""),
        ([REFUSED] * 3 + [{"a": TIMEOUT, "b": TIMEOUT}], "unhealthy", TIMEOUT),
    ],
)
def test_a_state_changes_after_as_many_checks_in_a_row_as_its_threshold_says(
    rounds: list[dict[str, str]], state: str, reason: str
) -> None:
    health = Health()
    for results in rounds:
        health = after(health, results, CHECK)
    assert (health.state, health.reason) == (state, reason)


@pytest.mark.parametrize(
    ("results", "passed"),
    [
        ({"a": "", "b": FAILED}, True),
        ({"a": "", "b": TIMEOUT, "c": TIMEOUT}, False),
        ({"a": "", "b": "", "c": TIMEOUT}, True),
        ({"a": TIMEOUT}, False),
    ],
)
def test_a_round_is_passed_when_half_of_the_nodes_reach_the_target(results: dict[str, str], passed: bool) -> None:
    health = after(Health(), results, CHECK)
    assert (health.passed, health.failed) == ((1, 0) if passed else (0, 1))
    assert health.seen_by == tuple(zone for zone, reason in results.items() if not reason)


def test_the_reason_is_that_of_most_nodes() -> None:
    health = Health()
    for _ in range(3):
        health = after(health, {"a": TIMEOUT, "b": MISMATCH, "c": TIMEOUT}, CHECK)
    assert health.reason == TIMEOUT


def test_a_target_is_checked_by_the_nodes_that_send_to_it() -> None:
    zones = (Zone("a", "10.0.0.5"), Zone("b", "10.0.1.5"))
    target = Target("i-1", 6443, "10.0.1.7", "b")
    assert checkers(zones, target, cross_zone=True) == zones
    assert checkers(zones, target, cross_zone=False) == zones[1:]

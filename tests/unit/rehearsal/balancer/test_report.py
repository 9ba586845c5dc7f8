"""What DescribeTargetHealth and DNS say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.balancer.registrations import Registration
from rehearsal.machines.balancer.report import report, serving_zones
from rehearsal.machines.balancer.view import Registered, View
from rehearsal.machines.proxy.plan import FAILED, Finding
from tests.unit.rehearsal.balancer.balancing import BALANCER, ONE, TWO, group, view

ELSEWHERE = replace(ONE, zone="c")
APART = replace(BALANCER, cross_zone=False)


def finding(target: Registered, state: str, *seen_by: str, reason: str = "") -> dict[tuple[str, str, int], Finding]:
    found = Finding("group", target.target_id, target.port, state, reason, seen_by)
    return {("group", target.target_id, target.port): found}


@pytest.mark.parametrize(
    ("registration", "seen", "serving", "expected"),
    [
        (Registration("group", ONE), view(ONE), False, ("initial", "Elb.RegistrationInProgress")),
        (Registration("group", TWO), view(ONE, TWO), True, ("initial", "Elb.InitialHealthChecking")),
        (Registration("group", ONE), view(ONE), True, ("unhealthy", FAILED)),
        (Registration("group", ONE, 60.0), view(), True, ("draining", "Target.DeregistrationInProgress")),
        (Registration("group", ONE), View((), (group(ONE),)), True, ("unused", "Target.NotInUse")),
        (Registration("group", replace(ONE, running=False)), view(ONE), True, ("unused", "Target.InvalidState")),
        (Registration("group", ELSEWHERE), view(ELSEWHERE, balancer=APART), True, ("unused", "Target.NotInUse")),
        (Registration("group", ELSEWHERE), view(ELSEWHERE), True, ("unhealthy", FAILED)),
    ],
)
def test_a_target_is_shown_with_the_reason_for_its_state(
    registration: Registration, seen: View, serving: bool, expected: tuple[str, str]
) -> None:
    found = report(registration, seen, finding(ONE, "unhealthy", reason=FAILED), serving=serving)
    assert (found.state, found.reason) == expected
    assert found.description


def test_a_healthy_target_needs_no_reason() -> None:
    found = report(Registration("group", ONE), view(ONE), finding(ONE, "healthy", "a", "b"), serving=True)
    assert (found.state, found.reason, found.description) == ("healthy", "", "")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ({}, set()),
        (finding(ONE, "healthy", "a", "b"), {"a", "b"}),
        (finding(ONE, "healthy", "a"), {"a"}),
        (finding(ONE, "unhealthy", "a", "b"), set()),
        (finding(ONE, "healthy", "a") | finding(TWO, "healthy", "b"), {"a", "b"}),
        (finding(ONE, "healthy", "a") | finding(TWO, "unhealthy", "b"), {"a"}),
    ],
)
def test_a_zone_serves_when_its_node_reaches_a_healthy_target(
    findings: dict[tuple[str, str, int], Finding], expected: set[str]
) -> None:
    assert serving_zones(BALANCER, view(ONE, TWO), findings) == expected

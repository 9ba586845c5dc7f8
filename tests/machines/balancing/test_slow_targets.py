"""A balancer that takes its time before it checks a new target."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from rehearsal.aws.site import Site
from rehearsal.machines.balancer.balancers import REGISTERING_SECONDS
from tests.machines.balancing.harness import BalancerHarness, wait

pytestmark = pytest.mark.slow


def test_a_new_target_is_initial_for_three_minutes_of_the_clock_before_it_is_checked(tmp_path: Path) -> None:
    harness = BalancerHarness(secrets.token_hex(3), tmp_path, Site(slow_targets=True))
    try:
        clock, (first, second) = harness.aws.clock, harness.targets
        for target in harness.targets:
            target.start()
        begun = clock.monotonic()
        harness.register(first, second)
        early: set[tuple[str, str]] = set()

        def healthy() -> bool:
            shown, now = harness.health()[first.instance_id], clock.monotonic()
            if now - begun < REGISTERING_SECONDS:
                early.add(shown)
            return shown[0] == "healthy"

        wait(healthy)
        assert early == {("initial", "Elb.RegistrationInProgress")}
    finally:
        harness.close()

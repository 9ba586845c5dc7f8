"""When a failing status check makes an instance unhealthy, on a clock that only the tests move."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pytest

from rehearsal.aws.autoscaling.health import IMPAIRED_SECONDS, Health
from rehearsal.aws.autoscaling.launching import Start, Started
from rehearsal.aws.autoscaling.model import LAUNCHING_STATES, LEAVING_STATES, Group, Member, State
from rehearsal.aws.clock import Clock

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class StillClock(Clock):
    """A clock that stands still between two steps of a test."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


class Ec2(set[str]):
    """Stands in for EC2: every instance runs, and the status checks of those in the set fail."""

    broken = False

    def states(self, instance_ids: Iterable[str]) -> dict[str, str]:
        return dict.fromkeys(instance_ids, "running")

    def impaired(self, instance_ids: Iterable[str]) -> set[str]:
        if self.broken:
            raise OSError("EC2 cannot be asked")
        return self & set(instance_ids)

    def end_reason(self, instance_id: str) -> str:
        raise NotImplementedError

    def start(self, request: Start) -> Started:
        raise NotImplementedError

    def terminate(self, instance_id: str) -> None:
        raise NotImplementedError

    def adopt(self, instance_id: str, tags: Mapping[str, str]) -> None:
        raise NotImplementedError

    def disown(self, instance_id: str) -> None:
        raise NotImplementedError


class Ward:
    """A group of one instance that went into service when the test begins, and its health checks."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.ec2 = Ec2()
        self.group = Group("g", "arn", 0, 1, 1, {}, {"subnet-a": "zone-a"}, NOW)
        self.member = Member("i-1", "m5.large", "zone-a", "subnet-a", None, State.IN_SERVICE, NOW)
        self.member.in_service_since = self.clock.seconds
        self.group.members["i-1"] = self.member
        self._health = Health(threading.RLock(), self.clock, self.ec2)

    def check(self, after_seconds: float = 0.0) -> bool:
        """Whether the instance is healthy by a check so much later."""
        self.clock.seconds += after_seconds
        self._health.check([self.group])
        return self.member.healthy


@pytest.fixture
def ward() -> Ward:
    return Ward()


@pytest.fixture
def impaired(ward: Ward) -> Ward:
    """The same after the first check that found the instance's status check failing."""
    ward.ec2.add("i-1")
    assert ward.check()
    return ward


def test_an_instance_whose_status_check_fails_long_enough_is_unhealthy(impaired: Ward) -> None:
    assert impaired.check(IMPAIRED_SECONDS - 1)
    assert not impaired.check(1)
    assert impaired.member.health_reason == "in response to an EC2 instance status checks failure"


def test_an_instance_that_answers_in_between_begins_anew(impaired: Ward) -> None:
    impaired.ec2.clear()
    assert impaired.check(IMPAIRED_SECONDS - 1)
    impaired.ec2.add("i-1")
    assert impaired.check(1)
    assert impaired.check(IMPAIRED_SECONDS - 1)
    assert not impaired.check(1)


def test_an_instance_that_was_marked_does_not_recover_by_itself(impaired: Ward) -> None:
    impaired.check(IMPAIRED_SECONDS)
    impaired.ec2.clear()
    assert not impaired.check(1)


@pytest.mark.parametrize("state", sorted(LAUNCHING_STATES | LEAVING_STATES | {State.STANDBY}))
def test_outside_of_service_a_failing_status_check_does_not_count(impaired: Ward, state: State) -> None:
    impaired.member.state = state
    assert impaired.check(IMPAIRED_SECONDS)
    # It counts from when the instance is in service again.
    impaired.member.state = State.IN_SERVICE
    assert impaired.check(1)
    assert not impaired.check(IMPAIRED_SECONDS)


def test_the_grace_period_keeps_an_instance_healthy_and_no_longer(impaired: Ward) -> None:
    impaired.group.settings["HealthCheckGracePeriod"] = 300
    assert impaired.check(299)
    assert not impaired.check(1)


def test_while_health_checks_are_suspended_a_failing_status_check_does_not_count(impaired: Ward) -> None:
    impaired.group.suspended["HealthCheck"] = "by a user"
    assert impaired.check(IMPAIRED_SECONDS)
    del impaired.group.suspended["HealthCheck"]
    assert impaired.check(1)
    assert not impaired.check(IMPAIRED_SECONDS)


def test_an_ec2_that_cannot_be_asked_changes_nothing(impaired: Ward) -> None:
    impaired.ec2.broken = True
    with pytest.raises(OSError, match="cannot be asked"):
        impaired.check(IMPAIRED_SECONDS)
    assert impaired.member.healthy
    impaired.ec2.broken = False
    assert not impaired.check()

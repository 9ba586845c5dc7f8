"""When instances get new credentials, and what times they are shown, on a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from rehearsal.aws.clock import Clock
from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Sessions
from rehearsal.machines.metadata.credentials import LIFETIME_SECONDS, RENEWED_BEFORE_SECONDS, Credentials
from tests.unit.rehearsal.metadata.instance import ROLE, machine

BOTOCORE_KEEPS_SECONDS = 10 * 60
"""How long botocore may keep old credentials: it puts their end off by 25 minutes and asks 15 before that."""


class MovedClock(Clock):
    """A clock that stands still between a test's steps."""

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(speed)
        self._started_at = datetime(2026, 1, 1, tzinfo=UTC)
        self.passed_seconds = 0.0

    def monotonic(self) -> float:
        return self.passed_seconds


class Aws:
    """The two parts of a local AWS that credentials need."""

    def __init__(self, speed: float = 1.0) -> None:
        self.clock = MovedClock(speed)
        self.sessions = Sessions(self.clock)


def credentials(aws: Aws, lifetime_seconds: float = LIFETIME_SECONDS) -> Credentials:
    return Credentials(cast(LocalAws, aws), lifetime_seconds)


def test_they_stay_the_same_until_shortly_before_their_end() -> None:
    aws = Aws()
    given = credentials(aws)
    first = given.of(machine())
    aws.clock.passed_seconds = LIFETIME_SECONDS - RENEWED_BEFORE_SECONDS - 1
    assert given.of(machine()) == first
    aws.clock.passed_seconds += 2
    second = given.of(machine())
    assert second.access_key_id != first.access_key_id
    assert second.expires_at == aws.clock.now() + timedelta(seconds=LIFETIME_SECONDS)
    # The old ones are still good: whoever holds them has time.
    assert first.expires_at > aws.clock.now()


def test_new_ones_come_long_enough_before_for_what_botocore_keeps() -> None:
    assert RENEWED_BEFORE_SECONDS > BOTOCORE_KEEPS_SECONDS


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_that_time_is_counted_on_the_instances_clock(speed: float) -> None:
    aws = Aws(speed)
    given = credentials(aws, LIFETIME_SECONDS * speed)
    first = given.of(machine())
    aws.clock.passed_seconds = (LIFETIME_SECONDS - RENEWED_BEFORE_SECONDS + 1) * speed
    assert given.of(machine()) != first


def test_a_short_life_is_renewed_at_half_time() -> None:
    aws = Aws()
    given = credentials(aws, 10)
    first = given.of(machine())
    aws.clock.passed_seconds = 4.9
    assert given.of(machine()) == first
    aws.clock.passed_seconds = 5.1
    assert given.of(machine()) != first


def test_times_are_shown_as_the_instances_clock_has_them() -> None:
    aws = Aws(speed=60)
    aws.clock.passed_seconds = 3600
    shown = credentials(aws, 7200).shown(machine())
    # An hour of the local AWS was a minute, and the two to come will be two minutes.
    assert shown.issued_at == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    assert shown.expires_at == datetime(2026, 1, 1, 0, 3, tzinfo=UTC)


def test_every_instance_has_its_own_and_a_new_role_brings_new_ones() -> None:
    aws = Aws()
    given = credentials(aws)
    of = [machine(), machine(instance_id="i-2"), machine(role_arn=f"{ROLE}-2")]
    sessions = [given.of(each) for each in of]
    assert len({session.access_key_id for session in sessions}) == 3
    assert [given.of(each) for each in of] == sessions


def test_the_session_says_which_instance_holds_it() -> None:
    session = credentials(Aws()).of(machine())
    assert (session.identity_arn, session.name) == (ROLE, "i-0123456789abcdef0")
    assert session.instance_arn == "arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0"
    assert (session.vpc_id, session.private_ip) == ("vpc-1", "10.0.0.10")


def test_in_other_partitions_its_arn_is_theirs() -> None:
    session = credentials(Aws()).of(machine(region="us-gov-west-1"))
    assert session.instance_arn is not None
    assert session.instance_arn.startswith("arn:aws-us-gov:ec2:us-gov-west-1:")


def test_an_instance_without_a_role_has_none() -> None:
    with pytest.raises(ValueError, match="i-0123456789abcdef0 has no role"):
        credentials(Aws()).of(machine(role_arn=None))

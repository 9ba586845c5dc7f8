"""What a rolling update does in which order, against published logs of real ones (docs/rehearsal.md names them)."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.rolling import Roll, RollingPolicy, Sizes, refusal, rolling_policy


def roll(obsolete: int, batch: int, largest: int, in_service: int, desired: int, **policy: Any) -> Roll:
    names = tuple(f"i-{number}" for number in range(obsolete))
    return Roll(RollingPolicy(batch, in_service, **policy), Sizes(0, largest, desired), names)


@pytest.mark.parametrize(
    ("log", "given", "batch", "raised"),
    [
        ("etcd on AWS: three of three, one at a time", roll(3, 1, 5, 3, 3), 1, 4),
        ("guardian: basic", roll(5, 10, 10, 5, 5), 5, 10),
        ("guardian: partially scaled", roll(6, 9, 9, 3, 6), 6, 9),
        ("guardian: partially scaled, second version", roll(6, 9, 9, 6, 6), 3, 9),
        ("guardian: fully scaled", roll(9, 9, 9, 3, 9), 6, 9),
        ("guardian: fully scaled, second version", roll(9, 9, 9, 8, 9), 1, 9),
        ("CFN workshop: two, one stays", roll(2, 1, 5, 1, 2), 1, 2),
        ("a slot, the newcomer first", roll(1, 1, 2, 1, 1), 1, 2),
        ("a slot, the old one first", roll(1, 1, 2, 0, 1), 1, 1),
        ("a slot, back from a newcomer that never came", roll(1, 1, 2, 1, 2), 1, 2),
    ],
)
def test_how_many_go_at_a_time_and_how_large_the_group_is_meanwhile(
    log: str, given: Roll, batch: int, raised: int
) -> None:
    assert (given.batch, given.raised) == (batch, raised), log


@pytest.mark.parametrize(
    ("case", "given", "instances", "replaced"),
    [
        ("the last of a group that was raised by one", roll(3, 1, 5, 3, 3), 4, 0),
        ("the last of a group that was not raised", roll(2, 1, 5, 1, 2), 2, 1),
        ("the last of one in which a second one has come", roll(1, 1, 2, 1, 1), 2, 0),
        ("the last of one in which nobody has come", roll(1, 1, 2, 1, 1), 1, 1),
        ("back from a newcomer: as many as there were", roll(1, 1, 2, 1, 2), 2, 1),
    ],
)
def test_how_many_come_for_the_last_batch(case: str, given: Roll, instances: int, replaced: int) -> None:
    last = given.batches[-1]
    assert given.replaced(last, last=True, instances=instances) == replaced, case
    assert given.replaced(last, last=False, instances=instances) == len(last), case


def test_the_progress_is_rounded() -> None:
    assert [roll(9, 1, 10, 8, 9).progress(gone) for gone in (1, 3, 6, 9)] == [11, 33, 67, 100]


@pytest.mark.parametrize(
    ("percent", "of", "successes", "failures", "told", "problem"),
    [
        (100, 2, 1, 0, 0, ""),
        (100, 2, 0, 1, 0, "Received 0 SUCCESS signal(s) out of 2.  Unable to satisfy 100% "),
        (100, 1, 0, 1, 1, "Received 1 FAILURE signal(s) out of 1.  Unable to satisfy 100% "),
        # "If you update five instances with a minimum successful percentage of 50, three must signal success."
        (50, 5, 0, 2, 0, ""),
        (50, 5, 2, 3, 3, "Received 3 FAILURE signal(s) out of 5.  Unable to satisfy 50% "),
        (0, 3, 0, 3, 0, ""),
    ],
)
def test_a_roll_fails_as_soon_as_too_many_have(
    percent: int, of: int, successes: int, failures: int, told: int, problem: str
) -> None:
    given = roll(of, 1, 10, 0, of, successful_percent=percent)
    said = given.problem(successes, failures, told)
    assert said == (f"{problem}MinSuccessfulInstancesPercent requirement" if problem else "")


def test_the_lines_are_cloudformations_own() -> None:
    given = roll(2, 1, 5, 1, 2, pause="PT5M", waits=True)
    assert given.begins == (
        "Rolling update initiated. Terminating 2 obsolete instance(s) in batches of 1, while keeping at least 1 "
        "instance(s) in service. Waiting on resource signals with a timeout of PT5M when new instances are added to "
        "the autoscaling group."
    )
    assert given.added(1) == (
        "New instance(s) added to autoscaling group - Waiting on 1 resource signal(s) with a timeout of PT5M."
    )
    assert "in service" not in roll(1, 1, 2, 0, 1).begins
    assert roll(1, 1, 2, 0, 1, pause="PT30S").added(1).endswith("- Pausing for PT30S.")


def test_a_policy_has_the_documented_defaults() -> None:
    assert rolling_policy({}, 1) == RollingPolicy(1, 0, 100, 100, "", waits=False)
    assert rolling_policy({"WaitOnResourceSignals": "true"}, 1).pause_seconds == 300
    given = {"MaxBatchSize": "3", "MinInstancesInService": "2", "SuspendProcesses": ["AZRebalance"]}
    assert rolling_policy(given, 3) == RollingPolicy(3, 2, suspended=("AZRebalance",))


@pytest.mark.parametrize(
    ("percent", "desired", "active"), [(100, 2, 2), (100, 1, 1), (90, 10, 9), (90, 3, 3), (0, 5, 0), (90, 0, 0)]
)
def test_at_the_end_a_share_of_what_the_group_wants_then_is_in_service(percent: int, desired: int, active: int) -> None:
    assert RollingPolicy(active_percent=percent).active(desired) == active


@pytest.mark.parametrize(
    ("given", "largest", "text"),
    [
        ({"MaxBatchSize": 0}, 2, "Invalid MaxBatchSize 0; allowed: 1 to 100"),
        ({"MaxBatchSize": 101}, 2, "Invalid MaxBatchSize 101; allowed: 1 to 100"),
        ({"MinActiveInstancesPercent": "101"}, 2, "Invalid MinActiveInstancesPercent 101; allowed: 0 to 100"),
        ({"MinInstancesInService": "one"}, 2, "Invalid MinInstancesInService one; allowed: at least 0"),
        ({"MinInstancesInService": 2}, 2, "MinInstancesInService must be less than the autoscaling group's MaxSize"),
        ({"PauseTime": "PT1H1S"}, 2, "Invalid PauseTime PT1H1S; allowed: at most PT1H"),
        ({"PauseTime": "1h"}, 2, "Invalid Timeout 1h; allowed: PT#H#M#S"),
        ({"BatchSize": 1}, 2, "Encountered unsupported property BatchSize in AutoScalingRollingUpdate"),
    ],
)
def test_a_policy_that_cannot_be_carried_out_is_refused(given: dict[str, Any], largest: int, text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        rolling_policy(given, largest)
    assert refused.value.message == text


def test_a_group_that_may_not_launch_or_terminate_is_not_rolled() -> None:
    assert refusal(["AZRebalance"]) == ""
    assert "because the [Terminate] process(es) have been suspended" in refusal(["Terminate", "AZRebalance"])
    assert "because the [Launch, Terminate] process(es)" in refusal(["Terminate", "Launch"])

"""What a bad day of AWS does to the requests of roles, and a full zone to launches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from rehearsal.aws.disturbance import Disturbance
from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.ec2.crowding import Crowding
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.iam_actors import Actor, act, allow, error

SPEED = 60.0
CALLS = 90


@pytest.fixture(scope="module")
def disturbance(aws: LocalAws) -> Disturbance:
    return Disturbance(aws)


@pytest.fixture
def disturbed(disturbance: Disturbance) -> Iterator[Disturbance]:
    disturbance.disturb(0.5, seed=7)
    yield disturbance
    disturbance.disturb(0, seed=0)


@pytest.fixture(scope="module")
def role(aws: LocalAws) -> Actor:
    return act(aws, allow(["ssm:*", "dynamodb:*", "ec2:*", "autoscaling:*", "lambda:*"]))


def outcome(call: Callable[..., Any], **parameters: Any) -> str:
    """`done`, `lost`, or the code of the error."""
    try:
        call(**parameters)
    except ConnectionClosedError:
        return "lost"
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


@pytest.mark.parametrize(
    ("service", "call", "throttled", "failed"),
    [
        ("dynamodb", "list_tables", "ThrottlingException", "InternalFailure"),
        ("autoscaling", "describe_auto_scaling_groups", "Throttling", "InternalFailure"),
        ("ec2", "describe_vpcs", "RequestLimitExceeded", "InternalFailure"),
        ("lambda", "list_functions", "ThrottlingException", "InternalFailure"),
    ],
)
def test_a_third_each_of_the_share_is_throttled_fails_and_loses_its_answer(
    disturbed: Disturbance, role: Actor, service: str, call: str, throttled: str, failed: str
) -> None:
    client = role.client(service)
    found = Counter(outcome(getattr(client, call)) for _ in range(CALLS))
    assert set(found) == {"done", throttled, failed, "lost"}
    # Half of them in all; far from the bounds of a drawn number.
    assert CALLS // 4 < found["done"] < 3 * CALLS // 4
    assert any(line.split(" of ")[1].startswith(f"{service}: carried out, and") for line in disturbed.report())


def test_what_lost_its_answer_was_carried_out_and_what_was_refused_was_not(disturbed: Disturbance, role: Actor) -> None:
    ssm = role.client("ssm")
    told = {}
    for number in range(CALLS):
        told[f"/n/{number}"] = outcome(ssm.put_parameter, Name=f"/n/{number}", Value="x", Type="String")
    disturbed.disturb(0, seed=0)
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/n")
    there = {each["Name"] for page in pages for each in page["Parameters"]}
    assert there == {name for name, what in told.items() if what in ("done", "lost")}
    assert "lost" in told.values()


def test_operators_are_left_alone(aws: LocalAws, disturbed: Disturbance) -> None:
    assert {outcome(aws.client("ec2").describe_vpcs) for _ in range(CALLS)} == {"done"}


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_is_a_part_of_all(disturbance: Disturbance, share: float) -> None:
    with pytest.raises(ValueError, match=f"{share} of all requests; allowed: from 0 to less than 1"):
        disturbance.disturb(share, seed=0)


def test_in_a_full_zone_an_instance_starts_once_another_has_left(
    aws: LocalAws, network: LaunchNetwork, role: Actor
) -> None:
    crowding, ec2 = Crowding(aws), aws.client("ec2")
    (subnet,) = ec2.describe_subnets(SubnetIds=network.subnets[:1])["Subnets"]
    start = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet["SubnetId"]}
    first = ec2.run_instances(**start)["Instances"][0]["InstanceId"]
    crowding.crowd_zone(subnet["AvailabilityZone"])
    code, text = error(ec2.run_instances, **start)
    assert code == "InsufficientInstanceCapacity"
    assert f"the Availability Zone you requested ({subnet['AvailabilityZone']})" in text
    # Whoever looks into requests before their signatures are checked leaves them as they are.
    assert outcome(role.client("ec2").describe_instances) == "done"
    ec2.terminate_instances(InstanceIds=[first])
    ec2.run_instances(**start)
    assert outcome(ec2.run_instances, **start) == "InsufficientInstanceCapacity"
    crowding.free_zone(subnet["AvailabilityZone"])
    assert outcome(ec2.run_instances, **start) == "done"


def test_in_a_closed_zone_none_starts_though_others_leave(aws: LocalAws, network: LaunchNetwork) -> None:
    crowding, ec2 = Crowding(aws), aws.client("ec2")
    (subnet,) = ec2.describe_subnets(SubnetIds=network.subnets[:1])["Subnets"]
    start = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet["SubnetId"]}
    first = ec2.run_instances(**start)["Instances"][0]["InstanceId"]
    crowding.close_zone(subnet["AvailabilityZone"])
    ec2.terminate_instances(InstanceIds=[first])
    assert outcome(ec2.run_instances, **start) == "InsufficientInstanceCapacity"
    crowding.free_zone(subnet["AvailabilityZone"])
    assert outcome(ec2.run_instances, **start) == "done"

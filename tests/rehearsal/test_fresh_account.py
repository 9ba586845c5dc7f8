"""An account that never had an Auto Scaling group, on a clock that runs a minute a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import ProviderError, provider_for
from rehearsal.aws.cloudformation.providers import autoscaling
from rehearsal.aws.server import LocalAws
from rehearsal.aws.site import Site
from tests.rehearsal.compute import LaunchNetwork, context, make_network
from tests.rehearsal.scaling import delete_all, make
from tests.waiting import wait_for

ROLE = "AWSServiceRoleForAutoScaling"
REFUSED = (
    "Access denied when attempting to assume role arn:aws:iam::123456789012:role/aws-service-role/"
    f"autoscaling.amazonaws.com/{ROLE}."
)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    running = LocalAws(speed=60, site=Site(fresh_account=True)).start()
    yield running
    delete_all(running)
    running.stop()


@pytest.fixture
def network(aws: LocalAws) -> LaunchNetwork:
    return make_network(aws)


def test_the_first_group_makes_the_role_and_the_first_launch_cannot_use_it_yet(
    aws: LocalAws, network: LaunchNetwork
) -> None:
    iam = aws.client("iam")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName=ROLE)
    empty = make(aws, network, DesiredCapacity=0)
    assert iam.get_role(RoleName=ROLE)["Role"]["RoleName"] == ROLE
    assert empty.activities() == []
    second = make(aws, network)
    second.reach("InService")
    launches = second.activities()
    assert [each["StatusCode"] for each in launches] == ["Successful", "Failed"]
    assert launches[1]["StatusMessage"] == REFUSED
    third = make(aws, network)
    third.reach("InService")
    assert [each["StatusCode"] for each in third.activities()] == ["Successful"]


def test_a_role_that_was_made_by_hand_before_can_be_used_at_once(aws: LocalAws, network: LaunchNetwork) -> None:
    aws.client("iam").create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    group = make(aws, network)
    group.reach("InService")
    assert [each["StatusCode"] for each in group.activities()] == ["Successful"]


def test_cloudformation_fails_a_first_group_that_is_to_launch_at_once(aws: LocalAws, network: LaunchNetwork) -> None:
    arn = aws.client("elbv2").create_target_group(Name="api", Protocol="TCP", Port=6443, VpcId=vpc(aws, network))
    properties = {
        "MinSize": "1",
        "MaxSize": "2",
        "VPCZoneIdentifier": list(network.subnets),
        "LaunchTemplate": {"LaunchTemplateId": network.template, "Version": "1"},
        "TargetGroupARNs": [arn["TargetGroups"][0]["TargetGroupArn"]],
    }
    with pytest.raises(ProviderError) as raised:
        provider_for(autoscaling.AutoScalingGroup.type_name).create(context(aws, "Slot0"), properties)
    validating = "Validating load balancer configuration failed."
    assert str(raised.value) == f"Group did not stabilize. Last scaling activity: {REFUSED} {validating}"
    wait_for(lambda: aws.client("autoscaling").describe_auto_scaling_instances()["AutoScalingInstances"], "the retry")


def vpc(aws: LocalAws, network: LaunchNetwork) -> str:
    return str(aws.client("ec2").describe_subnets(SubnetIds=[network.subnets[0]])["Subnets"][0]["VpcId"])

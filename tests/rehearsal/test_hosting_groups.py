"""Auto Scaling groups whose instances a host runs: what they wait for, and how a launch that fails shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.aws.autoscaling.health import IMPAIRED_SECONDS
from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.ec2.hosting import attach_host
from tests.rehearsal.compute import LaunchNetwork, make_network
from tests.rehearsal.hosts import PaperHost
from tests.rehearsal.scaling import LAUNCH, TERMINATE, ScalingGroup, delete_all, make, state_in_ec2
from tests.rehearsal.test_corrections_ec2 import image
from tests.waiting import wait_for

SPEED = 60


@pytest.fixture(scope="module")
def attached(aws: LocalAws) -> PaperHost:
    host = PaperHost()
    attach_host(aws, host)
    return host


@pytest.fixture
def host(aws: LocalAws, attached: PaperHost) -> Iterator[PaperHost]:
    attached.fails, attached.prompt = False, True
    yield attached
    attached.fails, attached.prompt = False, True
    attached.silent.clear()
    delete_all(aws)


def failed_launches(group: ScalingGroup) -> list[dict[str, Any]]:
    return wait_for(lambda: [each for each in group.activities() if each["StatusCode"] == "Failed"], "a failed launch")


def test_an_instance_goes_into_service_only_when_it_runs(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    host.prompt = False
    group = make(aws, network)
    (instance_id,) = wait_for(lambda: group.instances("Pending:Proceed"), "an instance that boots")
    aws.clock.sleep(20)
    assert group.instances("Pending:Proceed") == [instance_id]
    host.states.changed(instance_id, "running")
    group.reach("InService")


def test_a_launch_that_dies_while_it_boots_says_why_and_is_replaced(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    host.fails = True
    group = make(aws, network, LifecycleHookSpecificationList=[LAUNCH])
    failed = failed_launches(group)
    assert failed[-1]["StatusMessage"] == (
        "Instance became unhealthy while waiting for instance to be in InService state. "
        "Termination Reason: Server.InternalError: Internal error on launch"
    )
    host.fails = False
    group.reach("Pending:Wait")


def test_an_instance_that_is_lost_in_service_is_replaced(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    group = make(aws, network)
    group.reach("InService")
    (first,) = group.instances("InService")
    host.states.changed(first, "terminated")
    wait_for(lambda: group.instances("InService") not in ([], [first]), "a replacement")


def test_an_instance_that_hangs_in_service_is_replaced_and_waits_at_its_hook(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[TERMINATE])
    group.reach("InService")
    (first,) = group.instances("InService")
    host.silent.add(first)
    group.reach("InService", "Terminating:Wait")
    assert group.instances("Terminating:Wait") == [first]
    assert state_in_ec2(aws, first) == "running"
    causes = [each["Cause"] for each in group.activities()]
    assert any(
        each.endswith("was taken out of service in response to an EC2 instance status checks failure.")
        for each in causes
    )
    assert any("in response to an unhealthy instance needing to be replaced" in each for each in causes)


def test_an_instance_that_hangs_at_its_launch_hook_is_left_to_the_hook(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    host.silent.add(first)
    aws.clock.sleep(IMPAIRED_SECONDS + 30)
    assert group.instances("Pending:Wait") == [first]


def test_a_group_lets_a_protected_instance_go_to_its_host(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    group = make(aws, network)
    group.reach("InService")
    (first,) = group.instances("InService")
    group.terminate(first, decrement=True)
    group.reach()
    wait_for(lambda: state_in_ec2(aws, first) == "terminated", "the end of the instance")
    assert ("terminate", first) in host.asked


def test_a_group_is_deleted_only_when_its_instances_are_gone(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    group = make(aws, network)
    group.reach("InService")
    (first,) = group.instances("InService")
    host.prompt = False
    group.scaling.delete_auto_scaling_group(AutoScalingGroupName=group.name, ForceDelete=True)
    wait_for(lambda: ("terminate", first) in host.asked, "the request to the host")
    aws.clock.sleep(20)
    assert group.view()["Status"] == "Delete in progress"
    host.states.changed(first, "terminated")
    wait_for(lambda: group.name not in names(aws), "the end of the group")
    assert host.asked.count(("terminate", first)) == 1


def names(aws: LocalAws) -> set[str]:
    groups = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {group["AutoScalingGroupName"] for group in groups}


def test_an_instance_profile_that_does_not_exist_shows_in_the_activities(aws: LocalAws, host: PaperHost) -> None:
    network = make_network(aws, IamInstanceProfile={"Name": "gone"})
    assert failed_launches(make(aws, network))[0]["StatusMessage"] == (
        "Value (gone) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name. "
        "Launching EC2 instance failed."
    )


@pytest.mark.parametrize("kind", ["unknown", "deregistered"])
def test_an_image_that_is_not_there_shows_in_the_activities(aws: LocalAws, host: PaperHost, kind: str) -> None:
    ec2 = aws.client("ec2")
    image_id = "ami-0123456789abcdef0"
    if kind == "deregistered":
        image_id = image(ec2)
        ec2.deregister_image(ImageId=image_id)
    failed = failed_launches(make(aws, make_network(aws, ImageId=image_id)))
    assert failed[0]["StatusMessage"] == f"The image id '[{image_id}]' does not exist. Launching EC2 instance failed."


def test_a_template_without_user_data_boots_as_on_ec2(aws: LocalAws, host: PaperHost, network: LaunchNetwork) -> None:
    group = make(aws, network)
    group.reach("InService")
    assert host.machines[group.instances("InService")[0]].user_data == b""

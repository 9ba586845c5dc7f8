"""What can be asked of an Auto Scaling group and what is refused, on a clock that runs a minute a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.scaling import LAUNCH, NAMES, RETAIN, TERMINATE, delete_all, make, refused, state_in_ec2
from tests.waiting import wait_for

SPEED = 60


@pytest.fixture(autouse=True)
def clean(aws: LocalAws) -> Iterator[None]:
    yield
    delete_all(aws)


def test_instances_are_targets_only_while_they_are_in_service(aws: LocalAws, network: LaunchNetwork) -> None:
    balancing = aws.client("elbv2")
    vpc = aws.client("ec2").describe_subnets(SubnetIds=[network.subnets[0]])["Subnets"][0]["VpcId"]
    arn = balancing.create_target_group(Name="api", Protocol="TCP", Port=6443, VpcId=vpc)["TargetGroups"][0][
        "TargetGroupArn"
    ]

    def targets() -> list[str]:
        found = balancing.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return [each["Target"]["Id"] for each in found]

    group = make(aws, network, TargetGroupARNs=[arn], LifecycleHookSpecificationList=[LAUNCH, TERMINATE])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    assert targets() == []
    group.complete("launching", first)
    group.reach("InService")
    assert targets() == [first]
    group.terminate(first, decrement=True)
    group.reach("Terminating:Wait")
    assert targets() == []


def test_standby_leaves_the_capacity_and_comes_back_through_the_launch_hook(
    aws: LocalAws, network: LaunchNetwork
) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[LAUNCH])
    group.reach("Pending:Wait")
    (first,) = group.instances("Pending:Wait")
    group.complete("launching", first)
    group.reach("InService")
    request = {"AutoScalingGroupName": group.name, "InstanceIds": [first]}
    group.scaling.enter_standby(ShouldDecrementDesiredCapacity=True, **request)
    group.reach("Standby")
    assert group.view()["DesiredCapacity"] == 0
    group.scaling.exit_standby(**request)
    group.reach("Pending:Wait")
    assert group.view()["DesiredCapacity"] == 1


def test_a_detached_instance_runs_on_and_can_be_attached_again(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network)
    group.reach("InService")
    (first,) = group.instances("InService")
    request = {"AutoScalingGroupName": group.name, "InstanceIds": [first]}
    group.scaling.detach_instances(ShouldDecrementDesiredCapacity=True, **request)
    group.reach()
    assert state_in_ec2(aws, first) == "running"
    group.scaling.attach_instances(**request)
    group.reach("InService")
    assert group.instances("InService") == [first]


def test_a_scale_in_spares_protected_instances(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, DesiredCapacity=2)
    group.reach("InService", "InService")
    protected = group.instances("InService")[0]
    group.scaling.set_instance_protection(
        AutoScalingGroupName=group.name, InstanceIds=[protected], ProtectedFromScaleIn=True
    )
    group.scaling.set_desired_capacity(AutoScalingGroupName=group.name, DesiredCapacity=0)
    group.reach("InService")
    assert group.instances("InService") == [protected]


def test_sizes_and_capacity_are_checked(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, MinSize=1, MaxSize=2)
    name = {"AutoScalingGroupName": group.name}
    above = refused(group.scaling.set_desired_capacity, DesiredCapacity=3, **name)
    assert above == ("ValidationError: New SetDesiredCapacity value 3 is above max value 2 for the AutoScalingGroup.")
    group.reach("InService")
    (first,) = group.instances("InService")
    call = group.scaling.terminate_instance_in_auto_scaling_group
    below = refused(call, InstanceId=first, ShouldDecrementDesiredCapacity=True)
    assert "desiredSize equals minSize (1)" in below
    group.scaling.update_auto_scaling_group(MinSize=2, **name)
    assert group.view()["DesiredCapacity"] == 2
    # So a "1" that was decided on before CloudFormation raised both takes nothing back.
    late = refused(group.scaling.set_desired_capacity, DesiredCapacity=1, HonorCooldown=False, **name)
    assert late == "ValidationError: New SetDesiredCapacity value 1 is below min value 2 for the AutoScalingGroup."
    assert group.view()["DesiredCapacity"] == 2


def test_a_group_with_instances_is_not_deleted_and_a_protected_one_not_by_force(
    aws: LocalAws, network: LaunchNetwork
) -> None:
    group = make(aws, network, DeletionProtection="prevent-force-deletion", LifecycleHookSpecificationList=[TERMINATE])
    group.reach("InService")
    name = {"AutoScalingGroupName": group.name}
    delete = group.scaling.delete_auto_scaling_group
    assert refused(delete, **name).startswith("ResourceInUse: You cannot delete an AutoScalingGroup while there are")
    assert "protected from deletion: prevent-force-deletion" in refused(delete, ForceDelete=True, **name)
    group.scaling.update_auto_scaling_group(DeletionProtection="none", **name)
    # By force nobody waits for a hook.
    delete(ForceDelete=True, **name)
    wait_for(
        lambda: not group.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group.name])["AutoScalingGroups"],
        "the group to be gone",
    )


def test_a_group_that_retains_instances_is_not_deleted_by_force(aws: LocalAws, network: LaunchNetwork) -> None:
    group = make(aws, network, InstanceLifecyclePolicy=RETAIN)
    call = group.scaling.delete_auto_scaling_group
    assert "retains instances" in refused(call, AutoScalingGroupName=group.name, ForceDelete=True)


def test_groups_are_found_by_tags_and_in_pages(aws: LocalAws, network: LaunchNetwork) -> None:
    mark = next(NAMES)
    tag = {"Key": "holdfast:cluster", "Value": mark, "PropagateAtLaunch": True}
    made = {make(aws, network, DesiredCapacity=0, Tags=[tag]).name for _ in range(3)}
    scaling = aws.client("autoscaling")
    filters = [{"Name": "tag:holdfast:cluster", "Values": [mark]}]
    pages = list(scaling.get_paginator("describe_auto_scaling_groups").paginate(Filters=filters, MaxRecords=2))
    assert [len(page["AutoScalingGroups"]) for page in pages] == [2, 1]
    assert {group["AutoScalingGroupName"] for page in pages for group in page["AutoScalingGroups"]} == made
    tags = scaling.describe_tags(Filters=[{"Name": "value", "Values": [mark]}])["Tags"]
    assert {each["ResourceId"] for each in tags} == made


def test_what_is_not_offered_is_refused_by_name(aws: LocalAws, network: LaunchNetwork) -> None:
    scaling = aws.client("autoscaling")
    refusal = refused(scaling.start_instance_refresh, AutoScalingGroupName="any")
    assert "StartInstanceRefresh is not supported by the local AWS" in refusal
    mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": network.template}}}
    with pytest.raises(ClientError, match="MixedInstancesPolicy"):
        make(aws, network, MixedInstancesPolicy=mixed)


def test_a_launch_template_that_does_not_exist_is_refused(aws: LocalAws, network: LaunchNetwork) -> None:
    with pytest.raises(ClientError, match="You must use a valid fully-formed launch template"):
        make(aws, network, LaunchTemplate={"LaunchTemplateId": "lt-00000000000000000"})

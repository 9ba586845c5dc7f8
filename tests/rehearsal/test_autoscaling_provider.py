"""AWS::AutoScaling::AutoScalingGroup: what CloudFormation changes in place, refuses by name, and waits for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from rehearsal.aws.cloudformation.provider import ProviderError, provider_for
from rehearsal.aws.cloudformation.providers import autoscaling
from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork, context
from tests.waiting import BUSY_SECONDS, wait_for

GROUP = autoscaling.AutoScalingGroup.type_name
ROLLING = {"AutoScalingRollingUpdate": {"MinInstancesInService": 1}}
SPARING = {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": "true"}}
TERMINATING = {
    "LifecycleHookName": "terminating",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    "HeartbeatTimeout": "1800",
}


SPEED = 60


def properties(network: LaunchNetwork, **changes: Any) -> dict[str, Any]:
    """A group as a template has it: numbers and booleans are texts."""
    return {
        "MinSize": "0",
        "MaxSize": "2",
        "DesiredCapacity": "1",
        "VPCZoneIdentifier": list(network.subnets),
        "LaunchTemplate": {"LaunchTemplateId": network.template, "Version": "1"},
        "HealthCheckGracePeriod": "0",
        "Tags": [{"Key": "role", "Value": "worker", "PropagateAtLaunch": "true"}],
        **changes,
    }


def describe(aws: LocalAws, name: str) -> dict[str, Any]:
    found = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return found[0] if found else {}


def create(aws: LocalAws, wanted: dict[str, Any]) -> str:
    return provider_for(GROUP).create(context(aws, "Slot0"), wanted).physical_id


def test_a_group_is_made_with_the_stacks_tags_which_propagate(aws: LocalAws, network: LaunchNetwork) -> None:
    made = provider_for(GROUP).create(context(aws, "Slot0"), properties(network))
    group = describe(aws, made.physical_id)
    assert made.physical_id.startswith("test-Slot0-")
    assert made.attributes["AutoScalingGroupARN"] == group["AutoScalingGroupARN"]
    tags = {tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"]) for tag in group["Tags"]}
    assert tags["role"] == ("worker", True)
    assert tags["owner"] == ("tests", True)
    assert tags["aws:cloudformation:stack-name"] == ("test", True)


def test_a_new_launch_template_version_under_an_update_policy_fails_by_name(
    aws: LocalAws, network: LaunchNetwork
) -> None:
    old = properties(network)
    name = create(aws, old)
    new = properties(network, LaunchTemplate={"LaunchTemplateId": network.template, "Version": "2"})
    with pytest.raises(ProviderError, match=r"rolling updates are not rehearsed yet: LaunchTemplate of test-Slot0"):
        provider_for(GROUP).update(context(aws, "Slot0", update_policy=ROLLING), name, old, new)
    assert describe(aws, name)["LaunchTemplate"]["Version"] == "1"


def test_sizes_tags_hooks_and_settings_change_in_place(aws: LocalAws, network: LaunchNetwork) -> None:
    old = properties(network, LifecycleHookSpecificationList=[TERMINATING], DefaultInstanceWarmup="30")
    name = create(aws, old)
    new = properties(
        network,
        MaxSize="3",
        DefaultInstanceWarmup="60",
        LifecycleHookSpecificationList=[{**TERMINATING, "HeartbeatTimeout": "600"}],
        Tags=[{"Key": "pool", "Value": "a", "PropagateAtLaunch": "false"}],
        MetricsCollection=[{"Granularity": "1Minute"}],
    )
    provider_for(GROUP).update(context(aws, "Slot0", update_policy=ROLLING), name, old, new)
    group = describe(aws, name)
    assert (group["MaxSize"], group["DefaultInstanceWarmup"]) == (3, 60)
    assert {tag["Key"] for tag in group["Tags"] if not tag["Key"].startswith("aws:")} == {"pool", "owner"}
    assert len(group["EnabledMetrics"]) == 8
    (hook,) = aws.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    assert hook["HeartbeatTimeout"] == 600


@pytest.mark.parametrize(("policy", "kept"), [(SPARING, 2), ({}, 1)], ids=["spared", "not spared"])
def test_a_size_that_changed_at_run_time_is_set_back_unless_the_policy_spares_it(
    aws: LocalAws, network: LaunchNetwork, policy: dict[str, Any], kept: int
) -> None:
    old = properties(network)
    name = create(aws, old)
    aws.client("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=2)
    new = properties(network, HealthCheckGracePeriod="60")
    provider_for(GROUP).update(context(aws, "Slot0", update_policy=policy), name, old, new)
    assert describe(aws, name)["DesiredCapacity"] == kept


def test_a_setting_that_the_template_drops_goes_back_to_its_default(aws: LocalAws, network: LaunchNetwork) -> None:
    old = properties(network, MaxInstanceLifetime="86400", DeletionProtection="prevent-all-deletion")
    name = create(aws, old)
    provider_for(GROUP).update(context(aws, "Slot0"), name, old, properties(network))
    group = describe(aws, name)
    assert (group["MaxInstanceLifetime"], group["DeletionProtection"]) == (0, "none")


def test_a_delete_lets_the_instances_pass_their_hook_first(aws: LocalAws, network: LaunchNetwork) -> None:
    wanted = properties(
        network, LifecycleHookSpecificationList=[TERMINATING], DeletionProtection="prevent-force-deletion"
    )
    name = create(aws, wanted)
    (first,) = wait_for(lambda: describe(aws, name)["Instances"], "the instance")
    wait_for(lambda: describe(aws, name)["Instances"][0]["LifecycleState"] == "InService", "the instance in service")
    deletion = threading.Thread(target=provider_for(GROUP).delete, args=(context(aws, "Slot0"), name, wanted))
    deletion.start()
    wait_for(lambda: describe(aws, name)["Instances"][0]["LifecycleState"] == "Terminating:Wait", "the hook")
    assert deletion.is_alive()
    aws.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=name,
        LifecycleHookName="terminating",
        InstanceId=first["InstanceId"],
        LifecycleActionResult="CONTINUE",
    )
    deletion.join(timeout=BUSY_SECONDS)
    assert describe(aws, name) == {}
    provider_for(GROUP).delete(context(aws, "Slot0"), name, wanted)


def test_a_delete_whose_instances_are_held_fails_after_an_hour(aws: LocalAws, network: LaunchNetwork) -> None:
    wanted = properties(
        network,
        LifecycleHookSpecificationList=[{**TERMINATING, "DefaultResult": "ABANDON", "HeartbeatTimeout": "30"}],
        InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
    )
    name = create(aws, wanted)
    wait_for(lambda: describe(aws, name)["Instances"], "the instance")
    impatient = context(aws, "Slot0")
    # The hour is not what is tested here.
    autoscaling.EMPTYING_SECONDS, hour = 60.0, autoscaling.EMPTYING_SECONDS
    try:
        with pytest.raises(ProviderError, match="still has instances: their termination was held or retained"):
            provider_for(GROUP).delete(impatient, name, wanted)
    finally:
        autoscaling.EMPTYING_SECONDS = hour
    wait_for(lambda: describe(aws, name)["Instances"][0]["LifecycleState"] == "Terminating:Retained", "the hook's end")

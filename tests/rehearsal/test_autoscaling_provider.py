"""AWS::AutoScaling::AutoScalingGroup: what CloudFormation changes in place, refuses by name, and waits for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from rehearsal.aws.cloudformation.provider import ProviderError, provider_for
from rehearsal.aws.cloudformation.providers import autoscaling
from rehearsal.aws.server import LocalAws
from rehearsal.aws.site import Site
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
LAUNCHING = {
    "LifecycleHookName": "launching",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "HeartbeatTimeout": "7200",
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


class Creation:
    """The creation of a group in a thread of its own. `failure` is what it failed with, when it has ended."""

    def __init__(self, aws: LocalAws, wanted: dict[str, Any]) -> None:
        self.aws = aws
        self.name = ""
        self.failure = ""
        self._surroundings = context(aws, "Slot0", report_initiated=self._initiated)
        self._wanted = wanted
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _initiated(self, name: str) -> None:
        self.name = name

    def _run(self) -> None:
        try:
            provider_for(GROUP).create(self._surroundings, self._wanted)
        except ProviderError as error:
            self.failure = str(error)

    def held(self) -> str:
        """The instance that the launching hook holds."""
        wait_for(lambda: self.name, "the group")
        wait_for(lambda: [each["LifecycleState"] for each in self._instances()] == ["Pending:Wait"], "the hook")
        return str(self._instances()[0]["InstanceId"])

    def answer(self, result: str) -> None:
        instance_id = self.held()
        assert self.thread.is_alive()
        self.aws.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=self.name,
            LifecycleHookName="launching",
            InstanceId=instance_id,
            LifecycleActionResult=result,
        )
        self.thread.join(timeout=BUSY_SECONDS)
        assert not self.thread.is_alive()

    def _instances(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = describe(self.aws, self.name)["Instances"]
        return found


def test_a_creation_waits_until_the_groups_instances_are_in_service(aws: LocalAws, network: LaunchNetwork) -> None:
    creation = Creation(aws, properties(network, LifecycleHookSpecificationList=[LAUNCHING]))
    creation.answer("CONTINUE")
    assert creation.failure == ""
    assert [each["LifecycleState"] for each in describe(aws, creation.name)["Instances"]] == ["InService"]


def test_without_a_desired_capacity_a_creation_waits_for_the_smallest_size(
    aws: LocalAws, network: LaunchNetwork
) -> None:
    wanted = properties(network, MinSize="1", LifecycleHookSpecificationList=[LAUNCHING])
    del wanted["DesiredCapacity"]
    creation = Creation(aws, wanted)
    creation.answer("CONTINUE")
    assert creation.failure == ""


def test_an_empty_group_is_complete_at_once(aws: LocalAws, network: LaunchNetwork) -> None:
    wanted = properties(network)
    del wanted["DesiredCapacity"]
    assert describe(aws, create(aws, wanted))["Instances"] == []


def test_a_launch_that_is_abandoned_fails_the_creation_with_its_reason(aws: LocalAws, network: LaunchNetwork) -> None:
    creation = Creation(aws, properties(network, LifecycleHookSpecificationList=[LAUNCHING]))
    creation.answer("ABANDON")
    assert creation.failure.startswith(
        "Group did not stabilize. Last scaling activity: Instance failed to complete user's Lifecycle Action: "
    )


def test_instances_that_are_not_in_service_within_six_hours_fail_the_creation(
    aws: LocalAws, network: LaunchNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert autoscaling.STABLE_SECONDS == 6 * 3600
    # The hours are not what is tested here.
    monkeypatch.setattr(autoscaling, "STABLE_SECONDS", 60.0)
    creation = Creation(aws, properties(network, LifecycleHookSpecificationList=[LAUNCHING]))
    creation.held()
    creation.thread.join(timeout=BUSY_SECONDS)
    assert creation.failure.endswith("did not stabilize within 6 hours")


def test_a_group_is_made_with_the_stacks_tags_which_propagate(aws: LocalAws, network: LaunchNetwork) -> None:
    made = provider_for(GROUP).create(context(aws, "Slot0"), properties(network))
    group = describe(aws, made.physical_id)
    assert made.physical_id.startswith("test-Slot0-")
    assert made.attributes["AutoScalingGroupARN"] == group["AutoScalingGroupARN"]
    tags = {tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"]) for tag in group["Tags"]}
    assert tags["role"] == ("worker", True)
    assert tags["owner"] == ("tests", True)
    assert tags["aws:cloudformation:stack-name"] == ("test", True)


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


@pytest.mark.parametrize(("site", "left"), [(Site(), 1), (Site(sizes_go_back=True), 0)], ids=["stays", "goes back"])
def test_a_desired_capacity_that_the_template_does_not_name_stays_or_goes_back_to_the_smallest_size(
    aws: LocalAws, network: LaunchNetwork, site: Site, left: int
) -> None:
    old = properties(network)
    del old["DesiredCapacity"]
    name = create(aws, old)
    aws.client("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    surroundings = context(aws, "Slot0", update_policy=SPARING, site=site)
    provider_for(GROUP).update(surroundings, name, old, {**old, "HealthCheckGracePeriod": "60"})
    assert describe(aws, name)["DesiredCapacity"] == left
    provider_for(GROUP).update(surroundings, name, old, old)
    assert describe(aws, name)["DesiredCapacity"] == left


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


def test_a_delete_whose_instances_are_held_fails_after_four_hours(
    aws: LocalAws, network: LaunchNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = properties(
        network,
        LifecycleHookSpecificationList=[{**TERMINATING, "DefaultResult": "ABANDON", "HeartbeatTimeout": "30"}],
        InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
    )
    name = create(aws, wanted)
    wait_for(lambda: describe(aws, name)["Instances"], "the instance")
    impatient = context(aws, "Slot0")
    assert autoscaling.EMPTYING_SECONDS == 4 * 3600
    # The hours are not what is tested here.
    monkeypatch.setattr(autoscaling, "EMPTYING_SECONDS", 60.0)
    with pytest.raises(ProviderError, match="still has instances: their termination was held or retained"):
        provider_for(GROUP).delete(impatient, name, wanted)
    wait_for(lambda: describe(aws, name)["Instances"][0]["LifecycleState"] == "Terminating:Retained", "the hook's end")

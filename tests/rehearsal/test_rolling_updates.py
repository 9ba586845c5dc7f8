"""Rolling updates of a stack's group: what becomes of its instances, sizes and processes, and of the stack."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.aws.site import Site
from tests.rehearsal.compute import LaunchNetwork, make_network
from tests.rehearsal.engine import ProviderState, Stacks, template
from tests.rehearsal.rolled import in_service, instance_types, meanwhile
from tests.waiting import wait_for

SPEED = 60
SUSPENDED = ["AZRebalance", "AlarmNotification"]
SURGE = {
    "MinInstancesInService": 1,
    "PauseTime": "PT10M",
    "WaitOnResourceSignals": True,
    "SuspendProcesses": SUSPENDED,
}
REMOVE_FIRST = {**SURGE, "MinInstancesInService": 0}
HOOK = {
    "LifecycleHookName": "terminating",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    "HeartbeatTimeout": 7200,
}


class Rolled:
    """A stack of one group with one instance. Instances signal as `word` says, or not at all; one alone fails."""

    def __init__(self, aws: LocalAws, network: LaunchNetwork, stacks: Stacks) -> None:
        self._aws = aws
        self._network = network
        self._stacks = stacks
        self._scaling = aws.client("autoscaling")
        self._signalled: set[str] = set()
        self._ended = threading.Event()
        self.word = "SUCCESS"
        self.name = ""

    def body(self, kind: str, rolling: dict[str, Any], **changes: Any) -> str:
        """The template: machines of a kind, rolled by a policy."""
        image = self._aws.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        machine = {"LaunchTemplateData": {"ImageId": image, "InstanceType": kind}}
        group = {
            "MinSize": "0",
            "MaxSize": "2",
            "VPCZoneIdentifier": [self._network.subnets[0]],
            "LaunchTemplate": {
                "LaunchTemplateId": {"Ref": "Machine"},
                "Version": {"Fn::GetAtt": ["Machine", "LatestVersionNumber"]},
            },
            **changes,
        }
        policy = {
            "AutoScalingRollingUpdate": rolling,
            "AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True},
        }
        return template(
            {
                "Machine": {"Type": "AWS::EC2::LaunchTemplate", "Properties": machine},
                "Group": {
                    "Type": "AWS::AutoScaling::AutoScalingGroup",
                    "Properties": group,
                    "UpdatePolicy": policy,
                },
            }
        )

    def begin(self, kind: str, rolling: dict[str, Any], desired: int = 1, **changes: Any) -> list[str]:
        """Create the stack and start its instances."""
        self.name = self._stacks.create(self.body(kind, rolling, **changes))
        if desired:
            self._scaling.set_desired_capacity(AutoScalingGroupName=self.group, DesiredCapacity=desired)
        wait_for(lambda: len(self.serving()) == desired, "the first instances")
        first = self.serving()
        # They signalled when they booted: what they say later is none of the roll's business.
        self._signalled |= set(first)
        return first

    @property
    def group(self) -> str:
        """The group's name."""
        return str(self._stacks.resource(self.name, "Group")["PhysicalResourceId"])

    def described(self) -> dict[str, Any]:
        """The group."""
        found = self._scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.group])["AutoScalingGroups"]
        return dict(found[0])

    def sizes(self) -> tuple[int, int, int]:
        """Smallest, desired, largest."""
        group = self.described()
        return group["MinSize"], group["DesiredCapacity"], group["MaxSize"]

    def serving(self) -> list[str]:
        """The instances in service."""
        return in_service(self.described())

    def suspended(self) -> set[str]:
        """The processes that are suspended."""
        return {each["ProcessName"] for each in self.described()["SuspendedProcesses"]}

    def kinds(self) -> set[str]:
        """The instance types in service."""
        return instance_types(self._aws, self.serving())

    def said(self) -> list[str]:
        """What the stack's history says of the group, without names of instances."""
        texts = [reason for resource, _, reason in self._stacks.history(self.name) if resource == "Group"]
        return [text.partition(" [i-")[0].partition(" UniqueId ")[0] for text in texts if text]

    def signalling(self) -> AbstractContextManager[None]:
        """Instances in service signal meanwhile."""
        return meanwhile(self._signal, self._ended)

    def _signal(self) -> None:
        while not self._ended.wait(0.1):
            for instance_id in set(self.serving()) - self._signalled if self.word and self.name else ():
                try:
                    self._stacks.client.signal_resource(
                        StackName=self.name, LogicalResourceId="Group", UniqueId=instance_id, Status=self.word
                    )
                except self._stacks.client.exceptions.ClientError:
                    continue
                self._signalled.add(instance_id)
                self.word = "SUCCESS"


@pytest.fixture
def rolled(aws: LocalAws, network: LaunchNetwork, stacks: Stacks) -> Iterator[Rolled]:
    made = Rolled(aws, network, stacks)
    with made.signalling():
        yield made


def test_with_one_kept_in_service_the_newcomer_comes_first(rolled: Rolled, stacks: Stacks) -> None:
    (old,) = rolled.begin("m5.large", SURGE)
    before = len(rolled.said())
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE))
    assert rolled.kinds() == {"m5.xlarge"}
    assert old not in rolled.serving()
    assert rolled.sizes() == (0, 1, 2)
    assert rolled.suspended() == set()
    said = rolled.said()[before:]
    assert said == [
        "Rolling update initiated. Terminating 1 obsolete instance(s) in batches of 1, while keeping at least 1 "
        "instance(s) in service. Waiting on resource signals with a timeout of PT10M when new instances are added to "
        "the autoscaling group.",
        "Temporarily setting autoscaling group MinSize and DesiredCapacity to 2.",
        "New instance(s) added to autoscaling group - Waiting on 1 resource signal(s) with a timeout of PT10M.",
        "Received SUCCESS signal with",
        "Terminating instance(s)",
        "Successfully terminated instance(s)",
    ]


@pytest.mark.slow
def test_with_none_kept_in_service_the_old_one_leaves_first(rolled: Rolled, stacks: Stacks) -> None:
    rolled.begin("m5.large", REMOVE_FIRST)
    stacks.update(rolled.name, rolled.body("m5.xlarge", REMOVE_FIRST))
    assert rolled.kinds() == {"m5.xlarge"}
    assert rolled.sizes() == (0, 1, 2)
    said = rolled.said()
    assert said.index("Terminating instance(s)") < said.index("Received SUCCESS signal with")


@pytest.mark.slow
def test_nobody_waits_for_the_hook_of_the_one_that_leaves(rolled: Rolled, stacks: Stacks) -> None:
    (old,) = rolled.begin("m5.large", SURGE, LifecycleHookSpecificationList=[HOOK])
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE, LifecycleHookSpecificationList=[HOOK]))
    (held,) = [each for each in rolled.described()["Instances"] if each["InstanceId"] == old]
    assert held["LifecycleState"] == "Terminating:Wait"


@pytest.mark.slow
def test_a_group_without_instances_takes_the_template_and_nobody_signals(rolled: Rolled, stacks: Stacks) -> None:
    rolled.begin("m5.large", SURGE, desired=0)
    before = rolled.said()
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE))
    assert rolled.said() == before
    assert rolled.described()["LaunchTemplate"]["Version"] == "2"


@pytest.mark.slow
def test_what_others_made_of_the_size_meanwhile_is_overwritten(rolled: Rolled, stacks: Stacks, aws: LocalAws) -> None:
    rolled.begin("m5.large", SURGE, MaxSize="4")
    rolled.word = ""
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE, MaxSize="4"), wait=None)
    wait_for(lambda: rolled.sizes() == (2, 2, 4), "the group is raised")
    scaling = aws.client("autoscaling")
    with pytest.raises(scaling.exceptions.ClientError, match="New SetDesiredCapacity value 1 is below min value 2"):
        scaling.set_desired_capacity(AutoScalingGroupName=rolled.group, DesiredCapacity=1)
    scaling.set_desired_capacity(AutoScalingGroupName=rolled.group, DesiredCapacity=3)
    rolled.word = "SUCCESS"
    stacks.wait(rolled.name, "UPDATE_COMPLETE")
    assert rolled.sizes() == (0, 1, 4)


@pytest.mark.parametrize("word", ["FAILURE", pytest.param("", marks=pytest.mark.slow)], ids=["failure", "silence"])
def test_a_newcomer_that_fails_ends_the_update_and_two_old_ones_are_left(
    rolled: Rolled, stacks: Stacks, word: str
) -> None:
    (old,) = rolled.begin("m5.large", SURGE)
    rolled.word = word
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE), wait=None)
    if not word:
        stacks.wait(rolled.name, "UPDATE_ROLLBACK_IN_PROGRESS")
        rolled.word = "SUCCESS"
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_COMPLETE")
    failed = "1 FAILURE" if word else "0 SUCCESS"
    text = f"Received {failed} signal(s) out of 1.  Unable to satisfy 100% MinSuccessfulInstancesPercent requirement"
    assert text in rolled.said()
    # The template names no desired capacity, so nobody sets it back: a newcomer of the old kind comes as well.
    assert rolled.sizes() == (0, 2, 2)
    wait_for(lambda: len(rolled.serving()) == 2, "the second one of the old kind")
    assert old in rolled.serving()
    assert rolled.kinds() == {"m5.large"}
    assert rolled.suspended() == set()


@pytest.mark.slow
def test_a_rollback_rolls_by_the_policy_of_the_template_that_it_goes_back_to(rolled: Rolled, stacks: Stacks) -> None:
    rolled.begin("m5.large", SURGE)
    rolled.word = "FAILURE"
    changed = rolled.body("m5.xlarge", {**SURGE, "PauseTime": "PT7M"})
    stacks.update(rolled.name, changed, wait="UPDATE_ROLLBACK_COMPLETE")
    first, second = [text for text in rolled.said() if text.startswith("Rolling update initiated.")]
    assert ("PT7M" in first, "PT10M" in second) == (True, True)


def test_a_cancelled_update_stops_at_once_and_goes_back(rolled: Rolled, stacks: Stacks) -> None:
    (old,) = rolled.begin("m5.large", SURGE)
    rolled.word = ""
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE), wait=None)
    wait_for(lambda: len(rolled.serving()) == 2, "the newcomer")
    assert rolled.suspended() == set(SUSPENDED)
    stacks.client.cancel_update_stack(StackName=rolled.name)
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_IN_PROGRESS")
    rolled.word = "SUCCESS"
    stacks.wait(rolled.name, "UPDATE_ROLLBACK_COMPLETE")
    assert old in rolled.serving()
    assert "Resource update cancelled" in rolled.said()


@pytest.mark.slow
def test_with_suspended_launches_nothing_is_touched(rolled: Rolled, stacks: Stacks, aws: LocalAws) -> None:
    rolled.begin("m5.large", SURGE)
    aws.client("autoscaling").suspend_processes(AutoScalingGroupName=rolled.group, ScalingProcesses=["Launch"])
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE), wait="UPDATE_ROLLBACK_COMPLETE")
    assert any("the [Launch] process(es) have been suspended" in text for text in rolled.said())
    assert rolled.kinds() == {"m5.large"}


@pytest.mark.slow
def test_a_later_update_of_something_else_rolls_what_is_left_over(
    rolled: Rolled, stacks: Stacks, aws: LocalAws
) -> None:
    rolled.begin("m5.large", SURGE)
    rolled.word = "FAILURE"
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE), wait="UPDATE_FAILED", DisableRollback=True)
    stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE), DisableRollback=True)
    assert rolled.kinds() == {"m5.xlarge"}


@pytest.mark.slow
def test_processes_may_stay_suspended_after_a_failed_update(provider: ProviderState) -> None:
    aws = LocalAws(speed=SPEED, site=Site(processes_stay=True)).start()
    try:
        stacks = Stacks(aws, provider)
        rolled = Rolled(aws, make_network(aws), stacks)
        with rolled.signalling():
            rolled.begin("m5.large", SURGE)
            rolled.word = "FAILURE"
            stacks.update(rolled.name, rolled.body("m5.xlarge", SURGE), wait="UPDATE_ROLLBACK_COMPLETE")
            assert rolled.suspended() == set(SUSPENDED)
    finally:
        aws.stop()

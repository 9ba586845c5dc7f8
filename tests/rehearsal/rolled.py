"""A stack of groups that are rolled one after the other, each with one instance, and the instances' signals."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.engine import Stacks, template
from tests.waiting import wait_for

SUCCESS, FAILURE, SILENCE = "SUCCESS", "FAILURE", ""
SURGE = {"MinInstancesInService": 1, "PauseTime": "PT1H", "WaitOnResourceSignals": True}


class RolledSlots:
    """A stack of groups Slot0, Slot1, … that depend on each other in that order, and whose instances signal.

    An instance says the next word of its slot's `words`, and success where there is none left.
    """

    def __init__(self, aws: LocalAws, network: LaunchNetwork, stacks: Stacks, slots: int) -> None:
        self._aws = aws
        self._network = network
        self._stacks = stacks
        self._scaling = aws.client("autoscaling")
        self._heard: set[str] = set()
        self._ended = threading.Event()
        self.slots = slots
        self.words: Mapping[int, deque[str]] = {slot: deque() for slot in range(slots)}
        self.name = stacks.create(self.body("m5.large"))
        self._groups = [str(stacks.resource(self.name, f"Slot{slot}")["PhysicalResourceId"]) for slot in range(slots)]
        for group in self._groups:
            self._scaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=1)
        wait_for(lambda: all(len(self.serving(slot)) == 1 for slot in range(slots)), "the first instances")
        self._heard |= {each for slot in range(slots) for each in self.serving(slot)}

    def body(self, kind: str) -> str:
        """The template: machines of a kind."""
        image = self._aws.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        resources: dict[str, Any] = {}
        for slot in range(self.slots):
            machine = f"Machine{slot}"
            resources[machine] = {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {"LaunchTemplateData": {"ImageId": image, "InstanceType": kind}},
            }
            resources[f"Slot{slot}"] = {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "DependsOn": [f"Slot{slot - 1}"] if slot else [],
                "Properties": {
                    "MinSize": "0",
                    "MaxSize": "2",
                    "VPCZoneIdentifier": [self._network.subnets[0]],
                    "LaunchTemplate": {
                        "LaunchTemplateId": {"Ref": machine},
                        "Version": {"Fn::GetAtt": [machine, "LatestVersionNumber"]},
                    },
                },
                "UpdatePolicy": {
                    "AutoScalingRollingUpdate": SURGE,
                    "AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True},
                },
            }
        return template(resources)

    def serving(self, slot: int) -> list[str]:
        """The instances of a slot that are in service."""
        return in_service(self._described()[slot])

    def kinds(self) -> list[set[str]]:
        """Of each slot the instance types in service, once as many serve as it wants."""
        wait_for(
            lambda: all(len(in_service(each)) == each["DesiredCapacity"] for each in self._described()), "all serve"
        )
        return [instance_types(self._aws, in_service(each)) for each in self._described()]

    def fresh(self, slot: int) -> bool:
        """Whether a second instance of a slot is in service."""
        return len(self.serving(slot)) == 2

    def signalling(self) -> AbstractContextManager[None]:
        """Instances in service signal meanwhile."""
        return meanwhile(self._signal, self._ended)

    def _described(self) -> list[dict[str, Any]]:
        """The groups in their order."""
        found = self._scaling.describe_auto_scaling_groups(AutoScalingGroupNames=self._groups)["AutoScalingGroups"]
        return sorted(found, key=lambda each: self._groups.index(each["AutoScalingGroupName"]))

    def _signal(self) -> None:
        while not self._ended.wait(0.1):
            for slot, group in enumerate(self._described()):
                for instance_id in set(in_service(group)) - self._heard:
                    self._say(slot, instance_id)

    def _say(self, slot: int, instance_id: str) -> None:
        word = self.words[slot][0] if self.words[slot] else SUCCESS
        if word:
            try:
                self._stacks.client.signal_resource(
                    StackName=self.name, LogicalResourceId=f"Slot{slot}", UniqueId=instance_id, Status=word
                )
            except self._stacks.client.exceptions.ClientError:
                # The stack does not wait yet, or does not any more.
                return
        self._heard.add(instance_id)
        if self.words[slot]:
            self.words[slot].popleft()


def in_service(group: Mapping[str, Any]) -> list[str]:
    """The instances of a described group that are in service."""
    return [each["InstanceId"] for each in group["Instances"] if each["LifecycleState"] == "InService"]


def instance_types(aws: LocalAws, instances: Sequence[str]) -> set[str]:
    """The types of instances."""
    pages = aws.client("ec2").describe_instances(InstanceIds=instances)["Reservations"]
    return {each["InstanceType"] for page in pages for each in page["Instances"]}


@contextmanager
def meanwhile(work: Callable[[], None], ended: threading.Event) -> Iterator[None]:
    """Do something in a thread, which stops once the event is set."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

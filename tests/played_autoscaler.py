"""The cluster-autoscaler as AWS sees it: the calls that it makes, in its order. Its program cannot be had here.

From cluster-autoscaler/cloudprovider/aws of kubernetes/autoscaler as it is with version 2 of AWS's SDK for Go, since
1.35: what each part is played from is named beside it. It decides by Pods and Nodes what to call; here a test decides.

It imports nothing of the project, so that it can run on a node of a test too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TEMPLATE = "k8s.io/cluster-autoscaler/node-template"
_PLACEHOLDER = "i-placeholder"
_MOST_RECORDS = 100
PROVIDER_ID = re.compile(rf"^aws:///[-0-9a-z]*/[-0-9a-z]*(/[-0-9a-z.]*)?$|aws:///[-0-9a-z]*/{_PLACEHOLDER}.*$")
"""aws_cloud_provider.go, validAwsRefIdRegex: what the providerID of a Node has to be."""
_LEAVING = {"Terminated", "Terminating", "Terminating:Wait", "Terminating:Proceed"}


@dataclass(frozen=True)
class TemplateNode:
    """The Node that the autoscaler takes a new one of a group without nodes for; capacity and allocatable are one."""

    labels: Mapping[str, str]
    taints: frozenset[tuple[str, str, str]]
    """Key, value and effect of each."""
    capacity: Mapping[str, str]
    """Quantities of Kubernetes."""


@dataclass(frozen=True)
class SeenGroup:
    """A group as it was described last."""

    name: str
    described: Mapping[str, Any]
    instance_type: str

    @property
    def desired(self) -> int:
        return int(self.described["DesiredCapacity"])

    @property
    def provider_ids(self) -> dict[str, str]:
        """By the providerID that its Node has to have, the state of each instance.

        buildInstanceRefFromAWS: the autoscaler finds the group of a Node by exactly this text.
        """
        return {
            f"aws:///{each['AvailabilityZone']}/{each['InstanceId']}": each["LifecycleState"]
            for each in self.described["Instances"]
        }


@dataclass
class PlayedAutoscaler:
    """`client` gives a client of boto3 by a service's name, with the autoscaler's credentials."""

    client: Callable[[str], Any]
    tags: Sequence[str]
    """The keys of `--node-group-auto-discovery=asg:tag=`: a group has to have all of them."""
    types: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: dict[str, SeenGroup] = field(default_factory=dict)

    def start(self) -> None:
        """aws_util.go, GenerateEC2InstanceTypes; then the first refresh (aws_manager.go, createAWSManagerInternal)."""
        pages = self.client("ec2").get_paginator("describe_instance_types").paginate()
        self.types = {each["InstanceType"]: each for page in pages for each in page["InstanceTypes"]}
        self.refresh()

    def refresh(self) -> dict[str, SeenGroup]:
        """auto_scaling_groups.go, regenerate: once a minute, and after each deletion."""
        scaling = self.client("autoscaling")
        filters = [{"Name": "tag-key", "Values": [key]} for key in self.tags]
        pages = scaling.get_paginator("describe_auto_scaling_groups").paginate(
            Filters=filters, PaginationConfig={"PageSize": _MOST_RECORDS}
        )
        found = [group for page in pages for group in page["AutoScalingGroups"]]
        for group in found:
            # createPlaceholdersForDesiredNonStartedInstances: one that could not be launched is looked for there.
            if group["DesiredCapacity"] > len(group["Instances"]):
                scaling.describe_scaling_activities(AutoScalingGroupName=group["AutoScalingGroupName"])
        self.groups = {
            name: SeenGroup(
                name, group, self.groups[name].instance_type if name in self.groups else self._type_of(group)
            )
            for group in found
            for name in [group["AutoScalingGroupName"]]
        }
        return self.groups

    def template(self, name: str) -> TemplateNode:
        """aws_manager.go, getAsgTemplate and buildNodeFromTemplate."""
        group = self.groups[name]
        kind = self.types[group.instance_type]
        tags = {each["Key"]: each["Value"] for each in group.described["Tags"]}
        return template_node(kind, group.described["AvailabilityZones"], tags)

    def increase(self, name: str, delta: int) -> None:
        """aws_cloud_provider.go, IncreaseSize: one call for all the nodes that are wanted."""
        self.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName=name, DesiredCapacity=self.groups[name].desired + delta, HonorCooldown=False
        )

    def delete(self, name: str, provider_ids: Iterable[str]) -> None:
        """auto_scaling_groups.go, DeleteInstances; the next loop refreshes."""
        states = self.groups[name].provider_ids
        for each in provider_ids:
            assert PROVIDER_ID.search(each), each
            if states[each] not in _LEAVING:
                self.client("autoscaling").terminate_instance_in_auto_scaling_group(
                    InstanceId=each.split("/")[4], ShouldDecrementDesiredCapacity=True
                )

    def _type_of(self, group: Mapping[str, Any]) -> str:
        """instance_type_cache.go, populate, and aws_wrapper.go, getInstanceTypeByLaunchTemplate, which goes by name.

        Templates that name requirements in place of a type, mixed instances and launch configurations take further
        calls. There are none of these here.
        """
        template = group["LaunchTemplate"]
        found = self.client("ec2").describe_launch_template_versions(
            LaunchTemplateName=template["LaunchTemplateName"], Versions=[template.get("Version", "$Default")]
        )
        return str(found["LaunchTemplateVersions"][0]["LaunchTemplateData"]["InstanceType"])


def template_node(kind: Mapping[str, Any], zones: Sequence[str], tags: Mapping[str, str]) -> TemplateNode:
    """The Node of a type of instance, as DescribeInstanceTypes tells of it, in a group with these zones and tags."""
    zone = zones[0]
    architecture = {"arm64": "arm64"}.get(kind["ProcessorInfo"]["SupportedArchitectures"][0], "amd64")
    generic = {
        "kubernetes.io/arch": architecture,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": kind["InstanceType"],
        "topology.kubernetes.io/region": zone[:-1],
        "topology.kubernetes.io/zone": zone,
    }
    size = {
        "pods": "110",
        "cpu": str(kind["VCpuInfo"]["DefaultVCpus"]),
        "memory": f"{kind['MemoryInfo']['SizeInMiB']}Mi",
    }
    return TemplateNode(
        {**generic, **_told(tags, "label")},
        frozenset((key, *_taint(value)) for key, value in _told(tags, "taint").items() if _taint(value)),
        {**size, **_told(tags, "resources")},
    )


def discovery_tags(argument: str, cluster: str) -> list[str]:
    """aws_manager.go, parseASGAutoDiscoverySpec: the keys in an argument of the Deployment, for a cluster's uuid."""
    found = re.fullmatch(r"--node-group-auto-discovery=asg:tag=(.+)", argument)
    assert found, argument
    return found[1].replace("$(CLUSTER)", cluster).split(",")


def _told(tags: Mapping[str, str], kind: str) -> dict[str, str]:
    start = f"{_TEMPLATE}/{kind}/"
    return {key.removeprefix(start): value for key, value in tags.items() if key.startswith(start)}


def _taint(value: str) -> tuple[str, str] | tuple[()]:
    """extractTaintsFromAsg: what does not end in an effect is no taint."""
    if not re.search("(.*):(?:NoSchedule|NoExecute|PreferNoSchedule)", value):
        return ()
    valued, _, effect = value.partition(":")
    return valued, effect

"""A worker pool: one group over all zones, in a stack of its own, so that a pool's failure stays its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from troposphere import Ref, Sub, Template
from troposphere.autoscaling import AutoScalingGroup, InstanceMaintenancePolicy
from troposphere.ec2 import LaunchTemplate
from troposphere.policies import AutoScalingScheduledAction, UpdatePolicy
from troposphere.ssm import Parameter

from coordination.names import (
    CLUSTER_TAG,
    POOL_LABEL,
    POOL_TAG,
    POOLS,
    ROLE_TAG,
    WORKER_ROLE,
    NodeField,
    PoolField,
    parameter_prefix,
)
from generator import compute
from generator.config.model import ClusterConfig, Pool, Taint
from generator.layer import Layer
from generator.tags import group_tags
from generator.user_data import user_data
from generator.values import (
    CapacityReservationGroupArn,
    ClusterUuid,
    GroupNames,
    HostResourceGroupArn,
    ImageId,
    InstanceProfileArn,
    InstanceType,
    KeyArn,
    LicenseConfigurationArn,
    Number,
    ParameterPrefix,
    SecurityGroupId,
    SubnetIds,
    TableName,
)

# The cluster-autoscaler finds groups, and learns what a node of an empty one would look like, by these tags.
_AUTOSCALER = "k8s.io/cluster-autoscaler"
# What a kubelet keeps of its volume from pods: the default of evictionHard, nodefs.available<10%, by which Node
# Allocatable is smaller than the file system (kubernetes.io, "Reserve Compute Resources for System Daemons").
# Neither userdata/kubeadm/cluster.py nor what userdata/kubeadm/node.py reserves says anything else about storage.
_KEPT_PERCENT = 10
# What the image takes, and the file system itself: the root volume of Amazon Linux 2023's own images, in which the
# system, Kubernetes and the add-ons' images have to fit. Not measured: the image is not built yet (docs/limits.md).
_IMAGE_GIB = 8
# Of the desired nodes so many percent have to be in service at the end, or the update fails after an hour. It is no
# floor while nodes are replaced (docs/decisions/0017). Not 100: the autoscaler may ask for another node meanwhile, and
# that one without room shall not fail the update of a large pool, whose replacement nodes all have to signal anyway.
_MIN_ACTIVE_PERCENT = 90
# Enough to tell a pool's settings of today from those of any other day; twelve digits could be an account's number.
_DIGEST_CHARACTERS = 16
# The logical id of the pool's Auto Scaling group.
_GROUP = "Group"


@dataclass(frozen=True)
class Inputs:
    cluster_uuid: ClusterUuid
    # size
    min_size: Annotated[Number, "Minimum number of nodes in the pool"]
    max_size: Annotated[Number, "Maximum number of nodes in the pool"]
    # machine
    image: ImageId
    instance_type: InstanceType
    instance_profile_arn: InstanceProfileArn
    key_arn: KeyArn
    # network
    subnet_ids: SubnetIds
    security_group_id: SecurityGroupId
    # what a node is told
    table_name: TableName
    parameter_prefix: ParameterPrefix
    # dedicated hosts
    host_resource_group_arn: HostResourceGroupArn | None = None
    license_configuration_arn: LicenseConfigurationArn | None = None
    # capacity that is reserved
    capacity_reservation_group_arn: CapacityReservationGroupArn | None = None


@dataclass(frozen=True)
class Outputs:
    group_name: Annotated[GroupNames, "Name of the pool's Auto Scaling group"]


def workers(pool: Pool) -> Layer[Inputs, Outputs]:
    """The layer of one pool; its name is the pool's identity."""
    name = f"workers-{pool.name}"

    def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
        settings = template.add_resource(_settings(pool))
        machine = template.add_resource(_launch_template(config, pool, inputs))
        group = _group(config, pool, inputs, machine)
        group.DependsOn = [settings.title]
        template.add_resource(group)
        return Outputs(GroupNames([Ref(group)]))

    return Layer(name, Inputs, Outputs, build)


def _settings(pool: Pool) -> Parameter:
    """What the nodes of the pool register with, and where the leading agent sends their signals."""
    settings = {
        PoolField.LABELS: pool.labels,
        PoolField.TAINTS: _listed(taint for taint in pool.taints if not taint.is_removed),
        PoolField.STARTUP_TAINTS: _listed(taint for taint in pool.taints if taint.is_removed),
        PoolField.STACK: "${AWS::StackId}",
        PoolField.GROUP: _GROUP,
    }
    return Parameter(
        "PoolSettings",
        Name=Sub(f"{parameter_prefix('${ClusterUuid}')}/{POOLS}/{pool.name}"),
        Type="String",
        Value=Sub(json.dumps(settings, sort_keys=True)),
    )


def _listed(taints: Iterable[Taint]) -> list[dict[str, str]]:
    return [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in taints]


def _digest(pool: Pool) -> str:
    """A short hash of what nodes read once, when they register: labels and taints, in whatever order they are written.

    In user data it makes another launch template of other labels or taints, so that the group rolls. Otherwise the
    nodes that exist would keep the old ones, while new nodes and the autoscaler's tags have the new ones. Nodes do not
    compare it with the settings: the group waits for PoolSettings (DependsOn), and while an update rolls back, or a
    node of the old launch template starts in between, either is right until the update replaces it.
    """
    read = [sorted(pool.labels.items()), sorted((taint.key, taint.value, taint.effect) for taint in pool.taints)]
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()[:_DIGEST_CHARACTERS]


def _launch_template(config: ClusterConfig, pool: Pool, inputs: Inputs) -> LaunchTemplate:
    facts = {
        NodeField.CLUSTER: "${ClusterUuid}",
        NodeField.ROLE: WORKER_ROLE,
        NodeField.POOL: pool.name,
        NodeField.POOL_DIGEST: _digest(pool),
        NodeField.REGION: "${AWS::Region}",
        NodeField.TABLE: "${TableName}",
        NodeField.PARAMETERS: "${ParameterPrefix}",
    }
    return compute.launch_template(
        "Template",
        image=inputs.image,
        instance_type=inputs.instance_type,
        profile=inputs.instance_profile_arn,
        security_group=inputs.security_group_id,
        volumes=[compute.volume(compute.ROOT_DEVICE, pool.root_volume_gib, inputs.key_arn)],
        user_data=user_data(facts, sessions=config.access.ssm),
        cluster_uuid=inputs.cluster_uuid,
        description=f"{config.name}-{pool.name}",
        tenancy=pool.tenancy,
        host_group=inputs.host_resource_group_arn,
        license_configuration=inputs.license_configuration_arn,
        reservation_group=inputs.capacity_reservation_group_arn,
    )


def _group(config: ClusterConfig, pool: Pool, inputs: Inputs, machine: LaunchTemplate) -> AutoScalingGroup:
    tags = {
        "Name": f"{config.name}-{pool.name}",
        CLUSTER_TAG: inputs.cluster_uuid,
        ROLE_TAG: WORKER_ROLE,
        POOL_TAG: pool.name,
    }
    return AutoScalingGroup(
        _GROUP,
        # size: no DesiredCapacity, which an update would set back under the autoscaler's feet
        MinSize=inputs.min_size,
        # troposphere takes any expression but a bare Ref for a number here
        MaxSize=inputs.max_size.to_text(),
        VPCZoneIdentifier=inputs.subnet_ids,
        LaunchTemplate=compute.latest(machine),
        # health
        HealthCheckType="EC2",
        HealthCheckGracePeriod=0,
        InstanceMaintenancePolicy=InstanceMaintenancePolicy(MinHealthyPercentage=100, MaxHealthyPercentage=200),
        # lifecycle: a worker that nobody drains in time may go
        LifecycleHookSpecificationList=[compute.terminating_hook("CONTINUE")],
        TerminationPolicies=["OldestLaunchTemplate", "OldestInstance"],
        Tags=[
            *group_tags(tags, propagate=True),
            *group_tags(_autoscaler_tags(pool), propagate=False),
        ],
        UpdatePolicy=UpdatePolicy(
            AutoScalingRollingUpdate=compute.RollingUpdate(
                # A batch is the smallest of this, the old nodes that are left, and MaxSize - MinInstancesInService.
                MaxBatchSize=pool.update_batch,
                # The only floor: a pool at its smallest size gets a batch's new nodes before it loses the old ones.
                MinInstancesInService=inputs.min_size.to_text(),
                MinActiveInstancesPercent=_MIN_ACTIVE_PERCENT,
                MinSuccessfulInstancesPercent=100,
                PauseTime=compute.SIGNAL_TIMEOUT,
                WaitOnResourceSignals=True,
                SuspendProcesses=compute.SUSPENDED_PROCESSES,
            ),
            AutoScalingScheduledAction=AutoScalingScheduledAction(IgnoreUnmodifiedGroupSizeProperties=True),
        ),
    )


def _ephemeral_storage_gib(pool: Pool) -> int:
    """How much of the root volume pods of a new node can use, in whole GiB, and rather too little than too much.

    The autoscaler takes a tag's value for both capacity and allocatable (aws_manager.go, buildNodeFromTemplate). With
    too much it would start nodes for a pod that then fits none of them; with nothing, none for a pod that asks for any.
    """
    return pool.root_volume_gib * (100 - _KEPT_PERCENT) // 100 - _IMAGE_GIB


def _told_taints(pool: Pool) -> list[Taint]:
    """One taint of each key, for a group has one tag of a key: the one that keeps the most pods off the node.

    None that something removes from a new node: with it the autoscaler would start no node for pods that wait for that.
    """
    told: dict[str, Taint] = {}
    for taint in (each for each in pool.taints if not each.is_removed):
        if told.setdefault(taint.key, taint).effect == "PreferNoSchedule":
            told[taint.key] = taint
    return list(told.values())


def _autoscaler_tags(pool: Pool) -> dict[Any, Any]:
    """Not propagated to instances: their keys hold "/" and are of no use there."""
    template = f"{_AUTOSCALER}/node-template"
    return {
        f"{_AUTOSCALER}/enabled": "true",
        Sub(f"{_AUTOSCALER}/${{ClusterUuid}}"): "owned",
        **{
            f"{template}/label/{label}": value
            for label, value in sorted({**pool.labels, POOL_LABEL: pool.name}.items())
        },
        **{f"{template}/taint/{taint.key}": f"{taint.value}:{taint.effect}" for taint in _told_taints(pool)},
        # Of CPUs and memory the autoscaler knows by the instance type; what the volume holds, it cannot know.
        f"{template}/resources/ephemeral-storage": f"{_ephemeral_storage_gib(pool)}Gi",
    }

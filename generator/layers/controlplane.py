"""The control plane: one Auto Scaling group per slot, each in one zone, and the signal that a cluster exists.

A group per slot means that nothing but its own replacement ever changes a slot: no rebalancing between zones, no
scale-in that picks a member of etcd.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from troposphere import Ref, Select, StackId, Sub, Template
from troposphere.autoscaling import AutoScalingGroup, InstanceMaintenancePolicy
from troposphere.cloudformation import CustomResource, WaitCondition
from troposphere.ec2 import LaunchTemplate
from troposphere.policies import AutoScalingScheduledAction, CreationPolicy, ResourceSignal, UpdatePolicy
from troposphere.ssm import Parameter

from coordination.names import (
    CLUSTER_READY,
    CLUSTER_TAG,
    CONTROL_PLANE_ROLE,
    ETCD_DEVICE,
    ROLE_TAG,
    SETTINGS,
    SLOT_TAG,
    START_RESOURCE_TYPE,
    START_TIMEOUT_SECONDS,
    NodeField,
    Setting,
    parameter_prefix,
    slot_group,
)
from generator import compute
from generator.config.model import ClusterConfig
from generator.grant import On, Role
from generator.layer import Layer
from generator.policies import GROUPS, attach, repositories
from generator.tags import group_tags
from generator.user_data import user_data
from generator.values import (
    CapacityReservationGroupArn,
    ClusterId,
    ClusterUuid,
    FunctionArn,
    GroupNames,
    HostResourceGroupArn,
    ImageId,
    InstanceProfileArn,
    InstanceType,
    KeyArn,
    LicenseConfigurationArn,
    Number,
    ParameterPrefix,
    RoleName,
    SecurityGroupId,
    SubnetIds,
    TableName,
    TargetGroupArn,
    VpcId,
)


@dataclass(frozen=True)
class Inputs:
    cluster_id: ClusterId
    cluster_uuid: ClusterUuid
    function_arn: FunctionArn
    function_role_name: Annotated[RoleName, "Name of the reconcile function's role"]
    # machine
    image: ImageId
    instance_type: InstanceType
    instance_profile_arn: InstanceProfileArn
    role_name: Annotated[RoleName, "Name of the role of control-plane nodes"]
    key_arn: KeyArn
    launch_hook_heartbeat_seconds: Annotated[
        Number, "Seconds that a launching node may go without a heartbeat before its launch is abandoned"
    ]
    # network
    vpc_id: VpcId
    subnet_ids: SubnetIds
    security_group_id: SecurityGroupId
    api_target_group_arn: TargetGroupArn
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
    group_names: Annotated[GroupNames, "Names of the slots' Auto Scaling groups, separated by commas"]


class Start(CustomResource):
    """Custom::Start: its creation has the function start every slot."""

    resource_type = START_RESOURCE_TYPE


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    policy = attach(
        template,
        config,
        CONTROLPLANE.name,
        Role.CONTROL_PLANE,
        inputs.role_name,
        {
            **repositories(config.kubernetes.image_repositories),
            On.GROUPS: [GROUPS],
            On.ANY: ["*"],
            On.OWN_STACK: [StackId],
            On.POOL_STACKS: [_pool_stacks(inputs)],
        },
        cluster_uuid=inputs.cluster_uuid,
        vpc_id=inputs.vpc_id,
    )
    attach(template, config, CONTROLPLANE.name, Role.FUNCTION, inputs.function_role_name, {On.OWN_STACK: [StackId]})
    # Where nodes send their signals; the stack's own name is known only here.
    stack_setting = template.add_resource(
        Parameter(
            "StackSetting",
            Name=Sub(f"{parameter_prefix('${ClusterUuid}')}/{SETTINGS}/{Setting.CONTROL_PLANE_STACK}"),
            Type="String",
            Value=StackId,
        )
    )

    groups: list[AutoScalingGroup] = []
    for slot in range(config.control_plane.slots):
        machine = template.add_resource(_launch_template(config, inputs, slot))
        group = _group(config, inputs, slot, machine)
        # An update walks the slots one after the other. At creation this costs nothing: an empty group is complete at
        # once.
        group.DependsOn = [groups[-1].title] if groups else [policy.title, stack_setting.title]
        groups.append(template.add_resource(group))

    # CloudFormation waits until the instances of a new group are in service. Groups that were made with one instance
    # each would boot one after the other, and a first boot that fails would fail the deploy: so all groups are empty
    # until the function raises their sizes, all at once.
    start = template.add_resource(
        Start(
            "Start",
            ServiceToken=inputs.function_arn,
            ServiceTimeout=START_TIMEOUT_SECONDS,
            # There is nothing to delete, and a function that is broken by then need not be waited for.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            DependsOn=[group.title for group in groups],
        )
    )
    # CREATE_COMPLETE means that a cluster exists: one node signals when all slots are healthy voters.
    template.add_resource(
        WaitCondition(
            CLUSTER_READY,
            CreationPolicy=CreationPolicy(ResourceSignal=ResourceSignal(Count=1, Timeout=compute.SIGNAL_TIMEOUT)),
            DependsOn=[start.title],
        )
    )
    return Outputs(GroupNames([Ref(group) for group in groups]))


def _pool_stacks(inputs: Inputs) -> Sub:
    """A pattern of the ids of the pools' stacks, which are made after this one.

    CloudFormation names a nested stack `<stack>-<logical id>-<random part>`, and a pool's logical id begins so.
    """
    return Sub(
        "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${RootStack}-Workers*/*",
        RootStack=inputs.cluster_id.stack_name(),
    )


CONTROLPLANE = Layer("controlplane", Inputs, Outputs, build)


def _launch_template(config: ClusterConfig, inputs: Inputs, slot: int) -> LaunchTemplate:
    facts = {
        NodeField.CLUSTER: "${ClusterUuid}",
        NodeField.ROLE: CONTROL_PLANE_ROLE,
        NodeField.SLOT: str(slot),
        NodeField.REGION: "${AWS::Region}",
        NodeField.TABLE: "${TableName}",
        NodeField.PARAMETERS: "${ParameterPrefix}",
    }
    return compute.launch_template(
        f"{slot_group(slot)}Template",
        image=inputs.image,
        instance_type=inputs.instance_type,
        profile=inputs.instance_profile_arn,
        security_group=inputs.security_group_id,
        volumes=[
            compute.volume(compute.ROOT_DEVICE, config.control_plane.root_volume_gib, inputs.key_arn),
            # etcd's fsyncs must not wait behind image pulls and logs. The node finds it by this name (userdata/volume).
            compute.volume(ETCD_DEVICE, config.control_plane.etcd_volume_gib, inputs.key_arn),
        ],
        user_data=user_data(facts, sessions=config.access.ssm),
        cluster_uuid=inputs.cluster_uuid,
        description=f"{config.name}-control-plane-{slot}",
        tenancy=config.control_plane.tenancy,
        host_group=inputs.host_resource_group_arn,
        license_configuration=inputs.license_configuration_arn,
        reservation_group=inputs.capacity_reservation_group_arn,
        protected=True,
    )


def _group(config: ClusterConfig, inputs: Inputs, slot: int, machine: LaunchTemplate) -> AutoScalingGroup:
    surge = config.control_plane.replacement == "surge"
    tags = {
        "Name": f"{config.name}-control-plane-{slot}",
        CLUSTER_TAG: inputs.cluster_uuid,
        ROLE_TAG: CONTROL_PLANE_ROLE,
        SLOT_TAG: str(slot),
    }
    return AutoScalingGroup(
        slot_group(slot),
        # size: the function raises it from none to one, and there is room for the replacement instance while an update
        # rolls the slot; CloudFormation raises MinSize and the desired capacity for that itself
        MinSize="0",
        MaxSize="2",
        VPCZoneIdentifier=[Select(slot % config.zones, inputs.subnet_ids)],
        LaunchTemplate=compute.latest(machine),
        TargetGroupARNs=[inputs.api_target_group_arn],
        # health: of the machine only; with the balancer's, one lost quorum would terminate every patient
        HealthCheckType="EC2",
        HealthCheckGracePeriod=0,
        InstanceMaintenancePolicy=InstanceMaintenancePolicy(MinHealthyPercentage=0, MaxHealthyPercentage=100),
        # lifecycle
        LifecycleHookSpecificationList=[
            compute.launching_hook(inputs.launch_hook_heartbeat_seconds),
            compute.terminating_hook("ABANDON"),
        ],
        InstanceLifecyclePolicy=compute.retain_on_abandon(),
        DeletionProtection="prevent-force-deletion",
        TerminationPolicies=["OldestLaunchTemplate", "OldestInstance"],
        Tags=group_tags(tags, propagate=True),
        UpdatePolicy=UpdatePolicy(
            AutoScalingRollingUpdate=compute.RollingUpdate(
                MaxBatchSize=1,
                # 1: the replacement instance serves before the old node leaves. 0: where there is no room for one more.
                MinInstancesInService=1 if surge else 0,
                MinActiveInstancesPercent=100 if surge else 0,
                MinSuccessfulInstancesPercent=100,
                PauseTime=compute.SIGNAL_TIMEOUT,
                WaitOnResourceSignals=True,
                SuspendProcesses=compute.SUSPENDED_PROCESSES,
            ),
            # A size that changed at run time is not set back by an update of something else.
            AutoScalingScheduledAction=AutoScalingScheduledAction(IgnoreUnmodifiedGroupSizeProperties=True),
        ),
    )

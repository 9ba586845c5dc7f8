"""What control-plane slots and worker pools have in common: the launch template and the Auto Scaling group's frame."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, Tags
from troposphere.autoscaling import (
    InstanceLifecyclePolicy,
    LaunchTemplateSpecification,
    LifecycleHookSpecification,
    RetentionTriggers,
)
from troposphere.ec2 import (
    CapacityReservationSpecification,
    CapacityReservationTarget,
    EBSBlockDevice,
    IamInstanceProfile,
    LaunchTemplate,
    LaunchTemplateBlockDeviceMapping,
    LaunchTemplateData,
    LicenseSpecification,
    MetadataOptions,
    Monitoring,
    NetworkInterfaces,
    Placement,
    TagSpecifications,
)
from troposphere.policies import AutoScalingRollingUpdate

from coordination import names
from generator.values import (
    CapacityReservationGroupArn,
    ClusterUuid,
    HostResourceGroupArn,
    ImageId,
    InstanceProfileArn,
    InstanceType,
    KeyArn,
    LicenseConfigurationArn,
    Number,
    SecurityGroupId,
)

# Amazon Linux 2023 boots from this device.
ROOT_DEVICE = "/dev/xvda"
# A hook holds an instance for at most 48 h or 100 heartbeats, whichever is less; 1800 s reach the 48 h.
HEARTBEAT_SECONDS = 1800
# How long CloudFormation waits for a signal; one node's boot and the drain and removal of its predecessor have to fit.
SIGNAL_TIMEOUT = "PT1H"
SUSPENDED_PROCESSES = list(names.SUSPENDED_BY_UPDATES)


class RollingUpdate(AutoScalingRollingUpdate):
    """AutoScalingRollingUpdate with the property that troposphere does not know yet."""

    props = {**AutoScalingRollingUpdate.props, "MinActiveInstancesPercent": (int, False)}


def volume(device: str, size_gib: int, key_arn: KeyArn) -> LaunchTemplateBlockDeviceMapping:
    """An encrypted gp3 volume that goes with its instance."""
    return LaunchTemplateBlockDeviceMapping(
        DeviceName=device,
        Ebs=EBSBlockDevice(
            VolumeType="gp3", VolumeSize=size_gib, Encrypted=True, KmsKeyId=key_arn, DeleteOnTermination=True
        ),
    )


def launch_template(
    name: str,
    *,
    image: ImageId,
    instance_type: InstanceType,
    profile: InstanceProfileArn,
    security_group: SecurityGroupId,
    volumes: list[LaunchTemplateBlockDeviceMapping],
    user_data: Any,
    cluster_uuid: ClusterUuid,
    description: str,
    tenancy: str,
    host_group: HostResourceGroupArn | None = None,
    license_configuration: LicenseConfigurationArn | None = None,
    reservation_group: CapacityReservationGroupArn | None = None,
    protected: bool = False,
) -> LaunchTemplate:
    """A launch template; `protected` means that the EC2 API refuses to terminate its instances (Auto Scaling may)."""
    if tenancy == "host":
        placement = Placement(Tenancy="host", HostResourceGroupArn=host_group)
        extra: dict[str, Any] = {
            "LicenseSpecifications": [LicenseSpecification(LicenseConfigurationArn=license_configuration)]
        }
    else:
        placement, extra = Placement(Tenancy=tenancy), {}
    if reservation_group is not None:
        # No preference beside it: where the group has no room, an instance is On-Demand (EC2 guide, "Work with Capacity
        # Reservation groups"), such as the one more that an update takes.
        target = CapacityReservationTarget(CapacityReservationResourceGroupArn=reservation_group)
        extra["CapacityReservationSpecification"] = CapacityReservationSpecification(CapacityReservationTarget=target)
    # Auto Scaling tags instances from its group as well, whose value holds where both have a key. But when a group is
    # created it tries a launch with these alone, and a policy may ask for an instance's tags then.
    tags = Tags(Name=description, **{names.CLUSTER_TAG: cluster_uuid})
    return LaunchTemplate(
        name,
        # Neither a launch template nor what is made from it takes tags from the stack.
        TagSpecifications=[TagSpecifications(ResourceType="launch-template", Tags=tags)],
        LaunchTemplateData=LaunchTemplateData(
            # machine
            ImageId=image,
            InstanceType=instance_type,
            Placement=placement,
            IamInstanceProfile=IamInstanceProfile(Arn=profile),
            DisableApiTermination=protected,
            EbsOptimized=True,
            Monitoring=Monitoring(Enabled=True),
            # metadata: tags stay off, for a propagated tag key with "/" would make every launch fail
            MetadataOptions=MetadataOptions(
                HttpEndpoint="enabled",
                HttpTokens="required",
                HttpPutResponseHopLimit=1,
                InstanceMetadataTags="disabled",
            ),
            # network
            NetworkInterfaces=[
                NetworkInterfaces(
                    DeviceIndex=0,
                    AssociatePublicIpAddress=False,
                    DeleteOnTermination=True,
                    Groups=[security_group],
                )
            ],
            # storage
            BlockDeviceMappings=volumes,
            TagSpecifications=[
                TagSpecifications(ResourceType=kind, Tags=tags) for kind in ("instance", "volume", "network-interface")
            ],
            UserData=user_data,
            **extra,
        ),
    )


def latest(template: LaunchTemplate) -> LaunchTemplateSpecification:
    """The newest version by number, so that a new version is a change of the group."""
    return LaunchTemplateSpecification(LaunchTemplateId=Ref(template), Version=GetAtt(template, "LatestVersionNumber"))


def launching_hook(heartbeat_seconds: Number) -> LifecycleHookSpecification:
    """Holds a new instance until its node program says that it serves; a silent one is given up."""
    return LifecycleHookSpecification(
        LifecycleHookName=Sub(names.launching_hook("${ClusterUuid}")),
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout=heartbeat_seconds,
        DefaultResult="ABANDON",
    )


def terminating_hook(default_result: str) -> LifecycleHookSpecification:
    """Holds a leaving instance until the reconcile function lets it go."""
    return LifecycleHookSpecification(
        LifecycleHookName=Sub(names.terminating_hook("${ClusterUuid}")),
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=HEARTBEAT_SECONDS,
        DefaultResult=default_result,
    )


def retain_on_abandon() -> InstanceLifecyclePolicy:
    """An abandoned terminating hook keeps the instance; without this ABANDON does not stop a termination."""
    return InstanceLifecyclePolicy(RetentionTriggers=RetentionTriggers(TerminateHookAbandon="retain"))

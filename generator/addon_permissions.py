"""What the roles of add-ons may do that a cluster has by its configuration (`addons`), as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awacs import ec2, kms

from coordination.names import EBS_CSI_TAG, ROLE_TAG, WORKER_ROLE, Addon
from generator.grant import Grant, On, Role

_ON_BEHALF = "EC2 calls the key on the driver's behalf, from outside the VPC, and carries no source VPC"
_ITS_VOLUMES: Mapping[str, Mapping[str, Any]] = {"StringEquals": {f"aws:ResourceTag/{EBS_CSI_TAG}": "true"}}
EBS_CSI: tuple[Grant, ...] = (
    Grant(
        Role.EBS_CSI,
        "SeeVolumes",
        (
            ec2.DescribeAvailabilityZones,
            ec2.DescribeInstances,
            ec2.DescribeInstanceTypes,
            ec2.DescribeVolumeStatus,
            ec2.DescribeVolumes,
            ec2.DescribeVolumesModifications,
        ),
        On.ANY,
        "describing has no resource level; its documentation names these",
        addon=Addon.EBS_CSI,
    ),
    Grant(
        Role.EBS_CSI,
        "CreateVolumes",
        (ec2.CreateVolume,),
        On.VOLUMES,
        conditions={"Bool": {"ec2:Encrypted": "true"}, "StringEquals": {f"aws:RequestTag/{EBS_CSI_TAG}": "true"}},
        tagging=True,
        addon=Addon.EBS_CSI,
    ),
    # CreateVolume with tags needs it, too (EC2 guide, "Grant permission to tag resources during creation").
    Grant(
        Role.EBS_CSI,
        "TagNewVolumes",
        (ec2.CreateTags,),
        On.VOLUMES,
        conditions={"StringEquals": {"ec2:CreateAction": "CreateVolume"}},
        addon=Addon.EBS_CSI,
    ),
    # The cluster's tag alone is on the volumes of etcd as well.
    Grant(
        Role.EBS_CSI,
        "ChangeVolumes",
        (ec2.AttachVolume, ec2.DeleteVolume, ec2.DetachVolume, ec2.ModifyVolume),
        On.VOLUMES,
        conditions=_ITS_VOLUMES,
        tagged=True,
        addon=Addon.EBS_CSI,
    ),
    # EC2 asks for both, the volume and the instance.
    Grant(
        Role.EBS_CSI,
        "AttachToWorkers",
        (ec2.AttachVolume, ec2.DetachVolume),
        On.INSTANCES,
        conditions={"StringEquals": {f"aws:ResourceTag/{ROLE_TAG}": WORKER_ROLE}},
        tagged=True,
        addon=Addon.EBS_CSI,
    ),
    # EBS guide, "Requirements for Amazon EBS encryption".
    Grant(
        Role.EBS_CSI,
        "EncryptVolumes",
        (
            kms.Decrypt,
            kms.DescribeKey,
            kms.GenerateDataKeyWithoutPlaintext,
            kms.ReEncryptFrom,
            kms.ReEncryptTo,
        ),
        On.KEY,
        _ON_BEHALF,
        False,
        via=("ec2",),
        addon=Addon.EBS_CSI,
    ),
    Grant(
        Role.EBS_CSI,
        "LetInstancesDecrypt",
        (kms.CreateGrant,),
        On.KEY,
        _ON_BEHALF,
        False,
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        via=("ec2",),
        addon=Addon.EBS_CSI,
    ),
)
"""As AWS's AmazonEBSCSIDriverEKSClusterScopedPolicy has it, by this cluster's tags. Without what needs a snapshot, for
there is no snapshotter, without copies of volumes, and without later changes of tags."""

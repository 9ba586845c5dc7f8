"""What the roles of the image stack may do, as data: the instances that build images, and what ends old images.

The build itself is done by Image Builder's service-linked role, which the account has or gets with its first image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awacs import ec2, ecr, imagebuilder, logs, s3, tag
from troposphere import StackName

from coordination.names import IMAGE_TAG, IN_USE, IN_USE_TAG
from generator.grant import Grant, On, Role
from generator.permissions import AGENT_CHANNELS

# Of everything that Image Builder makes in an account (EC2 Image Builder user guide, "Tag resources").
_MADE_BY_IMAGE_BUILDER = {"aws:ResourceTag/CreatedBy": "EC2 Image Builder"}
_OF_THIS_STACK: Mapping[str, Any] = {f"aws:ResourceTag/{IMAGE_TAG}": StackName}

IMAGE_GRANTS: tuple[Grant, ...] = (
    # Of AmazonSSMManagedInstanceCore what Run Command needs: Image Builder runs a build's steps by it.
    Grant(
        Role.BUILD,
        "ServeCommands",
        AGENT_CHANNELS,
        On.ANY,
        "channels have no resource level, and no policy can name the instance that calls",
    ),
    # Of EC2InstanceProfileForImageBuilder the rest, on this stack's components and logs alone. Nothing of KMS: Image
    # Builder decrypts components that it has encrypted with a key of its own.
    Grant(Role.BUILD, "ReadComponents", (imagebuilder.GetComponent,), On.COMPONENTS),
    Grant(
        Role.BUILD,
        "FetchTools",
        (s3.GetObject,),
        On.BUILDER_BUCKETS,
        "the program that runs components is in buckets of AWS, whose names begin so",
    ),
    # What components fetch, where it comes from S3 or from the account's ECR.
    Grant(Role.BUILD, "FetchSources", (s3.GetObject,), On.SOURCES),
    Grant(
        Role.BUILD,
        "RegistryLogin",
        (ecr.GetAuthorizationToken,),
        On.REGISTRY,
        "the service knows no resource level for this action",
    ),
    Grant(Role.BUILD, "PullImages", (ecr.BatchGetImage, ecr.GetDownloadUrlForLayer), On.REPOSITORIES),
    Grant(Role.BUILD, "WriteLogs", (logs.CreateLogGroup, logs.CreateLogStream, logs.PutLogEvents), On.BUILD_LOGS),
    Grant(Role.BUILD, "StoreLogs", (s3.PutObject,), On.LOG_BUCKET_OBJECTS),
    # Of EC2ImageBuilderLifecycleExecutionPolicy what deleting AMIs needs, and never an AMI that is in use, whatever the
    # policy's own rules select.
    Grant(
        Role.IMAGE_LIFECYCLE,
        "DeregisterImages",
        (ec2.DeregisterImage, ec2.DescribeImageAttribute),
        On.AMIS,
        conditions={
            "StringEquals": {**_MADE_BY_IMAGE_BUILDER, **_OF_THIS_STACK},
            # True also where there is no such tag.
            "StringNotEquals": {f"aws:ResourceTag/{IN_USE_TAG}": IN_USE},
        },
    ),
    # No document says that snapshots get the tags of their AMI. EC2 deletes none that an AMI has.
    Grant(
        Role.IMAGE_LIFECYCLE,
        "DeleteSnapshots",
        (ec2.DeleteSnapshot,),
        On.SNAPSHOTS,
        conditions={"StringEquals": _MADE_BY_IMAGE_BUILDER},
    ),
    Grant(
        Role.IMAGE_LIFECYCLE,
        "DeleteImages",
        (imagebuilder.DeleteImage,),
        On.IMAGES,
        conditions={"StringEquals": _OF_THIS_STACK},
    ),
    Grant(
        Role.IMAGE_LIFECYCLE,
        "FindImages",
        (ec2.DescribeImages, tag.GetResources),
        On.ANY,
        "describing and looking for tags have no resource level",
    ),
)
"""Every statement of the image stack's roles."""


def granted_to(role: Role) -> list[Grant]:
    """The grants of one role."""
    return [grant for grant in IMAGE_GRANTS if grant.role is role]

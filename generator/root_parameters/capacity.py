"""The root's parameters of what nodes start from and on: images, instance types, sizes, hosts and reservations."""

from __future__ import annotations

from dataclasses import dataclass

from generator.config.model import ClusterConfig, Pool
from generator.config.room import Most, largest_pool
from generator.layer import logical_id
from generator.parameters import Parameters
from generator.root_parameters.patterns import PARTITION
from generator.values import (
    CapacityReservationGroupArn,
    HostResourceGroupArn,
    ImageId,
    InstanceType,
    LicenseConfigurationArn,
    Number,
)

# As the GroupArn of the API of resource groups.
_RESOURCE_GROUP = f"^{PARTITION}:resource-groups:[a-z0-9-]+:[0-9]{{12}}:group/[A-Za-z0-9_.-]+(/[a-z0-9]{{26}})?$"


@dataclass(frozen=True)
class HostGroup:
    arn: HostResourceGroupArn
    license: LicenseConfigurationArn


@dataclass(frozen=True)
class PoolParameters:
    pool: Pool
    image: ImageId
    instance_type: InstanceType
    min_size: Number
    max_size: Number


def image(parameters: Parameters, name: str, whose: str) -> ImageId:
    """Declare the AMI of some nodes, which `whose` says in words."""
    # A plain id on purpose: neither a changed SSM parameter nor self-healing may move a cluster to another image.
    return parameters.add(
        "Images",
        name,
        ImageId,
        f"Image of {whose}",
        f"ID of the AMI of {whose}, built by the image pipeline; another one replaces every node",
    )


def pool_images(parameters: Parameters, config: ClusterConfig) -> list[ImageId]:
    """The image of each pool; the shared one is a parameter where a pool shares it."""
    kinds = {pool.image for pool in config.pools}
    whose = "workers" if kinds == {"shared"} else "workers of pools that share an image"
    shared = image(parameters, "WorkerImage", whose) if "shared" in kinds else None
    return [
        image(parameters, f"{logical_id(pool.name)}Image", f'the pool "{pool.name}"')
        if shared is None or pool.image == "own"
        else shared
        for pool in config.pools
    ]


def instance_type(parameters: Parameters, group: str, name: str, whose: str, default: str) -> InstanceType:
    """Declare the instance type of some nodes, which `whose` says in words."""
    return parameters.add(
        group,
        name,
        InstanceType,
        f"Instance type of {whose}",
        f"EC2 instance type of {whose}; every zone has to offer it with the tenancy of the configuration",
        Default=default,
        AllowedPattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$",
        ConstraintDescription="must be an instance type such as m7i.large",
    )


def pools(parameters: Parameters, config: ClusterConfig, images: list[ImageId]) -> list[PoolParameters]:
    """Declare those of each pool, whose image is declared already."""
    most = largest_pool(config)
    return [_pool(parameters, pool, image, most) for pool, image in zip(config.pools, images, strict=True)]


def _pool(parameters: Parameters, pool: Pool, image: ImageId, most: Most) -> PoolParameters:
    group, prefix = f'Worker pool "{pool.name}"', logical_id(pool.name)
    return PoolParameters(
        pool,
        image,
        instance_type(parameters, group, f"{prefix}InstanceType", f'the pool "{pool.name}"', pool.instance_type),
        min_size=parameters.add(
            group,
            f"{prefix}MinSize",
            Number,
            f'Minimum size of the pool "{pool.name}"',
            f'Minimum number of nodes in the pool "{pool.name}", less than the maximum; the cluster autoscaler stays '
            "between minimum and maximum, and an update keeps at least the minimum in service",
            Default=pool.min_size,
            MinValue=0,
            MaxValue=most.nodes - 1,
            **_described(0, most.nodes - 1, most.reason and f"less than {prefix}MaxSize can be"),
        ),
        max_size=parameters.add(
            group,
            f"{prefix}MaxSize",
            Number,
            f'Maximum size of the pool "{pool.name}"',
            f'Maximum number of nodes in the pool "{pool.name}", more than the minimum; the cluster autoscaler and '
            "updates never exceed it",
            Default=pool.max_size,
            MinValue=1,
            MaxValue=most.nodes,
            **_described(1, most.nodes, most.reason),
        ),
    )


def _described(least: int, most: int, reason: str) -> dict[str, str]:
    """What CloudFormation says of a size beyond its bounds, where there is more to say than the bounds."""
    words = f"must be a whole number from {least} to {most}: {reason}"
    return {"ConstraintDescription": words} if reason else {}


def host_group(parameters: Parameters, name: str) -> HostGroup:
    """Declare the ARNs of what the configuration calls `name`."""
    prefix = logical_id(name)
    return HostGroup(
        parameters.add(
            "Dedicated hosts",
            f"HostResourceGroup{prefix}Arn",
            HostResourceGroupArn,
            f'Host resource group "{name}"',
            f'ARN of the host resource group that the configuration calls "{name}"',
            AllowedPattern=_RESOURCE_GROUP,
            ConstraintDescription="must be the ARN of a resource group",
        ),
        parameters.add(
            "Dedicated hosts",
            f"LicenseConfiguration{prefix}Arn",
            LicenseConfigurationArn,
            f'License configuration of the host resource group "{name}"',
            f'ARN of the license configuration that is associated with the host resource group "{name}"',
            AllowedPattern=f"^{PARTITION}:license-manager:[a-z0-9-]+:[0-9]{{12}}:license-configuration:[A-Za-z0-9_-]+$",
            ConstraintDescription="must be the ARN of a license configuration",
        ),
    )


def reservation(parameters: Parameters, name: str) -> CapacityReservationGroupArn:
    """Declare the ARN of what the configuration calls `name`."""
    return parameters.add(
        "Capacity Reservations",
        f"CapacityReservationGroup{logical_id(name)}Arn",
        CapacityReservationGroupArn,
        f'Group of the Capacity Reservations "{name}"',
        f'ARN of the resource group of Capacity Reservations that the configuration calls "{name}"; where it has no '
        "room instances are On-Demand",
        AllowedPattern=_RESOURCE_GROUP,
        ConstraintDescription="must be the ARN of a resource group",
    )

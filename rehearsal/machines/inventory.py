"""Instances as the local EC2 holds them, read from moto's backends."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from rehearsal.aws.protocol import partition_of
from rehearsal.aws.server import LocalAws
from rehearsal.machines.model import BlockDevice, Interface, Machine, MetadataOptions
from rehearsal.machines.network.topology import backend_of

GONE = frozenset({"terminated"})
"""The states of an instance whose address may already be another's."""


def machine(aws: LocalAws, instance_id: str) -> Machine:
    """The facts of one instance. KeyError when there is none with this id."""
    with aws.lock:
        for region, instance in _instances(aws):
            if instance.id == instance_id:
                return _machine(aws, region, instance)
    raise KeyError(instance_id)


def machine_at(aws: LocalAws, vpc_id: str, address: str) -> Machine | None:
    """The instance that has an address in a VPC, or None."""
    with aws.lock:
        for region, instance in _instances(aws):
            if instance.vpc_id == vpc_id and instance.private_ip == address and instance.state not in GONE:
                return _machine(aws, region, instance)
    return None


@dataclass(frozen=True)
class Details:
    """What of an instance only its metadata shows."""

    zone_id: str
    profile_id: str | None
    tags: tuple[tuple[str, str], ...]


def details(aws: LocalAws, of: Machine) -> Details:
    """The details of an instance. KeyError when there is none with this id."""
    with aws.lock:
        for region, instance in _instances(aws):
            if instance.id == of.instance_id:
                profile = _current_profile(aws, region, instance)
                return Details(
                    zone_id=_zone_id(region, instance.availability_zone),
                    profile_id=profile.id if profile is not None else None,
                    tags=tuple((tag["key"], str(tag["value"])) for tag in instance.get_tags()),
                )
    raise KeyError(of.instance_id)


def vpc_range(aws: LocalAws, vpc_id: str) -> IPv4Network:
    """The addresses of a VPC. KeyError when there is none with this id."""
    with aws.lock:
        return IPv4Network(backend_of(aws, vpc_id).vpcs[vpc_id].cidr_block)


def _instances(aws: LocalAws) -> Iterator[tuple[str, Any]]:
    from moto.ec2.models import ec2_backends

    for region, backend in ec2_backends[aws.account_id].items():
        for reservation in backend.reservations.values():
            for instance in reservation.instances:
                yield region, instance


def _machine(aws: LocalAws, region: str, instance: Any) -> Machine:
    nic = instance.nics[0]
    profile_arn, role_arn = _profile(aws, region, instance)
    options = instance.metadata_options
    return Machine(
        instance_id=instance.id,
        image_id=instance.image_id,
        instance_type=instance.instance_type,
        region=region,
        account_id=aws.account_id,
        interface=Interface(
            nic.id,
            nic.subnet.vpc_id,
            nic.subnet.id,
            nic.subnet.availability_zone,
            nic.private_ip_address,
            nic.mac_address,
        ),
        launched_at=instance.launch_time,
        user_data=base64.b64decode(str(instance.user_data)) if instance.user_data else b"",
        instance_profile_arn=profile_arn,
        role_arn=role_arn,
        metadata=MetadataOptions(
            enabled=options.http_endpoint != "disabled",
            tokens_required=options.http_tokens == "required",
            hop_limit=int(options.http_put_response_hop_limit or 1),
            tags=options.instance_metadata_tags == "enabled",
        ),
        volumes=_volumes(region, aws, instance),
    )


def _volumes(region: str, aws: LocalAws, instance: Any) -> tuple[BlockDevice, ...]:
    """The volumes beside the root, in the order of their names."""
    from moto.ec2.models import ec2_backends

    backend = ec2_backends[aws.account_id][region]
    image = backend.amis.get(instance.image_id)
    # Where no device is asked for, moto calls the root so, whatever its image says.
    roots = {image.root_device_name if image else "", "/dev/sda1"}
    mapped = sorted((name, each.volume_id) for name, each in instance.get_block_device_mapping if name not in roots)
    return tuple(
        BlockDevice(name, int(backend.volumes[volume_id].size))
        for name, volume_id in mapped
        if volume_id in backend.volumes
    )


def _profile(aws: LocalAws, region: str, instance: Any) -> tuple[str | None, str | None]:
    """The ARNs of an instance's profile and of the role in it."""
    profile = _current_profile(aws, region, instance)
    if profile is None:
        return None, None
    roles = list(profile.roles)
    return profile.arn, (roles[0].arn if roles else None)


def _current_profile(aws: LocalAws, region: str, instance: Any) -> Any | None:
    from moto.ec2.models import ec2_backends
    from moto.iam.models import iam_backends

    associations = ec2_backends[aws.account_id][region].iam_instance_profile_associations.values()
    profile = next((each.iam_instance_profile for each in associations if each.instance.id == instance.id), None)
    if profile is None:
        return None
    # The association holds the profile as it was: its role may have been added later.
    return iam_backends[aws.account_id][partition_of(region)].instance_profiles.get(profile.name, profile)


def _zone_id(region: str, zone: str) -> str:
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

    zones = RegionsAndZonesBackend.zones.get(region, ())
    return next((each.zone_id for each in zones if each.name == zone), zone)

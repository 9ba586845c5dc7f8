"""What a deploy finds in a real account: a bucket, images, and for some clusters a network or dedicated hosts.

All of it is made through the public API. The values of the root's parameters follow from it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.local import given_network
from rehearsal.local.given_network import Wanted
from rehearsal.local.processes import StepFailed

# Partition -> a region of it, for the templates are linted and deployed where they are meant to be.
REGIONS = {
    "aws": "us-east-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-cn": "cn-northwest-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
}
BUCKET = "holdfast-rehearsal"
OPERATOR = "rehearsal-operator"
"""The user of IAM who is the cluster's administrator."""

Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Facts:
    """The few settings of a cluster configuration that decide what it finds."""

    partition: str
    zones: int
    vpc_cidr: str
    slots: int
    network: Wanted
    """What a given one is to be."""
    pods: str
    """The range of all pods."""
    encryption: str
    """Of what pods of different nodes send each other: `wireguard` or `none`."""

    @property
    def region(self) -> str:
        """A region of the configuration's partition."""
        return REGIONS[self.partition]

    @property
    def client_cidr(self) -> str:
        """A range for clients that are no nodes: the VPC's last sixteen addresses, which no subnet of nodes has."""
        whole = ipaddress.IPv4Network(self.vpc_cidr)
        return f"{whole.broadcast_address - 15}/28"


def operator_arn(facts: Facts, account: str) -> str:
    """The ARN of the user OPERATOR."""
    return f"arn:{facts.partition}:iam::{account}:user/{OPERATOR}"


class ConfigRefused(StepFailed):
    """A configuration that the generator does not take; the message holds its lines."""


def facts(config: Path) -> Facts:
    """What the generator reads in the configuration, which it checks first. Raises ConfigRefused."""
    validate = [sys.executable, "-m", "generator", "--config", str(config), "--validate", "--json"]
    done = subprocess.run(validate, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigRefused(done.stderr.strip())
    settings = json.loads(done.stdout)
    network, inside = settings["network"], settings["kubernetes"]
    return Facts(
        partition=settings["partition"],
        zones=settings["zones"],
        vpc_cidr=network["vpcCidr"],
        slots=settings["controlPlane"]["slots"],
        network=Wanted(
            cidrs=(network["vpcCidr"], *network["vpcSecondaryCidrs"]),
            tenancy=network["tenancy"],
            taken=(inside["podCidr"], inside["serviceCidr"]),
            central_endpoints=network["endpoints"] == "given",
            gateway_endpoints=network["gatewayEndpoints"] == "given",
            private_zone=network["privateZone"] == "given",
        ),
        pods=inside["podCidr"],
        encryption=network["encryption"],
    )


def prepare(client: Clients, facts: Facts, declared: Mapping[str, Any], image: str | None = None) -> dict[str, str]:
    """Makes what the cluster finds; a value for every parameter that has no default.

    `declared` are the root template's Parameters; `image` is one that exists already, for all nodes. Raises KeyError
    for a parameter that is not known here.
    """
    needed = [name for name, body in declared.items() if "Default" not in body]
    values: dict[str, str] = {}
    zones = _zones(client("ec2"), facts.zones)
    if "AvailabilityZones" in needed:
        values["AvailabilityZones"] = ",".join(zones)
    if "VpcId" in needed:
        values |= given_network.make(client, facts.network, facts.region, zones)
    for name in needed:
        if name.endswith("Image"):
            values[name] = image or machine_image(client("ec2"), name, _architecture(client("ec2"), declared, name))
        elif name.startswith("HostResourceGroup"):
            values[name] = _host_group(client("resource-groups"), name)
        elif name.startswith("CapacityReservationGroup"):
            values[name] = _reservation_group(client("resource-groups"), name)
        elif name.startswith("LicenseConfiguration"):
            group = "license-configuration:lic-0123456789abcdef0123456789abcdef"
            values[name] = f"arn:{facts.partition}:license-manager:{facts.region}:123456789012:{group}"
    return {name: values[name] for name in needed}


def make_bucket(s3: Any, region: str) -> None:
    """The bucket that templates and code are uploaded to."""
    # us-east-1 is the one region that must not be named.
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET, **place)


def _zones(ec2: Any, count: int) -> list[str]:
    return [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:count]


def _architecture(ec2: Any, declared: Mapping[str, Any], image: str) -> str:
    """What runs on the type that the image's nodes have by default; pools that share an image are x86_64 ones here."""
    parameter = f"{image.removesuffix('Image')}InstanceType"
    filters = [{"Name": "instance-type", "Values": [declared.get(parameter, {}).get("Default", "")]}]
    found = ec2.describe_instance_types(Filters=filters)["InstanceTypes"]
    return str(found[0]["ProcessorInfo"]["SupportedArchitectures"][0]) if found else "x86_64"


def machine_image(ec2: Any, name: str, architecture: str = "x86_64") -> str:
    """The id of a new AMI, from which nothing starts."""
    return str(
        ec2.register_image(
            Name=f"rehearsal-{name}",
            Architecture=architecture,
            RootDeviceName="/dev/xvda",
            VirtualizationType="hvm",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}],
        )["ImageId"]
    )


def _reservation_group(groups: Any, parameter: str) -> str:
    """A resource group of Capacity Reservations for one parameter, with none in it: instances are On-Demand then.

    EC2 user guide, "Create a Capacity Reservation group".
    """
    made = groups.create_group(
        Name=f"rehearsal-{parameter}",
        Configuration=[
            {"Type": "AWS::EC2::CapacityReservationPool"},
            {
                "Type": "AWS::ResourceGroups::Generic",
                "Parameters": [{"Name": "allowed-resource-types", "Values": ["AWS::EC2::CapacityReservation"]}],
            },
        ],
    )
    return str(made["Group"]["GroupArn"])


def _host_group(groups: Any, parameter: str) -> str:
    """A host resource group for one parameter. The local AWS places no host; that the group is there is what counts.

    License Manager user guide, "Host resource groups in License Manager".
    """
    made = groups.create_group(
        Name=f"rehearsal-{parameter}",
        Configuration=[
            {"Type": "AWS::EC2::HostManagement", "Parameters": []},
            {
                "Type": "AWS::ResourceGroups::Generic",
                "Parameters": [{"Name": "allowed-resource-types", "Values": ["AWS::EC2::Host"]}],
            },
        ],
    )
    return str(made["Group"]["GroupArn"])

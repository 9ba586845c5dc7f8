"""What the metadata service tells of an instance beside what the instance was started with, read from the local AWS."""

from __future__ import annotations

from dataclasses import dataclass

from rehearsal.aws.protocol import partition_of, url_suffix_of
from rehearsal.aws.server import LocalAws
from rehearsal.machines import inventory
from rehearsal.machines.instance.plan import hostname
from rehearsal.machines.model import Machine
from rehearsal.machines.network.topology import read_topology

# Lifecycle state -> where the instance is going (Auto Scaling user guide, "Retrieve the target lifecycle state through
# instance metadata").
_TARGETS = {
    "Pending": "InService",
    "InService": "InService",
    "Terminating": "Terminated",
    "Terminated": "Terminated",
    "Detaching": "Detached",
    "Detached": "Detached",
    "EnteringStandby": "Standby",
    "Standby": "Standby",
}


@dataclass(frozen=True)
class Facts:
    """An instance as its metadata shows it."""

    machine: Machine
    hostname: str
    partition: str
    domain: str
    vpc_cidrs: tuple[str, ...]
    subnet_cidr: str
    zone_id: str
    security_groups: tuple[tuple[str, str], ...]
    """Id and name of each."""
    tags: tuple[tuple[str, str], ...]
    profile_id: str | None
    target_lifecycle_state: str | None
    """None where the instance is in no Auto Scaling group."""


def facts_at(aws: LocalAws, vpc_id: str, address: str) -> Facts | None:
    """The facts of the instance that has an address in a VPC; None where there is none."""
    # All of one moment, for the instance may be terminated in the next.
    with aws.lock:
        machine = inventory.machine_at(aws, vpc_id, address)
        if machine is None:
            return None
        topology = read_topology(aws, vpc_id)
        details = inventory.details(aws, machine)
    nic = topology.by_address[address]
    subnet = topology.subnets[machine.interface.subnet_id]
    partition = partition_of(machine.region)
    return Facts(
        machine=machine,
        hostname=hostname(machine),
        partition=partition,
        domain=url_suffix_of(partition),
        vpc_cidrs=topology.cidrs,
        subnet_cidr=subnet.cidr,
        zone_id=details.zone_id,
        security_groups=tuple((group_id, topology.groups[group_id].name) for group_id in nic.group_ids),
        tags=details.tags,
        profile_id=details.profile_id,
        target_lifecycle_state=_target(aws, machine),
    )


def _target(aws: LocalAws, machine: Machine) -> str | None:
    found = aws.client("autoscaling", machine.region).describe_auto_scaling_instances(
        InstanceIds=[machine.instance_id]
    )["AutoScalingInstances"]
    return _TARGETS.get(found[0]["LifecycleState"].partition(":")[0]) if found else None

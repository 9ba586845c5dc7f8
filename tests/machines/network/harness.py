"""VPCs of the local AWS with interfaces in them that are really attached."""

from __future__ import annotations

import itertools
import socket
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.fabric import Fabric
from tests.machines.network.probing import connects, drops

ALL = {"IpProtocol": "-1"}
ANYWHERE = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
_numbers = itertools.count()


class NetworkHarness:
    """A VPC with a subnet in each of two zones. Every one has the same addresses, unless a range is given."""

    def __init__(self, aws: LocalAws, fabric: Fabric, cidr: str = "10.0.0.0/16") -> None:
        self.fabric = fabric
        self.ec2 = aws.client("ec2")
        self.vpc_id = str(self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])
        self._start = cidr.removesuffix(".0.0/16")
        self.zones = (f"{aws.region}a", f"{aws.region}b")
        self.subnets = {zone: self._subnet(zone, number) for number, zone in enumerate(self.zones)}

    def group(self, *ingress: dict[str, Any], open_egress: bool = True) -> str:
        """A new security group; by default everything may leave it, as EC2 makes one."""
        name = f"group-{next(_numbers)}"
        made = self.ec2.create_security_group(GroupName=name, Description="test", VpcId=self.vpc_id)["GroupId"]
        if ingress:
            self.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(ingress))
        if not open_egress:
            self.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[ALL | ANYWHERE])
        return str(made)

    def interface(self, *groups: str, zone: str = "") -> Interface:
        """A new network interface, not attached yet."""
        zone = zone or self.zones[0]
        made = self.ec2.create_network_interface(SubnetId=self.subnets[zone], Groups=list(groups))["NetworkInterface"]
        place = (self.vpc_id, self.subnets[zone], zone)
        return Interface(made["NetworkInterfaceId"], *place, made["PrivateIpAddress"], made["MacAddress"])

    def attached(self, *groups: str, zone: str = "") -> Interface:
        """A new network interface, attached."""
        interface = self.interface(*groups, zone=zone)
        self.fabric.attach(interface)
        return interface

    def namespace(self, interface: Interface) -> str:
        """The namespace of an attached interface."""
        return self.fabric.attach(interface)

    def listen(self, interface: Interface, port: int) -> socket.socket:
        """A listener at an interface."""
        return namespaces.listen(self.namespace(interface), interface.address, port)

    def connects(self, source: Interface, target: Interface, port: int) -> bool:
        """Whether a TCP connection is made."""
        return connects(self.namespace(source), target.address, port)

    def drops(self, source: Interface, target: Interface, port: int) -> bool:
        """Whether the first packet of a TCP connection is dropped."""
        return drops(self.namespace(source), target.address, port)

    def _subnet(self, zone: str, number: int) -> str:
        made = self.ec2.create_subnet(
            VpcId=self.vpc_id, CidrBlock=f"{self._start}.{number}.0/24", AvailabilityZone=zone
        )
        return str(made["Subnet"]["SubnetId"])


def tcp(port: int, **peer: Any) -> dict[str, Any]:
    """The permission of one TCP port, by default from anywhere."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **(peer or ANYWHERE)}

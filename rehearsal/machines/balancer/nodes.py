"""The network interfaces of one balancer: one in each of its subnets, in the local EC2 and in the network."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines.balancer.view import Nlb, Subnet
from rehearsal.machines.model import Interface
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.proxy.plan import Zone

INTERFACE_TYPE = "network_load_balancer"
"""How EC2 shows a balancer's interfaces (EC2 API, NetworkInterface)."""


class Nodes:
    """The interfaces of one balancer. One thread uses it, and does not hold the local AWS's lock."""

    def __init__(self, aws: LocalAws, fabric: Fabric) -> None:
        self._aws = aws
        self._fabric = fabric
        self._interfaces: dict[str, Interface] = {}
        self._region = ""

    def follow(self, balancer: Nlb) -> tuple[Zone, ...]:
        """Have one interface in each of the balancer's subnets, with its security groups; and no others."""
        self._region = balancer.region
        wanted = {subnet.subnet_id for subnet in balancer.subnets}
        for subnet_id in self._interfaces.keys() - wanted:
            self._remove(subnet_id)
        for subnet in balancer.subnets:
            if subnet.subnet_id not in self._interfaces:
                self._interfaces[subnet.subnet_id] = self._make(balancer, subnet)
            else:
                self._regroup(self._interfaces[subnet.subnet_id].interface_id, balancer.security_groups)
        # Attaching what is attached only tells where it is.
        return tuple(
            Zone(interface.zone, interface.address, self._fabric.attach(interface))
            for interface in (self._interfaces[subnet.subnet_id] for subnet in balancer.subnets)
        )

    def remove(self) -> None:
        """Take all interfaces out of the network, and then out of EC2: subnets and groups are free afterwards."""
        for subnet_id in list(self._interfaces):
            self._remove(subnet_id)

    def _make(self, balancer: Nlb, subnet: Subnet) -> Interface:
        with self._aws.lock:
            made = self._backend().create_network_interface(
                subnet.subnet_id, "", group_ids=list(balancer.security_groups), description=balancer.description
            )
            made.interface_type = INTERFACE_TYPE
            made.requester_managed = True
            made.status = "in-use"
            place = (str(made.subnet.vpc_id), subnet.subnet_id, subnet.zone)
            return Interface(str(made.id), *place, str(made.private_ip_address), str(made.mac_address))

    def _regroup(self, interface_id: str, groups: tuple[str, ...]) -> None:
        with self._aws.lock:
            backend = self._backend()
            found = backend.enis[interface_id]
            if groups and {group.id for group in found._group_set} != set(groups):
                found._group_set = [backend.get_security_group_from_id(group) for group in groups]

    def _remove(self, subnet_id: str) -> None:
        interface = self._interfaces[subnet_id]
        self._fabric.detach(interface.interface_id)
        with self._aws.lock:
            backend = self._backend()
            if interface.interface_id in backend.enis:
                backend.delete_network_interface(interface.interface_id)
        del self._interfaces[subnet_id]

    def _backend(self) -> Any:
        from moto.ec2.models import ec2_backends

        return ec2_backends[self._aws.account_id][self._region]

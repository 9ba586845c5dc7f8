"""A peering connection: a cable between the routers of two VPCs.

Each router sends there what is in the other VPC's ranges; which packets may go, its firewall says.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from rehearsal.machines.network import namespaces
from rehearsal.machines.network.names import peer_device_of
from rehearsal.machines.network.router import MTU_BYTES

_ENDS = (("169.254.250.1", "02:00:a9:fe:fa:01"), ("169.254.250.2", "02:00:a9:fe:fa:02"))
"""Address and MAC of both ends. Nobody is told of them, so all cables have the same."""


@dataclass(frozen=True)
class Side:
    """One VPC of a peering."""

    namespace: str
    """Of its router."""
    cidrs: tuple[str, ...]


@dataclass(frozen=True)
class Cable:
    """What joins two routers."""

    peering_id: str
    sides: tuple[Side, Side]

    def lay(self) -> None:
        """Make it. Raises namespaces.Failed, and leaves nothing then."""
        device = peer_device_of(self.peering_id)
        (one, other), ((_, mac), (_, other_mac)) = self.sides, _ENDS
        made = (
            f"link add {device} mtu {MTU_BYTES} address {mac} type veth"
            f" peer name {device} mtu {MTU_BYTES} address {other_mac} netns {other.namespace}"
        )
        namespaces.ip([made], one.namespace)
        try:
            for side, far, (address, far_mac) in ((one, other, _ENDS[1]), (other, one, _ENDS[0])):
                namespaces.ip(
                    [
                        f"link set {device} up",
                        f"neighbour add {address} lladdr {far_mac} dev {device} nud permanent",
                        *(f"route add {cidr} via {address} dev {device} onlink" for cidr in far.cidrs),
                    ],
                    side.namespace,
                )
        except BaseException:
            self.cut()
            raise

    def turned(self) -> Cable:
        """The same, told from the other side."""
        return Cable(self.peering_id, (self.sides[1], self.sides[0]))

    def cut(self) -> None:
        """Take it away, with its routes; nothing happens where it is gone."""
        for side in self.sides:
            with suppress(namespaces.Failed, OSError):
                namespaces.ip([f"link delete {peer_device_of(self.peering_id)}"], side.namespace)

"""What a router refused, read from its notes and explained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from rehearsal.machines.network import firewall
from rehearsal.machines.network.router import NO_SERVICE
from rehearsal.machines.network.ruleset import NO_EGRESS, NO_INGRESS, NO_ROUTE, SPOOFED
from rehearsal.machines.network.topology import Topology


@dataclass(frozen=True)
class Refusal:
    """Packets of one kind that were dropped in the last minutes."""

    source: str
    target: str
    protocol: str
    port: int | None
    """None for protocols without ports; of ICMP only echo requests are noted."""
    packets: int
    reason: str
    source_owner: str = ""
    """The instance, or whoever has the address; empty when nobody has."""
    target_owner: str = ""

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return (
            f"{_with_owner(self.source, self.source_owner)} -> "
            f"{_with_owner(f'{self.target}{port}/{self.protocol}', self.target_owner)} refused: {self.reason}"
        )


def read(listing: str, topology: Topology) -> list[Refusal]:
    """The refusals in what `nft -j` lists of the notes, in the order of addresses."""
    found = [_refusal(key, packets, topology) for key, packets in _elements(listing)]
    return sorted(found, key=lambda each: (each.source, each.target, each.protocol, each.port or 0))


def _elements(listing: str) -> Iterator[tuple[list[str | int], int]]:
    for item in json.loads(listing)["nftables"]:
        for held in item.get("set", {}).get("elem", []):
            # The set of services holds plain values: nothing of it was refused.
            if "elem" in held:
                yield held["elem"]["val"]["concat"], held["elem"]["counter"]["packets"]


def _refusal(key: list[str | int], packets: int, topology: Topology) -> Refusal:
    source, target, protocol, *port = (str(part) for part in key[:-1])
    owners = {nic.address: nic.owner for nic in topology.nics}
    return Refusal(
        source,
        target,
        protocol,
        int(port[0]) if port else None,
        packets,
        _reason(topology, source, target, int(key[-1])),
        owners.get(source, ""),
        owners.get(target, ""),
    )


def _reason(topology: Topology, source: str, target: str, mark: int) -> str:
    """Why: the router's mark says how far the packet came, whatever the groups say by now."""
    sender, receiver = topology.by_address.get(source), topology.by_address.get(target)
    if mark == SPOOFED:
        return "its source is not the address of the interface that sent it"
    if mark == NO_SERVICE:
        return "nothing answers there"
    if mark == NO_ROUTE and sender is not None:
        return firewall.no_route(topology, sender, target)
    if mark == NO_EGRESS and sender is not None:
        return firewall.no_egress(topology, sender)
    if mark == NO_INGRESS and receiver is not None:
        return firewall.no_ingress(topology, receiver)
    return f"no network interface has the address {target if sender is not None else source}"


def _with_owner(what: str, owner: str) -> str:
    return f"{what} ({owner})" if owner else what

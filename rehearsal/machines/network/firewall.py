"""What security groups decide about a connection, as a function of a topology, with the reason of a refusal.

A connection may begin when a rule of one of the source's groups lets it out and a rule of one of the target's groups
lets it in. `ruleset.py` writes the same decision as rules of nftables; a property test holds the two together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from rehearsal.machines.network.topology import ALL, ANY, BY_PORT, ICMP, Nic, Rule, Topology


@dataclass(frozen=True)
class Verdict:
    """Whether security groups let a connection begin, and if not, why not."""

    allowed: bool
    reason: str = ""


def allowed(
    topology: Topology, source: str, target: str, protocol: str, port: int | None = None, code: int = 0
) -> Verdict:
    """Whether the groups let a new connection from the address `source` to `target` begin; for ICMP `port` is the type.

    A target outside the VPC, such as an address of a prefix list or of a peer, has no groups: there only egress counts.
    """
    sender, receiver = topology.by_address.get(source), topology.by_address.get(target)
    if sender is None:
        return Verdict(False, f"no network interface has the address {source}")
    out = _rules(topology, sender, ingress=False)
    if not any(_is_peer(topology, rule, target) and _is_traffic(rule, protocol, port, code) for rule in out):
        return Verdict(False, no_egress(topology, sender))
    if receiver is None:
        inside = topology.holds(target)
        return Verdict(not inside, f"no network interface has the address {target}" if inside else "")
    return admitted(topology, source, target, protocol, port, code)


def admitted(
    topology: Topology, source: str, target: str, protocol: str, port: int | None = None, code: int = 0
) -> Verdict:
    """Whether the groups of the target let it in; `source` may be an address of a peer, which has no groups here."""
    receiver = topology.by_address.get(target)
    if receiver is None:
        return Verdict(False, f"no network interface has the address {target}")
    into = _rules(topology, receiver, ingress=True)
    if not any(_is_peer(topology, rule, source) and _is_traffic(rule, protocol, port, code) for rule in into):
        return Verdict(False, no_ingress(topology, receiver))
    return Verdict(True)


def no_egress(topology: Topology, nic: Nic) -> str:
    """The reason of a refusal at the source."""
    return f"no egress rule of {_named(topology, nic)} allows it"


def no_route(topology: Topology, nic: Nic, target: str) -> str:
    """The reason of a refusal where the packet would leave to a peer."""
    table = topology.table_of_subnet.get(nic.subnet_id) or "none"
    return f"the route table of {nic.subnet_id}, {table}, has no route to {target}"


def no_ingress(topology: Topology, nic: Nic) -> str:
    """The reason of a refusal at the target."""
    return f"no ingress rule of {_named(topology, nic)} allows it"


def _named(topology: Topology, nic: Nic) -> str:
    groups = [topology.groups[group_id] for group_id in nic.group_ids if group_id in topology.groups]
    return ", ".join(f"{group.group_id} ({group.name})" for group in groups) or "no group"


def _rules(topology: Topology, nic: Nic, *, ingress: bool) -> Iterator[Rule]:
    for group_id in nic.group_ids:
        group = topology.groups.get(group_id)
        if group is not None:
            yield from group.ingress if ingress else group.egress


def _is_peer(topology: Topology, rule: Rule, peer: str) -> bool:
    if rule.group_id is not None:
        return peer in topology.addresses_in(rule.group_id)
    address = ipaddress.ip_address(peer)
    return any(address in ipaddress.ip_network(cidr, strict=False) for cidr in _cidrs(topology, rule))


def _is_traffic(rule: Rule, protocol: str, port: int | None, code: int) -> bool:
    if rule.protocol == ALL:
        return True
    if rule.protocol != protocol:
        return False
    if rule.protocol == ICMP:
        return rule.first in (ANY, port) and (rule.first == ANY or rule.last in (ANY, code))
    if rule.protocol in BY_PORT:
        return port is not None and rule.first is not None and rule.last is not None and rule.first <= port <= rule.last
    return True


def _cidrs(topology: Topology, rule: Rule) -> tuple[str, ...]:
    """The IPv4 addresses that a rule names; none when it names a group, or IPv6 addresses."""
    if rule.cidr is not None:
        return (rule.cidr,)
    return () if rule.prefix_list_id is None else topology.prefix_lists.get(rule.prefix_list_id, ())

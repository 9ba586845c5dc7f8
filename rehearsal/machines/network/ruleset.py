"""Security groups as rules of nftables: the text that a VPC's router is given.

This table only *marks*: ALLOWED packets, and how far the others came. What is not marked ALLOWED is dropped and noted
by the router's fixed table (`router.py`), so that replacing this one neither opens a gap nor loses the notes.

Connections are tracked: answers pass, and a connection that exists goes on when its rule is taken away, as the tracked
connections of EC2's security groups do. Only a cut ends it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

from rehearsal.machines.model import Interface
from rehearsal.machines.network.names import device_of, peer_device_of
from rehearsal.machines.network.topology import ALL, ANY, BY_PORT, ICMP, Group, Peer, Rule, Topology

NO_EGRESS = 0x0
"""The mark of a packet that no rule let out: the one that every packet comes with."""
NO_INGRESS = 0x1
"""The mark of a packet that was let out and not let in."""
ALLOWED = 0x3
NO_ROUTE = 0x4
"""The mark of a packet that a peering would take, if its subnet's route table had a route there."""
SPOOFED = 0x10
"""The mark of a packet whose source is not the address of the interface that it came from."""

TABLE = "firewall"
_PORT_MAX = 65535
_ICMP_MAX = 255
_PROTOCOL_MAX = 255


@dataclass(frozen=True)
class Cuts:
    """What is cut off: interfaces, from everything, and zones, from everything outside of themselves."""

    interface_ids: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()


def rules(topology: Topology, attached: Collection[Interface], cuts: Cuts = Cuts()) -> str:
    """The script that replaces a router's whole firewall at once. The same input gives the same text."""
    lines = [f"add table ip {TABLE}", f"delete table ip {TABLE}", f"table ip {TABLE} {{"]
    lines += _sets(topology, attached, cuts)
    for group in topology.groups.values():
        lines += _chain(f"egress_{_name(group.group_id)}", _group_lines(topology, group, ingress=False))
        lines += _chain(f"ingress_{_name(group.group_id)}", _group_lines(topology, group, ingress=True))
    lines += _chain("egress", [_jump(group, ingress=False) for group in topology.groups.values()])
    lines += _chain("ingress", [_jump(group, ingress=True) for group in topology.groups.values()])
    lines += _chain("leaving", _leaving(topology, attached))
    lines += _chain("arriving", _arriving(topology), "type filter hook prerouting priority -300;")
    lines += _chain("received", _received(topology, cuts), "type filter hook input priority 0;")
    lines += _chain("sent", _sent(cuts), "type filter hook output priority 0;")
    lines += _chain("forwarded", _forwarded(topology, cuts), "type filter hook forward priority 0;")
    return "\n".join([*lines, "}", ""])


def _sets(topology: Topology, attached: Collection[Interface], cuts: Cuts) -> list[str]:
    ordered = sorted(attached, key=lambda interface: interface.interface_id)
    sources = [f'"{device_of(each.interface_id)}" . {each.address}' for each in ordered]
    lines = [_set("sources", "ifname . ipv4_addr", sources)]
    lines.append(_set("cut", "ifname", [_device(each) for each in ordered if each.interface_id in cuts.interface_ids]))
    for zone in sorted(cuts.zones):
        lines.append(_set(f"zone_{_name(zone)}", "ifname", [_device(each) for each in ordered if each.zone == zone]))
    for group_id in topology.groups:
        lines.append(_set(_name(group_id), "ipv4_addr", sorted(topology.addresses_in(group_id))))
    for list_id, cidrs in topology.prefix_lists.items():
        lines.append(_set(_name(list_id), "ipv4_addr", cidrs, "flags interval; auto-merge; "))
    if topology.peers:
        lines.append(_set("peers", "ifname", [_cable(each) for each in topology.peers]))
    for peer in topology.peers:
        lines.append(_set(_name(peer.peering_id), "ipv4_addr", peer.cidrs, "flags interval; auto-merge; "))
    return lines


def _set(name: str, kind: str, elements: Collection[str], flags: str = "") -> str:
    held = f"elements = {{ {', '.join(elements)} }}; " if elements else ""
    return f"  set {name} {{ type {kind}; {flags}{held}}}"


def _chain(name: str, lines: Collection[str], hook: str = "") -> list[str]:
    return [f"  chain {name} {{", *(f"    {line}" for line in ([hook, *lines] if hook else lines)), "  }"]


def _name(aws_id: str) -> str:
    """An id as a name of nftables, which knows no dashes."""
    return aws_id.replace("-", "_")


def _device(interface: Interface) -> str:
    return f'"{device_of(interface.interface_id)}"'


def _jump(group: Group, *, ingress: bool) -> str:
    name = _name(group.group_id)
    return f"ip daddr @{name} jump ingress_{name}" if ingress else f"ip saddr @{name} jump egress_{name}"


def _group_lines(topology: Topology, group: Group, *, ingress: bool) -> list[str]:
    lines = []
    for rule in group.ingress if ingress else group.egress:
        peer, traffic = _peer(topology, rule, "saddr" if ingress else "daddr"), _traffic(rule)
        if peer is not None and traffic is not None:
            lines.append(f"{traffic}{peer}meta mark set {ALLOWED if ingress else NO_INGRESS:#x} return")
    return lines


def _peer(topology: Topology, rule: Rule, side: str) -> str | None:
    """The condition on the other side's address; None when nothing can fulfil it."""
    if rule.group_id is not None:
        return f"ip {side} @{_name(rule.group_id)} " if rule.group_id in topology.groups else None
    if rule.prefix_list_id is not None:
        return f"ip {side} @{_name(rule.prefix_list_id)} "
    if rule.cidr is None:
        return None
    network = ipaddress.ip_network(rule.cidr, strict=False)
    return f"ip {side} {network} " if network.prefixlen else ""


def _traffic(rule: Rule) -> str | None:
    """The condition on protocol and ports; None when nothing can fulfil it."""
    if rule.protocol == ALL:
        return ""
    if rule.protocol == ICMP and rule.first == ANY:
        return "meta l4proto icmp "
    if rule.protocol in BY_PORT or rule.protocol == ICMP:
        if rule.first is None or rule.last is None:
            return None
        return _icmp(rule.first, rule.last) if rule.protocol == ICMP else _ports(rule.protocol, rule.first, rule.last)
    known = rule.protocol.isdecimal() and int(rule.protocol) <= _PROTOCOL_MAX
    return f"meta l4proto {rule.protocol} " if known else None


def _icmp(kind: int, code: int) -> str | None:
    if not 0 <= kind <= _ICMP_MAX or not ANY <= code <= _ICMP_MAX:
        return None
    return f"icmp type {kind} " + ("" if code == ANY else f"icmp code {code} ")


def _ports(protocol: str, first: int, last: int) -> str | None:
    first, last = max(first, 0), min(last, _PORT_MAX)
    return f"{protocol} dport {first}-{last} " if first <= last else None


def _cable(peer: Peer) -> str:
    return f'"{peer_device_of(peer.peering_id)}"'


def _arriving(topology: Topology) -> list[str]:
    return [
        'iifname "lo" return',
        "iifname @cut drop",
        *(f"iifname {_cable(each)} ip saddr @{_name(each.peering_id)} return" for each in topology.peers),
        f"iifname . ip saddr != @sources meta mark set {SPOOFED:#x}",
    ]


def _sent(cuts: Cuts) -> list[str]:
    return ["oifname @cut drop", *_cut_zones(cuts, here="oifname")]


def _received(topology: Topology, cuts: Cuts) -> list[str]:
    # Neither the resolver nor anything link-local answers a peer.
    return [*(["iifname @peers drop"] if topology.peers else []), *_cut_zones(cuts, here="iifname")]


def _leaving(topology: Topology, attached: Collection[Interface]) -> list[str]:
    """Which interface's packets a peering takes: those of subnets whose table has a route there, answers among them.

    What a peering brings is never sent on by another one, for no interface of ours sends it.
    """
    lines = []
    for peer in topology.peers:
        senders: dict[str, list[str]] = {}
        for each in sorted(attached, key=lambda interface: interface.interface_id):
            for route in topology.routes_of(each.subnet_id):
                if route.peering_id == peer.peering_id:
                    senders.setdefault(route.cidr, []).append(_device(each))
        for cidr, devices in sorted(senders.items()):
            lines.append(f"oifname {_cable(peer)} iifname {{ {', '.join(devices)} }} ip daddr {cidr} return")
    return [*lines, f"meta mark set {NO_ROUTE:#x}"]


def _forwarded(topology: Topology, cuts: Cuts) -> list[str]:
    # Cuts come first: they end connections that exist, too.
    lines = ["oifname @cut drop"]
    for zone in sorted(cuts.zones):
        name = f"@zone_{_name(zone)}"
        lines += [f"iifname {name} oifname != {name} drop", f"iifname != {name} oifname {name} drop"]
    # The groups of the other side are judged by the other side's router.
    over = bool(topology.peers)
    return [
        *lines,
        *(["oifname @peers jump leaving", f"meta mark {NO_ROUTE:#x} return"] if over else []),
        f"ct state established,related meta mark set {ALLOWED:#x} return",
        "jump egress",
        *([f"oifname @peers meta mark {NO_INGRESS:#x} meta mark set {ALLOWED:#x} return"] if over else []),
        *([f"iifname @peers meta mark set {NO_INGRESS:#x}"] if over else []),
        f"meta mark {NO_INGRESS:#x} jump ingress",
    ]


def _cut_zones(cuts: Cuts, *, here: str) -> list[str]:
    return [f"{here} @zone_{_name(zone)} drop" for zone in sorted(cuts.zones)]

"""The router of one VPC: a namespace to which every network interface has a cable of its own.

There is no bridge, for a bridge forwards what no firewall sees. The router answers ARP for every address that is not
the asker's own, so all packets come to it, those within a subnet too. What it has no interface for goes to a cable that
ends here (AWAY), and so meets the firewall as well: no route leaves this computer.
"""

from __future__ import annotations

import ipaddress
import threading
from contextlib import suppress

from rehearsal.machines.model import Interface
from rehearsal.machines.network import namespaces
from rehearsal.machines.network.names import device_of
from rehearsal.machines.network.ruleset import ALLOWED, SPOOFED

METADATA = "169.254.169.254"
RESOLVER = "169.254.169.253"
AWS = "169.254.169.249"
"""Where instances find the local AWS. EC2 has nothing at this address of its link-local range."""
SERVICES = ((METADATA, "tcp", 80), (AWS, "tcp", 80), (RESOLVER, "udp", 53), (RESOLVER, "tcp", 53))
"""What the router itself answers, beside the resolver's second address. As on EC2 no security group limits it."""

MTU_BYTES = 9001
"""What EC2 allows within a VPC ("Network maximum transmission unit" in the EC2 user guide)."""

NO_SERVICE = 0x20
"""The mark of a packet to an address of the router where nothing answers."""
NOTES = "notes"
"""The router's fixed table: it drops what is not marked ALLOWED, and keeps in sets what it dropped."""
NOTES_KEPT = 4096
NOTES_MINUTES = 10

_AWAY = "away"
_SYSCTLS = {
    "ipv4/ip_forward": "1",
    # Devices that are made later take over what stands under `default`.
    "ipv4/conf/default/proxy_arp": "1",
    # The firewall checks sources, exactly and by name.
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/default/disable_ipv6": "1",
}


def resolver_in(vpc_cidr: str) -> str:
    """The second address of Amazon's DNS: the VPC's base plus two."""
    return str(ipaddress.ip_network(vpc_cidr)[2])


def gateway_of(subnet_cidr: str) -> str:
    """The address that a subnet's default route goes to: its base plus one."""
    return str(ipaddress.ip_network(subnet_cidr)[1])


def notes_table(resolver: str) -> str:
    """The script of the fixed table."""
    services = [*SERVICES, (resolver, "udp", 53), (resolver, "tcp", 53)]
    answered = ", ".join(f"{address} . {protocol} . {port}" for address, protocol, port in services)
    packet = "ip saddr . ip daddr . meta l4proto"
    kept = f"size {NOTES_KEPT}; flags dynamic, timeout; timeout {NOTES_MINUTES}m;"
    return f"""
table ip {NOTES} {{
  set ports {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service . mark; {kept} }}
  set others {{ type ipv4_addr . ipv4_addr . inet_proto . mark; {kept} }}
  set services {{ type ipv4_addr . inet_proto . inet_service; elements = {{ {answered} }} }}
  chain refuse {{
    # Stray segments of connections that are over, and errors, are not what somebody wanted and was refused.
    tcp flags & (syn | ack) != syn drop
    meta l4proto icmp icmp type != echo-request drop
    meta l4proto {{ tcp, udp }} update @ports {{ {packet} . th dport . meta mark counter }} drop
    meta l4proto != {{ tcp, udp }} update @others {{ {packet} . meta mark counter }} drop
    # A full set ends a rule early.
    drop
  }}
  chain arriving {{
    type filter hook prerouting priority -290;
    meta mark {SPOOFED:#x} goto refuse
  }}
  chain received {{
    type filter hook input priority 10; policy drop;
    iifname "lo" accept
    ct state established,related accept
    ip daddr . meta l4proto . th dport @services accept
    meta mark set {NO_SERVICE:#x}
    goto refuse
  }}
  chain forwarded {{
    type filter hook forward priority 10; policy drop;
    meta mark {ALLOWED:#x} accept
    goto refuse
  }}
}}
"""


def answer_at(namespace: str, address: str, port: int) -> None:
    """Have a router take connections to one more address, of a service of AWS; whoever listens there may answer. Raises
    Failed.
    """
    namespaces.ip([f"address add {address}/32 dev lo"], namespace)
    namespaces.nft(f"add element ip {NOTES} services {{ {address} . tcp . {port} }}", namespace)


class Router:
    """A VPC's router namespace and the interfaces that are connected to it. Take `lock` around each change."""

    def __init__(self, vpc_id: str, namespace: str) -> None:
        self.vpc_id = vpc_id
        self.namespace = namespace
        self.lock = threading.RLock()
        self.attached: dict[str, Interface] = {}
        self._applied = ""

    def make(self, vpc_cidr: str) -> None:
        """Make the namespace, with the addresses that services listen on. Raises Failed, and leaves nothing then."""
        namespaces.make(self.namespace)
        try:
            resolver = resolver_in(vpc_cidr)
            namespaces.sysctl(self.namespace, _SYSCTLS)
            namespaces.nft(notes_table(resolver), self.namespace)
            namespaces.ip(
                [
                    "link set lo up",
                    *(f"address add {address}/32 dev lo" for address in (METADATA, RESOLVER, AWS, resolver)),
                    f"link add {_AWAY} mtu {MTU_BYTES} type veth peer name {_AWAY}-end",
                    # Without ARP what the router itself sends there has its own MAC, and nobody takes it.
                    f"link set {_AWAY} arp off up",
                    f"link set {_AWAY}-end up",
                    f"route add default dev {_AWAY}",
                ],
                self.namespace,
            )
        except BaseException:
            namespaces.remove([self.namespace])
            raise

    def connect(self, interface: Interface, namespace: str, subnet_cidr: str) -> None:
        """Make the owner's namespace with `eth0` in it. Raises Failed, and leaves nothing then."""
        device, address = device_of(interface.interface_id), interface.address
        for other in self.attached.values():
            if other.address == address:
                raise namespaces.Failed(f"{interface.interface_id}: {other.interface_id} has the address {address}")
        prefix_length = ipaddress.ip_network(subnet_cidr).prefixlen
        namespaces.make(namespace)
        try:
            namespaces.ip(
                [
                    f"link add {device} mtu {MTU_BYTES} type veth"
                    f" peer name eth0 mtu {MTU_BYTES} address {interface.mac} netns {namespace}",
                    # Or an answer waits for up to 0.8 s, so that a host with the address could be first.
                    f"ntable change name arp_cache dev {device} proxy_delay 0",
                    f"link set {device} up",
                    f"route add {address}/32 dev {device}",
                    # Known from the start: the first packet to an interface does not wait for ARP.
                    f"neighbour add {address} lladdr {interface.mac} dev {device} nud permanent",
                ],
                self.namespace,
            )
            namespaces.ip(
                [
                    "link set lo up",
                    f"address add {address}/{prefix_length} broadcast + dev eth0",
                    "link set eth0 up",
                    f"route add default via {gateway_of(subnet_cidr)} dev eth0",
                ],
                namespace,
            )
        except BaseException:
            with suppress(namespaces.Failed):
                namespaces.ip([f"link delete {device}"], self.namespace)
            namespaces.remove([namespace])
            raise
        self.attached[interface.interface_id] = interface

    def disconnect(self, interface_id: str, namespace: str) -> None:
        """Take the cable away at once, also from processes that still run in the owner's namespace, and its name."""
        self.attached.pop(interface_id, None)
        # The namespace's own end would take a while: the kernel tidies namespaces up later. A cable that somebody
        # inside has deleted is gone already.
        with suppress(namespaces.Failed):
            namespaces.ip([f"link delete {device_of(interface_id)}"], self.namespace)
        namespaces.remove([namespace])

    def apply(self, script: str) -> bool:
        """Put a firewall in force, whole; false when it already is. Raises Failed, and the old one stays then."""
        if script == self._applied:
            return False
        namespaces.nft(script, self.namespace)
        self._applied = script
        return True

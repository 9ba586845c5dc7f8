"""Whether rules of a security group let more through than others did. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployment.policies import UNKNOWN

_PEERS = (
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "DestinationSecurityGroupId",
    "SourcePrefixListId",
    "DestinationPrefixListId",
    "SourceSecurityGroupName",
)
_ALL = "-1"
# Of these alone the numbers are ports, which have an order; of ICMP they are a type and a code.
_WITH_PORTS = {"tcp", "udp", "6", "17"}


@dataclass(frozen=True)
class Rule:
    """One rule: who may send to the group, or whom the group may send to."""

    direction: str
    group: str
    protocol: str
    low: str
    high: str
    peer: str

    @property
    def text(self) -> str:
        """The rule for a person."""
        ports = "all protocols" if self.protocol == _ALL else f"{self.protocol} {self.low}-{self.high}"
        return f"opens {self.direction} {ports} {'from' if self.direction == 'ingress' else 'to'} {self.peer}"


def widenings(before: Iterable[Rule], after: Iterable[Rule]) -> list[str]:
    """What the rules after let through that those before did not; empty for the same or less."""
    old = list(before)
    return [rule.text for rule in after if not any(_covers(other, rule) for other in old)]


def rules_of_group(properties: Mapping[str, Any], *, is_made: bool = False) -> Iterator[Rule]:
    """The rules within a security group.

    One that does not speak of egress lets everything out, and so does one that is made with none: EC2 adds such a rule
    then, and only then.
    """
    for body in properties.get("SecurityGroupIngress") or []:
        yield rule("ingress", body)
    egress = properties.get("SecurityGroupEgress")
    everything = [{"IpProtocol": _ALL, "CidrIp": "0.0.0.0/0"}, {"IpProtocol": _ALL, "CidrIpv6": "::/0"}]
    for body in everything if egress is None or (is_made and not egress) else egress:
        yield rule("egress", body)


def rule(direction: str, body: Mapping[str, Any]) -> Rule:
    """One rule, within its group or as a resource of its own."""
    peers = [f"{body[name]}" for name in _PEERS if body.get(name) is not None]
    return Rule(
        direction,
        str(body.get("GroupId") or body.get("GroupName") or ""),
        str(body.get("IpProtocol", _ALL)).lower(),
        str(body.get("FromPort", _ALL)),
        str(body.get("ToPort", _ALL)),
        ", ".join(peers),
    )


def _covers(wide: Rule, narrow: Rule) -> bool:
    if (wide.direction, wide.group) != (narrow.direction, narrow.group) or UNKNOWN in narrow.peer:
        return False
    return _covers_ports(wide, narrow) and _covers_peer(wide.peer, narrow.peer)


def _covers_ports(wide: Rule, narrow: Rule) -> bool:
    if wide.protocol == _ALL or wide == narrow:
        return True
    if wide.protocol != narrow.protocol:
        return False
    if (wide.low, wide.high) == (narrow.low, narrow.high) or (wide.low, wide.high) == (_ALL, _ALL):
        return True
    if wide.protocol not in _WITH_PORTS or narrow.low == _ALL:
        return False
    try:
        return int(wide.low) <= int(narrow.low) and int(narrow.high) <= int(wide.high)
    except ValueError:
        return False


def _covers_peer(wide: str, narrow: str) -> bool:
    if wide == narrow:
        return True
    try:
        outer, inner = ipaddress.ip_network(wide, strict=False), ipaddress.ip_network(narrow, strict=False)
    except ValueError:
        return False
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False

"""Network load balancers and TCP target groups as the local ELBv2 holds them, as plain values read from moto's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.aws.server import LocalAws

TCP = "TCP"
"""The one protocol that is played."""
DEFAULT_PATH = "/"
DEFAULT_CODES = "200-399"
"""The health check of a network load balancer's target group (API reference, CreateTargetGroup)."""
DEFAULT_IDLE_SECONDS = "350"
"""User guide of network load balancers, "Connection idle timeout"."""


@dataclass(frozen=True)
class Subnet:
    """A subnet of a balancer."""

    subnet_id: str
    zone: str


@dataclass(frozen=True)
class Port:
    """A listener that forwards TCP to one target group."""

    port: int
    protocol: str
    group: str
    idle_seconds: float


@dataclass(frozen=True)
class Nlb:
    """A network load balancer."""

    arn: str
    region: str
    vpc_id: str
    dns_name: str
    security_groups: tuple[str, ...]
    subnets: tuple[Subnet, ...]
    ports: tuple[Port, ...]
    cross_zone: bool

    @property
    def description(self) -> str:
        """What EC2 shows as the description of the balancer's interfaces."""
        return f"ELB {self.arn.rpartition(':loadbalancer/')[2]}"


@dataclass(frozen=True)
class Registered:
    """A target of a group."""

    target_id: str
    port: int
    address: str | None
    """None for an instance that is not there any more."""
    zone: str
    running: bool = True


@dataclass(frozen=True)
class TargetGroup:
    """A target group; its attributes as they were set, by their names."""

    arn: str
    protocol: str
    check_protocol: str
    check_path: str
    check_port: int | None
    interval_seconds: float
    timeout_seconds: float
    healthy_threshold: int
    unhealthy_threshold: int
    codes: tuple[tuple[int, int], ...]
    attributes: Mapping[str, str]
    targets: tuple[Registered, ...]
    target_type: str = "instance"

    def cross_zone(self, balancer: Nlb) -> bool:
        """Whether the nodes of a balancer send connections to targets of all zones."""
        own = self.attributes.get("load_balancing.cross_zone.enabled", "")
        return own == "true" or (own != "false" and balancer.cross_zone)

    @property
    def deregistration_seconds(self) -> float:
        """How long a target drains."""
        return float(self.attributes.get("deregistration_delay.timeout_seconds", "300"))


@dataclass(frozen=True)
class View:
    """All of ELBv2 that is played."""

    balancers: tuple[Nlb, ...] = ()
    groups: tuple[TargetGroup, ...] = ()

    def group(self, arn: str) -> TargetGroup | None:
        """A target group, or None."""
        return next((group for group in self.groups if group.arn == arn), None)

    def balancer_of(self, group: str) -> Nlb | None:
        """The balancer that forwards to a target group: a group belongs to one."""
        return next((each for each in self.balancers if any(port.group == group for port in each.ports)), None)


def codes(matcher: str) -> tuple[tuple[int, int], ...]:
    """The ranges of a matcher, as `200-399` or `200,202`. Raises ValueError for anything else."""
    ranges = []
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        ranges.append((int(first), int(last or first)))
    return tuple(ranges)


def read_view(aws: LocalAws) -> View:
    """ELBv2 as it is now, in all regions."""
    from moto.elbv2.models import elbv2_backends

    with aws.lock:
        backends = dict(elbv2_backends[aws.account_id].items())
        balancers = [
            _balancer(region, balancer)
            for region, backend in backends.items()
            for balancer in backend.load_balancers.values()
            if balancer.type == "network"
        ]
        groups = [
            _group(group)
            for backend in backends.values()
            for group in backend.target_groups.values()
            if group.protocol == TCP
        ]
    return View(tuple(balancers), tuple(groups))


def _balancer(region: str, balancer: Any) -> Nlb:
    return Nlb(
        str(balancer.arn),
        region,
        str(balancer.vpc_id),
        str(balancer.dns_name),
        tuple(str(group) for group in balancer.security_groups or ()),
        tuple(Subnet(str(subnet.id), str(subnet.availability_zone)) for subnet in balancer.subnets),
        tuple(port for listener in balancer.listeners.values() for port in _ports(listener)),
        _is_true(balancer.attrs.get("load_balancing.cross_zone.enabled")),
    )


def _ports(listener: Any) -> Iterator[Port]:
    idle = float(listener.attributes.get("tcp.idle_timeout.seconds", DEFAULT_IDLE_SECONDS))
    for action in listener.default_actions:
        forwarded = action.data.get("TargetGroupArn")
        if forwarded is None:
            several = (action.data.get("ForwardConfig") or {}).get("TargetGroups") or [{}]
            forwarded = several[0].get("TargetGroupArn")
        if forwarded is not None:
            yield Port(int(listener.port), str(listener.protocol), str(forwarded), idle)


def _group(group: Any) -> TargetGroup:
    check_port = str(group.health_check_port or "traffic-port")
    matcher = (getattr(group, "matcher", None) or {}).get("HttpCode") or DEFAULT_CODES
    return TargetGroup(
        str(group.arn),
        str(group.protocol),
        str(group.health_check_protocol),
        str(group.health_check_path or DEFAULT_PATH),
        None if check_port == "traffic-port" else int(check_port),
        float(group.health_check_interval_seconds),
        float(group.health_check_timeout_seconds),
        int(group.healthy_threshold_count),
        int(group.unhealthy_threshold_count),
        codes(str(matcher)),
        {str(key): str(value).lower() for key, value in group.attributes.items()},
        tuple(_registered(group, target) for target in group.targets.values()),
        str(group.target_type),
    )


def _registered(group: Any, target: Mapping[str, Any]) -> Registered:
    target_id, port = str(target["Id"]), int(target.get("Port") or group.port)
    if group.target_type == "ip":
        return Registered(target_id, port, target_id, _zone_of(group, target_id))
    instance = group.ec2_backend.get_instance_by_id(target_id)
    if instance is None or instance.private_ip is None:
        return Registered(target_id, port, None, "", running=False)
    return Registered(
        target_id, port, str(instance.private_ip), str(instance.availability_zone), instance.state == "running"
    )


def _zone_of(group: Any, address: str) -> str:
    """The zone of an address in the group's VPC; empty for one outside of its interfaces."""
    for nic in group.ec2_backend.enis.values():
        if nic.subnet.vpc_id == group.vpc_id and nic.private_ip_address == address:
            return str(nic.subnet.availability_zone)
    return ""


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"

"""What a balancer's process is told to do, and what it tells back: plain values that travel as lines of JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

INITIAL, HEALTHY, UNHEALTHY = "initial", "healthy", "unhealthy"
"""What health checks find (Elastic Load Balancing API, TargetHealth)."""

CHECKING = "Elb.InitialHealthChecking"
MISMATCH = "Target.ResponseCodeMismatch"
TIMEOUT = "Target.Timeout"
FAILED = "Target.FailedHealthChecks"
"""Why a target is in its state (Elastic Load Balancing API, TargetHealth)."""


@dataclass(frozen=True)
class Zone:
    """A balancer's node: its address in one zone. Without a namespace it is this computer's own."""

    name: str
    address: str
    namespace: str | None = None


@dataclass(frozen=True)
class Listener:
    """A port that the balancer listens on, and the target group behind it."""

    port: int
    idle_seconds: float
    group: str


@dataclass(frozen=True)
class Check:
    """How a group's targets are checked. Times are real ones."""

    protocol: str
    """`TCP`, `HTTP` or `HTTPS`."""
    path: str
    port: int | None
    """None for the port of the traffic."""
    interval_seconds: float
    timeout_seconds: float
    healthy_threshold: int
    unhealthy_threshold: int
    codes: tuple[tuple[int, int], ...]
    """The status codes that mean healthy: first and last of each range."""
    listener_port: int
    """What HTTP checks name as the port of their host."""


@dataclass(frozen=True)
class Target:
    """A target from its registration until its deregistration delay is over."""

    target_id: str
    port: int
    address: str
    zone: str
    draining: bool = False
    since: float = 0.0
    """Another value means another registration: its checks start anew, and its connections go on."""

    @property
    def key(self) -> tuple[str, int]:
        """What its connections are known by within the group."""
        return self.target_id, self.port


@dataclass(frozen=True)
class Group:
    """A target group: whoever is in `targets` is checked, unless it drains."""

    arn: str
    cross_zone: bool
    check: Check
    cut_unhealthy: bool
    """Whether connections to a target that becomes unhealthy are reset."""
    cut_drained: bool
    """Whether connections to a target are reset when it is no longer in `targets`."""
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that a balancer's process does; each new one replaces the one before."""

    zones: tuple[Zone, ...] = ()
    listeners: tuple[Listener, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What checks found about one target."""

    group: str
    target_id: str
    port: int
    state: str
    reason: str
    seen_by: tuple[str, ...]
    """The zones whose nodes reached it the last time."""
    since: float = 0.0
    """The registration that was checked."""


def write(value: Plan | Finding) -> bytes:
    """One line of JSON."""
    return json.dumps(dataclasses.asdict(value), separators=(",", ":")).encode() + b"\n"


def read_plan(line: bytes) -> Plan:
    """The plan in a line. Raises KeyError, TypeError and ValueError for anything else."""
    found = json.loads(line)
    return Plan(
        tuple(Zone(**each) for each in found["zones"]),
        tuple(Listener(**each) for each in found["listeners"]),
        tuple(_group(each) for each in found["groups"]),
    )


def read_finding(line: bytes) -> Finding:
    """The finding in a line. Raises KeyError, TypeError and ValueError for anything else."""
    found = json.loads(line)
    return Finding(**(found | {"seen_by": tuple(found["seen_by"])}))


def _group(found: dict[str, Any]) -> Group:
    codes = tuple((first, last) for first, last in found["check"]["codes"])
    parts = {
        "check": Check(**(found["check"] | {"codes": codes})),
        "targets": tuple(Target(**each) for each in found["targets"]),
    }
    return Group(**(found | parts))

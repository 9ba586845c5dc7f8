"""What the full world sees of the local AWS: instances, their places, and which of them a terminating hook holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.cloud.table import SLOT_TAG, Clients

WAITS = "Terminating:Wait"
IN_SERVICE = "InService"
RUNNING = "running"


@dataclass(frozen=True)
class Instance:
    """An instance that was launched for a slot."""

    instance_id: str
    slot: int
    address: str
    state: str
    """EC2's word."""
    lifecycle_state: str
    """Auto Scaling's; empty where no group has it."""

    @property
    def runs(self) -> bool:
        """Whether its programs may run."""
        return self.state in (RUNNING, "shutting-down", "stopping")

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more, and never will."""
        return self.state == "terminated"


@dataclass(frozen=True)
class Look:
    """One look; `at` is when it was answered, on the monotonic clock."""

    at: float = 0.0
    instances: Mapping[str, Instance] = field(default_factory=dict)

    def in_slot(self, slot: int) -> str:
        """A slot's instance, the one in service before others; empty where none runs."""
        running = [each for each in self.instances.values() if each.slot == slot and each.state == RUNNING]
        running.sort(key=lambda each: (each.lifecycle_state != IN_SERVICE, each.lifecycle_state == ""))
        return running[0].instance_id if running else ""

    @property
    def booting(self) -> list[str]:
        """The instances that their launch hooks hold."""
        return [
            each.instance_id
            for each in self.instances.values()
            if each.state == RUNNING and each.lifecycle_state.startswith("Pending")
        ]

    def ended_since(self, before: Look) -> list[str]:
        """The instances that an earlier look found and that have ended; EC2 forgets them after a while."""
        now = self.instances
        return [name for name in before.instances if name not in now or now[name].ended]


def look(clients: Clients, at: float) -> Look:
    """Look once. Raises ClientError."""
    pages = clients("ec2").get_paginator("describe_instances")
    described = [
        instance
        for page in pages.paginate(Filters=[{"Name": "tag-key", "Values": [SLOT_TAG]}])
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]
    states = {
        each["InstanceId"]: each["LifecycleState"]
        for page in clients("autoscaling").get_paginator("describe_auto_scaling_instances").paginate()
        for each in page["AutoScalingInstances"]
    }
    return Look(at, {each["InstanceId"]: _instance(each, states) for each in described})


def _instance(described: Mapping[str, Any], states: Mapping[str, str]) -> Instance:
    name = described["InstanceId"]
    tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
    address = described.get("PrivateIpAddress", "")
    return Instance(name, int(tags[SLOT_TAG]), address, described["State"]["Name"], states.get(name, ""))


@dataclass
class Hooks:
    """Which terminating hooks have ended, and when that was certain."""

    waiting: set[str] = field(default_factory=set)
    ended: dict[str, float] = field(default_factory=dict)
    """Instance -> the moment at which it was seen that its hook holds it no more."""

    def note(self, seen: Look) -> None:
        """Compare a look with those before."""
        now = {name for name, each in seen.instances.items() if each.lifecycle_state == WAITS}
        for name in self.waiting - now:
            self.ended.setdefault(name, seen.at)
        self.waiting = now

    def completed_by(self, called: Iterable[str]) -> list[tuple[str, float]]:
        """The hooks that have ended and that the function has called for; others ended with their instances."""
        return sorted((name, self.ended[name]) for name in set(called) if name in self.ended)

"""Looks at the local AWS for everybody in the light world: starts and ends computers, and calls the function's caller.

It plays what EC2's hypervisors do when an instance is launched or terminated, what Auto Scaling's events and the
table's stream do, and how the balancer learns of its targets. It polls, so all of that comes a moment later.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from coordination.names import LEASE_ITEM_PREFIX
from tests.storm.light import clock
from tests.storm.light.account import ClusterStack, slot_of
from tests.storm.light.caller import Caller
from tests.storm.light.hypervisor import Hypervisor
from tests.storm.light.shared import Places

LOOK_SECONDS = 0.2
_WAITS = "Terminating:Wait"
_OVER = ("shutting-down", "terminated")


@dataclass(frozen=True)
class Seen:
    """The last look. `groups` are as Auto Scaling describes them, `items` as DynamoDB gives them."""

    groups: list[dict[str, Any]] = field(default_factory=list)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = ""

    def place(self, instance_id: str) -> str:
        """An instance's lifecycle state, empty where no group has it."""
        for group in self.groups:
            for instance in group["Instances"]:
                if instance["InstanceId"] == instance_id:
                    return str(instance["LifecycleState"])
        return ""


class Watcher:
    """`cluster` is the one that stands, if one does."""

    def __init__(
        self, places: Places, hypervisor: Hypervisor, caller: Caller, cluster: Callable[[], ClusterStack | None]
    ) -> None:
        self._places = places
        self._hypervisor = hypervisor
        self._caller = caller
        self._cluster = cluster
        self._waiting: set[str] = set()
        self.seen = Seen()
        self.broken = ""
        """What went wrong with looking, last."""
        self.lock = threading.Lock()
        """Held while the state of faults is changed."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def change_state(self, **changes: Any) -> None:
        """Change what every process obeys."""
        with self.lock:
            self._places.write_state(replace(self._places.state, **changes))

    def add_to_state(self, field: str, name: str) -> None:
        """Have a list of the state name somebody once more."""
        with self.lock:
            state = self._places.state
            more: dict[str, Any] = {field: (*getattr(state, field), name)}
            self._places.write_state(replace(state, **more))

    def take_from_state(self, field: str, name: str) -> None:
        """Have a list of the state name somebody once less."""
        with self.lock:
            state = self._places.state
            names = list(getattr(state, field))
            names.remove(name)
            less: dict[str, Any] = {field: tuple(names)}
            self._places.write_state(replace(state, **less))

    def forget(self) -> None:
        """Another cluster comes."""
        self._waiting.clear()
        self.seen = Seen()

    def close(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Look once."""
        cluster = self._cluster()
        if cluster is None:
            return
        groups, items = cluster.groups(), cluster.items()
        before = self.seen.items
        self.seen = Seen(groups, items, cluster.status())
        self._obey_groups(cluster, groups)
        self._obey_ec2(cluster)
        self._learn_targets(cluster)
        changed = [key for key in items if before.get(key) != items[key] and not key.startswith(LEASE_ITEM_PREFIX)]
        changed += [key for key in before if key not in items]
        if changed:
            self._caller.table_changed(changed)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:
                # A cluster is deleted meanwhile, or the local AWS has trouble of its own: whoever waits says so.
                self.broken = f"{type(error).__name__}: {error}"
                print(f"{clock.real():.2f} watcher: {self.broken}", file=sys.stderr, flush=True)

    def _obey_groups(self, cluster: ClusterStack, groups: list[dict[str, Any]]) -> None:
        for group in groups:
            slot = slot_of(group)
            for instance in group["Instances"]:
                name, state = instance["InstanceId"], instance["LifecycleState"]
                if not state.startswith("Terminating"):
                    self._hypervisor.launch(name, slot, instance["InstanceType"], cluster.node_file(slot))
                if state == _WAITS and name not in self._waiting:
                    self._waiting.add(name)
                    self._caller.hook_waits(name, group["AutoScalingGroupName"])

    def _obey_ec2(self, cluster: ClusterStack) -> None:
        running = [name for name, each in self._hypervisor.computers.items() if not each.gone]
        if not running:
            return
        named = [{"Name": "instance-id", "Values": running}]
        reservations = cluster.client("ec2").describe_instances(Filters=named)["Reservations"]
        for reservation in reservations:
            for instance in reservation["Instances"]:
                if instance["State"]["Name"] in _OVER:
                    self._hypervisor.destroy(instance["InstanceId"])

    def _learn_targets(self, cluster: ClusterStack) -> None:
        health = cluster.client("elbv2").describe_target_health(TargetGroupArn=cluster.target_group)
        ids = [each["Target"]["Id"] for each in health["TargetHealthDescriptions"]]
        computers = self._hypervisor.computers
        found = tuple(sorted(computers[each].address for each in ids if each in computers))
        if found != self._places.state.targets:
            self.change_state(targets=found)

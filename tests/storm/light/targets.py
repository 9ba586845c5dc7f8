"""Whom a fault hits in the light world, at the moment at which it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coordination.names import OPERATION_ITEM, lease_item
from coordination.outcomes import Known
from tests.storm.faults import AGENT, JOINER, LEADER
from tests.storm.guard import may_be_lost
from tests.storm.light.account import slot_of
from tests.storm.trace import Life
from userdata.etcd.client import Etcd

if TYPE_CHECKING:
    from tests.storm.light.world import LightWorld


class Targets:
    """The instances of one world."""

    def __init__(self, world: LightWorld) -> None:
        self._world = world

    def named(self, named: str) -> str:
        """The instance that a fault names, empty where there is none; of a joiner its word, where none boots yet."""
        if named == LEADER:
            return self._leader()
        if named == AGENT:
            lease = self._world.watcher.seen.items.get(lease_item("agent"), {})
            return self._running(lease.get("Owner", {}).get("S", ""))
        if named == JOINER:
            return next((name for name, each in self._world.hypervisor.computers.items() if each.boots), JOINER)
        for group in self._world.watcher.seen.groups:
            if slot_of(group) == named.removeprefix("slot"):
                instances = sorted(group["Instances"], key=lambda each: each["LifecycleState"] != "InService")
                return self._running(instances[0]["InstanceId"] if instances else "")
        return ""

    def group_of(self, instance: str) -> str:
        """The name of the group that has an instance, empty for none."""
        for group in self._world.watcher.seen.groups:
            if instance in {each["InstanceId"] for each in group["Instances"]}:
                return str(group["AutoScalingGroupName"])
        return ""

    def may_be_lost(self, target: str) -> bool:
        """Whether etcd keeps its quorum without it, also once the removal that goes on is done."""
        operation = self._world.watcher.seen.items.get(OPERATION_ITEM, {})
        leaves = operation.get("TargetInstance", {}).get("S", "")
        monitor = self._world.monitor
        return may_be_lost(target, monitor.listed, monitor.life, leaves)

    def _leader(self) -> str:
        listed, computers = self._world.monitor.listed, self._world.hypervisor.computers
        for member in listed.voters if listed is not None else ():
            if self._world.monitor.life(member.name) is Life.ANSWERS and member.name in computers:
                own = self._world.client_credentials()
                status = Etcd(computers[member.name].address, own, seconds=1.0).status()
                leads = status.value.leader_id if isinstance(status, Known) else 0
                found = [each.name for each in listed.voters if each.member_id == leads] if listed is not None else []
                return self._running(found[0]) if found else ""
        return ""

    def _running(self, instance: str) -> str:
        computer = self._world.hypervisor.computers.get(instance)
        return instance if computer is not None and not computer.gone else ""

"""What a person does in the light world: what conditions, and the stack, ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coordination.names import CONDITION_ITEM_PREFIX
from tests.storm.light import clock
from tests.storm.light.account import ClusterStack
from tests.storm.light.shared import BAD_TYPE
from tests.storm.light.watcher import Seen
from tests.storm.trace import Helped
from userdata.etcd.model import MemberList


class Person:
    """Looks after one cluster. `ended` is told of each stranger that the person has terminated."""

    def __init__(self, cluster: ClusterStack, ended: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._ended = ended
        self._terminated: set[str] = set()

    def help(self, seen: Seen, listed: MemberList | None, strangers: Sequence[str]) -> list[Helped]:
        """Do what is asked for. `strangers` are the instances that a person took out of their groups before."""
        found: list[Helped] = []
        for key, item in seen.items.items():
            name = key.removeprefix(CONDITION_ITEM_PREFIX)
            if not key.startswith(CONDITION_ITEM_PREFIX):
                continue
            if name.startswith("SurplusHeld"):
                found += self._lower(seen, name, item)
            elif name.startswith("BootFailed"):
                found += self._after_failed_boot(seen, name, item)
        members = {each.name for each in (listed.members if listed is not None else ())}
        for each in strangers:
            if each not in members:
                self._cluster.terminate(each)
                self._ended(each)
                found.append(Helped(clock.real(), "StrangerMember", f"terminates {each}"))
        # The look may be older than what the person typed last.
        if seen.status == self._cluster.status() == "UPDATE_ROLLBACK_FAILED":
            self._cluster.client("cloudformation").continue_update_rollback(StackName=self._cluster.stack_id)
            found.append(Helped(clock.real(), "UPDATE_ROLLBACK_FAILED", "continues the rollback"))
        return found

    def _lower(self, seen: Seen, name: str, item: Mapping[str, Any]) -> list[Helped]:
        """The command that the condition prints."""
        next_step = item["NextStep"]["S"]
        for group in seen.groups:
            asked = group["AutoScalingGroupName"] in next_step and "--min-size 0" in next_step
            if asked and group["MinSize"]:
                self._cluster.client("autoscaling").update_auto_scaling_group(
                    AutoScalingGroupName=group["AutoScalingGroupName"], MinSize=0
                )
                return [Helped(clock.real(), name, next_step)]
        return []

    def _after_failed_boot(self, seen: Seen, name: str, item: Mapping[str, Any]) -> list[Helped]:
        """Correct what made the boot fail, then terminate the instance that waits.

        Most faults have ended by themselves. A bad update that is complete has to be followed by one that is good:
        where updates put desired capacities back to 0, it found no instance in any slot that it had to wait for.
        """
        if self._cluster.launched_type() == BAD_TYPE:
            if not self._cluster.status().endswith("_COMPLETE"):
                return []
            self._cluster.start_update(remove_first=False)
            return [Helped(clock.real(), name, "updates the stack to an instance type that serves")]
        next_step = item["NextStep"]["S"]
        for group in seen.groups:
            for instance in group["Instances"]:
                waits = instance["InstanceId"] in next_step and instance["LifecycleState"] == "Pending:Wait"
                if waits and instance["InstanceId"] not in self._terminated:
                    self._cluster.terminate_in_ec2(instance["InstanceId"])
                    self._terminated.add(instance["InstanceId"])
                    return [Helped(clock.real(), name, next_step)]
        return []

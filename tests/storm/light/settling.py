"""When a cluster of the light world stands as it should, what is left until then, and what a person does of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coordination.names import CONDITION_ITEM_PREFIX, DRAIN_ITEM_PREFIX, MEMBER_ITEM_PREFIX, OPERATION_ITEM
from tests.storm.light import clock
from tests.storm.light.account import ClusterStack, slot_of
from tests.storm.light.watcher import Seen
from tests.storm.trace import Helped
from userdata.etcd.model import MemberList

IN_SERVICE = "InService"


def left(
    seen: Seen, slots: int, listed: MemberList | None, answers: Callable[[str], bool], without_agent: Sequence[str]
) -> list[str]:
    """What is not as it should be, a line each."""
    found = [] if seen.status.endswith("_COMPLETE") else [f"the root stack is {seen.status or 'unknown'}"]
    serving: list[str] = []
    if len(seen.groups) != slots:
        found.append(f"{len(seen.groups)} groups for {slots} slots")
    for group in seen.groups:
        slot, states = slot_of(group), {each["InstanceId"]: each["LifecycleState"] for each in group["Instances"]}
        serving += [name for name, state in states.items() if state == IN_SERVICE]
        if list(states.values()) != [IN_SERVICE]:
            told = ", ".join(f"{name} {state}" for name, state in states.items())
            found.append(f"slot {slot} has {told or 'no instance'}")
        sizes = (group["MinSize"], group["DesiredCapacity"])
        if sizes != (0, 1):
            found.append(f"slot {slot} has MinSize {sizes[0]} and desired capacity {sizes[1]}")
        if group["SuspendedProcesses"]:
            found.append(f"processes of slot {slot} are suspended")
    names = sorted(each.name for each in (listed.voters if listed is not None else ()))
    if listed is None or names != sorted(serving) or listed.unfinished:
        found.append(f"etcd lists {', '.join(names) or 'nobody'}, in service are {', '.join(sorted(serving))}")
    found += [f"{name} does not answer" for name in names if not answers(name)]
    found += [f"{name} has no agent" for name in without_agent if name in serving]
    return found + _of_items(seen.items, serving)


def _of_items(items: Mapping[str, Mapping[str, Any]], serving: Sequence[str]) -> list[str]:
    found = []
    phase = items.get("cluster", {}).get("Phase", {}).get("S")
    if phase != "ready":
        found.append(f"the record's phase is {phase}")
    if OPERATION_ITEM in items:
        found.append("an operation is there")
    for key, item in items.items():
        if key.startswith((CONDITION_ITEM_PREFIX, DRAIN_ITEM_PREFIX)):
            found.append(f"{key}: {item.get('Reason', {}).get('S', '')}")
        elif key.startswith(MEMBER_ITEM_PREFIX):
            name, state = key.removeprefix(MEMBER_ITEM_PREFIX), item["State"]["S"]
            if (state == "voter") != (name in serving) or state == "joining":
                found.append(f"the row of {name} says {state}")
    return found


def help_out(
    cluster: ClusterStack, seen: Seen, listed: MemberList | None, strangers: Sequence[str], ended: Callable[[str], None]
) -> list[Helped]:
    """Do what conditions, and the stack, ask a person for."""
    found: list[Helped] = []
    for key, item in seen.items.items():
        name = key.removeprefix(CONDITION_ITEM_PREFIX)
        if not key.startswith(CONDITION_ITEM_PREFIX):
            continue
        if name.startswith("SurplusHeld"):
            found += _lower(cluster, seen, name, item)
        elif name.startswith("BootFailed"):
            found += _end_failed(cluster, seen, name, item)
    members = {each.name for each in (listed.members if listed is not None else ())}
    for each in strangers:
        if each not in members:
            cluster.terminate(each)
            ended(each)
            found.append(Helped(clock.real(), "StrangerMember", f"terminates {each}"))
    if seen.status == "UPDATE_ROLLBACK_FAILED":
        cluster.client("cloudformation").continue_update_rollback(StackName=cluster.stack_id)
        found.append(Helped(clock.real(), "UPDATE_ROLLBACK_FAILED", "continues the rollback"))
    return found


def _lower(cluster: ClusterStack, seen: Seen, name: str, item: Mapping[str, Any]) -> list[Helped]:
    """The command that the condition prints."""
    next_step = item["NextStep"]["S"]
    for group in seen.groups:
        asked = group["AutoScalingGroupName"] in next_step and "--min-size 0" in next_step
        if asked and group["MinSize"]:
            cluster.client("autoscaling").update_auto_scaling_group(
                AutoScalingGroupName=group["AutoScalingGroupName"], MinSize=0
            )
            return [Helped(clock.real(), name, next_step)]
    return []


def _end_failed(cluster: ClusterStack, seen: Seen, name: str, item: Mapping[str, Any]) -> list[Helped]:
    """What failed is corrected by now, so the instance that waits for a person is terminated."""
    next_step = item["NextStep"]["S"]
    for group in seen.groups:
        for instance in group["Instances"]:
            if instance["InstanceId"] in next_step and instance["LifecycleState"] == "Pending:Wait":
                cluster.terminate_in_ec2(instance["InstanceId"])
                return [Helped(clock.real(), name, next_step)]
    return []

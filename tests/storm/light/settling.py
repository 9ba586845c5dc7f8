"""When a cluster of the light world stands as it should, and what is left until then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coordination.names import CONDITION_ITEM_PREFIX, DRAIN_ITEM_PREFIX, MEMBER_ITEM_PREFIX, OPERATION_ITEM
from tests.storm.light.account import slot_of
from tests.storm.light.watcher import Seen
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

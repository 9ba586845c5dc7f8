"""When the full world stands as it should, what is left to do until then, and what a person does of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coordination.conditions import Condition
from coordination.members import MemberState
from coordination.names import timer_item
from coordination.outcomes import Known
from coordination.record import Phase
from coordination.timers import timer
from functions.reconcile.processes import LEFT_SECONDS, TIMER
from rehearsal.local.steps import STACK
from tests.e2e import updating
from tests.e2e.harness import ClusterHarness, Seen
from tests.storm.trace import Helped
from userdata.etcd.model import MemberList, hexadecimal

SLOTS = 3
"""Those of the configuration that is played, examples/default.yaml."""
_AGAIN_SECONDS = 30.0
"""How long a person waits until what was typed has an effect."""
_COMMAND = "aws "
SERVES = "start-agent"
"""The last stage of a boot."""
ROLLBACK_FAILED = "UPDATE_ROLLBACK_FAILED"


def of_groups(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """What of the slots' groups is not as their template has it."""
    found = []
    for group in groups:
        name, sizes = group["AutoScalingGroupName"], (group["MinSize"], group["DesiredCapacity"], group["MaxSize"])
        if sizes != (0, 1, 2):
            found.append(f"{name} has MinSize {sizes[0]}, desired capacity {sizes[1]}, MaxSize {sizes[2]}")
        if group["SuspendedProcesses"]:
            found.append(f"processes of {name} are suspended")
        states = [each["LifecycleState"] for each in group["Instances"]]
        if states != ["InService"]:
            found.append(f"{name} has {', '.join(states) or 'no instance'}")
    return found


def of_table(seen: Seen, strangers: Sequence[str]) -> list[str]:
    """What the table says that still goes on, or waits."""
    found = [f"a condition: {each}" for each in seen.conditions.values()]
    if seen.operation is not None:
        found.append(f"an operation: {seen.operation}")
    return found + [f"{name}, which a person took out of its group, runs" for name in strangers if name in seen.running]


def of_members(
    seen: Seen, listed: MemberList | None, answers: Callable[[str], bool], strangers: Collection[str]
) -> list[str]:
    """Where record, rows, boots, EC2 and etcd's own list do not agree on three voters that answer."""
    record, nodes = seen.record, seen.control_planes - frozenset(strangers)
    if record is None or record.phase is not Phase.READY or listed is None:
        return [f"the record is {record}"] if listed is not None else ["nobody has told etcd's list yet"]
    found = [f"the boot of {name} is at {seen.stage(name)}" for name in nodes if seen.stage(name) != SERVES]
    if int(record.etcd_cluster_id, 16) != listed.cluster_id:
        found.append(f"etcd cluster {hexadecimal(listed.cluster_id)} answers, the record's is {record.etcd_cluster_id}")
    told = {
        name: row.etcd_member_id
        for name, row in seen.members.items()
        if (row.epoch, row.state) == (record.epoch, MemberState.VOTER)
    }
    voters = {each.name: hexadecimal(each.member_id) for each in listed.voters}
    if told != voters or voters.keys() != nodes or listed.unfinished or len(nodes) != SLOTS:
        rows = ", ".join(sorted(told))
        found.append(
            f"etcd lists {', '.join(sorted(voters))}, rows of voters are {rows}, {', '.join(sorted(nodes))} run"
        )
    joining = [name for name, row in seen.members.items() if row.state is MemberState.JOINING]
    found += [f"the row of {name} says joining" for name in joining]
    return found + [f"etcd of {name} does not answer" for name in voters if not answers(name)]


def of_status(status: str) -> list[str]:
    """Whether something goes on with the root stack."""
    return [] if status.endswith("_COMPLETE") else [f"the root stack is {status}"]


@dataclass
class Waits:
    """Lets the same thing be done once in so many seconds."""

    seconds: float
    _done: dict[str, float] = field(default_factory=dict)

    def may(self, what: str, now: float) -> bool:
        """Whether it may be done now; whoever asks does it then."""
        if what in self._done and now - self._done[what] < self.seconds:
            return False
        self._done[what] = now
        return True


class Person:
    """Does what conditions and the stack ask a person for, and waits then for a while."""

    def __init__(self, cluster: ClusterHarness) -> None:
        self._cluster = cluster
        self._waits = Waits(_AGAIN_SECONDS)

    def help(self, seen: Seen, status: str, strangers: Sequence[str], members: Sequence[str]) -> list[Helped]:
        """Do it. `members` are the instances that etcd lists."""
        found: list[Helped] = []
        now = time.monotonic()
        for each in seen.conditions.values():
            if each.next_step.startswith(_COMMAND) and self._waits.may(each.name, now):
                updating.paste(self._cluster, each.next_step)
                found.append(Helped(now, each.name, each.next_step))
            elif (waiting := failed_boot(each, seen)) and self._waits.may(each.name, now):
                self._terminate(waiting)
                found.append(Helped(now, each.name, each.next_step))
        for name in strangers:
            if name in seen.running and name not in members and self._waits.may(name, now):
                self._terminate(name)
                found.append(Helped(now, "StrangerMember", f"terminates {name}"))
        if status == ROLLBACK_FAILED and self._waits.may(status, now):
            stack = self._cluster.rehearsal.local
            stack.aws("cloudformation", "continue-update-rollback", "--stack-name", STACK)
            found.append(Helped(now, status, "continues the rollback"))
        return found

    def _terminate(self, name: str) -> None:
        end_instance(self._cluster, name)


def failed_boot(condition: Condition, seen: Seen) -> str:
    """The instance that waits for a person after a failed boot; what made it fail has been corrected by then."""
    if not condition.name.startswith("BootFailed"):
        return ""
    return next((name for name in seen.control_planes if name in condition.next_step), "")


def end_instance(cluster: ClusterHarness, name: str) -> None:
    """What a person does who ends an instance in EC2. Raises ClientError."""
    ec2 = cluster.rehearsal.local.client("ec2")
    ec2.modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[name])


def let_ten_minutes_pass(cluster: ClusterHarness, groups: Sequence[Mapping[str, Any]], passed: set[int]) -> None:
    """Where an update has left processes suspended, go on as though the function had seen that for ten minutes.

    Nobody has to do anything in these minutes; `passed` are the timers that have been set back already.
    """
    if not any(group["SuspendedProcesses"] for group in groups):
        return
    found = cluster.table.get(timer_item(TIMER))
    stored = timer(found.value) if isinstance(found, Known) and found.value is not None else None
    if stored is not None and stored.since not in passed:
        earlier = replace(stored, since=stored.since - LEFT_SECONDS)
        passed |= {stored.since, earlier.since}
        cluster.table.put(earlier.item(), {})

"""What tests of updates have in common: an update as a person types it, and what must hold all the while."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from coordination.members import MemberState
from coordination.names import timer_item
from coordination.outcomes import Known
from coordination.timers import Timer, timer
from rehearsal.scenarios.gaps import gaps, largest
from rehearsal.scenarios.writes import Writer
from tests.e2e.harness import ClusterHarness, Seen
from tests.e2e.replacing import HEALTHY_SECONDS, LONGEST_GAP_SECONDS, in_slot

UPDATE_SECONDS = 1500.0
SLOTS_STACK = "Controlplane"
BROKEN = Path(__file__).parent / "broken_node.py"
"""The node program of an image that never serves."""


def update(cluster: ClusterHarness, *flags: str, **values: str) -> None:
    """Begin an update of the stack with the plain AWS CLI: these parameters, all others as they are."""
    cluster.rehearsal.local.update(values, *flags)


def cancel(cluster: ClusterHarness) -> None:
    """Cancel the update with the plain AWS CLI."""
    cluster.rehearsal.local.aws("cloudformation", "cancel-update-stack", "--stack-name", cluster.rehearsal.local.stack)


def fail_newcomer(cluster: ClusterHarness, slot: int, instance_id: str) -> None:
    """Say with the plain AWS CLI that a newcomer has failed: its slot, and so the update, goes back."""
    cluster.rehearsal.local.aws(
        *("cloudformation", "signal-resource", "--stack-name", nested(cluster), "--status", "FAILURE"),
        *("--logical-resource-id", f"Slot{slot}", "--unique-id", instance_id),
    )


def paste(cluster: ClusterHarness, next_step: str) -> None:
    """Type the AWS CLI's command that a condition begins its next step with."""
    cluster.rehearsal.local.aws(*shlex.split(next_step.partition(":")[0])[1:])


def status(cluster: ClusterHarness) -> str:
    """The root stack's."""
    return cluster.rehearsal.local.status()


def slot_status(cluster: ClusterHarness, slot: int) -> str:
    """That of a slot's group in its stack."""
    client = cluster.rehearsal.local.client("cloudformation")
    found = client.describe_stack_resource(StackName=nested(cluster), LogicalResourceId=f"Slot{slot}")
    return str(found["StackResourceDetail"]["ResourceStatus"])


def reasons(cluster: ClusterHarness, stack: str = "") -> list[str]:
    """What the history of a stack says, of the slots' where none is named."""
    client = cluster.rehearsal.local.client("cloudformation")
    pages = client.get_paginator("describe_stack_events").paginate(StackName=stack or nested(cluster))
    return [each.get("ResourceStatusReason", "") for page in pages for each in page["StackEvents"]]


def during(cluster: ClusterHarness, wanted: Callable[[Seen], object], what: str, *, remove_first: bool = False) -> Seen:
    """Wait in an update, looking all the while that no slot is left to itself and nothing too many is there.

    With `remove_first` there is no room for a second instance of any slot, and one member may lack.
    """
    least = cluster.slots - remove_first

    def look(seen: Seen) -> Seen | None:
        voters = [row for row in seen.members.values() if row.state is MemberState.VOTER]
        assert least <= len(voters) <= least + 1, f"{len(voters)} voters: {seen}"
        if remove_first:
            assert len({seen.place(each) for each in seen.control_planes}) == len(seen.control_planes), str(seen)
        return seen if wanted(seen) else None

    return cluster.until(look, what, UPDATE_SECONDS)


def ended(cluster: ClusterHarness, *, remove_first: bool = False) -> str:
    """The root stack's status once the update, or its rollback, has ended."""

    def over(_: Seen) -> bool:
        return not status(cluster).endswith("_IN_PROGRESS")

    during(cluster, over, "the update does not end", remove_first=remove_first)
    return status(cluster)


def newcomer(cluster: ClusterHarness, before: Seen, slot: int) -> str:
    """The second instance of a slot, once it runs."""
    old = before.control_planes
    seen = during(cluster, lambda seen: set(in_slot(seen, slot)) - old, f"nobody comes to slot {slot}")
    (name,) = set(in_slot(seen, slot)) - old
    return name


def images(cluster: ClusterHarness, instances: Iterable[str]) -> set[str]:
    """The images of instances."""
    ec2 = cluster.rehearsal.local.client("ec2")
    pages = ec2.describe_instances(InstanceIds=sorted(instances))["Reservations"]
    return {each["ImageId"] for page in pages for each in page["Instances"]}


def groups_at_rest(cluster: ClusterHarness, *, resumed: bool = True) -> bool:
    """Whether every slot has its own sizes again, and, with `resumed`, no process is suspended."""
    groups = cluster.rehearsal.local.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    slots = [each for each in groups if "Slot" in each["AutoScalingGroupName"]]
    sizes = {(each["MinSize"], each["DesiredCapacity"], each["MaxSize"]) for each in slots}
    return sizes == {(0, 1, 2)} and not (resumed and any(each["SuspendedProcesses"] for each in slots))


def timer_runs(cluster: ClusterHarness, name: str) -> Timer | None:
    """A timer of the function's."""
    found = cluster.table.get(timer_item(name))
    return timer(found.value) if isinstance(found, Known) and found.value is not None else None


def at_rest(cluster: ClusterHarness, *, resumed: bool = True) -> Seen:
    """Wait for a healthy cluster whose groups are as they were before the update.

    Without `resumed` processes may be suspended still: what CloudFormation leaves so, the function resumes ten minutes
    later.
    """
    why = "the groups are not as they were"
    cluster.until(lambda _: groups_at_rest(cluster, resumed=resumed), why, HEALTHY_SECONDS)
    return cluster.healthy(HEALTHY_SECONDS)


@contextmanager
def gap_of(writer: Writer, what: str) -> Iterator[None]:
    """Print the longest time without an acknowledged write meanwhile, and bound it."""
    begun = max(writer.written().acknowledged.values())
    yield
    acknowledged = sorted(writer.written().acknowledged.values())
    found = largest(list(gaps(acknowledged, begun, acknowledged[-1])), begun, acknowledged[-1])
    assert found is not None
    print(f"{what}: the longest gap between acknowledged writes was {found.seconds:.1f} s", flush=True)
    assert found.seconds < LONGEST_GAP_SECONDS


def nested(cluster: ClusterHarness, name: str = SLOTS_STACK) -> str:
    """The id of a nested stack, by its logical id in the root."""
    client = cluster.rehearsal.local.client("cloudformation")
    found = client.describe_stack_resource(StackName=cluster.rehearsal.local.stack, LogicalResourceId=name)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])

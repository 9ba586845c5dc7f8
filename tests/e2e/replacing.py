"""What tests of control planes that leave have in common: how one is ended, and when another has come in its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coordination.drains import Drain, drain
from coordination.members import SILENT_SECONDS, Member, MemberState
from coordination.names import drain_item
from coordination.outcomes import Done, Known
from coordination.writes import update
from rehearsal.scenarios.writes import Writer, writing
from tests.e2e.harness import ClusterHarness, Json, Seen

SHORT = {
    "pace": {"heartbeat": 5, "look": 1, "clients": 5, "drain": 30},
    "leases": {"lease": 6, "renew": 1.5},
}
"""Shorter pauses than a node's own, so that a replacement takes a minute; no bound of a figure contains them."""
HEALTHY_SECONDS = 420.0
LONGEST_GAP_SECONDS = 30.0
"""Far above what is measured: a client that is sent to a member that leaves is a defect, a busy computer is none."""


def terminate(cluster: ClusterHarness, instance_id: str) -> None:
    """What an operator does, or Auto Scaling by itself."""
    cluster.rehearsal.local.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
    )


def replaced(cluster: ClusterHarness, before: Seen, gone: str) -> Seen:
    """Wait until another instance is a member in the place of one."""

    def done(seen: Seen) -> Seen | None:
        return seen if is_gone(seen, gone) and len(seen.control_planes) == cluster.slots else None

    cluster.until(done, f"{gone} is not replaced", HEALTHY_SECONDS)
    after = cluster.healthy(HEALTHY_SECONDS)
    assert len(after.control_planes - before.control_planes) == 1
    assert gone not in after.control_planes
    return after


def in_slot(seen: Seen, slot: int) -> list[str]:
    """The running instances of a slot."""
    return [row.instance_id for row in seen.rows if row.place == f"slot {slot}" and row.state == "running"]


def leader_and_followers(cluster: ClusterHarness, seen: Seen) -> tuple[str, list[str]]:
    """Of etcd, by instance."""
    leader = cluster.etcd_leader(min(seen.control_planes))
    return leader, sorted(seen.control_planes - {leader})


def is_gone(seen: Seen, name: str) -> bool:
    """Whether a member has left etcd and its instance has ended."""
    return removed(seen, name) and seen.state(name) in ("terminated", "unknown")


def removed(seen: Seen, name: str) -> bool:
    """Whether a member's row says removed."""
    return name in seen.members and seen.members[name].state is MemberState.REMOVED


def told_silent(seen: Seen, name: str) -> Member | None:
    """The row of a member of which an agent has told that it is silent."""
    row = seen.members[name]
    return row if row.silent_since is not None else None


def silent_for_ten_minutes(cluster: ClusterHarness, name: str) -> None:
    """Wait until an agent has told that a member is silent, and go on as though ten minutes had passed since."""
    row = cluster.until(lambda seen: told_silent(seen, name), f"nobody tells that {name} is silent", HEALTHY_SECONDS)
    earlier = {"Epoch": row.epoch, "SilentSince": (row.silent_since or 0) - SILENT_SECONDS}
    assert isinstance(cluster.table.apply(update(row.item_id, earlier, {})), Done)


def group_of(cluster: ClusterHarness, instance_id: str) -> str:
    """The name of an instance's group."""
    client = cluster.rehearsal.local.client("autoscaling")
    (found,) = client.describe_auto_scaling_instances(InstanceIds=[instance_id])["AutoScalingInstances"]
    return str(found["AutoScalingGroupName"])


def sizes_of(cluster: ClusterHarness, group: str) -> Json:
    """A group as Auto Scaling describes it."""
    client = cluster.rehearsal.local.client("autoscaling")
    (found,) = client.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    described: Json = found
    return described


def drain_of(cluster: ClusterHarness, instance_id: str) -> Drain | None:
    """A worker's drain, while it is stored."""
    found = cluster.table.get(drain_item(instance_id))
    return drain(found.value) if isinstance(found, Known) and found.value is not None else None


@contextmanager
def written_to(cluster: ClusterHarness, folder: Path) -> Iterator[Writer]:
    """A client writes through the API meanwhile. At the end every acknowledged write has to be there."""
    with writing(cluster.kubectl, folder / "writer") as writer:
        yield writer
        cluster.healthy(HEALTHY_SECONDS)
    writer.check(writer.written())


def reconcile_function(cluster: ClusterHarness) -> str:
    """The reconcile function's name."""
    found = cluster.rehearsal.local.client("lambda").list_functions()["Functions"]
    (name,) = [each["FunctionName"] for each in found if "econcile" in each["FunctionName"]]
    return str(name)


@contextmanager
def function_away(cluster: ClusterHarness) -> Iterator[str]:
    """The reconcile function, by its name, answers nothing meanwhile."""
    functions, name = cluster.rehearsal.local.client("lambda"), reconcile_function(cluster)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield name
    functions.delete_function_concurrency(FunctionName=name)

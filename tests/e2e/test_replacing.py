"""Control planes leave, announced and unannounced, and others come in their place: no person does anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coordination.members import MemberState
from tests.e2e.harness import ClusterHarness, Seen, running

SHORT = {
    "pace": {"heartbeat": 5, "look": 1, "clients": 5, "drain": 30},
    "leases": {"lease": 6, "renew": 1.5},
}
HEALTHY_SECONDS = 420.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster of three control planes alone."""
    with running(
        tmp_path_factory.mktemp("replacing"), node_settings=SHORT, parameters={"GeneralMinSize": "0"}
    ) as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        yield cluster


def test_each_slot_that_is_terminated_in_turn_is_replaced(cluster: ClusterHarness) -> None:
    for slot in range(3):
        before = cluster.look()
        (leaving,) = [row.instance_id for row in before.rows if row.place == f"slot {slot}" and row.state == "running"]
        terminate(cluster, leaving)
        replaced(cluster, before, leaving)


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_one_that_is_lost_is_replaced(cluster: ClusterHarness, who: str) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    leader = cluster.etcd_leader(min(before.control_planes))
    lost = leader if who == "leader" else min(before.control_planes - {leader})
    cluster.act("lose", lost)
    replaced(cluster, before, lost)


def terminate(cluster: ClusterHarness, instance_id: str) -> None:
    """What an operator does, or Auto Scaling by itself."""
    cluster.rehearsal.local.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
    )


def replaced(cluster: ClusterHarness, before: Seen, gone: str) -> Seen:
    """Wait until another instance is a member in the place of one."""

    def done(seen: Seen) -> Seen | None:
        row = seen.members.get(gone)
        ended = row is not None and row.state is MemberState.REMOVED and seen.state(gone) in ("terminated", "unknown")
        return seen if ended and len(seen.control_planes) == 3 else None

    cluster.until(done, f"{gone} is not replaced", HEALTHY_SECONDS)
    after = cluster.healthy(HEALTHY_SECONDS)
    assert len(after.control_planes - before.control_planes) == 1
    assert gone not in after.control_planes
    return after

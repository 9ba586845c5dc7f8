"""A founder that is paused for longer than its claim lasts stops itself and founds anew; there is one cluster."""

from __future__ import annotations

import time
from pathlib import Path

from coordination.record import Phase
from tests.e2e.harness import ClusterHarness, Seen, running

LEASE_SECONDS = 6.0
FOUND_SECONDS = 90.0
"""The whole of founding's patience."""
SHORT = {
    "pace": {"heartbeat": 5, "look": 1},
    "leases": {"lease": LEASE_SECONDS, "renew": 1.5, "found": FOUND_SECONDS},
}
STAGE_SECONDS = 180.0
HEALTHY_SECONDS = 420.0


def test_a_founder_frozen_past_its_lease_and_its_patience_does_no_harm(tmp_path: Path) -> None:
    with running(tmp_path, node_settings=SHORT, parameters={"GeneralMinSize": "0"}) as cluster:
        # In the middle of `kubeadm init`, past all patience: etcd and API server have begun to run.
        cluster.holding.found = ("identify",)
        founder, first = founding(cluster, "kubeadm-init")
        cluster.until(lambda _: initialising(cluster, founder), "kubeadm starts no etcd", STAGE_SECONDS)
        frozen(cluster, founder, FOUND_SECONDS + 5)
        # Right before it would have said that its epoch is ready, for little more than a lease.
        cluster.holding.found = ("ready",)
        second_founder, second = founding(cluster, "ready", after=first)
        frozen(cluster, second_founder, LEASE_SECONDS + 4)
        cluster.holding.found = ()
        third = cluster.until(lambda seen: later(seen, second), "nobody claims anew", STAGE_SECONDS)
        whole = cluster.healthy(HEALTHY_SECONDS)
        records = [seen.record for seen in (first, second, third, whole) if seen.record is not None]
        failed = [f"{line['stage']}: {line['reason']}" for line in cluster.log(founder) if line["outcome"] == "failed"]
        assert [record.epoch for record in records] == [1, 2, 3, 3], "\n".join(failed)
        # A pause is no death: the instance is there, so nobody but itself may follow it.
        assert {record.owner for record in records} == {founder}
        assert whole.control_planes == first.control_planes
        for epoch in (1, 2):
            assert any(f"the claim of epoch {epoch} is lost" in line for line in failed), failed


def founding(cluster: ClusterHarness, stage: str, after: Seen | None = None) -> tuple[str, Seen]:
    """Wait until the founder is at a stage of an epoch later than that of `after`; its instance, and what was seen."""
    earlier = after.record.epoch if after is not None and after.record is not None else 0

    def there(seen: Seen) -> tuple[str, Seen] | None:
        record = seen.record
        if record is None or record.phase is not Phase.CLAIMED or record.epoch <= earlier:
            return None
        return (record.owner, seen) if seen.stage(record.owner) == stage else None

    return cluster.until(there, f"nobody comes to {stage}", STAGE_SECONDS)


def initialising(cluster: ClusterHarness, instance_id: str) -> bool:
    """Whether etcd has made its data."""
    return cluster.shell(instance_id, "test -e /var/lib/etcd/member/wal").returncode == 0


def frozen(cluster: ClusterHarness, instance_id: str, seconds: float) -> None:
    """Pause every process of an instance for so long; nothing of the record may change meanwhile."""
    cluster.act("freeze", instance_id)
    before = cluster.look().record
    time.sleep(seconds)
    assert cluster.look().record == before
    cluster.act("thaw", instance_id)


def later(seen: Seen, before: Seen) -> Seen | None:
    """Whether an epoch after `before` was claimed."""
    assert seen.record is not None
    assert before.record is not None
    return seen if seen.record.epoch > before.record.epoch else None

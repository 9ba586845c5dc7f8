"""More workers of the one pool, as its autoscaler would ask for."""

from __future__ import annotations

from tests.e2e.harness import ClusterHarness, Seen

SCALED_SECONDS = 420.0


def raise_capacity(cluster: ClusterHarness, workers: int) -> None:
    """Have the pool start more workers."""
    autoscaling = cluster.rehearsal.local.client("autoscaling")
    groups = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    (pool,) = [
        group["AutoScalingGroupName"] for group in groups if any(tag["Key"] == "holdfast:pool" for tag in group["Tags"])
    ]
    autoscaling.set_desired_capacity(AutoScalingGroupName=pool, DesiredCapacity=workers)


def workers(cluster: ClusterHarness, seen: Seen, count: int) -> frozenset[str]:
    """Wait until so many workers, and every control plane, are Ready nodes; the workers."""

    def ready(now: Seen) -> frozenset[str] | None:
        mine = now.running - now.control_planes
        complete = len(mine) == count and cluster.nodes() == dict.fromkeys(now.running, True)
        return mine if complete else None

    return cluster.until(ready, f"{count} workers are not Ready", SCALED_SECONDS)

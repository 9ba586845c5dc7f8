"""A changed image walks the nodes of a worker pool: never fewer than its smallest size are Ready."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coordination.drains import DrainOutcome
from tests.e2e.harness import ClusterHarness, Seen, running
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, drain_of
from tests.e2e.updating import BROKEN, UPDATE_SECONDS, cancel, images, nested, reasons, status, update

WORKERS = 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """Three control planes, and two workers."""
    folder = tmp_path_factory.mktemp("pools")
    with running(folder, node_settings=SHORT, parameters={"GeneralMinSize": str(WORKERS)}, pause="PT5M") as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        cluster.until(lambda seen: len(ready(cluster, seen)) == WORKERS, "the workers are not Ready", HEALTHY_SECONDS)
        cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)
        yield cluster


def test_a_changed_image_walks_the_pool_and_no_control_plane(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    image = cluster.rehearsal.control.register_image(settings=SHORT)
    update(cluster, WorkerImage=image)
    assert ended(cluster, before.workers) == "UPDATE_COMPLETE"
    after = settled(cluster)
    assert images(cluster, after.workers) == {image}
    assert after.control_planes == before.control_planes


def test_a_cancelled_update_of_the_pool_goes_back(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    kept = images(cluster, before.workers)
    update(cluster, WorkerImage=cluster.rehearsal.control.register_image(settings=SHORT))
    cluster.until(lambda seen: len(seen.workers) > WORKERS, "no new worker comes", UPDATE_SECONDS)
    cancel(cluster)
    assert ended(cluster) == "UPDATE_ROLLBACK_COMPLETE"
    # No template names a desired capacity, so the pool stays as large as it was raised: the autoscaler's business.
    assert images(cluster, settled(cluster, WORKERS + 1).workers) == kept


def test_with_an_image_that_never_serves_the_update_ends_with_its_reason_and_goes_back(cluster: ClusterHarness) -> None:
    before = cluster.healthy(HEALTHY_SECONDS)
    kept = images(cluster, before.workers)
    update(cluster, WorkerImage=cluster.rehearsal.control.register_image(BROKEN, SHORT))
    cluster.until(lambda seen: seen.workers - before.workers, "no new worker comes", UPDATE_SECONDS)
    assert ended(cluster) == "UPDATE_ROLLBACK_COMPLETE"
    said = reasons(cluster, nested(cluster, "WorkersGeneral"))
    told = f"Received 0 SUCCESS signal(s) out of {len(before.workers)}."
    assert any(each.startswith(told) for each in said), "\n".join(said)
    # It stays as large as it was raised, as above. A pool above its smallest size has lost one before its newcomer
    # came, and got one of the old kind in its place.
    after = settled(cluster, WORKERS + 1)
    assert images(cluster, after.workers) == kept
    assert len(after.workers & before.workers) >= WORKERS


def ready(cluster: ClusterHarness, seen: Seen) -> frozenset[str]:
    """Those of them whose Nodes are Ready."""
    nodes = cluster.nodes()
    return frozenset(name for name in seen.workers if nodes.get(name))


def ended(cluster: ClusterHarness, leaving: frozenset[str] = frozenset()) -> str:
    """The root stack's status once the update has ended. Meanwhile enough workers are Ready, and those that leave are
    drained, one after the other."""
    drained: dict[str, DrainOutcome | None] = {}

    def look(seen: Seen) -> bool:
        found = ready(cluster, seen)
        assert len(found) >= WORKERS, f"only {sorted(found)} are Ready: {seen}"
        drained.update({name: each.outcome for name in leaving if (each := drain_of(cluster, name)) is not None})
        return not status(cluster).endswith("_IN_PROGRESS") and not seen.workers & leaving

    cluster.until(look, "the update does not end", UPDATE_SECONDS)
    assert drained == dict.fromkeys(leaving, DrainOutcome.DRAINED)
    return status(cluster)


def settled(cluster: ClusterHarness, count: int = WORKERS) -> Seen:
    """Wait until so many workers are there, and all of them are Ready."""

    def look(seen: Seen) -> Seen | None:
        return seen if len(seen.workers) == count == len(ready(cluster, seen)) else None

    return cluster.until(look, f"the pool has not {count} workers", HEALTHY_SECONDS)

"""A changed image, typed with the plain AWS CLI, walks the slots of a living cluster, or goes back; nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from coordination.names import joiners_wait_timer
from rehearsal.scenarios.writes import Writer
from tests.e2e.harness import ClusterHarness, running
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, in_slot, written_to
from tests.e2e.updating import (
    BROKEN,
    UPDATE_SECONDS,
    at_rest,
    cancel,
    during,
    ended,
    fail_newcomer,
    gap_of,
    images,
    newcomer,
    reasons,
    status,
    timer_runs,
    update,
)

PAUSE = "PT5M"


@dataclass(frozen=True)
class Living:
    """A cluster, and the client that writes through its API all the while."""

    cluster: ClusterHarness
    writer: Writer


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """A cluster of three control planes alone."""
    folder = tmp_path_factory.mktemp("updates")
    parameters = {"GeneralMinSize": "0", "LaunchHookHeartbeatSeconds": "120"}
    with running(folder, node_settings=SHORT, parameters=parameters, pause=PAUSE) as cluster:
        cluster.healthy(HEALTHY_SECONDS)
        cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)
        with written_to(cluster, folder) as writer:
            yield Living(cluster, writer)


def test_a_changed_image_walks_all_slots(living: Living) -> None:
    cluster = living.cluster
    before = cluster.healthy(HEALTHY_SECONDS)
    image = cluster.rehearsal.control.register_image(settings=SHORT)
    with gap_of(living.writer, "three slots updated"):
        update(cluster, ControlPlaneImage=image)
        assert ended(cluster) == "UPDATE_COMPLETE"
        after = at_rest(cluster)
    assert images(cluster, after.control_planes) == {image}
    assert not after.control_planes & before.control_planes


def test_a_cancelled_update_goes_back(living: Living) -> None:
    cluster = living.cluster
    before = cluster.healthy(HEALTHY_SECONDS)
    kept = images(cluster, before.control_planes)
    with gap_of(living.writer, "an update cancelled at its second slot"):
        update(cluster, ControlPlaneImage=cluster.rehearsal.control.register_image(settings=SHORT))
        newcomer(cluster, before, 1)
        cancel(cluster)
        assert ended(cluster) == "UPDATE_ROLLBACK_COMPLETE"
        after = at_rest(cluster)
    assert images(cluster, after.control_planes) == kept
    # The update had not come to it.
    assert in_slot(after, 2) == in_slot(before, 2)


def test_an_update_that_fails_at_a_slot_whose_node_comes_all_the_same_goes_back_by_itself(living: Living) -> None:
    cluster = living.cluster
    before = cluster.healthy(HEALTHY_SECONDS)
    kept = images(cluster, before.control_planes)
    with gap_of(living.writer, "an update that failed at its second slot"):
        update(cluster, ControlPlaneImage=cluster.rehearsal.control.register_image(settings=SHORT))
        fail_newcomer(cluster, 1, newcomer(cluster, before, 1))
        # CloudFormation goes back from the first slot on, and leaves MinSize of the second one at 2.
        during(cluster, lambda _: timer_runs(cluster, joiners_wait_timer("1")), "nobody waits in the second slot")
        assert ended(cluster) == "UPDATE_ROLLBACK_COMPLETE"
        after = at_rest(cluster)
    assert images(cluster, after.control_planes) == kept
    assert in_slot(after, 2) == in_slot(before, 2)


def test_with_an_image_that_never_serves_the_update_ends_with_its_reason_and_no_voter_is_touched(
    living: Living,
) -> None:
    cluster = living.cluster
    before = cluster.healthy(HEALTHY_SECONDS)
    with gap_of(living.writer, "a bad image"):
        update(cluster, ControlPlaneImage=cluster.rehearsal.control.register_image(BROKEN, SHORT))
        newcomer(cluster, before, 0)
        assert ended(cluster) == "UPDATE_ROLLBACK_COMPLETE"
        after = at_rest(cluster)
    told = [text for text in reasons(cluster) if text.startswith("Received 0 SUCCESS signal(s) out of 1.")]
    assert told, "\n".join(reasons(cluster))
    # Of its first slot, too, it is the old one or one of the old kind that is left.
    assert images(cluster, after.control_planes) == images(cluster, before.control_planes)
    assert after.control_planes >= {name for slot in (1, 2) for name in in_slot(before, slot)}


def test_a_node_that_is_lost_in_the_middle_of_an_update_is_replaced_too(living: Living) -> None:
    cluster = living.cluster
    before = cluster.healthy(HEALTHY_SECONDS)
    image = cluster.rehearsal.control.register_image(settings=SHORT)
    (lost,) = in_slot(before, 2)
    update(cluster, ControlPlaneImage=image)
    newcomer(cluster, before, 0)
    cluster.act("lose", lost)
    cluster.until(lambda _: not status(cluster).endswith("_IN_PROGRESS"), "the update does not end", UPDATE_SECONDS)
    assert status(cluster) == "UPDATE_COMPLETE"
    after = at_rest(cluster)
    assert images(cluster, after.control_planes) == {image}

"""A changed image, typed with the plain AWS CLI, walks five slots of a living cluster; nothing is lost."""

from __future__ import annotations

import time
from pathlib import Path

from tests.e2e.harness import ROOT, running
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, written_to
from tests.e2e.updating import at_rest, ended, gap_of, images, status, update

PRODUCTION = ROOT / "examples" / "production.yaml"
FOUNDED_SECONDS = 2 * HEALTHY_SECONDS
"""Five control planes join one after the other."""
SETTINGS = {"pace": SHORT["pace"]}
"""Leases of a node's own length: five control planes are much for a computer that has other things to do."""


def test_a_changed_image_walks_five_slots(tmp_path: Path) -> None:
    # One worker, for memory; an update waits for the template's own hour here.
    parameters = {"GeneralMinSize": "1"}
    with running(tmp_path, node_settings=SETTINGS, parameters=parameters, config=PRODUCTION) as cluster:
        before = cluster.healthy(FOUNDED_SECONDS)
        assert len(before.control_planes) == 5
        cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", FOUNDED_SECONDS)
        image = cluster.rehearsal.control.register_image(settings=SETTINGS)
        with written_to(cluster, tmp_path) as writer:
            began = time.monotonic()
            with gap_of(writer, "five slots updated"):
                update(cluster, ControlPlaneImage=image)
                assert ended(cluster) == "UPDATE_COMPLETE"
                print(f"five slots in {time.monotonic() - began:.0f} s", flush=True)
                after = at_rest(cluster)
            written = writer.written()
            print(f"{len(written.acknowledged)} writes acknowledged, {written.failed} tries not", flush=True)
        assert images(cluster, after.control_planes) == {image}
        assert not after.control_planes & before.control_planes
        assert after.workers == before.workers

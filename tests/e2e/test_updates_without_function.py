"""The reconcile function is away in the middle of an update: it waits, nothing is lost, and it ends by itself."""

from __future__ import annotations

import time
from pathlib import Path

from tests.e2e.harness import running
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, function_away, written_to
from tests.e2e.updating import (
    at_rest,
    during,
    ended,
    gap_of,
    images,
    newcomer,
    slot_status,
    status,
    update,
)

AWAY_SECONDS = 600.0


def test_while_the_function_is_away_the_update_waits_and_then_goes_on(tmp_path: Path) -> None:
    # An update waits for the template's own hour here.
    with running(tmp_path, node_settings=SHORT, parameters={"GeneralMinSize": "0"}) as cluster:
        before = cluster.healthy(HEALTHY_SECONDS)
        cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)
        image = cluster.rehearsal.control.register_image(settings=SHORT)
        with written_to(cluster, tmp_path) as writer, gap_of(writer, "an update without the function"):
            update(cluster, ControlPlaneImage=image)
            # The update asks the function once, before it changes anything.
            newcomer(cluster, before, 0)
            with function_away(cluster):
                until = time.monotonic() + AWAY_SECONDS
                during(cluster, lambda _: time.monotonic() > until, "ten minutes do not pass")
                # Nobody may remove the first one's member, so the second slot's instance stands at the gate.
                assert slot_status(cluster, 1) == "UPDATE_IN_PROGRESS"
            assert ended(cluster) == "UPDATE_COMPLETE"
            after = at_rest(cluster)
        assert images(cluster, after.control_planes) == {image}

"""An instance that is lost is replaced by one that boots from the same deployed template."""

from __future__ import annotations

import time

from rehearsal.cloud import table
from rehearsal.cloud.rehearse import MachineRehearsal
from tests.e2e.conftest import Begin

REPLACED_SECONDS = 120.0


def test_a_lost_control_plane_instance_is_replaced_by_one_that_boots(begin: Begin) -> None:
    rehearsal = begin(lambda templates: None)
    rehearsal.complete()
    rehearsal.check_api()
    (lost,) = in_service(rehearsal, "slot 1")
    rehearsal.control.act("lose", lost.instance_id)
    deadline = time.monotonic() + REPLACED_SECONDS
    while not (newcomers := [row for row in in_service(rehearsal, "slot 1") if row.instance_id != lost.instance_id]):
        assert time.monotonic() < deadline, rehearsal.rows()
        time.sleep(1)
    assert newcomers[0].stage == "done"
    rehearsal.check_api()


def in_service(rehearsal: MachineRehearsal, place: str) -> list[table.Row]:
    """The instances at a place that serve."""
    return [row for row in rehearsal.rows() if row.place == place and row.lifecycle_state == "InService"]

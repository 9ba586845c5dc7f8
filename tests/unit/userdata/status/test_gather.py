"""The facts of `status`: one thing that fails hides nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from coordination.drains import requested
from coordination.function_lease import FunctionLease
from coordination.node_leases import LeaseName, NodeLease, take
from coordination.observed_state import ClusterObservation
from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.report.parts import Verdict
from coordination.writes import as_item
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, row, view
from userdata.logs.files import log_file
from userdata.logs.lines import Clocks, Log, Outcome
from userdata.shipping.progress import PROGRESS_FILE, LogProgress, Progress, document
from userdata.status.decide import decide
from userdata.status.gather import BOOT_LOG, StatusSources, gather, logs, stages
from userdata.status.snapshot import Snapshot, Who

LEASE = take(LeaseName.AGENT, NodeLease(LeaseName.AGENT, "", 4, 2), "i-2")


class Rows:
    """A table that is a list."""

    def __init__(self, *items: Item) -> None:
        self.stored = {str(item["Id"]): item for item in items}

    def get(self, item_id: str) -> Reading[Item | None]:
        return Known(self.stored.get(item_id))

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
        return Known(tuple(item for key, item in self.stored.items() if key.startswith(tuple(prefixes))))


STORED = (
    RECORD.item(),
    *(each.item() for each in ROWS),
    row(8, epoch=1).item(),
    as_item("lease#agent", dict(LEASE.write.changes)),
    FunctionLease("f", NOW, 1).item(),
    ClusterObservation(NOW, "i-2", 2).item(),
    requested("i-9", NOW).item(),
    {"Id": "condition#Broken"},
)


def looked(root: Path, table: Reading[Rows], *, control_plane: bool = True) -> Snapshot:
    who = Who("i-1", "control-plane" if control_plane else "worker", "0", "one")
    return gather(
        StatusSources(
            root=root,
            who=Known(who),
            is_control_plane=control_plane,
            table=table,
            etcd=lambda: Known(view(*THREE)),
            now=lambda: NOW,
            booted=lambda: NOW - 100,
        )
    )


def test_a_control_plane_sees_what_the_table_holds_of_this_epoch(tmp_path: Path) -> None:
    found = looked(tmp_path, Known(Rows(*STORED)))
    assert found.record == Known(RECORD)
    assert isinstance(found.table, Known)
    table = found.table.value
    assert table.members == ROWS
    assert [(lease.name, lease.owner, lease.fence) for lease in table.leases] == [(LeaseName.AGENT, "i-2", 3)]
    assert table.observation is not None
    assert table.conditions == ()
    assert table.drains == (requested("i-9", NOW),)
    assert table.malformed == ("item condition#Broken: Reason is missing, allowed: text",)


@pytest.mark.parametrize("prefix", ["member#i-4", "lease#join", "condition#Other", "drain#i-9", "observation"])
def test_whatever_cannot_be_understood_is_told_of_and_hides_nothing_else(tmp_path: Path, prefix: str) -> None:
    found = looked(tmp_path, Known(Rows(*STORED[:-1], {"Id": prefix, "By": 5})))
    assert isinstance(found.table, Known)
    table = found.table.value
    (line,) = table.malformed
    assert line.startswith(f"item {prefix}: ")
    assert (table.members, len(table.leases)) == (ROWS, 1)


def test_a_worker_asks_for_nothing_but_the_record(tmp_path: Path) -> None:
    class OnlyRecord(Rows):
        def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
            pytest.fail("a worker may not scan the table")

    found = looked(tmp_path, Known(OnlyRecord(*STORED)), control_plane=False)
    assert found.record == Known(RECORD)
    assert (found.table, found.etcd) == (None, None)
    assert {each.place.name for each in found.certificates} == {"kubelet-client", "kubelet-serving"}


def test_a_table_that_is_not_known_hides_nothing_else(tmp_path: Path) -> None:
    found = looked(tmp_path, Unknown("GetItem: timeout"))
    assert found.record == Unknown("GetItem: timeout")
    assert isinstance(found.etcd, Known)
    # An empty disk: there is a control plane, and not one of its certificates.
    assert decide(found).verdict is Verdict.ATTENTION


def test_the_stages_are_those_of_this_boot_as_the_log_wrote_them(tmp_path: Path) -> None:
    for at, name in ((NOW - 500, "before"), (NOW - 50, "identity"), (NOW - 40, "settings")):
        log = Log(log_file(tmp_path, "boot").write, Clocks(wall=lambda at=at: float(at)))  # type: ignore[misc]
        with log.stage(name):
            pass
    with (tmp_path / BOOT_LOG.lstrip("/")).open("a") as stream:
        stream.write(json.dumps({"at": NOW}) + "\n[]\nno line\n")
    found = stages(tmp_path, NOW - 100)
    assert isinstance(found, Known)
    assert [(line.stage, line.outcome) for line in found.value] == [
        ("identity", Outcome.DONE),
        ("settings", Outcome.DONE),
    ]


def test_stages_in_a_file_that_was_put_aside_are_read_first(tmp_path: Path) -> None:
    with Log(log_file(tmp_path, "boot").write).stage("first"):
        pass
    path = tmp_path / BOOT_LOG.lstrip("/")
    path.rename(path.with_name("boot.log.1"))
    with Log(log_file(tmp_path, "boot").write).stage("second"):
        pass
    found = stages(tmp_path, 0)
    assert isinstance(found, Known)
    assert [line.stage for line in found.value] == ["first", "second"]


def test_a_boot_that_has_not_run_is_unknown(tmp_path: Path) -> None:
    assert stages(tmp_path, 0) == Unknown("/var/log/holdfast/boot.log is not there: the boot program has not run")


def test_how_far_logs_are_shipped_is_what_the_program_that_ships_them_says(tmp_path: Path) -> None:
    assert logs(tmp_path) == Unknown("/run/holdfast/logs.json is not there: holdfast-logs.service has not run")
    path = tmp_path / PROGRESS_FILE.lstrip("/")
    path.parent.mkdir(parents=True)
    progress = Progress(NOW, (LogProgress("audit", NOW - 1, 0, 0, ""),))
    path.write_text(document(progress))
    assert logs(tmp_path) == Known(progress)
    path.write_text("{")
    assert isinstance(logs(tmp_path), Unknown)

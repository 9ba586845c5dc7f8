"""What a boot gathers: a row that cannot be understood is told apart from one that is not there, and blinds nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from coordination.backups import Backup
from coordination.outcomes import Item, Known, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.termination import YOUNG_SECONDS
from tests.unit.userdata.boot.faults import ME, OTHER, Fault
from tests.unit.userdata.boot.surroundings import Neighbours
from tests.unit.userdata.boot.world import World
from userdata.boot.actions import TakeClaim, Wait
from userdata.boot.context import seconds_since_1970
from userdata.boot.gather import Gatherer
from userdata.boot.keys import Keys
from userdata.boot.restore import RestoreRules, decide_restore
from userdata.boot.snapshot import Snapshot

ARN = "arn:aws:ec2:us-east-1:123456789012:instance/"
RULES = RestoreRules(slots=3, oldest_backup_seconds=3600)


@pytest.fixture
def gatherer(world: World) -> Iterator[Gatherer]:
    context = world.context()
    yield Gatherer(context, Keys(context), Neighbours(world))
    context.launch_hook.close()


def boot_row(instance_id: str, **fields: str | int) -> Item:
    return {"Id": f"boot#{ARN}{instance_id}", **fields}


def claimed(world: World, gatherer: Gatherer) -> Snapshot:
    """A look after another node has claimed."""
    world.table.store(ClusterRecord("arn:stack", Phase.CLAIMED, 1, OTHER, 1).item())
    return gatherer.look()


MALFORMED: list[dict[str, str | int]] = [{"Reason": "m"}, {"Stage": 5}, {"Stage": "decide", "StartedAt": "now"}]


@pytest.mark.parametrize("fields", MALFORMED)
def test_a_row_of_a_worker_that_cannot_be_understood_blinds_no_control_plane(
    world: World, gatherer: Gatherer, fields: dict[str, str | int]
) -> None:
    world.table.store(boot_row("i-worker", **fields))
    world.table.store(boot_row(ME, Stage="decide"))
    world.gone.add(OTHER)
    assert claimed(world, gatherer).owner_gone == Known(True)
    world.other_founds()
    record = world.record
    assert record is not None
    assert isinstance(decide_restore(gatherer.evidence(record), RULES), TakeClaim)


def test_an_owner_whose_row_cannot_be_understood_is_gone_when_ec2_says_so(world: World, gatherer: Gatherer) -> None:
    world.table.store(boot_row(OTHER, Stage=5))
    assert claimed(world, gatherer).owner_gone == Known(False)
    world.gone.add(OTHER)
    assert claimed(world, gatherer).owner_gone == Known(True)


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        ({"Stage": "decide", "StartedAt": seconds_since_1970() - 2 * YOUNG_SECONDS}, True),
        ({"Stage": "decide", "StartedAt": seconds_since_1970()}, False),
        ({"Stage": "decide"}, False),
        ({"Stage": 5, "StartedAt": seconds_since_1970() - 2 * YOUNG_SECONDS}, False),
    ],
    ids=["old", "young", "of an age that nobody knows", "that cannot be understood"],
)
def test_an_owner_that_ec2_does_not_know_is_gone_when_its_own_row_is_old(
    world: World,
    gatherer: Gatherer,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, str | int],
    gone: bool,
) -> None:
    monkeypatch.setattr(
        "tests.unit.userdata.boot.surroundings.Groups.states", lambda _, names: Known(dict.fromkeys(names, None))
    )
    world.table.store(boot_row(OTHER, **fields))
    claimed(world, gatherer)
    later = seconds_since_1970() + 60
    monkeypatch.setattr("userdata.boot.gather.seconds_since_1970", lambda: later)
    assert claimed(world, gatherer).owner_gone == Known(gone)


def test_a_boot_row_that_cannot_be_read_leaves_unknown_what_hangs_on_it(world: World, gatherer: Gatherer) -> None:
    world.other_founds()
    world.table.store(boot_row(ME, Stage="decide"))
    record = world.record
    assert record is not None
    world.gone.add(OTHER)
    assert gatherer.evidence(record).booted == Known(frozenset({ME}))
    world.fault = lambda _, event: Fault.FAILS if event.startswith("table: get boot#") else None
    evidence = gatherer.evidence(record)
    assert isinstance(evidence.booted, Unknown)
    assert isinstance(decide_restore(evidence, RULES), Wait)
    assert isinstance(claimed(world, gatherer).owner_gone, Unknown)


def test_an_instance_of_a_slot_has_booted_by_its_row_whatever_that_says(world: World, gatherer: Gatherer) -> None:
    world.other_founds()
    record = world.record
    assert record is not None
    world.gone.add(OTHER)
    world.others = {"i-third": "Pending:Wait"}
    world.table.store(boot_row(ME, Stage="decide"))
    assert isinstance(decide_restore(gatherer.evidence(record), RULES), Wait)
    world.table.store(boot_row("i-third", Stage=5))
    assert gatherer.evidence(record).booted == Known(frozenset({ME, "i-third"}))
    assert isinstance(decide_restore(gatherer.evidence(record), RULES), TakeClaim)


def test_a_members_row_that_cannot_be_understood_may_be_of_any_member_so_nobody_restores(
    world: World, gatherer: Gatherer
) -> None:
    world.other_founds()
    record = world.record
    assert record is not None
    world.gone.add(OTHER)
    world.table.store({"Id": "member#i-2", "Epoch": 1, "State": "asleep"})
    assert isinstance(gatherer.rows(), Unknown)
    verdict = decide_restore(gatherer.evidence(record), RULES)
    assert isinstance(verdict, Wait)
    assert "item member#i-2: State is 'asleep'" in verdict.reason


def test_no_boot_row_is_ever_scanned_for(world: World, gatherer: Gatherer) -> None:
    world.gone.add(OTHER)
    claimed(world, gatherer)
    world.other_founds()
    gatherer.look()
    assert world.record is not None
    gatherer.evidence(replace(world.record, row_version=7))
    assert {call for call in world.table.calls if call.startswith("items")} == {"items member#"}


@pytest.mark.parametrize(
    "backup", [Known(None), Known(Backup("backup-7", 1_800_000_000)), Unknown("ListObjects: timeout")]
)
def test_the_newest_backup_is_asked_for(
    world: World, gatherer: Gatherer, backup: Known[Backup | None] | Unknown
) -> None:
    world.other_founds()
    world.backup = backup
    assert world.record is not None
    assert gatherer.evidence(world.record).backup == backup

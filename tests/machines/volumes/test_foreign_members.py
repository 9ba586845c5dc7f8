"""A disk with the etcd data of another node, from the device to what a person reads: of another cluster, or of an
older founding of this one, which nobody can tell apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coordination.conditions import condition, etcd_disk_unusable
from coordination.instances import Groups
from coordination.launches import Launches, LaunchFailure
from coordination.names import condition_item
from coordination.outcomes import Done, Known
from coordination.record import ClusterRecord, Phase
from functions.reconcile import slots
from tests.machines.volumes.machine import SIZE, Machine, blank, flags, mounted
from tests.unit.functions.harness import SLOTS, STARTED, snapshot
from tests.unit.functions.harness import rows as table_rows
from tests.unit.project.rooms import ROOT
from tests.unit.userdata.boot.faults import ME, OTHER, NeverEnds
from tests.unit.userdata.boot.world import World
from userdata.boot.end import End
from userdata.volume import states
from userdata.volume.states import Mounted, Refused

CONDITIONS = (ROOT / "docs/how-to/conditions.md").read_text(encoding="utf-8")
STARTS = ("kubeadm", "start", "reset")
"""What is in the names of events by which anything of etcd would begin, or end."""


def comes_with_etcd(machine: Machine, folder: Path) -> str:
    """The machine's volume is one on which a control plane elsewhere has had its etcd; the UUID that it got there."""
    machine.detach()
    machine.file.unlink()
    blank(machine.file, SIZE)
    elsewhere = Machine(folder, machine.file)
    elsewhere.root.mkdir()
    elsewhere.attach()
    theirs = mounted(elsewhere)
    (elsewhere.folder / "member").mkdir()
    (elsewhere.folder / "member" / "db").write_bytes(b"what others have stored")
    elsewhere.detach()
    flags(elsewhere.folder, 0)
    machine.attach()
    return theirs


@pytest.fixture
def world(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> World:
    """A boot on this very machine."""
    monkeypatch.setattr("userdata.kube.rights.install", lambda administrator: Done())
    return World(machine.root)


def row_of(name: str) -> str:
    """The row of docs/how-to/conditions.md that begins with this text."""
    (found,) = [line for line in CONDITIONS.splitlines() if line.startswith(f"| {name}")]
    return found


def begun(world: World) -> list[str]:
    return [event for event in world.events if any(word in event for word in STARTS)]


def test_under_a_node_that_has_had_its_own_it_is_refused_and_a_person_reads_what_the_page_says(
    machine: Machine, world: World, tmp_path: Path
) -> None:
    own = mounted(machine)
    theirs = comes_with_etcd(machine, tmp_path / "elsewhere")
    before = machine.digest()
    assert isinstance(machine.prepare(), Refused)
    world.volume = states.read(machine.root)
    world.other_founds()
    with pytest.raises(NeverEnds):
        world.boot()
    stored = world.table.stored(condition_item(etcd_disk_unusable(ME)))
    assert stored is not None
    said = condition(stored)
    assert f"another node's etcd disk ({theirs}); this node's is {own}" in said.reason
    assert f"terminate-instance-in-auto-scaling-group --instance-id {ME}" in said.next_step
    assert "another node's" in row_of("`EtcdDiskUnusable/…`: anything else")
    assert (begun(world), machine.digest()) == ([], before)


def nothing(world: World) -> None:
    """No cluster has been founded yet."""


def claimed(world: World) -> None:
    world.table.store(ClusterRecord("arn:stack", Phase.CLAIMED, 1, OTHER, 1).item())


def ready(world: World) -> None:
    world.other_founds()


@pytest.mark.parametrize(
    ("meets", "says", "abandons"),
    [
        (nothing, "this instance has data of a cluster", False),
        (claimed, "the etcd data here is of another cluster or epoch", True),
        (ready, "its etcd data is partial", True),
    ],
)
def test_a_new_instance_that_comes_with_it_starts_and_changes_nothing_and_its_slot_is_told_of(
    machine: Machine, world: World, tmp_path: Path, meets: Callable[[World], None], says: str, abandons: bool
) -> None:
    """As of a launch template that names a snapshot: each instance that comes in its place has it again."""
    theirs = comes_with_etcd(machine, tmp_path / "elsewhere")
    assert machine.prepare() == Mounted(theirs)
    world.volume = states.read(machine.root)
    meets(world)
    before = world.record
    assert world.boot() is End.STOPPED
    assert says in world.told.reason
    assert (begun(world), "hook: abandon" in world.events, world.record) == ([], abandons, before)
    assert (machine.folder / "member" / "db").read_bytes() == b"what others have stored"
    # The words that the page tells people to look for in the log.
    assert f"`{says}`" in row_of("`LaunchLoop/slot-<n>`")
    failure = LaunchFailure("Instance failed to complete user's Lifecycle Action", no_room=False, abandoned=True)
    seen = snapshot(rows=table_rows(start=STARTED), launches={SLOTS[0].name: Known(Launches((failure,) * 3))})
    assert isinstance(seen.rows, Known)
    told = slots.findings(seen, Groups((), SLOTS), seen.rows.value).conditions
    (loop,) = [each for each in told if each.name == "LaunchLoop/slot-0"]
    assert loop.next_step == "Look at the log of the last instance's boot: its launch hook was abandoned, or ran out."

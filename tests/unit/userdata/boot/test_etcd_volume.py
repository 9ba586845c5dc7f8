"""A control plane that boots without etcd's disk: it begins nothing, says why, and goes on once the disk is there."""

from __future__ import annotations

import pytest

from coordination.conditions import condition, etcd_disk_unusable, is_of_boots
from coordination.names import ETCD_DEVICE, condition_item
from tests.unit.userdata.boot.faults import ME
from tests.unit.userdata.boot.world import World
from userdata.boot.end import End
from userdata.boot.etcd_volume import Unmounted, waiting_for
from userdata.host.etcd_disk import EtcdDisk
from userdata.volume.states import Broken, Missing, Mounted, Refused, Untold

CONDITION = etcd_disk_unusable(ME)
STATES = [Missing("no volume is attached as /dev/sdb"), Refused("it holds ext4 labelled 'X'"), Untold("nobody said")]
LOOKS = 5


def mounted_later(world: World) -> None:
    """After some looks the disk is there."""

    def asleep() -> None:
        if world.told.stage == "etcd-disk" and world.sleeps >= LOOKS:
            world.volume = Mounted("uuid")

    world.while_asleep = asleep


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
def test_it_waits_with_its_own_condition_begins_nothing_and_goes_on_by_itself(world: World, state: Unmounted) -> None:
    world.volume = state
    mounted_later(world)
    seen: list[tuple[str, str, list[str]]] = []
    asleep = world.while_asleep

    def look() -> None:
        if world.told.stage == "etcd-disk":
            seen.append((world.told.condition, world.told.reason, list(world.events)))
        asleep()

    world.while_asleep = look
    assert world.boot() is End.SERVES
    names, reasons, events = zip(*seen, strict=True)
    assert set(names) == {CONDITION}
    assert all(state.reason in reason for reason in reasons)
    # But for its condition nothing was read or written, and nothing started.
    assert {event for each in events for event in each if "condition#" not in event} == set()
    stored = world.table.stored(condition_item(CONDITION))
    assert stored is not None
    said = condition(stored)
    assert state.reason in said.reason
    assert ME in said.next_step or "holdfast-etcd-disk" in said.next_step
    assert world.told.condition == ""


def test_a_new_instance_that_cannot_use_its_disk_abandons_its_launch(world: World) -> None:
    world.volume = Broken("mkfs.xfs: Input/output error")
    assert world.boot() is End.FAILED
    assert "mkfs.xfs: Input/output error" in world.told.reason
    assert not any("kubeadm" in event or "start" in event for event in world.events)
    assert any("abandon" in event for event in world.events)


def test_a_member_in_service_that_cannot_use_its_disk_waits_for_a_person(world: World) -> None:
    world.volume = Broken("mount: structure needs cleaning")
    world.lifecycle_state = "InService"
    EtcdDisk(world.root).mark()
    mounted_later(world)
    assert world.boot() is not End.FAILED
    assert world.table.stored(condition_item(CONDITION)) is not None


def test_the_condition_is_one_of_boots_so_that_the_leading_agent_clears_it() -> None:
    assert is_of_boots(CONDITION)


@pytest.mark.parametrize("state", [*STATES, Broken("mkfs.xfs: no")], ids=lambda state: type(state).__name__)
def test_a_next_step_names_instance_or_unit_and_the_reason_what_was_found(state: Unmounted) -> None:
    said = waiting_for(state, ME)
    assert said.condition == CONDITION
    assert state.reason in said.reason
    commands = [
        part for part in ("aws autoscaling", "aws ec2 describe-volumes", "sudo journalctl") if part in said.next_step
    ]
    assert commands
    if isinstance(state, Missing | Refused):
        assert ETCD_DEVICE in said.reason + said.next_step

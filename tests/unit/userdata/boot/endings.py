"""What holds after every boot, whatever happened to it, and faults at one of its steps."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from coordination.members import MemberState
from coordination.record import Phase
from tests.unit.userdata.boot.faults import ME, OTHER, Fault
from tests.unit.userdata.boot.world import World
from userdata.host.etcd_disk import ClusterNode, DataOwner, EtcdDisk


def sound(world: World) -> None:
    """What holds after every boot, whatever happened to it."""
    epochs = [epoch for epoch, _ in world.claims]
    assert epochs == sorted(set(epochs)), "an epoch is one owner's"
    inits = dict(world.inits)
    assert len(inits) == len(world.inits), "an epoch has one etcd"
    now = world.record
    assert now is not None
    if now.phase is Phase.READY:
        mine = now.owner == ME
        assert (int(now.etcd_cluster_id, 16) == inits.get(now.epoch)) is mine, "the ready etcd is its owner's"
    if "hook: abandon" in world.events:
        left = world.events.index("hook: abandon")
        assert "machine: stop" in world.events[:left], "nothing is given up that still runs"
        assert (now.phase, now.owner) not in {(Phase.CLAIMED, ME), (Phase.RESTORING, ME)}, "nobody waits for this node"
        assert world.etcd is None


def serves(world: World) -> None:
    """What holds where a node serves."""
    now, row, disk = world.record, world.row, EtcdDisk(world.root).read()
    assert now is not None
    assert (now.phase, now.pki_epoch in world.keys) == (Phase.READY, True)
    assert row is not None
    assert (row.state, row.epoch) == (MemberState.VOTER, now.epoch)
    assert disk.identity == DataOwner(ClusterNode(now.cluster_id, ME), now.epoch, now.etcd_cluster_id)
    assert (disk.has_data, disk.has_marker) == (True, True)
    assert world.etcd is not None
    assert world.etcd.cluster_id == int(now.etcd_cluster_id, 16)
    lease = world.table.stored("lease#join") or {}
    assert "Owner" not in lease
    assert world.lifecycle_state == "InService"
    assert "machine: start holdfast-agent.service" in world.events


def failed(world: World) -> list[str]:
    """The stages that the log says have failed, in their order."""
    lines = [json.loads(line) for line in world.lines]
    return [line["stage"] for line in lines if line["outcome"] == "failed"]


def at(number: int, fault: Fault) -> Callable[[int, str], Fault | None]:
    return lambda index, event: fault if index == number else None


def other_ends_what_it_began(world: World) -> Callable[[], None]:
    """While this node waits, whoever claimed founds."""
    naps = itertools.count()

    def asleep() -> None:
        now = world.record
        if now is not None and (now.phase, now.owner) == (Phase.CLAIMED, OTHER) and next(naps) > 3:
            world.other_founds(now.epoch)

    return asleep

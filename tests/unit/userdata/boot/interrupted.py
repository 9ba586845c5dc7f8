"""What a join of this node that did not end has left: in etcd, on the disk, and in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coordination.members import Member, MemberState
from coordination.node_leases import NodeLease
from coordination.outcomes import Item
from coordination.writes import as_item
from tests.unit.userdata.boot.faults import ME, MY_ADDRESS, peer
from tests.unit.userdata.boot.world import World
from userdata.host.etcd_disk import ClusterNode, DataOwner, EtcdDisk


def as_lease(held: NodeLease) -> Item:
    return as_item(held.item_id, {"Owner": held.owner or None, "Counter": held.counter, "Fence": held.fence})


def joining_row(world: World) -> None:
    """What this node wrote before it began."""
    world.table.store(Member(ME, 1, MemberState.JOINING, "2", MY_ADDRESS, created_at=1_800_000_000).item())


def learner(started: bool) -> Callable[[World], None]:
    def leave(world: World) -> None:
        world.members.append(peer(9, ME if started else "", MY_ADDRESS, learner=True))
        if started:
            world.start(0xE1, 9)
            EtcdDisk(world.root).identify(DataOwner(ClusterNode("arn:stack", ME), 1, "e1"))

    return leave


def promoted(world: World) -> None:
    learner(started=True)(world)
    world.members[-1] = peer(9, ME, MY_ADDRESS)


LEFT: Mapping[str, Callable[[World], None]] = {
    "an entry of etcd alone": learner(started=False),
    "a learner that has started": learner(started=True),
    "a voter": promoted,
}

"""A node whose epoch is over stops what it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import pytest

from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.record import ClusterRecord, Phase
from tests.unit.userdata.agent.looks import CLUSTER_ID, RECORD
from userdata.agent.fence import SelfFence, why_stop
from userdata.host.etcd_disk import ClusterNode, DataOwner
from userdata.logs.lines import StageFailed

IDENTITY = DataOwner(ClusterNode(CLUSTER_ID, "i-1"), epoch=2, etcd_cluster_id="abc")


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (None, None),
        (RECORD, None),
        # A record of the past: the table was restored, and this node is not what is wrong.
        (replace(RECORD, epoch=1), None),
        (replace(RECORD, epoch=3), "epoch 3 has begun"),
        (replace(RECORD, epoch=3, phase=Phase.RESTORING, restore_from="x"), "epoch 3 has begun"),
        (replace(RECORD, cluster_id="other"), "the table belongs to the cluster other"),
    ],
)
def test_only_a_later_epoch_or_another_cluster_stops_a_node(record: ClusterRecord | None, why: str | None) -> None:
    found = why_stop(record, IDENTITY)
    assert (found is None) == (why is None)
    assert found is None or found.startswith(str(why))


class World:
    """A record that a test changes, and how often kubelet and etcd were stopped."""

    def __init__(self) -> None:
        self.reading: Reading[Item | None] = Known(RECORD.item())
        self.stops = 0
        self.fails = ""

    def get(self, item_id: str) -> Reading[Item | None]:
        return self.reading

    def items(self, prefixes: Sequence[str]) -> NoReturn:
        pytest.fail("the record's key is known")

    def stop(self) -> None:
        self.stops += 1
        if self.fails:
            raise StageFailed(self.fails)


def test_a_node_stops_at_every_look_and_says_it_once() -> None:
    world = World()
    fence = SelfFence(world, IDENTITY, world.stop)
    assert (fence.run(), world.stops) == ("", 0)
    world.reading = Known(replace(RECORD, epoch=3).item())
    assert fence.run() == ("stopped kubelet and etcd: epoch 3 has begun, and this node's etcd data is of epoch 2")
    assert fence.run() == ""
    assert world.stops == 2


@pytest.mark.parametrize("reading", [Unknown("GetItem: timeout"), Known({"Id": "cluster"})])
def test_what_is_unknown_stops_nothing(reading: Reading[Item | None]) -> None:
    world = World()
    world.reading = reading
    with pytest.raises(StageFailed, match="whether this node may go on is unknown"):
        SelfFence(world, IDENTITY, world.stop).run()
    assert world.stops == 0


def test_a_stop_that_fails_is_told_and_tried_again() -> None:
    world = World()
    world.reading, world.fails = Known(replace(RECORD, epoch=3).item()), "2 containers do not stop"
    fence = SelfFence(world, IDENTITY, world.stop)
    with pytest.raises(StageFailed, match=r"have to stop, since epoch 3 .* 2 containers do not stop"):
        fence.run()
    world.fails = ""
    assert fence.run().startswith("stopped kubelet and etcd")

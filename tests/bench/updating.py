"""Figures of an update of all slots in a real cluster, beside its parts one after the other in the same run.

The parts of a slot are those that CloudFormation's roll is made of, by the same calls: the slot is raised to two, and
its new node boots, joins and signals; then the slot is lowered, and its old node leaves. The update does the same in
every slot, and lets the next new node boot while the old one leaves: so a slot takes less than its parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rehearsal.scenarios.writes import Writer
from tests.bench.figure import Figure
from tests.bench.replacing import longest
from tests.bench.rounds import living, play
from tests.bench.spread import Spread
from tests.e2e.harness import ClusterHarness, Json, Seen
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, group_of, in_slot
from tests.e2e.updating import UPDATE_SECONDS, slot_status, status, update

ALL_FIGURES = 4
"""How many figures a whole run has."""
OF_PARTS = 1.25
"""A slot may take a quarter more than its parts: CloudFormation and the gate look every few seconds."""
Found = TypeVar("Found")
_SIGNAL = "signal"
_LAST_STAGE = "start-agent"
_HELD = ("InService", "Terminating", "Terminating:Wait")


@dataclass
class Measured:
    """Seconds: of each new and each old node by itself, of a slot in each update, and the longest gaps meanwhile."""

    coming: list[float] = field(default_factory=list)
    leaving: list[float] = field(default_factory=list)
    slot: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)


def figures(measured: Measured) -> list[Figure]:
    """What was measured beside its bound. Figures without a repetition are left out."""
    coming, leaving, slot = Spread(measured.coming), Spread(measured.leaving), Spread(measured.slot)
    parts = coming.median + leaving.median
    found = [
        Figure("a new node: launched to signalled", coming, None, ""),
        Figure("an old node: terminated to hook completed", leaving, None, ""),
        Figure(
            "an update, for each slot",
            slot,
            OF_PARTS * parts,
            f"{OF_PARTS} times its parts; it is {slot.median / parts:.2f} times",
        ),
        Figure("an update: gap of the API's client", Spread(measured.gap), None, ""),
    ]
    return [each for each in found if each.spread.values]


def updating(times: int, minutes: float, tell: Callable[[str], object]) -> list[Figure]:
    """Deploy a cluster of three control planes alone; replace each slot by its parts, and update all, so often.

    Nothing new begins after so many minutes. A repetition that fails ends the run, and what was measured until then
    counts. `tell` is told of each repetition.
    """
    measured = Measured()
    deadline = time.monotonic() + 60 * minutes
    with living(_is_complete) as (cluster, api):
        rounds = Rounds(cluster, api, measured)
        play((rounds.parts, rounds.update), times, minutes, deadline, tell)
    return figures(measured)


def _is_complete(cluster: ClusterHarness) -> None:
    cluster.healthy(HEALTHY_SECONDS)
    cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)


class Rounds:
    """The parts, and the whole, on one cluster that is whole before and after each."""

    def __init__(self, cluster: ClusterHarness, api: Writer, measured: Measured) -> None:
        self._cluster = cluster
        self._api = api
        self._measured = measured
        self._scaling = cluster.rehearsal.local.client("autoscaling")

    def parts(self) -> None:
        """Replace each slot's node as a roll does, and let the old one leave before anything else begins."""
        for slot in range(self._cluster.slots):
            self._parts_of(slot)

    def _parts_of(self, slot: int) -> None:
        (old,) = in_slot(self._cluster.healthy(HEALTHY_SECONDS), slot)
        group = group_of(self._cluster, old)
        launched = time.time()
        # MinSize as well, which keeps the function from ending one of the two.
        self._resize(group, 2, DesiredCapacity=2)
        came = self._until(lambda seen: _whose_boot_is_over(seen, slot, old), f"nobody signals in slot {slot}")
        self._measured.coming.append(signalled(self._cluster.log(came)) - launched)
        terminated = time.monotonic()
        self._resize(group, 0)
        self._scaling.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=True)
        self._until(lambda seen: seen.lifecycle_state(old) not in _HELD, f"{old}'s hook is not completed")
        self._measured.leaving.append(time.monotonic() - terminated)

    def update(self) -> None:
        """Update the stack to another image, until the last old node's hook is completed."""
        cluster = self._cluster
        before = cluster.healthy(HEALTHY_SECONDS)
        image = cluster.rehearsal.control.register_image(settings=SHORT)
        typed = time.monotonic()
        update(cluster, ControlPlaneImage=image)
        self._until(lambda _: slot_status(cluster, 0) == "UPDATE_IN_PROGRESS", "slot 0 is not updated")
        began = time.monotonic()

        def over(seen: Seen) -> bool:
            held = any(seen.lifecycle_state(old) in _HELD for old in before.control_planes)
            return not held and not status(cluster).endswith("_IN_PROGRESS")

        self._until(over, "the update does not end", cluster.slots * UPDATE_SECONDS)
        ended = time.monotonic()
        assert status(cluster) == "UPDATE_COMPLETE", status(cluster)
        self._measured.slot.append((ended - began) / cluster.slots)
        cluster.healthy(HEALTHY_SECONDS)
        acknowledged = sorted(self._api.written().acknowledged.values())
        self._measured.gap.append(longest(acknowledged, typed, ended))

    def _resize(self, group: str, smallest: int, **desired: int) -> None:
        self._scaling.update_auto_scaling_group(AutoScalingGroupName=group, MinSize=smallest, **desired)

    def _until(self, wanted: Callable[[Seen], Found | None], what: str, seconds: float = HEALTHY_SECONDS) -> Found:
        return self._cluster.until(wanted, what, seconds)


def signalled(lines: Sequence[Json]) -> float:
    """When a boot had told its stack that it serves, by its lines: seconds of this computer's clock."""
    return float(next(line["at"] for line in lines if (line["stage"], line["outcome"]) == (_SIGNAL, "done")))


def _whose_boot_is_over(seen: Seen, slot: int, old: str) -> str:
    """The second instance of a slot, once its boot is over; empty before."""
    came = [each for each in in_slot(seen, slot) if each != old]
    return next((each for each in came if seen.stage(each) == _LAST_STAGE), "")

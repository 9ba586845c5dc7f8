"""What holds after every boot of a worker, and after each way in which one ends."""

from __future__ import annotations

import json

from tests.unit.userdata.boot.worker_world import WorkerWorld
from tests.unit.userdata.secrecy import all_files, leaks, readable_files, texts


def sound(world: WorkerWorld) -> None:
    """What holds whatever happened to the worker."""
    assert world.asked_unpublished == [], "nobody sees a request before the row speaks of its key"
    shown = texts(log="\n".join(world.lines), commands="\n".join(world.commands), rows=json.dumps(world.rows))
    assert leaks(world.secrets, [*shown, *readable_files(world.root)]) == []


def serves(world: WorkerWorld) -> None:
    """What holds where the worker is a node."""
    sound(world)
    assert (world.row["Stage"], world.row.get("Reason")) == ("node", None)
    assert world.is_ready
    assert not world.is_ending


def keeps_no_secret(world: WorkerWorld) -> None:
    """What holds on a node's disk: the kubelet has a key of its own."""
    assert leaks(world.secrets, all_files(world.root)) == []


def gave_up(world: WorkerWorld, reason: str) -> None:
    """What holds where the worker has itself replaced."""
    sound(world)
    assert world.row["Stage"] == "launch-abandoned"
    assert reason in str(world.row["Reason"])
    assert world.is_ending


def stopped(world: WorkerWorld, reason: str) -> None:
    """What holds where there is nothing to join, for another one as little as for this one."""
    sound(world)
    assert (world.row["Stage"], world.row["Reason"]) == ("stopped", reason)
    assert not world.is_ending

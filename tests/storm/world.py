"""What a storm asks of the world that it rages in, so that several worlds share schedules, invariants and reports.

How a world plugs in
--------------------
A world is one object with the methods below; `tests.storm.rounds.play` calls them in this order:

1. `found(slots)` where the schedule asks for another cluster, where there is none, or where the last round broke
   something. It returns once `left()` would be empty, and raises WorldBroke where that takes too long.
2. `begin()`: the round starts, and so does its trace: `events()` gives what was seen since then. A world has threads of
   its own that look at etcd's list (`Listed`), at each member's process (`Lives`), and note removals (`Removal`),
   completed hooks (`HookCompleted`) and pauses (`Paused`, `LostLease`). All times are `time.monotonic()` of one
   computer. Write `Lives(SILENT)` only when a member certainly answers nobody, and `Lives(ANSWERS)` only when it has
   just answered: what nobody knows is `UNSURE`, and an invariant is broken only where the trace proves it.
3. `clients(load, recorder)`: a context in which clients call and record (tests.storm.clients.calling does it).
4. `inject(fault)` for each fault, at its time. It returns at once and says whom the fault hit, with "" for nobody: a
   `leader` may be missing, and a fault may wait for an agent to come to a step, of which `FaultHit` tells if one does.
   A fault that lasts ends by itself after its seconds. `kinds` are those that it can play.
5. `end_faults()`: all that faults have left is taken back, and what a person has begun is ended by the person. From
   here on the cluster has to come to rest by itself.
6. `left()`, again and again: one line for everything that is not as it should be, none once all is settled.
   `help()` in between does what a condition asks a person for, and says so (`Helped`), and does nothing else.
7. `close()`, in any case.

`tests.storm.light` is the light world: real etcd, node program and function, on this computer's loopback.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tests.storm.clients import Load
from tests.storm.faults import Fault, Kind
from tests.storm.recorder import Recorder
from tests.storm.trace import Event, Helped


class WorldBroke(Exception):
    """The world itself cannot go on, which says nothing of what is tested in it; the text is one line."""


class World(Protocol):
    """See the module's text."""

    @property
    def kinds(self) -> Collection[Kind]:
        """What it can play."""

    def found(self, slots: int) -> None:
        """Make a new cluster, in place of the one before. Raises WorldBroke."""

    def begin(self) -> None:
        """Begin a round's trace."""

    def clients(self, load: Load, recorder: Recorder) -> AbstractContextManager[object]:
        """Clients that call for as long as it lasts."""

    def inject(self, fault: Fault) -> str:
        """Let a fault begin; whom it hit. Raises WorldBroke."""

    def end_faults(self) -> None:
        """Take back what faults have left. Raises WorldBroke."""

    def left(self) -> Sequence[str]:
        """What is not as it should be."""

    def help(self) -> Sequence[Helped]:
        """Do what conditions ask a person for."""

    def events(self) -> Sequence[Event]:
        """What was seen in this round."""

    def close(self) -> None:
        """End everything."""

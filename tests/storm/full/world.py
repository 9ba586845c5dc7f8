"""The full world as a world of the storm: one local cloud for all rounds."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.cloud import runs
from rehearsal.cloud.control import Refused
from rehearsal.local.processes import StepFailed
from rehearsal.machines import needs
from tests.e2e.harness import Seen
from tests.images import made_or_reason
from tests.storm import clients
from tests.storm.clients import Load
from tests.storm.faults import Fault, FaultError, Kind
from tests.storm.full import function, settling
from tests.storm.full.cloud import Cloud, living
from tests.storm.full.faults import BEGIN, NOT_PLAYED, Faults
from tests.storm.recorder import Recorder
from tests.storm.rounds import Times
from tests.storm.schedule import Bounds
from tests.storm.trace import Event, Helped, HookCompleted
from tests.storm.world import WorldBroke

TIMES = Times(
    settle_seconds=1200.0, updated_slot_seconds=0.0, look_seconds=30.0, steady_seconds=5.0, check_seconds=120.0
)
"""Two replacements, one after the other, of the longest that a test of the living cluster waits for, and an update."""
BOUNDS = Bounds(kinds=tuple(BEGIN), most_faults=5, seconds=60.0, longest_seconds=30.0, slots=settling.SLOTS)
CLIENT_PAUSE_SECONDS = 0.4
"""A round takes minutes, and the checker's memory grows with the square of a key's calls."""
_ANSWER_SECONDS = 3.0
_LOOK_SECONDS = 2.0
_LONGEST_LINE = 600
_BROKEN = (
    AssertionError,
    BotoCoreError,
    ClientError,
    LookupError,
    OSError,
    Refused,
    StepFailed,
    subprocess.SubprocessError,
)
"""What starting or looking at a local cloud ends with when it is not as expected."""


def bounds(kinds: Collection[Kind] | None, slots: int | None) -> Bounds:
    """How much is drawn; all kinds that are played here where none are given. Raises FaultError."""
    for kind in kinds or ():
        if kind not in BEGIN:
            raise FaultError(f"kinds: given {kind}; allowed with FULL=1: {', '.join(BEGIN)} ({NOT_PLAYED[kind]})")
    if slots not in (None, settling.SLOTS):
        raise FaultError(f"slots: given {slots}; allowed with FULL=1: {settling.SLOTS}")
    return replace(BOUNDS, kinds=tuple(kinds or BEGIN))


class FullWorld:
    """`folder` is where each local cloud has its files.

    Needs what `make rehearse` needs, and raises WorldBroke where that is missing.
    """

    kinds: Collection[Kind] = tuple(BEGIN)

    def __init__(self, folder: Path) -> None:
        problems = needs.problems(runs.folder())
        image = made_or_reason()
        if problems or isinstance(image, str):
            raise WorldBroke("; ".join([*problems, *([image] if isinstance(image, str) else [])]))
        self._folder = folder
        self._numbers = itertools.count()
        self._stack = ExitStack()
        self._cloud: Cloud | None = None
        self._faults: Faults | None = None
        self._begun = 0.0
        self._looked: tuple[Seen, str] | None = None
        self._told: list[str] = []

    def found(self, slots: int) -> None:
        """Start another local cloud, in the place of the one before."""
        if slots != settling.SLOTS:
            raise WorldBroke(f"slots: given {slots}; allowed: {settling.SLOTS}")
        self.close()
        try:
            # A rehearsal tells how far it is on standard output, where the storm's result is to stand.
            with redirect_stdout(sys.stderr):
                cloud = self._stack.enter_context(living(self._folder / f"cloud-{next(self._numbers)}"))
        except _BROKEN as error:
            self.close()
            raise WorldBroke(f"the local cloud does not come up: {error}") from error
        self._cloud, self._faults = cloud, Faults(cloud)

    def begin(self) -> None:
        """Begin a round's trace."""
        self._begun, self._told = time.monotonic(), []
        self._now.monitor.begin()

    def clients(self, load: Load, recorder: Recorder) -> AbstractContextManager[object]:
        """Clients that ask the members that etcd lists."""
        slower = replace(load, pause_seconds=CLIENT_PAUSE_SECONDS, answer_seconds=_ANSWER_SECONDS)
        return clients.calling(slower, self._now.endpoints, self._now.credentials, recorder)

    def inject(self, fault: Fault) -> str:
        """Let a fault begin."""
        assert self._faults is not None
        try:
            hit = self._faults.inject(fault)
        except _BROKEN as error:
            raise WorldBroke(f"{fault}: {type(error).__name__}: {error}") from error
        self._say(f"{fault}: {hit or 'nobody'}")
        return hit

    def end_faults(self) -> None:
        """Take back what faults have left."""
        assert self._faults is not None
        try:
            self._faults.end()
        except _BROKEN as error:
            raise WorldBroke(f"faults do not end: {type(error).__name__}: {error}") from error

    def left(self) -> Sequence[str]:
        """What is not as it should be; a look takes seconds."""
        cloud, faults = self._now, self._faults
        assert faults is not None
        self._looked = None
        try:
            groups, status = cloud.groups(), cloud.status()
            settling.let_ten_minutes_pass(cloud.cluster, groups, cloud.passed)
            seen = cloud.cluster.look()
            self._looked = seen, status
            strangers = sorted(faults.strangers)
            found = [
                *cloud.problems(),
                *settling.of_status(status),
                *settling.of_groups(groups),
                *settling.of_table(seen, strangers),
            ]
            found += settling.of_members(seen, cloud.monitor.listed, cloud.answers, strangers)
            if not found:
                nodes = cloud.cluster.nodes()
                found = [f"the node {name} is not Ready" for name in seen.control_planes if not nodes.get(name)]
        except _BROKEN as error:
            found = [f"{type(error).__name__}: {error}"]
        if found != self._told:
            self._told = found
            self._say(f"left: {'; '.join(found) or 'nothing'}")
        if found:
            time.sleep(_LOOK_SECONDS)
        return found

    def help(self) -> Sequence[Helped]:
        """Do what conditions ask a person for."""
        if self._looked is None:
            return []
        assert self._faults is not None
        seen, status = self._looked
        try:
            return self._now.person.help(seen, status, sorted(self._faults.strangers), self._now.listed())
        except (ClientError, StepFailed):
            # What was asked for cannot be done now, or not any more.
            return []

    def events(self) -> Sequence[Event]:
        """What was seen in this round."""
        cloud = self._now
        called = function.completed(function.log_of(cloud.folder, cloud.function.name))
        ended = cloud.hooks.completed_by(called)
        return [*cloud.monitor.events(), *(HookCompleted(at, name) for name, at in ended if at >= self._begun)]

    def close(self) -> None:
        """End everything."""
        self._cloud = self._faults = None
        stack, self._stack = self._stack, ExitStack()
        stack.close()

    def _say(self, what: str) -> None:
        """How far a round is, for whoever waits."""
        print(f"{time.monotonic() - self._begun:7.1f} s  {what[:_LONGEST_LINE]}", file=sys.stderr, flush=True)

    @property
    def _now(self) -> Cloud:
        if self._cloud is None:
            raise WorldBroke("there is no cluster yet")
        return self._cloud

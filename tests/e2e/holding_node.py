#!/usr/bin/python3 -I
"""The node program, which stops at what a test names: what a test then breaks, breaks there.

The test writes HOLD_FILE into every instance: for each way of booting (WAYS) the stages at which it is held. Until the
file is there the boot does not get beyond its settings, and a stage is left as soon as the file names it no more. Under
AGENT it names steps of a removal, after which an agent is killed, or paused, once on each instance.
"""

from __future__ import annotations

import sys

sys.path.insert(0, "/opt/holdfast/lib")

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from userdata.agent.removal.task import Removal
from userdata.boot.founding import Founding
from userdata.boot.joining import Joining
from userdata.boot.launch_hook import LaunchHeartbeat
from userdata.boot.stages import RunningStage, Stages
from userdata.etcd.client import Etcd
from userdata.program import main

HOLD_FILE = Path("/var/lib/holdfast-test/hold.json")
FIRST_STAGE = "settings"
"""The first stage of which the instance's row tells."""
UNDECIDED_STAGE = "decide"
LOOK_SECONDS = 0.1
ALIVE_SECONDS = 10.0
FOUND, JOIN, RESUME = "found", "join", "resume"
WAYS = (FOUND, JOIN, RESUME)
"""How a node that has decided goes on. What follows a founding or a joining in the same process is part of it."""
AGENT = "agent"
STEPS = ("accept", "drain", "leadership", "check", "remove", "result")
"""What an agent does of a removal, in this order; `check` is the second one, right before the call."""


class Holds:
    """Where this process is held."""

    def __init__(self) -> None:
        self.way = RESUME
        self.waiting: list[LaunchHeartbeat] = []

    def at(self, stage: str) -> None:
        """Block for as long as the file says so. Only the boot comes here: the agent has no stages of this kind."""
        if stage == UNDECIDED_STAGE:
            self.way = RESUME
        while self._held(stage):
            for each in self.waiting:
                # A held boot is to be ended by the test, and not by its launch hook.
                each.alive(ALIVE_SECONDS)
            time.sleep(LOOK_SECONDS)

    def _held(self, stage: str) -> bool:
        try:
            wanted: dict[str, list[str]] = json.loads(HOLD_FILE.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return stage == FIRST_STAGE
        return stage in wanted[self.way]


def install(holds: Holds) -> None:
    """Let every stage of this process ask whether it is held, after its row was stored and before it does anything."""
    original = Stages.stage

    @contextmanager
    def stage(self: Stages, name: str) -> Iterator[RunningStage]:
        with original(self, name) as told:
            holds.at(name)
            yield told

    def noting(kind: Any, note: Any) -> None:
        made = kind.__init__

        def init(self: Any, *arguments: Any, **named: Any) -> None:
            made(self, *arguments, **named)
            note(self)

        kind.__init__ = init

    Stages.stage = stage  # type: ignore[method-assign]
    noting(Founding, lambda _: setattr(holds, "way", FOUND))
    noting(Joining, lambda _: setattr(holds, "way", JOIN))
    noting(LaunchHeartbeat, holds.waiting.append)


def broken_off(step: str) -> Path:
    """The file that says that the agent of this instance was broken off after a step, where an agent can write."""
    return Path("/run/holdfast", f"test-{step}")


def break_off(step: str) -> None:
    """Kill this process, or pause it for the seconds that the file says, if it names the step; once."""
    wanted = json.loads(HOLD_FILE.read_text(encoding="utf-8")).get(AGENT, {})
    if step not in wanted or broken_off(step).exists():
        return
    broken_off(step).touch()
    if wanted[step]:
        time.sleep(wanted[step])
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def install_agent() -> None:
    """Let every removal of this process be broken off after its steps, and right before its call."""

    def at(kind: Any, name: str, step: str, *, before: bool = False) -> None:
        original: Callable[..., Any] = getattr(kind, name)

        def done(*arguments: Any, **named: Any) -> Any:
            if before:
                break_off(step)
            answer = original(*arguments, **named)
            if not before:
                break_off(step)
            return answer

        setattr(kind, name, done)

    at(Removal, "_accepted", "accept")
    at(Removal, "_is_drained", "drain")
    at(Removal, "_move_leadership", "leadership")
    at(Removal, "_remove", "check", before=True)
    at(Etcd, "remove", "remove")
    at(Removal, "_finished", "result")


if __name__ == "__main__":
    install(Holds())
    install_agent()
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/python3 -I
"""The node program of a storm: it tells what it does, and walks into the traps that a storm has set.

TRAPS holds, as JSON, what happens at which step of an agent (`agent`) and at which stage of a boot (`boot`): `kill`,
`freeze` for so many seconds, or `fail`. Each trap has a number, and happens once on an instance. EVENTS gets a line of
JSON for each thing that is told; its times are those of the monotonic clock, which is the same for the whole computer.
"""

from __future__ import annotations

import sys

sys.path.insert(0, "/opt/holdfast/lib")

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from userdata.agent.removal.task import Removal
from userdata.boot.stages import RunningStage, Stages
from userdata.etcd.client import Etcd
from userdata.etcd.model import hexadecimal
from userdata.etcd.refusals import EtcdRefused
from userdata.logs.lines import StageFailed
from userdata.program import main

FOLDER = Path("/run/holdfast")
"""Where boot and agent may write."""
TRAPS = FOLDER / "storm-traps"
EVENTS = FOLDER / "storm-events"
AGENT, BOOT = "agent", "boot"
KILL, FREEZE, FAIL = "kill", "freeze", "fail"
STEPS = ("accept", "drain", "move", "check", "remove", "result")
"""Of an agent that carries out a removal; `check` is the last look at etcd, right before the call."""

_current = threading.local()


def tell(kind: str, **fields: Any) -> None:
    """Add an event, in one write."""
    line = json.dumps({"kind": kind, "at": time.monotonic(), "pid": os.getpid(), **fields}) + "\n"
    file = os.open(EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def spring(role: str, step: str) -> None:
    """Walk into the trap at a step, if there is one that was not sprung here before. Raises StageFailed."""
    try:
        traps = json.loads(TRAPS.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    trap = traps.get(role, {}).get(step)
    if trap is None:
        return
    if trap["what"] != FAIL:
        try:
            (FOLDER / f"storm-sprung-{trap['number']}").touch(exist_ok=False)
        except FileExistsError:
            return
    tell("trapped", role=role, step=step, **trap)
    if trap["what"] == FAIL:
        raise StageFailed("a storm lets this boot fail")
    if trap["what"] == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    # A paused program cannot wake itself.
    subprocess.Popen(["/bin/sh", "-c", f"sleep {float(trap['seconds'])}; kill -CONT {os.getpid()}"])
    os.kill(os.getpid(), signal.SIGSTOP)
    # The signal is delivered before the next step of this thread, at the latest here.
    time.sleep(0.01)
    tell("continued", number=trap["number"])


def watch_agent() -> None:
    """A trap after each step of a removal; what the call that removes is about is kept for the event of it."""
    made: Any = Removal

    def after(name: str, step: str, reached: Callable[[Any], bool] = lambda answer: True) -> None:
        original = getattr(made, name)

        def done(*arguments: Any, **named: Any) -> Any:
            answer = original(*arguments, **named)
            if reached(answer):
                spring(AGENT, step)
            return answer

        setattr(made, name, done)

    remove = made._remove

    def removing(self: Any, operation: Any, look: Any, target: Any) -> Any:
        _current.removal = {
            "checked": look.began,
            "instance": operation.target_instance or target.name,
            "operation": operation.operation_id,
            "by_etcd_alone": operation.by_etcd_alone,
            "learner": target.is_learner,
        }
        spring(AGENT, "check")
        try:
            return remove(self, operation, look, target)
        finally:
            _current.removal = None

    after("_accepted", "accept")
    after("_is_drained", "drain", bool)
    after("_move_leadership", "move")
    after("_finished", "result")
    made._remove = removing


def watch_calls() -> None:
    """An event before each call that removes a member, and one where etcd refuses it."""
    made: Any = Etcd
    call = made.remove

    def remove(self: Any, member_id: int) -> Any:
        began = time.monotonic()
        about = getattr(_current, "removal", None)
        # Without an operation it is a joiner that takes its own learner back.
        own = {"checked": began, "instance": "", "operation": "", "by_etcd_alone": False, "learner": True}
        tell("removal", began=began, member_id=hexadecimal(member_id), **(about or own))
        answer = call(self, member_id)
        if isinstance(answer, EtcdRefused):
            tell("refused", began=began)
        if about is not None:
            spring(AGENT, "remove")
        return answer

    made.remove = remove


def watch_boot() -> None:
    """An event and a trap at the beginning of each stage."""
    made: Any = Stages
    original = made.stage

    @contextmanager
    def stage(self: Any, name: str) -> Iterator[RunningStage]:
        with original(self, name) as told:
            tell("stage", stage=name)
            spring(BOOT, name)
            yield told

    made.stage = stage


if __name__ == "__main__":
    watch_agent()
    watch_calls()
    watch_boot()
    sys.exit(main(sys.argv[1:]))

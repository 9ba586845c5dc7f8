"""Starts the programs of the light world by forking: `python -m tests.storm.light.nursery FD BASE WALL AT BREAK…`.

The real start of a node program takes a second of a processor, most of it for boto3. This process has imported
everything, on the fast clock, and each program is a fork of it: a process of its own that can be killed and stopped.
It reads a line of JSON for each program from the socket FD, and answers with its process id. It ends with its parent.
Each BREAK puts a wrong rule in the place of a right one (`breaks`).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_ENVIRONMENT = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
_SERVICES = ("dynamodb", "autoscaling", "ec2", "ssm", "cloudformation", "elbv2", "logs")


def die_with_parent() -> None:
    """End this process when its parent ends (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Nursery:
    """The other side: asks for programs."""

    def __init__(self, base: Path, endpoint: str, wall: float, at: float, breaks: Sequence[str] = ()) -> None:
        here, there = socket.socketpair()
        values = (endpoint, "local", "local", "us-east-1")
        environment = dict(os.environ) | dict(zip(_ENVIRONMENT, values, strict=True))
        with (base / "logs" / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(there.fileno()), str(base), str(wall), str(at), *breaks],
                pass_fds=[there.fileno()],
                env=environment,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        there.close()
        self._socket = here
        self._file = here.makefile("rw")
        self._lock = threading.Lock()
        # When it is ready.
        self._file.readline()

    def start(self, program: str, **given: Any) -> int:
        """The process id of a program that was started."""
        with self._lock:
            self._file.write(f"{json.dumps({'program': program, **given})}\n")
            self._file.flush()
            return int(self._file.readline())

    def close(self) -> None:
        """End it, and with it all that it has started."""
        self._process.kill()
        self._process.wait()
        self._socket.close()


def main(arguments: list[str]) -> None:
    """Serve until the socket is closed."""
    from tests.storm.light import clock

    clock.install(float(arguments[2]), float(arguments[3]))
    import boto3

    from tests.storm.light import breaks, function, node, pace
    from tests.storm.light.shared import Places

    pace.shorten()
    for name in arguments[4:]:
        breaks.install(Path(arguments[1]), name)
    make: Any = boto3.client
    for each in _SERVICES:
        # boto3 keeps what it has read of a service's model.
        make(each)
    die_with_parent()
    # Nobody waits for what is forked here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    places = Places(Path(arguments[1]))
    programs = {"boot": node.boot, "agent": node.agent, "function": function.serve}
    channel = socket.socket(fileno=int(arguments[0]))
    file = channel.makefile("rw")
    file.write("ready\n")
    file.flush()
    for line in file:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(programs[asked.pop("program")], places, asked)
        file.write(f"{pid}\n")
        file.flush()


def _become(program: Any, places: Any, asked: dict[str, Any]) -> None:
    """Be a program from here on."""
    code = 1
    try:
        os.setsid()
        die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(places.logs / asked.pop("log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for each in (1, 2):
            os.dup2(log, each)
        program(places, **asked)
        code = 0
    except BaseException as error:
        places.tell("broke", program=program.__name__, error=f"{type(error).__name__}: {error}"[:400])
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])

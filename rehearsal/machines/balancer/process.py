"""The process of one balancer, seen from the local cloud: it is sent plans, and says what it finds."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rehearsal.machines.proxy.plan import Finding, Plan, read_finding, write

LOG = logging.getLogger(__name__)

ROOT = Path(__file__).parents[3]
STOP_SECONDS = 5.0
"""How long the process may take to end by itself."""


class Process:
    """A running balancer."""

    def __init__(self, found: Callable[[Finding], None]) -> None:
        self._found = found
        self._plan: Plan | None = None
        self._program = subprocess.Popen(
            [sys.executable, "-m", "rehearsal.machines.proxy"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A Ctrl-C in the terminal is for the local cloud, which ends its parts in order.
            start_new_session=True,
        )
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._plans: IO[bytes] = self._program.stdin
        self._findings: IO[bytes] = self._program.stdout
        self._listener = threading.Thread(target=self._listen, name="balancer-findings", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._program.pid

    def lives(self) -> bool:
        """Whether it still runs."""
        return self._program.poll() is None

    def follow(self, plan: Plan) -> None:
        """Have it do what a plan says. Raises BrokenPipeError when it has ended."""
        if plan != self._plan:
            self._plans.write(write(plan))
            self._plans.flush()
            self._plan = plan

    def stop(self) -> None:
        """End it: its connections are reset. Safe to call twice."""
        try:
            self._plans.close()
        except BrokenPipeError:
            LOG.debug("a balancer ended by itself")
        try:
            self._program.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
        self._listener.join()
        self._findings.close()

    def _listen(self) -> None:
        for line in self._findings:
            self._found(read_finding(line))

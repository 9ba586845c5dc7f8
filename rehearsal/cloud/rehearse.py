"""A rehearsal with machines: deploy, watch the instances boot, ask the API through the balancer, delete everything."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rehearsal.cloud import table
from rehearsal.cloud.control import Control
from rehearsal.local import stacks
from rehearsal.local.processes import Processes, StepFailed
from rehearsal.local.steps import STACK, Change, Rehearsal

LOOK_SECONDS = 1.0
"""How often the table is made anew."""
WORKER_SECONDS = 120.0
"""How long a worker may take, after the stack is complete, until it has reached the API."""
FIRST_LINES = "\x1b[{lines}F\x1b[J"
"""Moves a terminal's cursor to the first of so many lines and clears what follows (ECMA-48: CPL, ED)."""


class MachineRehearsal:
    """One cluster on one local cloud.

    `node_settings` go into the machines' image.json. Tests only: `program` stands in the place of the file that starts
    the node program, and `change` may alter the generated templates before they are deployed, to see what comes of it.
    """

    def __init__(
        self,
        config: Path,
        folder: Path,
        processes: Processes,
        *,
        node_settings: Mapping[str, Any] | None = None,
        program: Path | None = None,
        minor: str | None = None,
        change: Change | None = None,
    ) -> None:
        server = ["rehearsal.cloud", "serve"]
        if node_settings is not None:
            settings = folder / "node-settings.json"
            settings.write_text(json.dumps(node_settings), encoding="utf-8")
            server += ["--node-settings", str(settings)]
        if program is not None:
            server += ["--program", str(program.resolve())]
        self.local = Rehearsal(config, folder, processes, server=server, played=False, minor=minor, change=change)
        self._live = sys.stdout.isatty()
        self._lines_shown = 0
        self._said: dict[str, str] = {}

    @property
    def control(self) -> Control:
        """The site's verbs."""
        return Control(self.local.endpoint)

    def deploy(self) -> None:
        """From the configuration to a complete stack, with the live table. Raises StepFailed, with what was refused."""
        self.local.create()
        self.complete()

    def complete(self) -> None:
        """From a stack whose creation has begun to a complete one. Raises StepFailed, with what was refused."""
        self.watch(lambda _: not self._stack_status().endswith("_IN_PROGRESS"))
        if self._stack_status() != "CREATE_COMPLETE":
            self._tell_failure()
        self.local.say("stack complete: the nodes themselves have signalled it")
        self.local.lint()

    def watch(self, until: Callable[[Sequence[table.Row]], bool]) -> None:
        """Show the table until something is so."""
        while True:
            rows = self.rows()
            self._show(rows)
            if until(rows):
                return
            time.sleep(LOOK_SECONDS)

    def check_api(self) -> None:
        """Ask a worker to ask the API by the balancer's name. Raises StepFailed, with what was refused."""
        url = f"{stacks.outputs(self.local.client('cloudformation'), STACK)['ApiEndpoint']}/readyz"
        worker = next(row.instance_id for row in self.rows() if not row.place.startswith("slot"))
        curl = ["curl", "--silent", "--show-error", "--insecure", "--max-time", "10", url]
        deadline = time.monotonic() + WORKER_SECONDS
        while True:
            done = self.control.execute(worker, curl)
            if done.stdout == "ok":
                break
            if time.monotonic() > deadline:
                said = f"{worker} does not reach {url}: {(done.stdout + done.stderr).strip()}"
                raise StepFailed("\n".join([said, *self.refusals()]))
            time.sleep(LOOK_SECONDS)
        self.local.say(f"{url} says ok to worker {worker}, through the balancer's name")

    def rows(self) -> list[table.Row]:
        """The table's rows as they are now."""
        return table.rows(self.local.client)

    def refusals(self) -> list[str]:
        """What was refused so far, a line each: packets, services without an endpoint, calls without a permission."""
        return [f"refused: {line}" for lines in self.control.report().values() for line in lines]

    def _tell_failure(self) -> None:
        try:
            self.local.follow()
        except StepFailed as failed:
            raise StepFailed("\n".join([str(failed), *self.refusals()])) from failed

    def _stack_status(self) -> str:
        found = self.local.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return str(found["StackStatus"])

    def _show(self, rows: Sequence[table.Row]) -> None:
        """On a terminal the table in place; elsewhere a line for each instance that changed."""
        if self._live:
            lines = [line[: shutil.get_terminal_size().columns] for line in table.render(rows)]
            back = FIRST_LINES.format(lines=self._lines_shown) if self._lines_shown else ""
            print(back + "\n".join(lines), flush=True)
            self._lines_shown = len(lines)
            return
        for row in rows:
            states = "  ".join(row.cells[1:-1])
            if self._said.get(row.instance_id) != states:
                self._said[row.instance_id] = states
                self.local.say(f"{row.instance_id}  {states}")

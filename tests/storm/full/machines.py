"""Processes, files and packets of instances, reached from this computer, also while they are frozen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rehearsal.cloud.control import Control, Refused
from rehearsal.machines import local_clouds
from rehearsal.machines.instance.cgroups import group_of

MEMBERS, AWS = "members", "aws"
"""What an instance can be cut off: etcd's ports of all others, and its own for them; and everything that it reaches by
HTTPS on port 443, which are the endpoints of AWS's services."""
_TABLE = "storm"
_RULES = {
    MEMBERS: """
        chain in {{ type filter hook input priority 0; iifname lo accept; {ports} }}
        chain out {{ type filter hook output priority 0; oifname lo accept; {ports} }}
    """.format(ports="tcp dport { 2379, 2380 } drop; tcp sport { 2379, 2380 } drop;"),
    AWS: "chain out { type filter hook output priority 0; tcp dport 443 drop; }",
}
"""nftables."""
_STATES = {"T", "t"}
"""Of a process that a signal has stopped (proc_pid_stat(5))."""


class Machines:
    """The instances of the local cloud at an endpoint. Raises LookupError where there is no such cloud."""

    def __init__(self, endpoint: str, control: Control) -> None:
        self._control = control
        self._cloud_id = _cloud_of(endpoint)
        self._first: dict[str, int] = {}

    def root(self, instance: str) -> Path | None:
        """An instance's root folder; None where it does not run."""
        first = self._first_process(instance)
        return None if first is None else Path(f"/proc/{first}/root")

    def pids(self, instance: str, name: str) -> list[int]:
        """The processes of a name (its first 15 characters) that run in an instance."""
        return [pid for pid in group_of(self._cloud_id, instance).pids() if _name(pid) == name]

    def stopped(self, pids: Iterable[int]) -> bool:
        """Whether every one of the processes is stopped by a signal, or gone."""
        return all(_state(pid) in (*_STATES, "") for pid in pids)

    def signal(self, pids: Iterable[int], number: signal.Signals) -> None:
        """Send a signal to processes; those that are gone are left out."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def continue_all(self, instance: str) -> None:
        """Have every process of an instance go on that a signal has stopped."""
        self.signal(
            [pid for pid in group_of(self._cloud_id, instance).pids() if _state(pid) in _STATES], signal.SIGCONT
        )

    def cut(self, instance: str, what: str) -> bool:
        """Cut an instance off MEMBERS or AWS; False where it does not run, or is cut off already."""
        return self._nft(instance, cutting(what))

    def heal(self, instance: str, what: str) -> None:
        """The opposite; nothing happens where it does not run any more."""
        self._nft(instance, healing(what))

    def events(self, instance: str, start: int, file: Path) -> tuple[list[dict[str, Any]], int]:
        """The whole lines of JSON of an instance's file behind `start` bytes, and where they end."""
        root = self.root(instance)
        if root is None:
            return [], start
        try:
            with _inside(root, file).open("rb") as opened:
                opened.seek(start)
                whole = opened.read().rpartition(b"\n")[0]
        except OSError:
            # It has no such file yet, or has ended.
            return [], start
        if not whole:
            return [], start
        return [json.loads(line) for line in whole.split(b"\n")], start + len(whole) + 1

    def write(self, instance: str, file: Path, content: Mapping[str, Any]) -> bool:
        """Write JSON into a file of an instance, in one step; False where that is not possible now."""
        root = self.root(instance)
        if root is None:
            return False
        path = _inside(root, file)
        new = path.with_name(f"{path.name}.new")
        try:
            new.write_text(json.dumps(content), encoding="utf-8")
            new.replace(path)
        except OSError:
            return False
        return True

    def _nft(self, instance: str, script: str) -> bool:
        first = self._first_process(instance)
        if first is None:
            return False
        command = ["nsenter", f"--net=/proc/{first}/ns/net", "nft", "--file", "-"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        return done.returncode == 0

    def _first_process(self, instance: str) -> int | None:
        """Of an instance, as this computer numbers it."""
        first = self._first.get(instance)
        if first is not None and Path(f"/proc/{first}").exists():
            return first
        try:
            command = self._control.shell(instance)
        except (Refused, OSError):
            return None
        found = int(command[command.index("--target") + 1])
        self._first[instance] = found
        return found


def cutting(what: str) -> str:
    """nftables' commands that cut an instance off MEMBERS or AWS; they fail where it is cut off."""
    table = f"table inet {_TABLE}-{what}"
    return f"create {table}\n{table} {{\n{_RULES[what]}\n}}\n"


def healing(what: str) -> str:
    """Those that take it back; they fail where it is not cut off."""
    return f"delete table inet {_TABLE}-{what}\n"


def _cloud_of(endpoint: str) -> str:
    for record in local_clouds.records():
        file = Path(record.run_dir, "endpoint")
        if record.alive and file.is_file() and file.read_text(encoding="utf-8") == endpoint:
            return record.cloud_id
    raise LookupError(f"no local cloud runs at {endpoint}")


def _inside(root: Path, file: Path) -> Path:
    return root / file.relative_to("/")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _state(pid: int) -> str:
    """The letter of a process's state; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return ""

"""What the storm's processes share: folders, the state of faults, and files of events that programs append to."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.storm.light import clock

REGION = "us-east-1"
IDENTITY_FILE = "identity.json"
KUBELET_WANTED, AGENT_WANTED, BOOT_ENDED, ETCD_PID, LOCK = (
    "run/kubelet",
    "run/agent",
    "run/booted",
    "run/etcd",
    "run/lock",
)
"""Below an instance's root: what systemd was told to run, how the boot ended, and whose process its etcd is."""
MANIFEST = "etc/kubernetes/manifests/etcd.yaml"
BAD_TYPE = "m5.24xlarge"
"""Instances of this type are of an image that never serves."""


@dataclass(frozen=True)
class State:
    """What every process obeys."""

    cut: tuple[str, ...] = ()
    """Addresses of nodes that reach no other node."""
    without_aws: tuple[str, ...] = ()
    """Instances that do not reach AWS."""
    without_api: tuple[str, ...] = ()
    """Addresses of nodes whose API servers do not answer."""
    share: float = 0.0
    """Of the requests to AWS that are disturbed."""
    services: tuple[str, ...] = ()
    """Of these services, as they are signed for; none are all."""
    seed: int = 0
    targets: tuple[str, ...] = ()
    """Addresses that the balancer sends requests to."""

    def separates(self, one: str, other: str) -> bool:
        """Whether two addresses do not reach each other."""
        return one != other and (one in self.cut or other in self.cut)


@dataclass
class Places:
    """The folders of a storm."""

    base: Path
    _read: tuple[int, State] = field(default=(0, State()))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for each in (self.events, self.traps, self.instances, self.logs):
            each.mkdir(parents=True, exist_ok=True)

    @property
    def events(self) -> Path:
        """One file for each process that tells something."""
        return self.base / "events"

    @property
    def traps(self) -> Path:
        """A file for each fault that waits for a program to come by; who takes it away is hit."""
        return self.base / "traps"

    @property
    def instances(self) -> Path:
        """The roots of instances."""
        return self.base / "instances"

    @property
    def logs(self) -> Path:
        """What processes print."""
        return self.base / "logs"

    @property
    def state(self) -> State:
        """The state now; it is read again where it has changed."""
        path = self.base / "state.json"
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return State()
        with self._lock:
            if self._read[0] != changed:
                found = json.loads(path.read_text())
                self._read = (changed, _state(found))
            return self._read[1]

    def write_state(self, state: State) -> None:
        """Replace the state, in one step."""
        write_whole(self.base / "state.json", asdict(state))

    def trap(self, name: str, content: Mapping[str, Any]) -> None:
        """Lay a trap."""
        write_whole(self.traps / name, content)

    def take(self, name: str) -> dict[str, Any] | None:
        """Walk into a trap, if there is one and nobody else did."""
        taken = self.traps / f".{name}.{os.getpid()}.{threading.get_ident()}"
        try:
            (self.traps / name).rename(taken)
        except FileNotFoundError:
            return None
        found: dict[str, Any] = json.loads(taken.read_text())
        taken.unlink()
        return found

    def clear_traps(self) -> None:
        """Take every trap away that nobody walked into."""
        for each in self.traps.iterdir():
            each.unlink(missing_ok=True)

    def tell(self, kind: str, **fields: Any) -> None:
        """Append an event of this process; it is there also if the process is killed right after."""
        line = json.dumps({"kind": kind, "at": clock.real(), "pid": os.getpid(), **fields})
        with (self.events / str(os.getpid())).open("a") as file:
            file.write(f"{line}\n")


def _state(found: Mapping[str, Any]) -> State:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    return State(**values)


def write_whole(path: Path, content: object) -> None:
    """Write a file of JSON so that readers find the old one or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    new.write_text(json.dumps(content))
    new.replace(path)

"""EC2's computers, systemd and the kubelet of the light world: what runs for each instance, and what is done to it.

An instance that EC2 calls running gets a root folder and an address, and its boot is started, as user data does. One
that EC2 calls terminated, or that is lost, has all its processes killed. Of systemd it plays: a unit that is started
runs; a boot that crashed is started again, one that ended is not; the agent always is (imagebuilder/configure/node.py).
Of the kubelet: etcd runs while the kubelet was started and etcd's manifest is there, and is started again when it
ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from coordination.names import NODE_FILE
from tests.storm.light import clock
from tests.storm.light.node import alive, locked
from tests.storm.light.nursery import Nursery, die_with_parent
from tests.storm.light.pace import PACE
from tests.storm.light.shared import (
    AGENT_WANTED,
    BOOT_ENDED,
    ETCD_PID,
    IDENTITY_FILE,
    KUBELET_WANTED,
    MANIFEST,
    REGION,
    Places,
    write_whole,
)
from tests.storm.trace import Life

LOOK_SECONDS = 0.04
_RESTART_SECONDS = 1.0
"""Of a unit that ended: RestartSec on the fast clock."""
_ETCD_RESTART_SECONDS = 0.3


@dataclass
class Computer:
    """One instance's computer."""

    instance_id: str
    slot: str
    address: str
    root: Path
    boot: int = 0
    agent: int = 0
    """Process ids, 0 before the first start."""
    etcd: subprocess.Popen[bytes] | None = None
    restart_at: dict[str, float] = field(default_factory=dict)
    """When a program that ended is started again."""
    gone: bool = False
    stopped: set[int] = field(default_factory=set)
    """Processes that faults have stopped."""
    slow: bool = False
    frozen: bool = False
    """Its etcd is stopped."""

    @property
    def runs_etcd(self) -> bool:
        """Whether etcd runs, also where it is stopped."""
        return self.etcd is not None and self.etcd.poll() is None

    @property
    def boots(self) -> bool:
        """Whether the node program's boot runs."""
        return bool(self.boot) and alive(self.boot) and not (self.root / BOOT_ENDED).exists()


class Hypervisor:
    """All computers. `lives` is told what is certain of an instance's etcd."""

    def __init__(
        self, places: Places, nursery: Nursery, relay: Relay, program: Path, lives: Callable[[str, Life], None]
    ) -> None:
        self._places = places
        self._nursery = nursery
        self._relay = relay
        self._program = program
        self._lives = lives
        self.computers: dict[str, Computer] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._network = f"127.{os.getpid() % 200 + 20}"
        self._next = 0
        self._thread = threading.Thread(target=self._run, name="hypervisor", daemon=True)
        self._thread.start()

    # what EC2 says

    def launch(self, instance_id: str, slot: str, instance_type: str, node_file: dict[str, str]) -> None:
        """Start the computer of an instance, unless there is, or was, one."""
        with self._lock:
            if instance_id in self.computers:
                return
            self._next += 1
            address = f"{self._network}.{self._next // 250}.{self._next % 250 + 1}"
            root = self._places.instances / instance_id
            (root / "run").mkdir(parents=True)
            (root / NODE_FILE.lstrip("/")).parent.mkdir(parents=True)
            (root / NODE_FILE.lstrip("/")).write_text(json.dumps(node_file))
            image = {"shared_clock": True, **PACE}
            (root / "etc/holdfast/image.json").write_text(json.dumps(image))
            identity = {
                "slot": slot,
                "instance_id": instance_id,
                "zone": f"{REGION}{'abc'[int(slot) % 3]}",
                "region": REGION,
                "account_id": "123456789012",
                "address": address,
                "instance_type": instance_type,
                "image_id": "ami-1",
                "partition": "aws",
            }
            write_whole(root / IDENTITY_FILE, identity)
            self._relay.listen(address)
            computer = Computer(instance_id, slot, address, root)
            self.computers[instance_id] = computer
            self._start_boot(computer)

    def destroy(self, instance_id: str) -> None:
        """End everything of an instance, for ever."""
        with self._lock:
            computer = self.computers.get(instance_id)
            if computer is None or computer.gone:
                return
            computer.gone = True
            for pid in (computer.boot, computer.agent):
                _kill(pid)
            self._kill_etcd(computer)

    def without_agent(self) -> list[str]:
        """The instances in which no agent runs."""
        present = [(name, each) for name, each in list(self.computers.items()) if not each.gone]
        return [name for name, each in present if not (each.agent and alive(each.agent))]

    # what faults do

    def kill_etcd(self, instance_id: str) -> bool:
        """End its etcd; the kubelet starts it again. False where none runs."""
        with self._lock:
            computer = self.computers[instance_id]
            return self._kill_etcd(computer)

    def stop_etcd(self, instance_id: str, stopped: bool) -> bool:
        """Stop its etcd, or let it go on. False where none runs."""
        with self._lock:
            computer = self.computers[instance_id]
            if not computer.runs_etcd or computer.etcd is None:
                return False
            computer.etcd.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)
            computer.frozen = stopped
            self._lives(instance_id, Life.SILENT if stopped else Life.UNSURE)
            return True

    def slow_etcd(self, instance_id: str, slow: bool) -> bool:
        """Let its etcd run a small part of the time only."""
        with self._lock:
            computer = self.computers[instance_id]
            if slow and not computer.runs_etcd:
                return False
            computer.slow = slow
            if not slow and computer.etcd is not None and computer.runs_etcd:
                computer.etcd.send_signal(signal.SIGCONT)
            if not computer.gone:
                self._lives(instance_id, Life.UNSURE)
            return True

    def stop_boot(self, instance_id: str, stopped: bool) -> None:
        """Stop what boots, or let it go on."""
        with suppress(ProcessLookupError):
            os.killpg(self.computers[instance_id].boot, signal.SIGSTOP if stopped else signal.SIGCONT)

    def close(self) -> None:
        """End everything."""
        self._stopping.set()
        self._thread.join()
        for each in list(self.computers):
            self.destroy(each)

    # what runs

    def _run(self) -> None:
        beat = 0
        while not self._stopping.is_set():
            beat += 1
            with self._lock:
                for computer in self.computers.values():
                    if not computer.gone:
                        self._look(computer, beat)
            clock.sleep_really(LOOK_SECONDS)

    def _look(self, computer: Computer, beat: int) -> None:
        if computer.slow and not computer.frozen and computer.etcd is not None and computer.runs_etcd:
            # It runs a fifth of the time.
            computer.etcd.send_signal(signal.SIGCONT if beat % 5 == 0 else signal.SIGSTOP)
        if not alive(computer.boot) and not (computer.root / BOOT_ENDED).exists():
            self._again(computer, "boot", self._start_boot)
        if (computer.root / AGENT_WANTED).exists() and not (computer.agent and alive(computer.agent)):
            self._again(computer, "agent", self._start_agent)
        if (computer.root / KUBELET_WANTED).exists() and (computer.root / MANIFEST).exists():
            if not computer.runs_etcd:
                self._again(computer, "etcd", self._start_etcd)
        elif not computer.runs_etcd:
            computer.restart_at.pop("etcd", None)

    def _again(self, computer: Computer, what: str, start: Callable[[Computer], None]) -> None:
        """Start it at once the first time, and a moment after it has ended every other time."""
        due = computer.restart_at.setdefault(what, clock.real())
        if clock.real() >= due:
            computer.restart_at[what] = clock.real() + _RESTART_SECONDS
            start(computer)

    def _start_boot(self, computer: Computer) -> None:
        log = f"{computer.instance_id}-boot.log"
        computer.boot = self._nursery.start("boot", instance_id=computer.instance_id, log=log)
        computer.restart_at["boot"] = clock.real() + _RESTART_SECONDS

    def _start_agent(self, computer: Computer) -> None:
        log = f"{computer.instance_id}-agent.log"
        computer.agent = self._nursery.start("agent", instance_id=computer.instance_id, log=log)

    def _start_etcd(self, computer: Computer) -> None:
        with locked(computer.root):
            if not (computer.root / KUBELET_WANTED).exists() or not (computer.root / MANIFEST).exists():
                return
            flags = json.loads((computer.root / MANIFEST).read_text())
            with (self._places.logs / f"{computer.instance_id}-etcd.log").open("ab") as log:
                computer.etcd = subprocess.Popen(
                    [self._program, *flags],
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_parent,
                )
            (computer.root / ETCD_PID).write_text(str(computer.etcd.pid))
        computer.frozen = False
        self._relay.member(computer.etcd.pid, computer.address)
        self._lives(computer.instance_id, Life.UNSURE)

    def _kill_etcd(self, computer: Computer) -> bool:
        if computer.etcd is None or not computer.runs_etcd:
            self._lives(computer.instance_id, Life.SILENT)
            return False
        computer.etcd.kill()
        computer.etcd.wait()
        computer.restart_at["etcd"] = clock.real() + _ETCD_RESTART_SECONDS
        self._lives(computer.instance_id, Life.SILENT)
        return True


class Relay:
    """The process of the network between members (`relay`)."""

    def __init__(self, places: Places, python: str) -> None:
        with (places.logs / "relay.log").open("ab") as log:
            self._process = subprocess.Popen(
                [python, "-m", "tests.storm.light.relay", str(places.base)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def listen(self, address: str) -> None:
        """Listen at an address; done when it returns."""
        self._tell(f"listen {address}")
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def member(self, pid: int, address: str) -> None:
        """Say whose connections the ones of a process are."""
        self._tell(f"member {pid} {address}")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


def _kill(pid: int) -> None:
    """End a program and all that it started; each is the first of its own group."""
    if pid:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

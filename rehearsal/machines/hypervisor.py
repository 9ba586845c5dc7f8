"""The computer as EC2's hardware: it boots and ends instances, and breaks them in the ways that tests ask for."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from rehearsal.aws.server import LocalAws
from rehearsal.machines import inventory
from rehearsal.machines.instance import entering, plan
from rehearsal.machines.instance.aims import Aim
from rehearsal.machines.instance.cgroups import group_of
from rehearsal.machines.instance.life import Life
from rehearsal.machines.instance.place import Network, Place, Supply
from rehearsal.machines.instance.shim import Layers
from rehearsal.machines.model import Image, Machine, PodNetwork, States
from rehearsal.machines.network.pods import PodBridges, PodRange

LOG = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10.0
"""How long a clean shutdown may take before the power is cut. EC2 gives minutes, too long for a rehearsal."""
CONSOLE_BYTES = 64 * 1024
"""How much of its console EC2 shows of an instance (EC2 API, GetConsoleOutput)."""
CLOSE_SECONDS = 30.0
"""How long the end of all instances may take; killed ones are gone within one."""


class Zones(Network, Protocol):
    """A network whose zones can be cut off."""

    def cut_zone(self, zone: str) -> None:
        """Drop every packet between a zone and the others."""

    def heal_zone(self, zone: str) -> None:
        """The opposite of cut_zone."""


class Hypervisor:
    """The instances of one local cloud. The test verbs raise KeyError for an id that was never started here, and
    ProcessLookupError where they need an instance that runs. All may be called from any thread.

    `pods` is for instances whose image brings no network of pods."""

    def __init__(
        self,
        aws: LocalAws,
        fabric: Zones,
        images: Callable[[str], Image],
        cloud_id: str,
        run_dir: Path,
        shutdown_seconds: float = SHUTDOWN_SECONDS,
        files: Mapping[str, str] = MappingProxyType({}),
        pods: PodRange = PodRange(),  # noqa: B008 - it cannot change
    ) -> None:
        """`files`, path -> text, are on the first disk of every instance, besides those of its own."""
        self._aws = aws
        self._fabric = fabric
        self._images = images
        self._files = files
        self._site_id = cloud_id
        self._folder = run_dir / "instances"
        self._folder.mkdir(parents=True)
        layers = Layers.make(self._folder / "layers", f"holdfast-{cloud_id}")
        self._place = Place(cloud_id, self._folder, layers, fabric, shutdown_seconds, PodBridges(pods))
        self._lives: dict[str, Life] = {}
        self._lock = threading.Lock()
        self._states: States | None = None
        self._closed = False

    # what EC2 asks for

    def tell(self, states: States) -> None:
        """Whom to tell what becomes of the instances."""
        self._states = states

    def start(self, machine: Machine) -> None:
        """Boot an instance for the first time, or again after a stop."""
        with self._lock:
            if self._closed:
                return
            life = self._lives.get(machine.instance_id)
            if life is None:
                life = self._lives[machine.instance_id] = self._new(machine)
        life.begin()

    def terminate(self, instance_id: str) -> None:
        """Shut an instance down, with a deadline, and remove everything that it had but its console."""
        self._lives[instance_id].end(Aim.TERMINATE)

    def stop(self, instance_id: str, *, force: bool = False) -> None:
        """Shut an instance down and keep its disks; with `force` cut its power."""
        self._lives[instance_id].end(Aim.STOP, at_once=force)

    def reboot(self, instance_id: str) -> None:
        """Restart an instance's system; one that does not obey loses its power for a moment, as on EC2."""
        self._lives[instance_id].end(Aim.REBOOT)

    def console_output(self, instance_id: str) -> bytes:
        """The last part of what the instance's system wrote to its console; empty for an unknown one."""
        life = self._lives.get(instance_id)
        if life is None or not life.console.exists():
            return b""
        with life.console.open("rb") as file:
            file.seek(max(0, life.console.stat().st_size - CONSOLE_BYTES))
            return file.read()

    def reachable(self, instance_id: str) -> bool:
        """Whether a status check passes."""
        life = self._lives.get(instance_id)
        return life is None or life.reachable

    # what tests ask for

    def lose(self, instance_id: str) -> None:
        """A loss of power: every process ends at once, peers hear nothing, EC2 says terminated."""
        self._lives[instance_id].lose()

    def hang(self, instance_id: str) -> None:
        """Nothing runs any more and nothing answers; EC2 still says running. A reboot or a termination ends it."""
        self._lives[instance_id].hang()

    def freeze(self, instance_id: str) -> None:
        """A long pause of every process. The kernel still answers for their connections."""
        self._lives[instance_id].freeze(True)

    def thaw(self, instance_id: str) -> None:
        """The end of a pause; a hung instance stays so."""
        self._lives[instance_id].freeze(False)

    def isolate(self, instance_id: str) -> None:
        """Cut an instance off the network, its metadata service too."""
        self._lives[instance_id].isolate(True)

    def rejoin(self, instance_id: str) -> None:
        """The opposite of isolate."""
        self._lives[instance_id].isolate(False)

    def isolate_zone(self, zone: str) -> None:
        """Cut a zone off the others."""
        self._fabric.cut_zone(zone)

    def rejoin_zone(self, zone: str) -> None:
        """The opposite of isolate_zone."""
        self._fabric.heal_zone(zone)

    def fill_disk(self, instance_id: str) -> None:
        """Leave no room on an instance's root and on etcd's disk."""
        self._lives[instance_id].fill_disk(True)

    def free_disk(self, instance_id: str) -> None:
        """The opposite of fill_disk."""
        self._lives[instance_id].fill_disk(False)

    def volume(self, instance_id: str, name: str) -> Path:
        """The file that an instance's volume `name`, such as /dev/sdb, lies in. Written only while it is stopped."""
        return self._lives[instance_id].volume(name)

    def execute(
        self, instance_id: str, argv: Sequence[str], timeout_seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside an instance and wait for its end. subprocess.TimeoutExpired after it was killed."""
        return entering.run(self._lives[instance_id].command(argv), timeout_seconds)

    def shell(self, instance_id: str) -> list[str]:
        """The command that opens a shell inside an instance, for whoever has a terminal."""
        return self._lives[instance_id].command(["/bin/bash", "-l"], {"TERM": "xterm-256color"})

    def close(self) -> None:
        """End all instances at once, tell nobody, and remove everything. Safe to call twice."""
        with self._lock:
            self._closed = True
            lives = list(self._lives.values())
        for life in lives:
            life.end(Aim.TERMINATE, at_once=True)
        stuck = [life.machine.instance_id for life in lives if not life.wait(CLOSE_SECONDS)]
        if stuck:
            raise OSError(f"not ended within {CLOSE_SECONDS:.0f} s: {', '.join(stuck)}")
        group_of(self._site_id).remove()
        self._place.layers.remove()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _new(self, machine: Machine) -> Life:
        def files() -> dict[str, str]:
            first = plan.first_files(machine, inventory.vpc_range(self._aws, machine.interface.vpc_id))
            if self._images(machine.image_id).network is PodNetwork.BRIDGE:
                first |= self._place.bridges.files(machine.interface)
            return {**first, **self._files}

        supply = Supply(lambda: self._images(machine.image_id), files)
        return Life(machine, supply, self._place, lambda state: self._tell(machine.instance_id, state))

    def _tell(self, instance_id: str, state: str) -> None:
        if self._states is None or self._closed:
            return
        try:
            self._states.changed(instance_id, state)
        except Exception:
            # The instance's thread goes on: with it the instance would end.
            LOG.exception("EC2 did not take it that %s is %s", instance_id, state)

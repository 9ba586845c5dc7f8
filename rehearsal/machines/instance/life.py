"""The life of one instance, from its first boot to its termination.

Whoever wants something of an instance sets its aim and gives its system a push; the thread that waits for the system's
end decides with `next_step` what comes then. No lock of ours is held while the network or whoever is told is called.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rehearsal.machines.instance import entering, plan, power
from rehearsal.machines.instance.aims import Aim, next_step
from rehearsal.machines.instance.cgroups import SUPERVISORS, group_of
from rehearsal.machines.instance.disks import Disks
from rehearsal.machines.instance.place import Place, Supply
from rehearsal.machines.instance.power import Ending, Running
from rehearsal.machines.instance.volumes import Volumes
from rehearsal.machines.model import Machine, PodNetwork

LOG = logging.getLogger(__name__)

STATUS_CHECK_SECONDS = 60.0
"""How long an instance has to hang until its status check fails: EC2 checks every minute
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html)."""


class Life:
    """One instance. `told` hears `running`, `stopped` and `terminated`."""

    def __init__(self, machine: Machine, supply: Supply, place: Place, told: Callable[[str], None]) -> None:
        self.machine = machine
        self._supply = supply
        self._place = place
        self._told = told
        self._disks = Disks(place.folder / machine.instance_id, f"holdfast-{place.cloud_id}")
        self._volumes = Volumes(self._disks.folder / "volumes", self._disks.label, machine.volumes)
        self._group = group_of(place.cloud_id, machine.instance_id)
        self._lock = threading.Lock()
        self._aim = Aim.RUN
        self._thread: threading.Thread | None = None
        self._resting = True
        self._running: Running | None = None
        self._attached = False
        self._isolated = False
        self._hung_since: float | None = None

    @property
    def console(self) -> Path:
        """The file of its console."""
        return self._disks.folder / "console.log"

    def volume(self, name: str) -> Path:
        """The file of a volume beside the root, such as /dev/sdb."""
        return self._volumes.file(name)

    @property
    def reachable(self) -> bool:
        """False when it has hung for so long that a status check would fail.

        EC2 asks the network interface by ARP. The kernel answers that also while every process is frozen, and no
        firewall stops it: an isolated instance is one behind such a firewall.
        """
        since = self._hung_since
        return since is None or time.monotonic() - since < STATUS_CHECK_SECONDS

    def begin(self) -> None:
        """Boot, for the first time or after a stop."""
        with self._lock:
            if self._aim is not Aim.TERMINATE:
                self._aim = Aim.RUN
                self._go_on()

    def end(self, aim: Aim, *, at_once: bool = False) -> None:
        """Have its system shut down, with a deadline, or cut its power; then go on to the aim. Returns at once."""
        with self._lock:
            # What is terminated stays so, whatever is wanted later.
            if self._aim is not Aim.TERMINATE:
                self._aim = aim
            if self._running is not None:
                self._push(self._running, at_once)
            elif self._aim is Aim.TERMINATE:
                self._go_on()

    def lose(self) -> None:
        """Cut its power, for good. ProcessLookupError when it does not run."""
        running = self._require_running()
        with self._lock:
            self._aim = Aim.TERMINATE
        running.cut_power()

    def freeze(self, wanted: bool) -> None:
        """Stop every process where it is, or have it continue, unless it hangs. Raises ProcessLookupError."""
        with self._lock:
            self._require_running()
            if self._hung_since is None:
                self._group.freeze() if wanted else self._group.thaw()

    def hang(self) -> None:
        """Stop every process and cut the network, until the next boot. ProcessLookupError when it does not run."""
        with self._lock:
            self._require_running()
            if self._hung_since is None:
                self._group.freeze()
                self._hung_since = time.monotonic()
        self._connect(False)

    def isolate(self, wanted: bool) -> None:
        """Cut or heal its network, also across reboots."""
        with self._lock:
            self._isolated = wanted
            connectable = self._attached and self._hung_since is None
        if connectable:
            self._connect(not wanted)

    def fill_disk(self, full: bool) -> None:
        """Leave no room on its disks, or give it back. ProcessLookupError when it does not run."""
        root = Path(f"/proc/{self._require_running().pid}/root")
        if full:
            self._disks.fill()
            self._volumes.fill(root)
        else:
            self._disks.free()
            self._volumes.free(root)

    def command(self, argv: Sequence[str], more: Mapping[str, str] | None = None) -> list[str]:
        """The command that runs a program inside. ProcessLookupError when it does not run."""
        return entering.command(self._require_running().pid, self._group.trees, argv, more)

    def wait(self, seconds: float) -> bool:
        """Wait until it rests, stopped or terminated; False when it does not within this time."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._resting

    def remove(self) -> None:
        """Remove the disks of an instance that rests."""
        if self._disks.folder.exists():
            self._volumes.remove()
            self._disks.remove()

    def _go_on(self) -> None:
        """Have a thread take the instance to its aim, if none does; the caller holds the lock."""
        if self._resting:
            self._resting = False
            arguments = (self._thread,)
            name = self.machine.instance_id
            self._thread = threading.Thread(target=self._live, args=arguments, name=name, daemon=True)
            self._thread.start()

    def _live(self, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        step = Aim.RUN
        while step is Aim.RUN:
            try:
                ended = self._boot()
            except Exception:
                LOG.exception("%s could not be run", self.machine.instance_id)
                ended = Ending.DEATH
            with self._lock:
                step = next_step(self._aim, ended)
                self._aim = step
                self._resting = step is Aim.STOP
        if step is Aim.TERMINATE:
            self.remove()
            self._place.bridges.forget(self.machine.interface.interface_id)
            self._resting = True
        self._told("stopped" if step is Aim.STOP else "terminated")

    def _boot(self) -> Ending:
        """Boot once, and wait for the end."""
        with self._lock:
            if self._aim in (Aim.STOP, Aim.TERMINATE):
                return Ending.POWER_OFF
            self._aim = Aim.RUN
        image = self._supply.image()
        if not self._disks.folder.exists():
            self._disks.make(image.containerd, self._supply.files())
            self._volumes.make()
        interface = self.machine.interface
        namespace = self._place.network.attach(interface)
        bridges = self._place.bridges
        try:
            if image.network is PodNetwork.BRIDGE:
                bridges.join(interface, namespace)
            with self._lock:
                self._attached, connected = True, not self._isolated
            # Also after a loss of power, which cut it.
            self._connect(connected)
            layers = (self._place.layers.shim, *image.layers, self._place.layers.base)
            supervisors = group_of(self._place.cloud_id, SUPERVISORS).make()
            network, group, folder = f"/run/netns/{namespace}", self._group.make(), self._disks.folder
            devices = self._volumes.attach()
            return self._run(plan.boot(self.machine, network, group, supervisors, layers, folder, devices))
        finally:
            with self._lock:
                self._attached = False
            bridges.leave(interface.interface_id)
            self._place.network.detach(interface.interface_id)
            self._group.remove()
            self._volumes.detach()

    def _run(self, boot: plan.Boot) -> Ending:
        running = Running(boot, lambda: self._connect(False))
        with self._lock:
            self._running = running
            # What was wanted while it booted.
            if self._aim is not Aim.RUN:
                self._push(running, at_once=False)
        self._told("running")
        try:
            return running.wait()
        finally:
            with self._lock:
                self._running = None
                self._hung_since = None

    def _push(self, running: Running, at_once: bool) -> None:
        how = power.REBOOT if self._aim is Aim.REBOOT else power.POWER_OFF
        running.shut_down(how, 0.0 if at_once else self._place.shutdown_seconds)

    def _connect(self, wanted: bool) -> None:
        interface_id = self.machine.interface.interface_id
        (self._place.network.heal if wanted else self._place.network.cut)(interface_id)

    def _require_running(self) -> Running:
        running = self._running
        if running is None:
            raise ProcessLookupError(f"{self.machine.instance_id} does not run")
        return running

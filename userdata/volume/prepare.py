"""Prepares etcd's disk: finds it, looks at it, decides, and does so, until it is mounted or must not be."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from coordination.names import ETCD_DEVICE
from userdata.host.commands import Run, run
from userdata.host.etcd_disk import EtcdDisk
from userdata.logs.lines import Log, StageFailed
from userdata.volume import devices, probe, states
from userdata.volume.decide import AwaitDevice, DiskRecord, Format, Found, Mount, Ours, Refuse, decide
from userdata.volume.devices import Attached
from userdata.volume.filesystem import DataFolder, DiskFailed, InTheWay
from userdata.volume.states import Broken, Missing, Mounted, Prepared, RecordError, Refused

ATTACH_SECONDS = 120.0
"""How long a device may take to appear before that is said: EC2 attaches the volumes of a launch template before the
machine starts, and its driver finds them within seconds."""
_LOOK_SECONDS = 1.0


class _Unmounted(StageFailed):
    """The disk was not mounted."""


@dataclass(frozen=True)
class Preparation:
    """The disk of the machine whose files are below `root`, and what it is prepared with."""

    root: Path
    run: Run = run
    wait_seconds: float = ATTACH_SECONDS
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def prepare(self, log: Log) -> Prepared:
        """Prepare it, and leave its state for the boot program. Raises OSError where that cannot be stored."""
        # The line of the stage says that it failed; what becomes of that the boot program decides.
        with contextlib.suppress(_Unmounted), log.stage("etcd-disk") as told:
            state = self._prepare(told.wait)
            if not isinstance(state, Mounted):
                raise _Unmounted(state.reason)
        states.store(self.root, state)
        return state

    def _prepare(self, say: Callable[[str], None]) -> Prepared:
        deadline = self.clock() + self.wait_seconds
        while True:
            try:
                state = self._attempt()
            except (RecordError, InTheWay) as error:
                return Refused(str(error))
            except DiskFailed as error:
                return Broken(str(error))
            except OSError as error:
                return Broken(f"{error.filename or 'the disk'}: {error.strerror}")
            if not isinstance(state, Missing) or self.clock() >= deadline:
                return state
            say(state.reason)
            self.sleep(_LOOK_SECONDS)

    def _attempt(self) -> Prepared:
        device = devices.find(self.root, ETCD_DEVICE)
        folder = DataFolder(self.root, self.run)
        record = states.remembered(self.root)
        found: Found
        if isinstance(device, Attached):
            found = probe.content(device.node, self.run)
            if folder.is_mounted_from(device.node):
                # By an earlier run of this unit; a person may have started it again.
                return Mounted(found.uuid) if isinstance(found, Ours) else Refused("what is mounted is not this node's")
        else:
            found = device
        step = decide(found, record)
        match step:
            case AwaitDevice(reason):
                return Missing(reason)
            case Refuse(reason):
                return Refused(f"{device.node.name}: {reason}" if isinstance(device, Attached) else reason)
            case Format(again):
                assert isinstance(device, Attached)
                return self._format(device.node, folder, record if again else None)
            case Mount(found_uuid):
                assert isinstance(device, Attached)
                folder.mount(device.node)
                return Mounted(found_uuid)
            case _:
                assert_never(step)

    def _format(self, node: Path, folder: DataFolder, begun: DiskRecord | None) -> Prepared:
        """Make the file system. Whenever this is interrupted, the next run finds the record and makes it anew."""
        # What was said of a former disk would let a node that has forgotten its votes start as the member that it was.
        EtcdDisk(self.root).disown()
        # With the same UUID again: the disk may have it already.
        chosen = str(uuid.uuid4()) if begun is None else begun.uuid
        states.remember(self.root, DiskRecord(chosen, formatted=False))
        folder.format(node, chosen, again=begun is not None)
        made = probe.content(node, self.run)
        if made != Ours(chosen):
            return Broken(f"mkfs.xfs succeeded, and {node.name} does not hold its file system")
        states.remember(self.root, DiskRecord(chosen, formatted=True))
        folder.mount(node)
        return Mounted(chosen)

"""What every rehearsal of machines begins and ends with: what it needs, a folder, and nothing left on this computer."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rehearsal.binaries import images
from rehearsal.cloud import runs
from rehearsal.local import surroundings
from rehearsal.local.processes import Processes, StepFailed
from rehearsal.machines import leftovers, needs
from rehearsal.machines.model import PodNetwork

WORK = Path(".cache/rehearsal")


def keep_running() -> None:
    """Leave what was started as it is until Ctrl-C."""
    print("running; `make rehearse-shell I=<instance>` opens a shell, Ctrl-C stops it", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def rehearse(config: Path, minor: str | None, network: PodNetwork, act: Callable[[Path, Processes], None]) -> int:
    """Have `act` rehearse a configuration in a folder, which stays when it fails: 0, 2 when the configuration is
    refused or this computer cannot do it, 130 after Ctrl-C.

    Raises StepFailed, also for what is left on this computer, and what `act` raises.
    """
    try:
        surroundings.facts(config)
    except surroundings.ConfigRefused as refused:
        print(refused, file=sys.stderr)
        return 2
    found = needs.problems(runs.folder())
    if found:
        print("\n".join(found), file=sys.stderr)
        return 2
    leftovers.clean()
    # Here, where its progress is seen; the local cloud finds it made.
    images.image_for(minor or images.names()[0].minor, network)
    before = leftovers.snapshot()
    WORK.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{config.stem}-", dir=WORK)).resolve()
    try:
        with Processes(folder) as processes:
            act(folder, processes)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        shutil.rmtree(folder)
        return 130
    except StepFailed as failed:
        raise StepFailed(f"{failed}\nlogs: {os.path.relpath(folder)}") from failed
    shutil.rmtree(folder)
    left = leftovers.snapshot() - before
    if left:
        raise StepFailed(f"left on this computer: {', '.join(sorted(left))}")
    print(
        "nothing of it is left on this computer: no process, mount, namespace, link, rule, cgroup or loop device",
        flush=True,
    )
    return 0

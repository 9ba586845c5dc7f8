"""The process that executes an image's steps, in namespaces of its own: it mounts the root, and goes into it.

The order comes on standard input as JSON; for each step that has ended a line goes to standard output.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rehearsal.machines.instance import syscalls
from rehearsal.machines.instance.plan import overlay_path
from rehearsal.machines.instance.shim import Layers

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STEP = Path("/tmp/step")
_IN_MEMORY = {"run": 755, "tmp": 1777}
"""Folders of the root that are no part of any layer, with their modes."""


def main() -> int:
    """0, also where a step failed, which is told by its line."""
    order: dict[str, Any] = json.load(sys.stdin)
    root = _mount(order)
    os.chroot(root)
    os.chdir("/")
    os.umask(0o022)
    for task in order["tasks"]:
        started = time.monotonic()
        failed = _run(task)
        seconds = time.monotonic() - started
        print(json.dumps({"label": task["label"], "failed": failed, "seconds": seconds}), flush=True)
        if failed is not None:
            break
    return 0


def _mount(order: dict[str, Any]) -> str:
    """The root of an instance that has not booted: the base of all machines, layers, and what is written."""
    base = Layers.make(Path(order["place"], "base"), "holdfast-image")
    root = Path(order["place"], "root")
    root.mkdir()
    lower = ":".join(overlay_path(each) for each in [*order["layers"], base.base])
    options = f"lowerdir={lower},upperdir={overlay_path(order['upper'])},workdir={overlay_path(order['work'])}"
    syscalls.mount("overlay", str(root), "overlay", data=options)
    plain = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("proc", f"{root}/proc", "proc", plain | syscalls.MS_NOEXEC)
    syscalls.mount("sysfs", f"{root}/sys", "sysfs", plain | syscalls.MS_NOEXEC | syscalls.MS_RDONLY)
    syscalls.mount("/dev", f"{root}/dev", flags=syscalls.MS_BIND | syscalls.MS_REC)
    for folder, mode in _IN_MEMORY.items():
        syscalls.mount("tmpfs", f"{root}/{folder}", "tmpfs", plain, f"mode={mode}")
    for path, folder in order["folders"].items():
        # Those in /tmp are in memory; a folder that the layer did not have would become a part of it.
        if path.startswith("/tmp/"):
            Path(f"{root}{path}").mkdir(parents=True)
        syscalls.mount(folder, f"{root}{path}", flags=syscalls.MS_BIND)
    for path in order["seen"]:
        _show(str(root), Path(path))
    return str(root)


def _show(root: str, folder: Path) -> None:
    """Have a folder of this computer in the root that is on another file system, or below /tmp."""
    inside = Path(f"{root}{folder}")
    if inside.is_dir() and any(inside.iterdir()):
        return
    place = next(each for each in (inside, *inside.parents) if each.is_dir())
    # What is mounted here is an empty folder there: what is made in it must not become a part of the layer.
    if not any(place.is_relative_to(f"{root}/{each}") for each in _IN_MEMORY):
        syscalls.mount("tmpfs", str(place), "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=755")
    inside.mkdir(parents=True, exist_ok=True)
    syscalls.mount(str(folder), str(inside), flags=syscalls.MS_BIND)


def _run(task: dict[str, Any]) -> str | None:
    """Run a step's script as AWSTOE does, from a file; what is wrong, in one line."""
    _STEP.write_text(task["script"], encoding="utf-8")
    environment = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8"}
    with subprocess.Popen(
        ["bash", str(_STEP)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=task["timeout_seconds"])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"not done after {task['timeout_seconds']} s"
    lines = said.decode(errors="replace").strip().splitlines()
    if process.returncode:
        return lines[-1] if lines else f"ended with {process.returncode}, and said nothing"
    return None


if __name__ == "__main__":
    sys.exit(main())

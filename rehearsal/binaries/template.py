"""A /var/lib/containerd in which a release's images are imported already, made by a containerd of its own.

Machines get copies of it made of hard links, which saves each a gigabyte and ten seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rehearsal.binaries.failures import BuildFailed, Missing

_NAMESPACE = "k8s.io"
_PINNED = "io.cri-containerd.pinned=pinned"
"""The kubelet's garbage collection leaves such images alone; removed ones could not be pulled again."""
_DISABLED = (
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
    "io.containerd.grpc.v1.cri",
    "io.containerd.internal.v1.opt",
    "io.containerd.nri.v1.nri",
)
"""Not needed for an import, and they have folders and sockets of their own elsewhere."""
_IDENTITY = "io.containerd.grpc.v1.introspection/uuid"
_SOCKET = "socket"
_READY_SECONDS = 30
_STOP_SECONDS = 10


def why_not() -> str | None:
    """What is missing here for making one, or None."""
    if os.geteuid() != 0:
        return f"user id {os.geteuid()}: unpacking container images needs root"
    for program in ("setpriv", "unshare"):
        if shutil.which(program) is None:
            return f"there is no {program}: install util-linux"
    return None


def make(folder: Path, programs: Path, archive: Path, names: Sequence[str]) -> None:
    """Fill `folder` with a containerd's data in which the archive's images are unpacked and pinned.

    `programs` holds containerd and ctr. Raises BuildFailed when an image is not there afterwards, and Missing.
    """
    problem = why_not()
    if problem is not None:
        raise Missing(problem)
    # A socket's path has at most 107 bytes, which a cache's path may exceed.
    with tempfile.TemporaryDirectory(prefix="holdfast-containerd-") as work:
        log = Path(work, "log")
        process = _start(programs / "containerd", folder, Path(work), log)
        try:
            ctr = [str(programs / "ctr"), "--address", str(Path(work, _SOCKET)), "--namespace", _NAMESPACE]
            _until_ready(process, ctr, log)
            _run([*ctr, "images", "import", "--label", _PINNED, str(archive)], log)
            found = _run([*ctr, "images", "list", "--quiet"], log).split()
        finally:
            _stop(process)
    # Each machine's containerd makes its own.
    (folder / _IDENTITY).unlink(missing_ok=True)
    absent = sorted(set(names) - set(found))
    if absent:
        raise BuildFailed(f"containerd imported no {', '.join(absent)}")


def _start(containerd: Path, root: Path, work: Path, log: Path) -> subprocess.Popen[bytes]:
    configuration = work / "config.toml"
    configuration.write_text(f"version = 3\ndisabled_plugins = {json.dumps(_DISABLED)}\n", encoding="utf-8")
    # Its mounts are seen by nobody else and end with it; and it ends with us, whatever ends us.
    mortal = ["setpriv", "--pdeathsig", "KILL"]
    private = ["unshare", "--mount", "--propagation", "private", "--fork", "--kill-child"]
    places = ["--root", str(root), "--state", str(work / "state"), "--address", str(work / _SOCKET)]
    with log.open("wb") as stream:
        return subprocess.Popen(
            [*mortal, *private, str(containerd), "--config", str(configuration), *places],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def _until_ready(process: subprocess.Popen[bytes], ctr: Sequence[str], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while subprocess.run([*ctr, "version"], capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise BuildFailed(f"containerd does not answer: {_last_line(log)}")
        time.sleep(0.1)


def _run(command: Sequence[str], log: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"ctr {command[5]} {command[6]}: {done.stderr.strip() or _last_line(log)}")
    return done.stdout


def _last_line(log: Path) -> str:
    return (log.read_text(encoding="utf-8", errors="replace").splitlines() or ["it said nothing"])[-1]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask containerd to end, so that its databases are closed; unshare alone would be its end without notice."""
    if process.poll() is not None:
        return
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

"""Programs that are run inside an instance from outside."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rehearsal.machines.instance.cgroups import Hierarchy
from rehearsal.machines.instance.launcher import PATH

ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://169.254.169.249",
    "HOME": "/root",
    "KUBECONFIG": "/etc/kubernetes/admin.conf",
    "LANG": "C.UTF-8",
    "PATH": PATH,
}
"""What a program finds, and nothing of this computer's own."""
_JOIN = 'while [ "$1" != -- ]; do echo 0 >"$1"; shift; done; shift; exec "$@"'
"""Shell: join the groups before the dashes, then become the program behind them."""


_WAIT = 'first=$1; shift; "$@"; code=$?; kill -s CHLD "$first" 2>&-; exit $code'
"""Shell: run a program as a child, which then is a process of the instance, and end as it does. nsenter could do that,
but stops itself with its child; systemd stops everything before it kills it, and would wait for nsenter to go on.

systemd-shutdown waits for everything that it killed, and looks again only at a SIGCHLD (wait_for_children in its
killall.c). The parent of this child is this shell, which is no process of the instance, so the shell passes the signal
on once it has seen the child's end; without it a shutdown stands still until power is cut."""


def command(
    pid: int, trees: tuple[Hierarchy, ...], argv: Sequence[str], more: Mapping[str, str] | None = None
) -> list[str]:
    """The command that runs `argv` in all namespaces and control groups of an instance's first process.

    ProcessLookupError when that process is gone.
    """
    environment = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(more or {})}.items()]
    enter = ["nsenter", "--target", str(pid), "--no-fork", "--root", "--wd"]
    enter += ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
    inside = ["sh", "-c", _WAIT, "sh", str(pid), "env", "-i", *environment, *argv]
    return ["sh", "-c", _JOIN, "sh", *_groups(pid, trees), "--", *enter, "--", *inside]


def run(entering: Sequence[str], timeout_seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command of `command` and wait. subprocess.TimeoutExpired after it and all that it started was killed."""
    process = subprocess.Popen(
        entering,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # A group of its own: the program is the child of a shell, and would outlive it.
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout_seconds)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return subprocess.CompletedProcess(list(entering), process.returncode, output, errors)


def _groups(pid: int, trees: tuple[Hierarchy, ...]) -> list[str]:
    """The first process's own groups: in version 2 a group with groups below it takes no process."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    paths = {frozenset(names.split(",")): path for _, names, path in (line.split(":", 2) for line in lines)}
    return [f"{tree.path}{paths[_names(tree)]}/cgroup.procs" for tree in trees]


def _names(tree: Hierarchy) -> frozenset[str]:
    """How a tree is called in /proc/<pid>/cgroup (cgroups(7))."""
    return frozenset(tree.options.split(",")) - {"none"}

"""Whether an instance's rules about metadata work on this computer: they are tried in namespaces that end at once."""

from __future__ import annotations

import os
import subprocess

from imagebuilder.configure import metadata
from rehearsal.machines.instance.cgroups import Group, hierarchies

_OWN, _OTHER = "init.scope", "kubepods"
_GROUPS = ("system.slice", "user.slice", _OWN, _OTHER)
_REFUSED = 3
# A rejected datagram is an error of its sender (EPERM). Nobody gets it, for the address is on the loopback interface.
_TRYING = f"""\
set -e
echo 0 >"$1"
exec unshare --net --mount --cgroup --propagation private bash -c '
    set -e
    mount -t cgroup2 none /sys/fs/cgroup
    ip link set lo up
    ip route add {metadata.ADDRESSES[0]} dev lo
    nft --file /dev/stdin
    ask() {{ echo 0 >/sys/fs/cgroup/$1/cgroup.procs; (echo >/dev/udp/{metadata.ADDRESSES[0]}/9) 2>/dev/null; }}
    ask {_OWN} || exit {_REFUSED}
    ! ask {_OTHER}
'
"""


def problem() -> str:
    """What is missing, in one line; empty where they work. RuntimeError without control groups of version 2."""
    (tree,) = [each for each in hierarchies() if each.kind == "cgroup2"]
    group = Group(f"hf-trying-{os.getpid()}", (tree,)).make()
    try:
        for name in _GROUPS:
            (tree.path / group.name / name).mkdir(exist_ok=True)
        done = subprocess.run(
            ["bash", "-c", _TRYING, "bash", *group.joining],
            input=metadata.rules(),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        group.remove()
    if done.returncode == _REFUSED:
        return "nft finds no socket's control group inside a namespace; Linux 6.11, 6.6.53 and 6.1.112 do"
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"the rules keep nobody away ({done.returncode})"]
        return f"instances' rules about metadata cannot be loaded: {said[0]}"
    return ""

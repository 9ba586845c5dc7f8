"""The programs of this computer that machines and their images need, and Debian's packages with them.

`python3 -m rehearsal.prerequisites` prints the packages that are missing, for `apt-get install`, with `--cilium` also
those for images with Cilium, with `--conformance` those for conformance tests; it runs before any environment is made.
Go is none of them: Debian's is too old.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence

# Of root's path, whoever asks.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

IMAGES = {
    "runc": "runc",
    "setpriv": "util-linux",
    "xtables-legacy-multi": "iptables",
    # kubeadm's preflight
    "conntrack": "conntrack",
    "losetup": "mount",
    # kubectl port-forward
    "socat": "socat",
}
"""What images are made with or borrow: a program, or its path -> Debian's package."""
MACHINES = {
    "bash": "bash",
    "cp": "coreutils",
    "ip": "iproute2",
    # etcd's own disk: a loop device, looked at and formatted as on EC2
    "losetup": "mount",
    "mkfs.xfs": "xfsprogs",
    "wipefs": "util-linux",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    # A machine boots this computer's systemd, and its user data is started with this Python.
    "/lib/systemd/systemd": "systemd",
    "/usr/bin/python3": "python3",
}
"""What machines and their networks run with."""
CILIUM = {
    # The agent compiles its BPF programs, and has iptables and ipset set up the node.
    "clang-19": "clang-19",
    "ip": "iproute2",
    "ipset": "ipset",
    "modprobe": "kmod",
    # scripts of its pod
    "bash": "bash",
    "dash": "dash",
    "find": "findutils",
    "grep": "grep",
    "nsenter": "util-linux",
    **dict.fromkeys(("cat", "cp", "mkdir", "mv", "rm", "basename"), "coreutils"),
}
"""What the container image of Cilium's agent borrows, where a rehearsal's network is Cilium."""
CONFORMANCE = {
    # Linked statically: it is all of an image.
    "/usr/bin/busybox": "busybox-static",
    "bash": "bash",
    "curl": "curl",
    "dig": "bind9-dnsutils",
    "getent": "libc-bin",
    "ipcs": "util-linux",
    "nc.openbsd": "netcat-openbsd",
    "socat": "socat",
    "ss": "iproute2",
}
"""What the container images of Kubernetes' conformance tests borrow."""

_OPTIONS = ("--cilium", "--conformance")


def missing(
    has: Callable[[str], object] = lambda program: shutil.which(program, path=SYSTEM_PATH),
    *,
    cilium: bool = False,
    conformance: bool = False,
) -> list[str]:
    """The packages whose programs are not all there, each once, sorted; with `cilium` and `conformance` those of their
    images, too."""
    wanted = IMAGES | MACHINES | (CILIUM if cilium else {}) | (CONFORMANCE if conformance else {})
    return sorted({package for program, package in wanted.items() if not has(program)})


def main(arguments: Sequence[str]) -> int:
    """Print what is missing, one package a line; say on standard error when Go is too."""
    if unknown := [each for each in arguments if each not in _OPTIONS]:
        print(f"{unknown[0]}: no such option; allowed: {', '.join(_OPTIONS)}", file=sys.stderr)
        return 2
    for package in missing(cilium="--cilium" in arguments, conformance="--conformance" in arguments):
        print(package)
    if shutil.which("go", path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}") is None:
        print("there is no go: machine images cannot be built (https://go.dev/dl)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

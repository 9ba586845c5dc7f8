"""The system calls of namespaces and mounts that Python 3.11 does not offer. Each raises OSError like Python's own."""

from __future__ import annotations

import ctypes
import os
import signal

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
"""Kinds of namespaces (linux/sched.h)."""

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED = 0x1000, 0x4000, 0x40000, 0x100000
MNT_DETACH = 0x2
"""Flags of mount(2) and umount2(2) (linux/mount.h)."""

_PR_SET_PDEATHSIG = 1
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    arguments = [text.encode() or None for text in (source, target, kind)]
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None), f"mount of {source} at {target}")


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc.umount2(target.encode(), flags), f"unmount of {target}")


def unshare(kinds: int) -> None:
    """unshare(2): new namespaces for the caller; a new process namespace is for its children."""
    _checked(_libc.unshare(kinds), "unshare")


def enter(namespace_file: str, kind: int) -> None:
    """setns(2) into the namespace that a file stands for."""
    descriptor = os.open(namespace_file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(descriptor, kind), f"setns into {namespace_file}")
    finally:
        os.close(descriptor)


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2), which the C library does not wrap."""
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    _checked(_libc.syscall(number, new_root.encode(), put_old.encode()), f"pivot_root to {new_root}")


def die_with_parent() -> None:
    """Have the kernel kill the caller when the thread that started it ends, however that ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def _checked(result: int, what: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")

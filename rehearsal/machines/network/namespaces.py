"""Named network namespaces: making and removing them, and acting inside one without a process of its own.

A namespace belongs to a thread. `inside` moves the calling thread and nothing else: other threads of this process stay
where they are, so that one process can listen in many namespaces. What is made inside (sockets, child processes) stays
there; a thread that is started inside would stay there too, so start none.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/run/netns")
"""Where `ip netns` keeps its names."""

CLONE_NEWNET = 0x40000000
"""Network namespaces in setns(2)."""

BACKLOG = 128

_FAILED_LINE = re.compile(r"Command failed -:(\d+)")

# os.setns came with Python 3.12.
_LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(RuntimeError):
    """A program that changes the network refused; the text is what it said."""


def existing(prefix: str) -> list[str]:
    """The names of all namespaces that begin with a prefix."""
    if not FOLDER.is_dir():
        return []
    return sorted(path.name for path in FOLDER.iterdir() if path.name.startswith(prefix))


def make(name: str) -> None:
    """Make an empty namespace. Raises Failed, also when there is one of this name."""
    ip([f"netns add {name}"])


def remove(names: Iterable[str]) -> None:
    """Take away the names; a namespace ends with its last process and socket. Names that are gone are no error.

    Raises Failed after all others are gone.
    """
    present = [name for name in names if (FOLDER / name).exists()]
    if not present:
        return
    try:
        _run(["ip", "-force", "-batch", "-"], None, "".join(f"netns delete {name}\n" for name in present))
    except Failed:
        if any((FOLDER / name).exists() for name in present):
            raise


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Run the block with the calling thread in a namespace. Raises OSError when there is no such namespace."""
    with open("/proc/thread-self/ns/net", "rb") as before, open(FOLDER / name, "rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def listen(namespace: str, address: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A socket bound inside a namespace, and listening if it is a stream; any thread may use it. Raises OSError."""
    with inside(namespace):
        made = socket.socket(socket.AF_INET, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def ip(lines: Sequence[str], namespace: str | None = None) -> None:
    """Run commands of `ip`, all by one process; the first that fails ends it. Raises Failed, with that command."""
    try:
        _run(["ip", "-batch", "-"], namespace, "\n".join(lines) + "\n")
    except Failed as error:
        number = _FAILED_LINE.search(str(error))
        raise Failed(f"ip {lines[int(number[1]) - 1]}: {error}") if number else error from None


def nft(script: str, namespace: str) -> None:
    """Run a script of nftables: all of it or nothing. Raises Failed."""
    _run(["nft", "-f", "-"], namespace, script)


def nft_listing(what: str, namespace: str) -> str:
    """What nftables lists, as JSON. Raises Failed."""
    return _run(["nft", "-j", "list", *what.split()], namespace, "")


def sysctl(namespace: str, values: dict[str, str]) -> None:
    """Set kernel parameters of a namespace by their path below net/. Raises OSError."""
    with inside(namespace):
        for path, value in values.items():
            Path("/proc/sys/net", path).write_text(value, encoding="ascii")


def _run(command: list[str], namespace: str | None, text: str) -> str:
    if namespace is not None:
        with inside(namespace):
            return _run(command, None, text)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip() or f'ended with {done.returncode}'}")
    return done.stdout

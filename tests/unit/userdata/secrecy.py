"""Looks for secrets where none may be: in logs, arguments, tables, and files that others can read."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from userdata.pki.material import Pki

_ARMOUR = re.compile(r"-----[A-Z ]+-----|\s")


def pki_secrets(pki: Pki) -> dict[str, str]:
    """Every secret of a set of keys, by a name that may be shown."""
    authorities = {"cluster": pki.cluster, "etcd": pki.etcd, "front proxy": pki.front_proxy}
    found = {
        f"key {number} of {name}": key
        for name, authority in authorities.items()
        for number, key in enumerate(authority.keys)
    }
    found |= {f"service account key {number}": key for number, key in enumerate(pki.service_accounts.private)}
    return found | {f"encryption key {key.name}": key.secret for key in pki.encryption}


def traces(secret: str) -> tuple[bytes, ...]:
    """Pieces of text that give a secret away: itself, a key without its armour, and either in base64."""
    bare = _ARMOUR.sub("", secret)
    # Of PEM a line is enough, and what follows the part that all keys of a kind begin with.
    pieces = {secret.strip().encode(), bare.encode(), bare[-40:].encode()}
    for text in (secret, secret.strip(), bare):
        pieces.add(base64.b64encode(text.encode()).rstrip(b"=")[:-1])
    if "-----BEGIN" in secret:
        pieces.add(base64.b64decode(bare)[-24:])
        pieces.add(base64.b64decode(bare)[-24:].hex().encode())
    return tuple(sorted(pieces))


def leaks(secrets: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Which secret is in which place; neither line holds the secret itself."""
    pieces = {name: traces(secret) for name, secret in secrets.items()}
    return sorted(
        f"{name} is in {place}"
        for place, content in places
        for name, parts in pieces.items()
        if any(part in content for part in parts)
    )


def texts(**named: str) -> Iterator[tuple[str, bytes]]:
    """Texts that a test has in hand, such as a log or a table's items as JSON."""
    yield from ((name, text.encode()) for name, text in named.items())


def readable_files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Files below `root` that anybody but their owner may read."""
    for path in sorted(root.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                yield str(path), path.read_bytes()


def all_files(root: Path) -> Iterator[tuple[str, bytes]]:
    """All files below `root`, for folders in which no file may hold a secret."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()


def process_arguments() -> Iterator[tuple[str, bytes]]:
    """Command line and environment of every process that this one may look at, at this moment."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        for part in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                yield f"{part} of process {pid}", Path("/proc", pid, part).read_bytes()

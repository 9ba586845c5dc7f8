"""The AWS library that the function takes along: boto3 as requirements/runtime.txt locks it, and what it needs itself.

The runtime of Lambda brings one of its own, which changes without a deploy. It is never used: a function's own folder
comes first on its path (https://docs.aws.amazon.com/lambda/latest/dg/python-package.html).

The files come from the environment that builds the zip, which pip has installed with the hashes of the lock file. Their
bytes are compared once more with the wheels' own lists of them. Of botocore's descriptions of services those are taken
that the function calls, in their newest version: all of them are 15 MB, and what is taken along is 5.4 MB in all. There
are no compiled files, for none would fit every Python that may build the zip; the first import in a process takes a
third of a second of a whole CPU more therefore.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path

SERVICES = ("autoscaling", "cloudformation", "dynamodb", "ec2", "elbv2")
"""The services that the function has clients of, as boto3 calls them (functions/reconcile/wiring.py)."""

_LOCK = Path(__file__).resolve().parent.parent / "requirements" / "runtime.txt"
_PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
# What every client reads, whatever service it is of, and the authorities that it trusts.
_SHARED = frozenset(
    f"botocore/{name}"
    for name in (
        "cacert.pem",
        "data/_retry.json",
        "data/endpoints.json",
        "data/partitions.json",
        "data/sdk-default-configuration.json",
    )
)
_DESCRIPTION = re.compile(r"botocore/data/([^/]+)/(\d{4}-\d\d-\d\d)/(?!examples)[^/]+\.json(\.gz)?")
# The terms under which others' code is passed on.
_LICENCE = re.compile(r"[^/]+\.dist-info/(licenses/)?(LICEN[CS]E|NOTICE)[^/]*")


class LibraryError(Exception):
    """The environment's libraries are not those that are locked; the text says which, and what to do."""


def locked(lock: Path = _LOCK) -> dict[str, str]:
    """Name -> version of what the function takes along."""
    return dict(_PINNED.findall(lock.read_text(encoding="utf-8")))


def files(wanted: Mapping[str, str] | None = None, site: Path | None = None) -> dict[str, bytes]:
    """Path in the zip -> content, of the libraries in the folder `site`, or in this Python's own environment.

    Raises LibraryError where one is missing, of another version, or changed since it was installed.
    """
    versions = locked() if wanted is None else dict(wanted)
    found = _installed(site)
    taken: dict[str, bytes] = {}
    for name, version in sorted(versions.items()):
        distribution = found.get(name)
        if distribution is None or distribution.version != version:
            given = "is missing" if distribution is None else f"is {distribution.version}"
            raise LibraryError(f"{name} {given} in this environment; allowed: {version}, as `make function` has it")
        taken |= {path.as_posix(): _content(name, path) for path in _needed(distribution)}
    return taken


def _installed(site: Path | None) -> dict[str, Distribution]:
    every = distributions() if site is None else distributions(path=[str(site)])
    return {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each for each in every}


def _needed(distribution: Distribution) -> Iterator[PackagePath]:
    listed = distribution.files
    if listed is None:
        raise LibraryError(f"{distribution.metadata['Name']} has no list of its files: install it with pip")
    newest: dict[str, str] = {}
    for path in listed:
        if (described := _DESCRIPTION.fullmatch(path.as_posix())) and described[1] in SERVICES:
            newest[described[1]] = max(newest.get(described[1], ""), described[2])
    for path in listed:
        name = path.as_posix()
        described = _DESCRIPTION.fullmatch(name)
        if described is not None:
            if newest.get(described[1]) == described[2]:
                yield path
        elif name in _SHARED or _LICENCE.fullmatch(name) or (path.suffix == ".py" and ".." not in path.parts):
            yield path


def _content(name: str, path: PackagePath) -> bytes:
    try:
        content = path.read_binary()
    except OSError as error:
        raise LibraryError(f"{name}: {path} cannot be read: {error.strerror}") from error
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    if path.hash is None or (path.hash.mode, path.hash.value) != ("sha256", digest):
        raise LibraryError(f"{name}: {path} is not what was installed: make the environment anew")
    return content

"""The versions of everything in a machine image, read from versions.json: the one file that names them.

The image pipeline and the rehearsal read the same file, so that what was rehearsed is what an image holds. The pause
image has no version here: kubeadm names it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSIONS_FILE = Path(__file__).with_name("versions.json")

_MINOR = re.compile(r"1\.(\d+)")
_VERSION = re.compile(r"v\d+\.\d+\.\d+")
_RUNTIME = ("containerd", "runc", "cni_plugins", "coredns", "cilium")


class VersionsError(ValueError):
    """The file of versions holds something that cannot be used; the message is one line that names the field."""


@dataclass(frozen=True)
class Release:
    """One Kubernetes minor that images are made of."""

    minor: str
    """As `1.37`."""
    version: str
    """As `v1.37.2`."""
    etcd: str
    """The version of etcd that this minor's kubeadm runs, as `v3.7.0`."""
    cluster_autoscaler: str
    """Of the same minor: the autoscaler simulates that minor's scheduler."""


@dataclass(frozen=True)
class Versions:
    """Every version of a machine image; each as `v1.2.3`."""

    releases: tuple[Release, ...]
    """The newest first; each the minor below the one before it, as an upgrade takes them one by one."""
    containerd: str
    runc: str
    """Of the image; a rehearsal takes the computer's own runc, for building one needs a C compiler."""
    cni_plugins: str
    coredns: str
    cilium: str
    """Of the image; a rehearsal's pods have a bridge."""

    @property
    def newest(self) -> Release:
        """The release that new clusters start with."""
        return self.releases[0]

    def release(self, minor: str) -> Release:
        """The release of a minor such as `1.37`. VersionsError when images of it are not made."""
        for each in self.releases:
            if each.minor == minor:
                return each
        allowed = ", ".join(each.minor for each in self.releases)
        raise VersionsError(f"kubernetes: {minor!r} is no minor that images are made of; allowed: {allowed}")


def read(path: Path = VERSIONS_FILE) -> Versions:
    """The versions in a file. VersionsError when a field is missing, unknown or malformed; OSError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise VersionsError(f"{path.name}: no JSON: {error}") from error
    _fields(path.name, raw, {"kubernetes", *_RUNTIME})
    releases = _releases(raw["kubernetes"])
    return Versions(releases, **{name: _version(name, raw[name]) for name in _RUNTIME})


def _releases(raw: Any) -> tuple[Release, ...]:
    if not isinstance(raw, dict) or len(raw) < 2:
        raise VersionsError(f"kubernetes: {raw!r}; allowed: an object of two or more minors, for upgrades")
    found = [_release(minor, fields) for minor, fields in raw.items()]
    numbers = [int(each.minor.partition(".")[2]) for each in found]
    if numbers != list(range(numbers[0], numbers[0] - len(numbers), -1)):
        raise VersionsError(f"kubernetes: {', '.join(raw)}; allowed: adjacent minors, the newest first")
    return tuple(found)


def _release(minor: str, fields: Any) -> Release:
    name = f"kubernetes.{minor}"
    if not _MINOR.fullmatch(minor):
        raise VersionsError(f"{name}: {minor!r} is no minor; allowed: one such as 1.37")
    _fields(name, fields, {"version", "etcd", "cluster_autoscaler"})
    return Release(
        minor,
        version=_version_of(minor, f"{name}.version", fields["version"]),
        etcd=_version(f"{name}.etcd", fields["etcd"]),
        cluster_autoscaler=_version_of(minor, f"{name}.cluster_autoscaler", fields["cluster_autoscaler"]),
    )


def _version_of(minor: str, name: str, raw: Any) -> str:
    version = _version(name, raw)
    if not version.startswith(f"v{minor}."):
        raise VersionsError(f"{name}: {version!r} is not of this minor; allowed: v{minor}.x")
    return version


def _fields(name: str, raw: Any, expected: set[str]) -> None:
    if not isinstance(raw, dict) or set(raw) != expected:
        given = sorted(raw) if isinstance(raw, dict) else repr(raw)
        raise VersionsError(f"{name}: {given}; allowed: exactly the fields {sorted(expected)}")


def _version(name: str, raw: Any) -> str:
    if not isinstance(raw, str) or not _VERSION.fullmatch(raw):
        raise VersionsError(f"{name}: {raw!r} is no version; allowed: one such as v1.2.3")
    return raw

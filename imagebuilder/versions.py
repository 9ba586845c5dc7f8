"""The versions of everything in a machine image, read from versions.json: the one file that names them.

The image pipeline and the rehearsal read the same file, so that what was rehearsed is what an image holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagebuilder import locks
from imagebuilder.fields import VersionsError, table, text
from imagebuilder.locks import FileSource, ImageSource

__all__ = ["VERSIONS_FILE", "Release", "Versions", "VersionsError", "read"]

VERSIONS_FILE = Path(__file__).with_name("versions.json")

_MINOR = re.compile(r"1\.(\d+)")
_VERSION = r"v\d+\.\d+\.\d+"
_RUNTIME = ("containerd", "runc", "cni_plugins", "cilium", "syft")
_ADDONS = (
    "metrics-server",
    *("aws-ebs-csi-driver", "csi-provisioner", "csi-attacher", "csi-resizer"),
    *("csi-node-driver-registrar", "livenessprobe"),
)


@dataclass(frozen=True)
class Release:
    """One Kubernetes minor that images are made of."""

    minor: str
    """As `1.37`."""
    version: str
    """As `v1.37.2`."""
    etcd: str
    """The version of etcd that this minor's kubeadm runs, as `v3.7.0`."""
    etcd_image: str
    """The tag of the image with that version, as `3.7.0-0`; kubeadm names this and the next two."""
    coredns: str
    pause: str
    """As `3.10.2`."""
    cluster_autoscaler: str
    """Of the same minor: the autoscaler simulates that minor's scheduler."""
    ecr_credential_provider: str
    """Of the same minor."""


@dataclass(frozen=True)
class Versions:
    """Every version of a machine image; each as `v1.2.3`."""

    releases: tuple[Release, ...]
    """The newest first; each the minor below the one before it, as an upgrade takes them one by one."""
    containerd: str
    runc: str
    """Of the image; a rehearsal takes the computer's own runc, for building one needs a C compiler."""
    cni_plugins: str
    cilium: str
    """Of the image; a rehearsal's pods have a bridge."""
    syft: str
    """Writes the SBOM of an image while it is built, and is not in it."""
    addons: Mapping[str, str]
    """Of the container images of add-ons that clusters choose, by their names; each serves every release."""
    files: Mapping[str, FileSource]
    images: Mapping[str, ImageSource]

    @property
    def newest(self) -> Release:
        """The release that new clusters start with."""
        return self.releases[0]

    @property
    def coredns(self) -> str:
        """The version that rehearsals build, for the images of all releases."""
        return self.newest.coredns

    def former(self, release: Release) -> Release | None:
        """The release of the minor below, from which a cluster is updated to this one; None for the oldest."""
        place = self.releases.index(release)
        return self.releases[place + 1] if place + 1 < len(self.releases) else None

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
    fields = table(path.name, raw, every=("kubernetes", *_RUNTIME, "addons", "files", "images"))
    return Versions(
        _releases(fields["kubernetes"]),
        **{name: _version(name, fields[name]) for name in _RUNTIME},
        addons={
            name: _version(f"addons.{name}", version)
            for name, version in table("addons", fields["addons"], every=_ADDONS).items()
        },
        files=locks.files("files", fields["files"]),
        images=locks.images("images", fields["images"]),
    )


def _releases(raw: Any) -> tuple[Release, ...]:
    if not isinstance(raw, dict) or len(raw) < 2:
        raise VersionsError(f"kubernetes: {raw!r}; allowed: an object of two or more minors, for upgrades")
    found = [_release(minor, fields) for minor, fields in raw.items()]
    numbers = [int(each.minor.partition(".")[2]) for each in found]
    if numbers != list(range(numbers[0], numbers[0] - len(numbers), -1)):
        raise VersionsError(f"kubernetes: {', '.join(raw)}; allowed: adjacent minors, the newest first")
    return tuple(found)


_OF_THE_MINOR = ("version", "cluster_autoscaler", "ecr_credential_provider")
_OF_KUBEADM = ("etcd", "etcd_image", "coredns", "pause")


def _release(minor: str, raw: Any) -> Release:
    name = f"kubernetes.{minor}"
    if not _MINOR.fullmatch(minor):
        raise VersionsError(f"{name}: {minor!r} is no minor; allowed: one such as 1.37")
    fields = table(name, raw, every=(*_OF_THE_MINOR, *_OF_KUBEADM))
    etcd = _version(f"{name}.etcd", fields["etcd"])
    image = rf"{re.escape(etcd.removeprefix('v'))}-\d+"
    return Release(
        minor,
        **{each: _version_of(minor, f"{name}.{each}", fields[each]) for each in _OF_THE_MINOR},
        etcd=etcd,
        etcd_image=text(f"{name}.etcd_image", fields["etcd_image"], image, f"tag of etcd {etcd}; allowed: as 3.7.0-0"),
        coredns=_version(f"{name}.coredns", fields["coredns"]),
        pause=text(f"{name}.pause", fields["pause"], r"\d+\.\d+(\.\d+)?", "tag; allowed: one such as 3.10.2"),
    )


def _version_of(minor: str, name: str, raw: Any) -> str:
    version = _version(name, raw)
    if not version.startswith(f"v{minor}."):
        raise VersionsError(f"{name}: {version!r} is not of this minor; allowed: v{minor}.x")
    return version


def _version(name: str, raw: Any) -> str:
    return text(name, raw, _VERSION, "version; allowed: one such as v1.2.3")

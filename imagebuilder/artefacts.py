"""Everything that a machine image of one release takes from elsewhere: files and container images, as they are locked.

Python's wheels are locked in requirements/runtime.txt, packages of the distribution by the release of the base image.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from imagebuilder.fields import VersionsError
from imagebuilder.locks import ARCHITECTURES, GO_NAMES, Architecture, Checksum, Digests
from imagebuilder.versions import VERSIONS_FILE, Release, Versions

LOCK_COMMAND = "make image-lock"


class UnlockedArtefacts(VersionsError):
    """An image cannot be built, for artefacts of it have no checksum; the message names the first and the command."""


@dataclass(frozen=True)
class RemoteFile:
    """A file for one architecture."""

    name: str
    """As in versions.json."""
    version: str
    architecture: Architecture
    source: str
    """Its address."""
    checksums: str
    """The address of the file that names its SHA-256."""
    locked: Checksum | None

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.name} {self.version} ({self.architecture})"

    @property
    def file_name(self) -> str:
        """As files of checksums name it."""
        return urlsplit(self.source).path.rpartition("/")[2]


@dataclass(frozen=True)
class RemoteImage:
    """A container image for all architectures."""

    name: str
    """As in versions.json."""
    repository: str
    tag: str
    locked: Digests | None

    @property
    def label(self) -> str:
        """How messages name it, and pods of kubeadm."""
        return f"{self.repository}:{self.tag}"

    @property
    def pinned(self) -> str | None:
        """How manifests of add-ons name it: by tag and index, so that nodes of each architecture find their own."""
        return None if self.locked is None else f"{self.label}@sha256:{self.locked.index}"


@dataclass(frozen=True)
class Artefacts:
    """What one image is made of."""

    files: tuple[RemoteFile, ...]
    """Each once for each architecture."""
    images: tuple[RemoteImage, ...]

    def unlocked(self, architectures: Collection[Architecture] = ARCHITECTURES) -> list[str]:
        """The labels of what has no checksum, container images last."""
        files = [each.label for each in self.files if each.locked is None and each.architecture in architectures]
        return files + [each.label for each in self.images if each.locked is None]

    def check_locked(self, architectures: Collection[Architecture] = ARCHITECTURES) -> None:
        """See that all can be verified, before an image is built. Raises UnlockedArtefacts."""
        if found := self.unlocked(architectures):
            raise UnlockedArtefacts(unlocked_message(found))

    def file(self, name: str) -> tuple[RemoteFile, ...]:
        """A file for every architecture."""
        return tuple(each for each in self.files if each.name == name)


def unlocked_message(labels: Sequence[str]) -> str:
    """What to do about artefacts without a checksum, in one line."""
    others = f" (and {len(labels) - 1} more)" if len(labels) > 1 else ""
    return f"{labels[0]}{others}: no checksum in imagebuilder/{VERSIONS_FILE.name}; to fetch it: {LOCK_COMMAND}"


def of(known: Versions, release: Release) -> Artefacts:
    """The artefacts of a release's image. VersionsError where versions.json lacks the source of one."""
    files = [each for name, version in _files(known, release) for each in _file(known, name, version)]
    images = [_image(known, name, tag) for name, tag in _images(known, release)]
    return Artefacts(tuple(files), tuple(images))


def every(known: Versions) -> Artefacts:
    """The artefacts of all releases, each once."""
    found = [of(known, release) for release in known.releases]
    return Artefacts(
        tuple({each.label: each for made in found for each in made.files}.values()),
        tuple({each.label: each for made in found for each in made.images}.values()),
    )


def _files(known: Versions, release: Release) -> Iterator[tuple[str, str]]:
    for name in ("kubeadm", "kubelet", "kubectl"):
        yield name, release.version
    yield "etcd", release.etcd
    yield "containerd", known.containerd
    yield "runc", known.runc
    yield "cni-plugins", known.cni_plugins
    yield "ecr-credential-provider", release.ecr_credential_provider
    yield "syft", known.syft


def _images(known: Versions, release: Release) -> Iterator[tuple[str, str]]:
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        yield name, release.version
    yield "etcd", release.etcd_image
    # An update from the minor below keeps its etcd until it is finished: etcd does not go back.
    former = known.former(release)
    if former is not None and former.etcd_image != release.etcd_image:
        yield "etcd", former.etcd_image
    yield "coredns", release.coredns
    yield "pause", release.pause
    yield "cilium", known.cilium
    yield "cilium-operator", known.cilium
    yield "cluster-autoscaler", release.cluster_autoscaler
    yield from known.addons.items()


def _file(known: Versions, name: str, version: str) -> Iterator[RemoteFile]:
    if name not in known.files:
        raise VersionsError(f"files: there is no {name}; allowed: the source of each file of an image")
    found = known.files[name]
    for architecture in ARCHITECTURES:
        names = {"version": version, "number": version.removeprefix("v"), "arch": GO_NAMES[architecture]}
        source = found.source.format(**names)
        checksums = found.checksums.format(**names, source=source)
        locked = found.locked.get(version, {}).get(architecture)
        yield RemoteFile(name, version, architecture, source, checksums, locked)


def _image(known: Versions, name: str, tag: str) -> RemoteImage:
    if name not in known.images:
        raise VersionsError(f"images: there is no {name}; allowed: the repository of each container image of an image")
    found = known.images[name]
    return RemoteImage(name, found.repository, tag, found.locked.get(tag))

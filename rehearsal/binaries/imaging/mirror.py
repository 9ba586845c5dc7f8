"""A mirror of what this computer has built: files and container images in the places and the form of the originals.

Components fetch from it as they would from a mirror in a bucket, and verify what they get.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imagebuilder import places
from imagebuilder.artefacts import Artefacts, RemoteFile, RemoteImage
from imagebuilder.locks import Architecture, Checksum, Digests
from rehearsal.binaries import archive, containers
from rehearsal.binaries.archive import ContainerImage
from rehearsal.binaries.manifest import sha256

_ARCHITECTURES: Mapping[str, Architecture] = {"amd64": "x86_64", "arm64": "arm64"}
_PLACES: Mapping[str, Sequence[tuple[str, str]]] = {
    "kubeadm": (),
    "kubelet": (),
    "kubectl": (),
    "runc": (),
    "ecr-credential-provider": (),
    "etcd": [(f"etcd-linux/{name}", name) for name in ("etcdctl", "etcdutl")],
    "containerd": [(f"bin/{name}", name) for name in ("containerd", "containerd-shim-runc-v2", "ctr")],
    "cni-plugins": [(f"./{name}", name) for name in places.PLUGINS],
}
"""What an archive holds of the programs that are built here; a file without members is a program of its name."""
NOT_BUILT = ("syft",)
"""Artefacts of images that a rehearsal has not."""


def write_files(folder: Path, wanted: Artefacts, programs: Mapping[str, Path], go_architecture: str) -> Artefacts:
    """Write the files of a release for this computer's architecture; what it holds then is locked. OSError."""
    architecture = _ARCHITECTURES[go_architecture]
    files = [
        _written(folder, file, programs)
        for file in wanted.files
        if file.architecture == architecture and file.name not in NOT_BUILT
    ]
    return replace(wanted, files=tuple(files))


def _written(folder: Path, file: RemoteFile, programs: Mapping[str, Path]) -> RemoteFile:
    target = folder / file.source.partition("://")[2]
    target.parent.mkdir(parents=True, exist_ok=True)
    if members := _PLACES[file.name]:
        with tarfile.open(target, "w:gz", compresslevel=0) as packed:
            for name, program in members:
                packed.add(programs[program], name, filter=_plain)
    else:
        os.link(programs[file.name], target)
    return replace(file, locked=Checksum(sha256(target), target.stat().st_size))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member whose bytes do not depend on when and by whom its file was made."""
    entry.mtime = 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def write_images(
    folder: Path, names: Sequence[str], programs: Mapping[str, Path], iptables: Path, go_architecture: str
) -> tuple[RemoteImage, ...]:
    """Write an archive for each container image that kubeadm lists; with their digests. BuildFailed, OSError."""
    made = (containers.container_image(name, programs, iptables) for name in names)
    return tuple(write_image(folder, each, go_architecture) for each in made)


def write_image(folder: Path, image: ContainerImage, go_architecture: str) -> RemoteImage:
    """Write one archive, and return the image with its digest. OSError."""
    repository, tag = _split(image.name)
    target = _archive(folder, repository, tag)
    target.parent.mkdir(parents=True, exist_ok=True)
    archive.write(target, [image], go_architecture)
    return written_image(folder, repository, tag)


def written_image(folder: Path, repository: str, tag: str) -> RemoteImage:
    """An image that was written, with its digest. OSError."""
    with tarfile.open(_archive(folder, repository, tag)) as written:
        index = written.extractfile("index.json")
        assert index is not None
        (manifest,) = json.load(index)["manifests"]
    return RemoteImage(repository, repository, tag, Digests(manifest["digest"].removeprefix("sha256:"), {}))


def named(names: Sequence[str]) -> tuple[RemoteImage, ...]:
    """Container images of which no more than the name matters."""
    return tuple(RemoteImage(name, *_split(name), None) for name in names)


def _split(name: str) -> tuple[str, str]:
    repository, _, tag = name.rpartition(":")
    return repository, tag


def _archive(folder: Path, repository: str, tag: str) -> Path:
    return folder / repository / f"{tag}.tar"

"""Container images made of local files, in one archive in the OCI image layout: the same files give the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_NAME_ANNOTATION = "io.containerd.image.name"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Programs look for roots of trust and for a place for temporary files; static pods mount the host's over the first.
_FOLDERS = (
    "etc/ca-certificates",
    "etc/ssl/certs",
    "tmp",
    "usr/local/share/ca-certificates",
    "usr/share/ca-certificates",
)
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class ContainerImage:
    """One image: a single layer of local files."""

    name: str
    """As `registry.k8s.io/pause:3.10.2`."""
    files: Mapping[str, Path]
    """A path in the image -> a file here. Every file is executable and root's."""
    entrypoint: Sequence[str] = ()
    arguments: Sequence[str] = ()
    """Of the entrypoint, where a pod gives none; or the command, where there is none."""
    user: str = ""
    """Who runs it, where a pod does not say: a name or number; root where nothing is given."""
    links: Mapping[str, str] = field(default_factory=dict)
    """A path in the image -> the path that this symbolic link leads to."""
    folders: Collection[str] = ()
    """Empty folders."""
    setuid: Collection[str] = ()
    """Paths of files that run as their owner, root."""


def write(target: Path, images: Sequence[ContainerImage], architecture: str) -> None:
    """Write an archive of images for an architecture such as `amd64`. Raises OSError."""
    with tarfile.open(target, "w") as archive:
        written: set[str] = set()
        manifests = [_image(archive, image, architecture, written, target.parent) for image in images]
        _member(archive, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        index = {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": manifests}
        _member(archive, "index.json", _json(index))


def _image(
    archive: tarfile.TarFile, image: ContainerImage, architecture: str, written: set[str], work: Path
) -> dict[str, object]:
    """Add an image's blobs; return its descriptor for the index."""
    draft = work / ".layer.tar"
    try:
        with draft.open("w+b") as stream:
            layer = _layer(stream, image)
            if layer["digest"] not in written:
                stream.seek(0)
                archive.addfile(_entry(_blob(str(layer["digest"])), os.fstat(stream.fileno()).st_size), stream)
                written.add(str(layer["digest"]))
    finally:
        draft.unlink(missing_ok=True)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": [_PATH],
            "Entrypoint": list(image.entrypoint),
            "WorkingDir": "/",
            **({"Cmd": list(image.arguments)} if image.arguments else {}),
            **({"User": image.user} if image.user else {}),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        # Two images of the same files would be one image with two names, and removed as one.
        "author": image.name,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST_TYPE,
        "config": _add(archive, _CONFIG_TYPE, _json(config), written),
        "layers": [layer],
    }
    descriptor = _add(archive, _MANIFEST_TYPE, _json(manifest), written)
    return {
        **descriptor,
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": {_NAME_ANNOTATION: image.name},
    }


def _layer(stream: IO[bytes], image: ContainerImage) -> dict[str, object]:
    """Write a layer's tar, uncompressed for it is unpacked at once, and return its descriptor."""
    held = (*image.files, *image.links)
    folders = {parent for path in held for parent in PurePosixPath(path.strip("/")).parents}
    empty = (*_FOLDERS, *(path.strip("/") for path in image.folders))
    folders |= {each for path in empty for each in (PurePosixPath(path), *PurePosixPath(path).parents)}
    with tarfile.open(fileobj=stream, mode="w") as layer:
        for folder in sorted(str(each) for each in folders if each != PurePosixPath(".")):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            layer.addfile(entry)
        for path, source in sorted(image.files.items()):
            with source.open("rb") as content:
                entry = _entry(path.strip("/"), os.fstat(content.fileno()).st_size)
                entry.mode = 0o4755 if path in image.setuid else 0o755
                layer.addfile(entry, content)
        for path, target in sorted(image.links.items()):
            link = _entry(path.strip("/"), 0)
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, target, 0o777
            layer.addfile(link)
    stream.seek(0)
    digest = hashlib.sha256()
    size = 0
    while block := stream.read(_BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return {"mediaType": _LAYER_TYPE, "digest": f"sha256:{digest.hexdigest()}", "size": size}


def _add(archive: tarfile.TarFile, media_type: str, raw: bytes, written: set[str]) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if digest not in written:
        _member(archive, _blob(digest), raw)
        written.add(digest)
    return {"mediaType": media_type, "digest": digest, "size": len(raw)}


def _member(archive: tarfile.TarFile, name: str, raw: bytes) -> None:
    archive.addfile(_entry(name, len(raw)), io.BytesIO(raw))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """A member with fixed time, owner and mode, so that they do not differ between computers."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    entry.mode = 0o644
    return entry


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()

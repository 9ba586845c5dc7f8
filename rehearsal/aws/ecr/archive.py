"""Reads an image from an archive in the OCI image layout, as `docker push` would send it to a registry."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal.aws.ecr.model import ImageManifest


class BadArchive(Exception):
    """The archive holds no image; the text says what is wrong."""


@dataclass(frozen=True)
class Pushed:
    """One image of one platform: its manifest, and by digest its configuration and its layers."""

    manifest: ImageManifest
    blobs: Mapping[str, bytes]


def read(path: Path) -> Pushed:
    """The first image of an archive. Raises OSError, BadArchive."""
    try:
        with tarfile.open(path) as archive:
            index = json.loads(_member(archive, "index.json"))
            descriptor = index["manifests"][0]
            body = _blob(archive, descriptor["digest"])
            manifest = json.loads(body)
            needed = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
            blobs = {digest: _blob(archive, digest) for digest in needed}
    except (tarfile.TarError, ValueError, LookupError, TypeError) as error:
        raise BadArchive(f"{path}: no image in the OCI image layout: {error}") from error
    return Pushed(ImageManifest(descriptor["digest"], descriptor["mediaType"], body), blobs)


def _blob(archive: tarfile.TarFile, digest: str) -> bytes:
    kind, _, value = digest.partition(":")
    raw = _member(archive, f"blobs/{kind}/{value}")
    if kind != "sha256" or hashlib.sha256(raw).hexdigest() != value:
        raise ValueError(f"{digest} is not the digest of what the archive has under it")
    return raw


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    if found is None:
        raise KeyError(f"{name} is no file")
    return found.read()

"""What versions.json says of the files and container images of an image: their sources, and what is locked of each.

Locked is what a source has published of a version: the SHA-256 of a file, or the digest of a container image, with its
size, for each architecture. `make image-lock` writes it; null stands for what was never fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from imagebuilder.fields import VersionsError, table, text

Architecture = Literal["x86_64", "arm64"]
"""As EC2 and Image Builder name them."""
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
GO_NAMES: Mapping[Architecture, str] = {"x86_64": "amd64", "arm64": "arm64"}
"""As sources and container images name them."""

_SHA256 = "[0-9a-f]{64}"


@dataclass(frozen=True)
class Checksum:
    """What is known of a file: a container image's manifest is one, too."""

    sha256: str
    """64 hexadecimal digits."""
    size: int | None
    """In bytes; of a container image what is pulled, its layers compressed. None where the source did not say."""


@dataclass(frozen=True)
class Digests:
    """What is known of a container image: its index, which names a manifest for each architecture."""

    index: str
    """64 hexadecimal digits."""
    manifests: Mapping[Architecture, Checksum]


FileLocks: TypeAlias = Mapping[str, Mapping[Architecture, Checksum | None]]
ImageLocks: TypeAlias = Mapping[str, Digests | None]


@dataclass(frozen=True)
class FileSource:
    """Where the versions of a file come from. `{version}` is as v1.2.3, `{number}` as 1.2.3, `{arch}` Go's name."""

    source: str
    checksums: str
    """Of the file that names its SHA-256; `{source}` may stand for the file's own address."""
    locked: FileLocks
    """By version."""


@dataclass(frozen=True)
class ImageSource:
    """Where the tags of a container image come from."""

    repository: str
    """As registry.k8s.io/pause."""
    locked: ImageLocks
    """By tag."""


def files(name: str, raw: Any) -> dict[str, FileSource]:
    """The files of versions.json. VersionsError."""
    return {each: _file(f"{name}.{each}", fields) for each, fields in table(name, raw).items()}


def images(name: str, raw: Any) -> dict[str, ImageSource]:
    """The container images of versions.json. VersionsError."""
    return {each: _image(f"{name}.{each}", fields) for each, fields in table(name, raw).items()}


def _file(name: str, raw: Any) -> FileSource:
    fields = table(name, raw, every=("source", "checksums", "locked"))
    locked = {
        version: {each: _checksum(f"{name}.locked.{version}.{each}", found[each]) for each in ARCHITECTURES}
        for version, found in _locked(name, fields["locked"]).items()
    }
    return FileSource(_source(f"{name}.source", fields["source"]), _checksums(name, fields["checksums"]), locked)


def _locked(name: str, raw: Any) -> dict[str, dict[str, Any]]:
    found = table(f"{name}.locked", raw)
    return {each: table(f"{name}.locked.{each}", fields, every=ARCHITECTURES) for each, fields in found.items()}


def _image(name: str, raw: Any) -> ImageSource:
    fields = table(name, raw, every=("repository", "locked"))
    repository = text(
        f"{name}.repository",
        fields["repository"],
        r"[a-z0-9.-]+\.[a-z]+(/[a-z0-9]+([._-]+[a-z0-9]+)*)+",
        "repository; allowed: one with its registry, such as registry.k8s.io/pause",
    )
    locked = table(f"{name}.locked", fields["locked"])
    return ImageSource(repository, {tag: _digests(f"{name}.locked.{tag}", found) for tag, found in locked.items()})


def _digests(name: str, raw: Any) -> Digests | None:
    if raw is None:
        return None
    fields = table(name, raw, every=("index", *ARCHITECTURES))
    found = {each: _checksum(f"{name}.{each}", fields[each]) for each in ARCHITECTURES}
    manifests = {each: checksum for each, checksum in found.items() if checksum is not None}
    if len(manifests) < len(found):
        raise VersionsError(f"{name}: null for an architecture; allowed: all digests of a tag, or null for the tag")
    return Digests(_sha256(f"{name}.index", fields["index"]), manifests)


def _checksum(name: str, raw: Any) -> Checksum | None:
    if raw is None:
        return None
    fields = table(name, raw, every=("sha256", "bytes"))
    size = fields["bytes"]
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
        raise VersionsError(f"{name}.bytes: {size!r} is no size; allowed: a number of bytes, or null")
    return Checksum(_sha256(f"{name}.sha256", fields["sha256"]), size)


def _sha256(name: str, raw: Any) -> str:
    return text(name, raw, _SHA256, "SHA-256; allowed: 64 hexadecimal digits in lower case, or null without its object")


def _source(name: str, raw: Any) -> str:
    found = text(name, raw, r"https://[^\s]+", "address; allowed: one that begins with https://")
    try:
        found.format(version="v1.2.3", number="1.2.3", arch="amd64")
    except (KeyError, IndexError, ValueError) as error:
        raise VersionsError(f"{name}: {raw!r}; allowed in braces: version, number, arch") from error
    if "{arch}" not in found or not urlsplit(found).path.rpartition("/")[2]:
        raise VersionsError(f"{name}: {raw!r}; allowed: the address of a file, with {{arch}} in it")
    return found


def _checksums(name: str, raw: Any) -> str:
    if not isinstance(raw, str) or not raw.startswith(("https://", "{source}")):
        raise VersionsError(f"{name}.checksums: {raw!r}; allowed: an address, or one that begins with {{source}}")
    return raw

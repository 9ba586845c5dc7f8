"""The digests of a container image, asked of its registry by the API of the OCI distribution specification."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from imagebuilder.artefacts import RemoteImage
from imagebuilder.locking.http import Contradiction, SourceFailed, Sources
from imagebuilder.locks import ARCHITECTURES, GO_NAMES, Architecture, Checksum, Digests

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_VARIANTS = {"x86_64": (None, "v1"), "arm64": (None, "v8")}
"""A processor's variant, where an index names one."""


def published(sources: Sources, image: RemoteImage) -> Digests:
    """The digest of a tag's index, and those of its manifests. SourceFailed, Contradiction.

    A digest is of the bytes that came, so that it is proven with them; the registry's own word has to be the same.
    """
    raw, digest = _fetched(sources, image, image.tag, _INDEXES)
    listed = raw.get("manifests")
    if not isinstance(listed, list):
        raise SourceFailed("no index of architectures, but an image of one")
    return Digests(digest, {each: _manifest(sources, image, listed, each) for each in ARCHITECTURES})


def _manifest(sources: Sources, image: RemoteImage, listed: list[Any], architecture: Architecture) -> Checksum:
    wanted = [each for each in listed if isinstance(each, dict) and _is_for(each.get("platform"), architecture)]
    if len(wanted) != 1:
        raise SourceFailed(f"{len(wanted)} manifests for linux/{GO_NAMES[architecture]} in its index")
    named = str(wanted[0].get("digest"))
    raw, digest = _fetched(sources, image, named, _MANIFESTS)
    if f"sha256:{digest}" != named:
        raise Contradiction(f"{image.label}: the index names {named}, and sha256:{digest} came")
    parts = [raw.get("config"), *(raw.get("layers") or [])]
    sizes = [each.get("size") if isinstance(each, dict) else None for each in parts]
    known = [each for each in sizes if isinstance(each, int)]
    return Checksum(digest, sum(known) if len(known) == len(sizes) else None)


def _is_for(platform: Any, architecture: Architecture) -> bool:
    return (
        isinstance(platform, dict)
        and (platform.get("os"), platform.get("architecture")) == ("linux", GO_NAMES[architecture])
        and platform.get("variant") in _VARIANTS[architecture]
    )


def _fetched(
    sources: Sources, image: RemoteImage, reference: str, kinds: tuple[str, ...]
) -> tuple[Mapping[str, Any], str]:
    """A manifest or index with the digest of its bytes."""
    registry, _, name = image.repository.partition("/")
    answer = sources.get(f"https://{registry}/v2/{name}/manifests/{reference}", ", ".join(kinds))
    digest = hashlib.sha256(answer.body).hexdigest()
    said = answer.header("Docker-Content-Digest")
    if said is not None and said != f"sha256:{digest}":
        raise Contradiction(f"{answer.url}: the registry says {said}, and what came is sha256:{digest}")
    try:
        raw = json.loads(answer.body)
    except ValueError as error:
        raise SourceFailed(f"{answer.url}: no manifest: it is no JSON") from error
    if not isinstance(raw, dict):
        raise SourceFailed(f"{answer.url}: no manifest: it is no object")
    return raw, digest

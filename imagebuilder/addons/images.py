"""The container images in manifests: which there are, and taking them from another place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


class UnknownImages(ValueError):
    """Images are to be replaced that no manifest has; the message names them and those that there are."""


def references(found: Any) -> list[str]:
    """Every image in manifests, once, in order."""
    return sorted(set(_found(found)))


class UnpinnedImages(ValueError):
    """Images are named by tags alone, behind which anything may be put later; the message names them."""


def check_pinned(found: Any) -> None:
    """See that every image is named by its digest. Raises UnpinnedImages."""
    if loose := [each for each in references(found) if not _DIGEST.search(each)]:
        raise UnpinnedImages(
            f"--image: no digest for {', '.join(loose)}; allowed: REFERENCE=REFERENCE@sha256:…, for each"
        )


def replaced(found: Any, images: Mapping[str, str]) -> Any:
    """The manifests with images taken from elsewhere: reference by reference. UnknownImages for one that is not there.

    A build that has put the images into a registry of its own gives their digests too: what runs is then what was put
    there.
    """
    known = references(found)
    if unknown := sorted(set(images) - set(known)):
        raise UnknownImages(f"no add-on has the image {', '.join(unknown)}; there are {', '.join(known)}")
    return _replaced(found, images)


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "image" and isinstance(each, str):
                yield each
            else:
                yield from _found(each)
    elif isinstance(value, list):
        for each in value:
            yield from _found(each)


def _replaced(value: Any, images: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: images.get(each, each) if key == "image" and isinstance(each, str) else _replaced(each, images)
            for key, each in value.items()
        }
    return [_replaced(each, images) for each in value] if isinstance(value, list) else value

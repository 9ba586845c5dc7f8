"""`python -m imagebuilder.mirror [--json]`: what a mirror needs for an image to be built without the internet."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from imagebuilder import artefacts, versions
from imagebuilder.artefacts import Artefacts
from imagebuilder.fields import VersionsError
from imagebuilder.locks import Checksum

RUNTIME_LOCK = Path(__file__).parents[1] / "requirements" / "runtime.txt"
"""Of the node program's Python libraries."""
_WHEEL = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\$", re.MULTILINE)
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Mirrored:
    """One thing to copy."""

    kind: str
    """file, image or wheel."""
    name: str
    version: str
    architecture: str | None
    """None: it serves all."""
    source: str
    """A file's address, an image's reference by tag, a wheel's page in the index of packages."""
    digests: tuple[str, ...]
    """As sha256:…; of a wheel any of them, since a lock names its other forms, too. Empty where none is locked."""
    size: int | None = None
    """In bytes."""
    path: str = field(kw_only=True)
    """Where it is below a mirror: in the bucket, or of a container image the repository. Wheels are in none: whoever
    packs the sources fetches them from an index of packages."""


def listed(found: Artefacts, lock: str) -> Iterator[Mirrored]:
    """Files, container images and wheels, each with what is locked of it."""
    for file in found.files:
        path = file.source.partition("://")[2]
        digests, size = _known(file.locked)
        yield Mirrored("file", file.name, file.version, file.architecture, file.source, digests, size, path=path)
    for image in found.images:
        index = () if image.locked is None else (f"sha256:{image.locked.index}",)
        yield Mirrored("image", image.name, image.tag, None, image.label, index, path=image.repository)
        for architecture, manifest in () if image.locked is None else image.locked.manifests.items():
            digests, size = _known(manifest)
            yield Mirrored(
                "image", image.name, image.tag, architecture, image.label, digests, size, path=image.repository
            )
    # Each requirement with the lines up to the next one.
    starts = [*_WHEEL.finditer(lock)]
    for match, end in zip(starts, [*(each.start() for each in starts[1:]), len(lock)], strict=True):
        hashes = tuple(_HASH.findall(lock[match.start() : end]))
        yield Mirrored("wheel", match[1], match[2], None, f"https://pypi.org/simple/{match[1]}/", hashes, path="")


def _known(found: Checksum | None) -> tuple[tuple[str, ...], int | None]:
    return ((), None) if found is None else ((f"sha256:{found.sha256}",), found.size)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the list. 0; 1 where versions.json cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder.mirror",
        description="Lists what a mirror needs.",
        epilog="exit codes: 0 listed, 1 versions.json cannot be used, 2 bad input",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--file", type=Path, default=versions.VERSIONS_FILE, help="another versions.json (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        wanted = artefacts.every(versions.read(options.file))
        found = list(listed(wanted, RUNTIME_LOCK.read_text(encoding="utf-8")))
    except VersionsError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
        return 0
    for each in found:
        size = "size unknown" if each.size is None else f"{each.size} bytes"
        print(
            "\t".join(
                (each.kind, each.architecture or "all", each.source, " ".join(each.digests) or "not locked", size)
            )
        )
    if unlocked := wanted.unlocked():
        print(artefacts.unlocked_message(unlocked), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m imagebuilder.locking [--mirror URL] [--whole]`: write what the sources have published to versions.json."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from imagebuilder import artefacts, versions
from imagebuilder.artefacts import RemoteFile, RemoteImage
from imagebuilder.fields import VersionsError
from imagebuilder.locking import checksums, registry
from imagebuilder.locking.http import Contradiction, SourceFailed, Sources
from imagebuilder.locking.write import write
from imagebuilder.versions import VERSIONS_FILE

_AT_ONCE = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input; 1 where one could not be asked, or contradicts itself, another or what is locked already.

    After a contradiction nothing is written; otherwise what came is, and what is missing stays as it was.
    """
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder.locking",
        description="Locks the checksums of everything that an image is made of.",
        epilog="exit codes: 0 all are locked, 1 some are not, or nothing is written, 2 bad input, 130 Ctrl-C",
    )
    parser.add_argument(
        "--mirror", metavar="URL", help="where the sources are copied to, as URL/dl.k8s.io/release/… (default: none)"
    )
    parser.add_argument("--whole", action="store_true", help="fetch each file, too, and compare it with its checksum")
    parser.add_argument(
        "--file", type=Path, default=VERSIONS_FILE, metavar="FILE", help="another versions.json (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.mirror is not None and not options.mirror.startswith(("https://", "http://")):
        said = f"--mirror: given {options.mirror!r}; allowed: an address that begins with https:// or http://"
        print(said, file=sys.stderr)
        return 2
    try:
        wanted = artefacts.every(versions.read(options.file))
        return _lock(wanted, Sources(options.mirror), options.file, whole=options.whole)
    except (VersionsError, Contradiction) as error:
        print(f"{error}; nothing is written", file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; nothing is written", file=sys.stderr)
        return 130
    return 1


def _lock(wanted: artefacts.Artefacts, sources: Sources, path: Path, *, whole: bool) -> int:
    missing: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        files = pool.map(lambda each: _file(sources, each, missing, whole=whole), wanted.files)
        images = pool.map(lambda each: _image(sources, each, missing), wanted.images)
        found = artefacts.Artefacts(tuple(files), tuple(images))
    number = len(found.files) + len(found.images)
    if len(missing) == number:
        elsewhere = "" if sources.mirror is not None else "; without a way to the internet: make image-lock MIRROR=URL"
        print(f"none of {number} sources answers, and nothing is written: {min(missing)}{elsewhere}", file=sys.stderr)
        return 1
    write(path, found)
    print(f"{number - len(found.unlocked())} of {number} artefacts are locked in {path}")
    print("".join(f"{line}\n" for line in sorted(missing)), end="", file=sys.stderr)
    return 1 if missing else 0


def _file(sources: Sources, file: RemoteFile, missing: list[str], *, whole: bool) -> RemoteFile:
    try:
        found = checksums.published(sources, file, whole=whole)
    except SourceFailed as failed:
        missing.append(f"{file.label}: {failed}")
        return file
    before = file.locked
    if before is not None:
        _compare(file.label, "SHA-256", before.sha256, found.sha256)
        _compare(file.label, "number of bytes", before.size or found.size, found.size or before.size)
        found = replace(found, size=found.size or before.size)
    return replace(file, locked=found)


def _image(sources: Sources, image: RemoteImage, missing: list[str]) -> RemoteImage:
    try:
        found = registry.published(sources, image)
    except SourceFailed as failed:
        missing.append(f"{image.label}: {failed}")
        return image
    if image.locked is not None:
        _compare(image.label, "digest", image.locked.index, found.index)
    return replace(image, locked=found)


def _compare(label: str, what: str, before: str | int | None, now: str | int | None) -> None:
    if before != now:
        raise Contradiction(
            f"{label}: locked is the {what} {before}, and published is {now}, though a release never changes; "
            f"to take it all the same remove what is locked of it from {VERSIONS_FILE.name}"
        )


if __name__ == "__main__":
    sys.exit(main())

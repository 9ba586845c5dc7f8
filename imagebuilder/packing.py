"""`python -m imagebuilder.packing --out FILE`: this project's sources and its Python wheels, for an image's build.

The build needs no index of packages then, and what it runs is one file with one SHA-256.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from imagebuilder import libraries, program

_CHECKOUT = Path(__file__).parents[1]
PACKAGES = (*program.PACKAGES, "imagebuilder")
WHEELS = "wheels"


def pack(target: Path, wheels: Path, checkout: Path = _CHECKOUT) -> str:
    """Write the archive, and return its SHA-256: the same files give the same bytes. OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, path in _members(wheels, checkout):
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            entry.mode = 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
    with target.open("rb") as made:
        return hashlib.file_digest(made, "sha256").hexdigest()


def _members(wheels: Path, checkout: Path) -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((checkout / package).rglob("*")):
            name = path.relative_to(checkout)
            if (
                path.is_file()
                and "__pycache__" not in name.parts
                and not any(each.startswith(".") for each in name.parts)
            ):
                yield str(name), path
    yield str(libraries.RUNTIME_LOCK), checkout / libraries.RUNTIME_LOCK
    for path in sorted(wheels.iterdir()):
        yield f"{WHEELS}/{path.name}", path


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the archive and print its SHA-256. 1, with what pip or the system said, where that failed."""
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder.packing",
        description="Packs what an image's build runs.",
        epilog="exit codes: 0 written, 1 it cannot be, 2 bad input",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the archive, a tar.gz")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as wheels:
            libraries.download(Path(wheels), _CHECKOUT / libraries.RUNTIME_LOCK)
            print(pack(options.out, Path(wheels)))
    except subprocess.CalledProcessError as error:
        print(str(error.stderr).strip() or error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

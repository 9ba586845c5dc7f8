"""Packs the reconcile function's code: `python -m functions.package --out build/reconcile.zip [--json]`.

The same sources give the same bytes on every machine and Python: CloudFormation then finds the code under the same
key in every clone. So nothing is compressed (zlib's output differs between builds), and times and modes are fixed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from functions import libraries

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("coordination", "functions")
_BUILDING = {"functions/libraries.py", "functions/package.py"}
# The earliest time that a zip can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o100644


def sources(root: Path = _ROOT) -> Iterator[Path]:
    """The files of the bundle that are ours, relative to `root`, in a fixed order."""
    found = (path.relative_to(root) for package in _PACKAGES for path in (root / package).rglob("*.py"))
    for path in sorted(found, key=Path.as_posix):
        if path.as_posix() not in _BUILDING:
            yield path


def bundle(root: Path = _ROOT, taken: Mapping[str, bytes] | None = None) -> bytes:
    """The zip's bytes: our code, and beside it what is `taken` along, the locked AWS library where nothing is said.

    Raises LibraryError.
    """
    content = dict(libraries.files() if taken is None else taken)
    content |= {path.as_posix(): (root / path).read_bytes() for path in sources(root)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            entry.compress_type = zipfile.ZIP_STORED
            archive.writestr(entry, content[name])
    return buffer.getvalue()


def write(target: Path, content: bytes) -> None:
    """Write `content` beside `target`, then move it there: nobody ever reads half a zip. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _normal(path: str) -> Path:
    # A folder on the way that `..` leaves again need not exist.
    return Path(os.path.normpath(path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bundle and say where it is. Exit code 1 where it cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m functions.package",
        description=(__doc__ or "").splitlines()[0],
        epilog="exit codes: 0 written, 1 it cannot be written, 2 bad input",
    )
    parser.add_argument("--out", type=_normal, required=True, metavar="FILE", help="where to write the zip")
    parser.add_argument("--json", action="store_true", help="print path, size in bytes and sha256 as JSON")
    options = parser.parse_args(arguments)
    try:
        content = bundle()
        write(options.out, content)
    except libraries.LibraryError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.out}: {error.strerror}", file=sys.stderr)
        return 1
    digest = hashlib.sha256(content).hexdigest()
    if options.json:
        print(json.dumps({"path": str(options.out), "bytes": len(content), "sha256": digest}))
    else:
        print(f"{options.out}: {len(content)} bytes, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

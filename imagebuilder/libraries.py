"""Python libraries in a machine image: installed from a lock file into one folder, and compiled for its Python.

`python -m imagebuilder.libraries --root / --wheels DIR` installs those of the node program.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from imagebuilder.places import LIBRARY_FOLDER

RUNTIME_LOCK = Path("requirements", "runtime.txt")
"""In a checkout: the node program's libraries, with the hashes of their files."""
_CHECKOUT = Path(__file__).parents[1]


def install(root: Path, lock: Path, python: str = sys.executable, wheels: Path | None = None) -> None:
    """Install what `lock` names, with its hashes, into the image's library folder below `root`.

    `python` must have pip and be of the image's minor version, or its programs compile everything again at each start.
    They come from the folder `wheels`, or without one from the index that is pip's own setting. Raises
    CalledProcessError, with what pip said in `stderr`.
    """
    target = root / LIBRARY_FOLDER.lstrip("/")
    source = [] if wheels is None else ["--no-index", "--find-links", str(wheels)]
    _pip(python, "install", "--no-compile", *source, "--target", str(target), lock=lock)
    compile_files(root, target, python)


def download(wheels: Path, lock: Path, python: str = sys.executable) -> None:
    """Fetch what `lock` names into the folder `wheels`. Its index is pip's own setting. Raises as `install`."""
    _pip(python, "download", "--dest", str(wheels), lock=lock)


def _pip(python: str, *arguments: str, lock: Path) -> None:
    """A command of pip that takes what the lock names and nothing else, and builds nothing."""
    trusted = "--require-hashes --no-deps --only-binary=:all:".split()
    quiet = "--quiet --disable-pip-version-check --no-input".split()
    _run([python, "-m", "pip", *arguments, *quiet, *trusted, "--requirement", str(lock)])


def compile_files(root: Path, folder: Path, python: str = sys.executable) -> None:
    """Compile every module of `folder`, which is in the image below `root`. Raises CalledProcessError."""
    # Files of an image never change: their times need no check, and differ between two installs.
    compiling = "-m compileall -q --invalidation-mode unchecked-hash -s".split()
    _run([python, *compiling, str(root), "-p", "/", str(folder)])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Install them. 1, with what pip said, where that failed."""
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder.libraries",
        description="Installs Python libraries.",
        epilog="exit codes: 0 installed, 1 pip failed, 2 bad input",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="where the image's / is")
    parser.add_argument("--wheels", type=Path, required=True, metavar="DIR", help="a folder with their files")
    options = parser.parse_args(arguments)
    try:
        install(options.root, _CHECKOUT / RUNTIME_LOCK, wheels=options.wheels)
    except subprocess.CalledProcessError as error:
        print(str(error.stderr).strip() or error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Python libraries in a machine image: installed from a lock file into one folder, and compiled for its Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from imagebuilder.places import LIBRARY_FOLDER


def install(root: Path, lock: Path, python: str = sys.executable) -> None:
    """Install what `lock` names, with its hashes, into the image's library folder below `root`.

    `python` must have pip and be of the image's minor version, or its programs compile everything again at each start.
    Its index is pip's own setting. Raises CalledProcessError, with what pip said in `stderr`.
    """
    target = root / LIBRARY_FOLDER.lstrip("/")
    trusted = "--require-hashes --no-deps --only-binary=:all: --no-compile".split()
    quiet = "--quiet --disable-pip-version-check --no-input".split()
    _run([python, "-m", "pip", "install", *quiet, *trusted, "--target", str(target), "--requirement", str(lock)])
    compile_files(root, target, python)


def compile_files(root: Path, folder: Path, python: str = sys.executable) -> None:
    """Compile every module of `folder`, which is in the image below `root`. Raises CalledProcessError."""
    # Files of an image never change: their times need no check, and differ between two installs.
    compiling = "-m compileall -q --invalidation-mode unchecked-hash -s".split()
    _run([python, *compiling, str(root), "-p", "/", str(folder)])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)

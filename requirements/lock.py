"""Resolves requirements/*.in into lock files with hashes: `python3 requirements/lock.py [--upgrade]`.

One resolution holds for all purposes: check.txt is resolved first, and the smaller sets take their versions from it.
The resolver has a lock file of its own, which it writes as well.
It is universal, so one file serves every platform and every Python from 3.11 on. Versions move only with --upgrade.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSTALLING = "--quiet --require-hashes --only-binary=:all: --no-deps --requirement"
OPTIONS = (
    "--universal --python-version 3.11 --generate-hashes --no-annotate --quiet --no-emit-index-url --no-emit-find-links"
)


def lock(uv: Path, purpose: str, *options: str) -> None:
    """Writes requirements/<purpose>.txt; raises CalledProcessError when the set cannot be resolved."""
    command = [str(uv), "pip", "compile", *OPTIONS.split(), "--custom-compile-command", "make lock", *options]
    subprocess.run([*command, "--output-file", f"{purpose}.txt", f"{purpose}.in"], cwd=HERE, check=True)


def main(arguments: list[str]) -> int:
    """Locks every purpose; the resolver lives in a folder of its own, so that no lock file has to hold it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        binaries = Path(folder, "bin")
        subprocess.run([binaries / "pip", "install", *INSTALLING.split(), "resolver.txt"], cwd=HERE, check=True)
        lock(binaries / "uv", "check", *(["--upgrade"] if "--upgrade" in arguments else []))
        for purpose in ("generate", "runtime", "local"):
            lock(binaries / "uv", purpose, "--constraint", "check.txt")
        # Others' tools, whose dependencies would hold back ours.
        lock(binaries / "uv", "checkov", *(["--upgrade"] if "--upgrade" in arguments else []))
        # What resolved all of this: another version is written into resolver.in by hand.
        lock(binaries / "uv", "resolver")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

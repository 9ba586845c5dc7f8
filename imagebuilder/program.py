"""The node program in a machine image: its own modules beside the libraries, compiled, and the file that starts it.

`python -m imagebuilder.program --root /` installs it, by the Python that runs it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from imagebuilder import libraries, places
from imagebuilder.configure.tree import Entry, File, write
from imagebuilder.places import LIBRARY_FOLDER, NODE_PROGRAM

PACKAGES = ("coordination", "userdata")
"""What runs on nodes. The folders of a checkout that are copied as they are, but for what Python left in them."""

_CHECKOUT = Path(__file__).parents[1]
# -I: neither variables of the environment nor the folder of the file decide what is imported.
_START = """\
#!{interpreter} -I
import sys

sys.path.insert(0, "{libraries}")

from userdata.program import main

sys.exit(main(sys.argv[1:]))
"""


def install(
    root: Path, checkout: Path = _CHECKOUT, python: str = sys.executable, interpreter: str = places.PYTHON
) -> None:
    """Install the node program of `checkout` below `root`, to be run by the image's `interpreter`.

    `python` must be of the same minor version, as for the libraries. Raises OSError, and CalledProcessError with
    what the compiler said in `stdout`.
    """
    library = root / LIBRARY_FOLDER.lstrip("/")
    for package in PACKAGES:
        _copy(checkout / package, library / package)
        libraries.compile_files(root, library / package, python)
    started: dict[str, Entry] = {
        NODE_PROGRAM: File(_START.format(interpreter=interpreter, libraries=LIBRARY_FOLDER), 0o755)
    }
    write(root, started)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder without hidden files and byte code; the modes of the checkout do not matter."""
    target.mkdir(parents=True)
    target.chmod(0o755)
    for each in sorted(source.iterdir()):
        if each.name.startswith(".") or each.name == "__pycache__":
            continue
        if each.is_dir():
            _copy(each, target / each.name)
        else:
            shutil.copyfile(each, target / each.name)
            (target / each.name).chmod(0o644)


def main(arguments: Sequence[str] | None = None) -> int:
    """Install it. 1, with what the compiler or the system said, where that failed."""
    parser = argparse.ArgumentParser(
        prog="python -m imagebuilder.program",
        description="Installs the node program.",
        epilog="exit codes: 0 installed, 1 it cannot be, 2 bad input",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="where the image's / is")
    parser.add_argument(
        "--interpreter", default=places.PYTHON, metavar="FILE", help="the image's Python (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        install(options.root, interpreter=options.interpreter)
    except subprocess.CalledProcessError as error:
        print(str(error.stdout).strip() or error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

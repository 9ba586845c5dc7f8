"""The node program in a machine image: its own modules beside the libraries, compiled, and the file that starts it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from imagebuilder import libraries
from imagebuilder.configure.tree import Entry, File, write
from imagebuilder.places import LIBRARY_FOLDER, NODE_PROGRAM

PACKAGES = ("coordination", "userdata")
"""What runs on nodes. The folders of a checkout that are copied as they are, but for what Python left in them."""

_CHECKOUT = Path(__file__).parents[1]
# -I: neither variables of the environment nor the folder of the file decide what is imported.
_START = f"""\
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "{LIBRARY_FOLDER}")

from userdata.program import main

sys.exit(main(sys.argv[1:]))
"""


def install(root: Path, checkout: Path = _CHECKOUT, python: str = sys.executable) -> None:
    """Install the node program of `checkout` below `root`.

    `python` must be of the image's minor version, as for the libraries. Raises OSError, and CalledProcessError with
    what the compiler said in `stdout`.
    """
    library = root / LIBRARY_FOLDER.lstrip("/")
    for package in PACKAGES:
        _copy(checkout / package, library / package)
        libraries.compile_files(root, library / package, python)
    started: dict[str, Entry] = {NODE_PROGRAM: File(_START, 0o755)}
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

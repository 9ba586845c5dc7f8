"""Makes the virtual environment of one purpose: `python3 requirements/environment.py check .venv/check/<stamp>`.

Run by the Makefile, and only when the stamp is missing: the stamp is written last and its name carries the lock file's
hash, so an interrupted install and an old one are both made anew. Kept to syntax that old Pythons read too, because its
first job is to say in one line what is wrong with the Python that runs it.
"""

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

OLDEST = (3, 11)


def complaint(
    version: "tuple[int, ...]", import_module: "Callable[[str], object]" = importlib.import_module
) -> "str | None":
    """What is wrong with this Python, in one line; None when it will do."""
    if tuple(version[:2]) < OLDEST:
        return (
            f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, and this is {version[0]}.{version[1]}: "
            "install one, or name it with `make PYTHON=…`"
        )
    try:
        import_module("venv")
        import_module("ensurepip")
    except ImportError:
        return (
            "this Python cannot make virtual environments: install the package python3-venv "
            "(Debian, Ubuntu: `apt-get install python3-venv`)"
        )
    return None


def make(purpose: str, stamp: Path) -> None:
    """Installs requirements/<purpose>.txt, hashes checked, into the stamp's folder; raises CalledProcessError."""
    folder = stamp.parent
    lock = Path(__file__).resolve().with_name(f"{purpose}.txt")
    print(f"making {folder} from requirements/{lock.name} (once)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.check_call([sys.executable, "-m", "venv", str(folder)])
    install = "-m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r".split()
    subprocess.check_call([str(folder / "bin" / "python"), *install, str(lock)])
    stamp.touch()


def main(arguments: "list[str]") -> int:
    """Checks the Python, then makes the environment; 1 and one line when it cannot."""
    wrong = complaint((sys.version_info.major, sys.version_info.minor))
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    purpose, stamp = arguments
    try:
        make(purpose, Path(stamp))
    except subprocess.CalledProcessError as error:
        print(f"the environment is not complete: `{' '.join(error.cmd)}` failed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The node program in an image: complete, compiled, started by one file, and nothing of it can be changed by others."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from imagebuilder import places, program

LIBRARY = places.LIBRARY_FOLDER.lstrip("/")
NAMES = "import coordination.names; print(coordination.names.__file__, coordination.names.__cached__)"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Two packages, with what Python and an editor leave beside their files."""
    folder = tmp_path / "checkout"
    for package in program.PACKAGES:
        (folder / package / "__pycache__").mkdir(parents=True)
        (folder / package / "__init__.py").write_text("", encoding="utf-8")
        (folder / package / "__pycache__" / "old.cpython-30.pyc").write_bytes(b"")
        (folder / package / ".draft.py").write_text("", encoding="utf-8")
    (folder / "userdata" / "manifest.yaml").write_text("kind: Deployment\n", encoding="utf-8")
    return folder


def started(root: Path, checkout: Path, main: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the file that starts the program, with a program of ours behind it."""
    (checkout / "userdata" / "program.py").write_text(main, encoding="utf-8")
    program.install(root, checkout)
    file = root / places.NODE_PROGRAM.lstrip("/")
    moved = file.read_text(encoding="utf-8").replace(places.LIBRARY_FOLDER, str(root / LIBRARY))
    return subprocess.run([sys.executable, "-I", "-", *arguments], input=moved, capture_output=True, text=True)


def test_the_program_gets_the_arguments_and_its_number_is_the_exit_code(tmp_path: Path, checkout: Path) -> None:
    done = started(tmp_path / "root", checkout, "def main(given):\n    print(given)\n    return 7\n", "boot", "--once")
    assert (done.stdout, done.returncode) == ("['boot', '--once']\n", 7), done.stderr


def test_modules_and_their_data_are_there_and_nothing_that_was_left_beside_them(tmp_path: Path, checkout: Path) -> None:
    program.install(tmp_path / "root", checkout)
    library = tmp_path / "root" / LIBRARY
    files = {str(path.relative_to(library)) for path in library.rglob("*") if path.is_file()}
    assert {path for path in files if not path.endswith(".pyc")} == {
        *("coordination/__init__.py", "userdata/__init__.py", "userdata/manifest.yaml")
    }
    tag = sys.implementation.cache_tag
    assert {path for path in files if path.endswith(".pyc")} == {
        f"{package}/__pycache__/__init__.{tag}.pyc" for package in program.PACKAGES
    }


def test_every_module_of_this_checkout_is_there_compiled(tmp_path: Path) -> None:
    program.install(tmp_path)
    here = Path(program.__file__).parents[1]
    missing = [
        str(path.relative_to(here))
        for package in program.PACKAGES
        for path in (here / package).rglob("*.py")
        if not (tmp_path / LIBRARY / path.relative_to(here)).is_file()
    ]
    assert missing == []
    start = f"import sys; sys.path.insert(0, {str(tmp_path / LIBRARY)!r}); {NAMES}"
    done = subprocess.run([sys.executable, "-I", "-B", "-c", start], capture_output=True, text=True, check=True)
    source, compiled = done.stdout.split()
    assert Path(source) == tmp_path / LIBRARY / "coordination/names.py"
    assert Path(compiled).is_file()


def test_a_loose_checkout_does_not_make_a_loose_image(tmp_path: Path, checkout: Path) -> None:
    for path in [checkout, *checkout.rglob("*")]:
        path.chmod(0o777)
    program.install(tmp_path / "root", checkout)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "root" / LIBRARY).rglob("*")}
    assert modes <= {0o644, 0o755}


def test_a_module_that_is_no_python_ends_it(tmp_path: Path, checkout: Path) -> None:
    (checkout / "userdata" / "broken.py").write_text("def\n", encoding="utf-8")
    with pytest.raises(subprocess.CalledProcessError) as error:
        program.install(tmp_path / "root", checkout)
    assert "broken.py" in str(error.value.stdout)

"""The function's code as a zip: the same bytes everywhere, and complete without anything but boto3."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest

from functions import package

ROOT = Path(__file__).resolve().parents[3]
SITE_PACKAGES = Path(boto3.__file__).resolve().parents[1]
# boto3 and what it needs itself: Lambda's Python brings these along. certifi is used where it happens to be installed.
PROVIDED = {"boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}

IMPORT_ALL = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from functions.reconcile import handler
eager = set(sys.modules)
if len(sys.argv) > 2:
    from functions.reconcile import wiring
outside = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
outside -= {"__main__", "__mp_main__"}
print(json.dumps({"outside": sorted(outside), "from": handler.__file__, "eager": "boto3" in eager}))
"""


def other_pythons() -> list[Path]:
    """Newer interpreters than this one's, as pyenv installs them."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(versions.glob("3.1[2-9]*/bin/python"))
    this = "{}.{}.".format(*sys.version_info)
    return [path for path in found if not path.parent.parent.name.startswith(this)]


def unzipped(target: Path) -> Path:
    package.write(target / "code.zip", package.bundle())
    with zipfile.ZipFile(target / "code.zip") as archive:
        archive.extractall(target / "code")
    return target / "code"


def run(python: Path | str, *arguments: str) -> str:
    done = subprocess.run([str(python), *arguments], cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_zip_holds_the_two_packages_and_nothing_that_only_builds_or_tests(tmp_path: Path) -> None:
    (tmp_path / "coordination" / "__pycache__").mkdir(parents=True)
    (tmp_path / "functions").mkdir()
    for name in (
        "coordination/__init__.py",
        "coordination/__pycache__/a.pyc",
        "functions/package.py",
        "functions/a.py",
    ):
        (tmp_path / name).write_text("")
    assert [path.as_posix() for path in package.sources(tmp_path)] == ["coordination/__init__.py", "functions/a.py"]
    names = {path.as_posix() for path in package.sources()}
    assert {"functions/reconcile/handler.py", "coordination/adapters/table.py"} <= names


def test_entries_are_sorted_and_carry_no_time_or_mode_of_this_machine(tmp_path: Path) -> None:
    package.write(tmp_path / "code.zip", package.bundle())
    with zipfile.ZipFile(tmp_path / "code.zip") as archive:
        entries = archive.infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    fixed = {(entry.date_time, entry.external_attr, entry.create_system, entry.compress_type) for entry in entries}
    assert fixed == {((1980, 1, 1, 0, 0, 0), 0o100644 << 16, 3, zipfile.ZIP_STORED)}


def test_another_python_makes_the_same_bytes(tmp_path: Path) -> None:
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python is installed by pyenv")
    script = "import sys; sys.path.insert(0, sys.argv[1]); from functions.package import main; main(sys.argv[2:])"
    made = set()
    for number, python in enumerate([Path(sys.executable), *pythons]):
        target = tmp_path / f"{number}.zip"
        said = json.loads(run(python, "-B", "-c", script, str(ROOT), "--out", str(target), "--json"))
        content = target.read_bytes()
        assert said == {"path": str(target), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        made.add(said["sha256"])
    assert len(made) == 1


def test_the_handler_starts_from_the_unzipped_code_alone_and_without_boto3(tmp_path: Path) -> None:
    code = unzipped(tmp_path)
    for python in [Path(sys.executable), *other_pythons()]:
        said = json.loads(run(python, "-I", "-S", "-B", "-c", IMPORT_ALL, json.dumps([str(code)])))
        assert said["outside"] == ["coordination", "functions"]
        assert said["from"] == str(code / "functions" / "reconcile" / "handler.py")


def test_a_pass_needs_boto3_and_nothing_else(tmp_path: Path) -> None:
    paths = json.dumps([str(unzipped(tmp_path)), str(SITE_PACKAGES)])
    said = json.loads(run(sys.executable, "-I", "-S", "-B", "-c", IMPORT_ALL, paths, "with-wiring"))
    assert set(said["outside"]) <= {"coordination", "functions"} | PROVIDED
    assert "boto3" in said["outside"]
    assert said["eager"] is False


def test_half_a_zip_never_stands_where_a_whole_one_is_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "build" / "code.zip"
    package.write(target, b"whole")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        package.write(target, b"other")
    assert target.read_bytes() == b"whole"
    assert [path.name for path in target.parent.iterdir()] == ["code.zip"]


def test_a_place_that_cannot_be_written_is_one_line_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert package.main(["--out", str(tmp_path / "file" / "code.zip")]) == 1
    assert capsys.readouterr().err.count("\n") == 1

"""The function's code as a zip: the same bytes everywhere, and complete with the AWS library that is locked."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest

from functions import libraries, package

ROOT = Path(__file__).resolve().parents[3]
SITE_PACKAGES = Path(boto3.__file__).resolve().parents[1]
TAKEN = {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
# Lambda's limit for a zip that is uploaded, and for what it holds:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BYTES = 50 * 1024 * 1024

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
        "functions/libraries.py",
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
    script = "import sys; sys.path[:0] = sys.argv[1:3]; from functions.package import main; main(sys.argv[3:])"
    made = set()
    for number, python in enumerate([Path(sys.executable), *pythons]):
        target = tmp_path / f"{number}.zip"
        said = json.loads(
            run(python, "-B", "-c", script, str(ROOT), str(SITE_PACKAGES), "--out", str(target), "--json")
        )
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


def test_a_pass_needs_nothing_but_what_the_zip_holds(tmp_path: Path) -> None:
    code = json.dumps([str(unzipped(tmp_path))])
    for python in [Path(sys.executable), *other_pythons()]:
        said = json.loads(run(python, "-I", "-S", "-B", "-c", IMPORT_ALL, code, "with-wiring"))
        assert set(said["outside"]) <= {"coordination", "functions"} | TAKEN
        assert "boto3" in said["outside"]
        assert said["eager"] is False


MAKE_CLIENTS = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import boto3, botocore
from coordination.adapters.clients import client
made = {name: sorted(client(name).meta.method_to_api_mapping) for name in json.loads(sys.argv[2])}
client("autoscaling").get_paginator("describe_auto_scaling_groups")
client("ec2").get_paginator("describe_instances")
said = {"boto3": boto3.__version__, "botocore": botocore.__version__, "from": [boto3.__file__, botocore.__file__]}
print(json.dumps({**said, "made": made}))
"""


def test_each_client_of_the_function_is_made_by_the_locked_boto3_of_the_zip_itself(tmp_path: Path) -> None:
    code = unzipped(tmp_path)
    environment = {"AWS_DEFAULT_REGION": "us-gov-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    arguments = [json.dumps([str(code), str(SITE_PACKAGES)]), json.dumps(list(asked_services()))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", MAKE_CLIENTS, *arguments],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    # Lambda's own boto3 stands behind the function's folder, as this environment's does here.
    assert said["from"] == [str(code / name / "__init__.py") for name in ("boto3", "botocore")]
    assert {name: said[name] for name in ("boto3", "botocore")}.items() <= libraries.locked().items()
    assert "describe_instances" in said["made"]["ec2"]
    # The newest description of each service, as this environment's complete boto3 has it.
    for name, methods in said["made"].items():
        whole = boto3.client(name, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        assert methods == sorted(whole.meta.method_to_api_mapping)


def asked_services() -> set[str]:
    """The services that the function's wiring has clients of."""
    return set(re.findall(r'clients\.of\("(\w+)"', (ROOT / "functions/reconcile/wiring.py").read_text()))


def test_descriptions_are_taken_of_the_services_that_are_asked_and_of_no_other() -> None:
    assert asked_services() == set(libraries.SERVICES)
    described = {name.split("/")[2] for name in libraries.files() if re.match(r"botocore/data/[^/]+/", name)}
    assert described == set(libraries.SERVICES)


def test_the_zip_is_far_from_lambdas_limit_and_holds_the_licences_of_what_it_takes() -> None:
    content = package.bundle()
    assert len(content) < MAX_BYTES / 5
    licences = {name.split("-")[0] for name in libraries.files() if ".dist-info/" in name}
    assert {name.replace("python_", "") for name in licences} == TAKEN


def test_a_library_of_another_version_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(libraries.LibraryError, match=r"boto3 is \S+ in this environment; allowed: 1\.0\.0"):
        libraries.files({"boto3": "1.0.0"})
    with pytest.raises(libraries.LibraryError, match="nothing is missing in this environment"):
        libraries.files({"nothing": "1.0.0"})


def test_a_library_that_was_changed_since_it_was_installed_is_refused(tmp_path: Path) -> None:
    version = libraries.locked()["six"]
    for path in [SITE_PACKAGES / "six.py", *(SITE_PACKAGES / f"six-{version}.dist-info").rglob("*")]:
        if path.is_file():
            copy = tmp_path / path.relative_to(SITE_PACKAGES)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    assert "six.py" in libraries.files({"six": version}, tmp_path)
    with (tmp_path / "six.py").open("a") as changed:
        changed.write("\n")
    with pytest.raises(libraries.LibraryError, match=r"six: six\.py is not what was installed"):
        libraries.files({"six": version}, tmp_path)


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

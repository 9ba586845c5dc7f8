"""The lock files: one consistent set, pinned by hash, and an environment that says what it lacks."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from requirements import environment

FOLDER = Path(__file__).parents[3] / "requirements"
PURPOSES = ("generate", "runtime", "local", "check")
# How many installed packages `make templates` may need.
MOST_PACKAGES_TO_GENERATE = 40


def text(purpose: str) -> str:
    return (FOLDER / f"{purpose}.txt").read_text(encoding="utf-8")


def pins(purpose: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^ \\;]+)", text(purpose), re.MULTILINE))


@pytest.mark.parametrize("purpose", [*PURPOSES, "resolver"])
def test_every_package_is_pinned_with_a_hash(purpose: str) -> None:
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text(purpose), flags=re.MULTILINE).strip())
    assert len(entries) == len(pins(purpose))
    assert not [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]


@pytest.mark.parametrize("purpose", [*PURPOSES, "resolver", "checkov"])
def test_a_lock_file_names_no_host(purpose: str) -> None:
    assert not re.search(r"://|--index-url|--find-links", text(purpose))


@pytest.mark.parametrize("purpose", ["generate", "runtime", "local"])
def test_every_purpose_has_the_versions_that_are_checked(purpose: str) -> None:
    assert pins(purpose).items() <= pins("check").items()


def test_the_templates_need_few_packages_and_none_that_talks_to_aws() -> None:
    assert len(pins("generate")) <= MOST_PACKAGES_TO_GENERATE
    assert not {"boto3", "botocore", "awscli"} & set(pins("generate"))


def test_what_resolves_is_one_package() -> None:
    assert pins("resolver").keys() == {"uv"}


def test_boto3_brings_all_that_runs_in_aws() -> None:
    direct = [line for line in (FOLDER / "runtime.in").read_text().splitlines() if line and line[0] != "#"]
    assert [line.partition("==")[0] for line in direct] == ["boto3"]


def test_moto_is_pinned_where_a_person_edits_because_its_private_parts_are_corrected() -> None:
    assert f"moto[server]=={pins('local')['moto']}" in (FOLDER / "local.in").read_text().splitlines()


def test_an_old_python_is_refused_with_the_version_that_is_needed() -> None:
    assert "Python 3.11 or newer is needed, and this is 3.10" in str(environment.complaint((3, 10)))


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_its_venv_module_names_the_package_to_install(module: str) -> None:
    def without(name: str) -> object:
        if name == module:
            raise ImportError(name)
        return importlib.import_module(name)

    assert "install the package python3-venv" in str(environment.complaint((3, 12), without))


def test_a_complete_python_is_taken() -> None:
    assert environment.complaint((3, 11)) is None


@pytest.mark.parametrize("how", [[], ["--editable"]])
def test_pip_refuses_the_clone_in_one_line_and_needs_nothing_for_it(how: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", str(tmp_path / "target")]
    done = subprocess.run([*command, *how, str(FOLDER.parent)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    refusal = "holdfast is not installed with pip: run `make` in a clone; it creates its own environments"
    assert [line.strip() for line in done.stderr.splitlines() if "holdfast" in line] == [refusal]
    assert not (tmp_path / "target").exists()

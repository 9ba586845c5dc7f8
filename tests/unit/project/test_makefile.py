"""The commands of the Makefile, as a newcomer meets them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PHONY = re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE)
PROMISED = """templates check test lint format local package deploy delete purge diff preflight bench golden properties
clean lock docs function""".split()


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # MAKEFLAGS of a make that runs these tests would reach the one that is tested.
    plain = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=plain, check=False)


def listed() -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in make().stdout.splitlines()]
    return {words[0]: words[1] for words in lines}


def test_make_alone_prints_the_list_and_does_nothing_else() -> None:
    assert make().stdout == make("help").stdout
    assert "templates" in listed()


def test_every_target_is_in_the_list_with_a_line_of_its_own() -> None:
    assert sorted(listed()) == sorted(PHONY)


@pytest.mark.parametrize("target", PROMISED)
def test_a_promised_target_is_there(target: str) -> None:
    assert target in PHONY


@pytest.mark.parametrize("target", PHONY)
def test_a_target_parses_and_knows_what_it_needs(target: str) -> None:
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr


def test_a_list_of_parameters_reaches_deploy_word_by_word() -> None:
    printed = make("--dry-run", "deploy", "SET=Image=ami-1 Days=30", "PARAMS=params.json", "ROLLBACK=1").stdout
    assert "--parameters params.json --set 'Image=ami-1' --set 'Days=30' --rollback" in " ".join(printed.split())


def test_a_python_that_is_not_there_is_one_line() -> None:
    done = make("--silent", "templates", "PYTHON=python-that-is-not-there")
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said == [
        "Python 3.11 or newer is needed, and there is no python-that-is-not-there: install python3 and python3-venv"
    ]

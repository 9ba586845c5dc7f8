"""Generating gives the committed bytes, every time and on every interpreter."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from generator import catalog, image
from generator.config import load
from generator.root import templates
from tests.templates.cluster import EXAMPLES, ROOT
from tests.templates.golden import GOLDEN, committed, difference, fresh, stale_folders

# Prints a hash over every template of every example; its arguments are the files.
_DIGEST = """
import hashlib, sys
from generator import catalog, image
from generator.config import load
from generator.root import templates
made = [image.templates(), catalog.templates(), *(templates(load(path)) for path in sys.argv[1:])]
print(hashlib.sha256("".join(name + text for each in made for name, text in sorted(each.items())).encode()).hexdigest())
"""


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_generates_the_committed_bytes(example: str) -> None:
    problem = difference(example, fresh(example), committed(example))

    if problem:
        pytest.fail(problem, pytrace=False)


def test_there_is_a_golden_folder_for_every_example_and_no_other() -> None:
    assert stale_folders(EXAMPLES) == [], "run: make golden"


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_order_of_sets_and_hashes_changes_nothing(seed: str) -> None:
    assert _digest_by(sys.executable, {"PYTHONHASHSEED": seed}) == _expected_digest()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13", "python3.14"])
def test_every_interpreter_generates_the_same_bytes(name: str, tmp_path: Path) -> None:
    """msgspec is compiled and serves one interpreter only, so each gets an environment of its own."""
    interpreter = shutil.which(name)
    if name == f"python{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip(f"{name} runs these tests: the other interpreters are compared with it")
    if interpreter is None or subprocess.run([interpreter, "--version"], capture_output=True).returncode:
        pytest.skip(f"there is no {name} on this machine")
    python = _environment(interpreter, name, tmp_path)

    assert _digest_by(python, {}) == _expected_digest()


def test_a_difference_names_the_template_shows_the_lines_and_says_what_to_run() -> None:
    before = committed(EXAMPLES[0])
    changed = {**before, "iam.json": before["iam.json"].replace('"kms:Encrypt"', '"kms:*"', 1)}

    lines = difference(EXAMPLES[0], changed, before).splitlines()

    assert lines[0] == f"{EXAMPLES[0]}: iam.json differs"
    indent = " " * 16
    assert f'-{indent}"kms:Encrypt",' in lines
    assert f'+{indent}"kms:*",' in lines
    assert lines[-1] == "run: make golden"


@pytest.mark.parametrize("name", ["workers-gone.json", "root.json"])
def test_a_template_too_many_or_too_few_is_a_difference(name: str) -> None:
    before = committed(EXAMPLES[0])
    now = {**before, name: "{}\n"} if name not in before else {file: before[file] for file in before if file != name}

    assert difference(EXAMPLES[0], now, before).startswith(f"{EXAMPLES[0]}: {name} differs")


def test_a_folder_of_an_example_that_is_gone_is_stale() -> None:
    gone = next(path.name for path in sorted(GOLDEN.iterdir()))

    assert stale_folders([example for example in EXAMPLES if example != gone]) == [gone]


def _example_files() -> list[str]:
    return [str(ROOT / "examples" / f"{example}.yaml") for example in EXAMPLES]


def _expected_digest() -> str:
    """What this process generates."""
    made = [image.templates(), catalog.templates(), *(templates(load(path)) for path in _example_files())]
    texts = (name + text for each in made for name, text in sorted(each.items()))
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def _digest_by(python: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [python, "-c", _DIGEST, *_example_files()],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _environment(interpreter: str, name: str, tmp_path: Path) -> str:
    """The Python of an environment with the generator's locked requirements, kept for later runs."""
    lock = ROOT / "requirements" / "generate.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".cache" / "interpreters" / f"{name}-{digest}"
    if not folder.exists():
        made = tmp_path / "environment"
        pip = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [interpreter, "-m", "venv", str(made)],
            [*pip, "--no-deps", "--require-hashes", "--requirement", str(lock)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"{name} got no environment: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, folder)
    return str(folder / "bin" / "python")

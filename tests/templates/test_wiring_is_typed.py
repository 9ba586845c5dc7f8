"""A wrong wire is an error of mypy: the known-bad wirings are refused, each on its line with its code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.templates.cluster import ROOT

BAD_WIRING = ROOT / "tests" / "typing" / "bad_wiring.py"
_SILENCER = "# mypy: ignore-errors\n"
_ERROR = re.compile(r"bad_wiring\.py:(\d+): error: .*\[([a-z-]+)\]$", re.MULTILINE)
_EXPECTED = re.compile(r"# expect: ([a-z-]+)$")


def expected() -> set[tuple[int, str]]:
    """Line and code of every error that the file says it has."""
    lines = BAD_WIRING.read_text().splitlines()
    return {(number, found[1]) for number, line in enumerate(lines, 1) if (found := _EXPECTED.search(line))}


def errors(folder: Path, *options: str) -> set[tuple[int, str]]:
    """Line and code of every error that mypy finds in the file, copied without what silences them."""
    text = BAD_WIRING.read_text()
    assert _SILENCER in text
    copy = folder / BAD_WIRING.name
    copy.write_text(text.replace(_SILENCER, "\n"))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-pretty", "--hide-error-context", *options, str(copy)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {(int(line), code) for line, code in _ERROR.findall(done.stdout)}


def test_mypy_refuses_every_bad_wire_and_nothing_else(tmp_path: Path) -> None:
    assert errors(tmp_path) == expected()


def test_the_bad_wirings_cover_kind_name_and_absence() -> None:
    assert {code for _, code in expected()} == {"arg-type", "attr-defined", "call-arg", "return-value"}


def test_wires_of_the_wrong_kind_pass_where_mypy_does_not_follow_troposphere(tmp_path: Path) -> None:
    """Without that setting every value is an Any, and the types of wires are decoration."""
    settings = (ROOT / "setup.cfg").read_text()
    blind = tmp_path / "setup.cfg"
    blind.write_text(settings.replace("follow_untyped_imports = True", "ignore_missing_imports = True"))
    assert blind.read_text() != settings

    found = errors(tmp_path, "--config-file", str(blind), "--cache-dir", str(tmp_path / "cache"))

    assert "arg-type" in {code for _, code in expected() - found}

"""How much the node program's units may do, as systemd itself reckons it: 0 is nothing, 10 is everything.

Each figure is one that the units keep within, and with which the programs still do their work in a rehearsal.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from imagebuilder import configure, places
from imagebuilder.configure import Settings

MOST = {
    places.AGENT_UNIT: 2.6,
    places.BOOT_UNIT: 8.0,
    places.METADATA_UNIT: 2.6,
    places.LOGS_UNIT: 2.0,
    places.ETCD_DISK_UNIT: 4.3,
}
_LEAST_SYSTEMD = 250
"""The first that looks at files."""


def exposure(folder: Path, name: str, text: str) -> float:
    """systemd's own figure for a unit with this text."""
    unit = folder / name
    unit.write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(rf"Overall exposure level for {re.escape(name)}: ([0-9.]+) ", done.stdout)
    assert found is not None, done.stdout[-500:] + done.stderr
    return float(found[1])


@pytest.fixture(scope="module", autouse=True)
def systemd() -> None:
    """Skipped where systemd cannot say it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    said = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    if int(said.split()[1].partition(".")[0]) < _LEAST_SYSTEMD:
        pytest.skip(f"{said.splitlines()[0]} reads no files")


@pytest.mark.parametrize("name", MOST)
def test_a_unit_may_do_no_more_than_its_program_needs(tmp_path: Path, name: str) -> None:
    made = configure.entries(Settings("pause"))[f"{places.UNIT_FOLDER}/{name}"]
    assert isinstance(made, configure.File)
    assert exposure(tmp_path, name, made.text) <= MOST[name]


def test_a_unit_that_says_nothing_is_found_out(tmp_path: Path) -> None:
    assert exposure(tmp_path, "open.service", "[Service]\nExecStart=/bin/true\n") > max(MOST.values())

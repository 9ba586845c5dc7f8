"""The scenario that people play, played as they do it: `make rehearse SCENARIO=replace`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
PLAY_SECONDS = 2400.0
LONGEST_GAP_SECONDS = 30.0
"""Far above what is measured: a client that is sent to a member that leaves is a defect, a busy computer is none."""


def test_each_slot_is_terminated_in_turn_and_replaced_while_a_client_writes() -> None:
    done = subprocess.run(
        ["make", "--silent", "rehearse", "SCENARIO=replace", "JSON=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PLAY_SECONDS,
        check=False,
    )
    # 3 says that an acknowledged write is missing.
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    deploy, *replaced = told["steps"]
    assert deploy["step"] == "deploy"
    assert [each["step"] for each in replaced] == ["terminate slot 0", "terminate slot 1", "terminate slot 2"]
    assert all((len(each["gone"]), len(each["came"])) == (1, 1) for each in replaced)
    # Nobody of those who were there first is left, and nobody left who came in their place.
    assert {name for each in replaced for name in each["gone"]} == set(deploy["came"])
    assert max(each["gap_seconds"] for each in replaced) < LONGEST_GAP_SECONDS
    ElementTree.parse(ROOT / told["picture"])
    assert "acknowledged writes are there" in done.stderr

"""Scenarios as people play them: `make rehearse SCENARIO=…`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.e2e.replacing import LONGEST_GAP_SECONDS

ROOT = Path(__file__).parents[2]
PLAY_SECONDS = 3600.0


def test_each_slot_is_terminated_in_turn_and_replaced_while_a_client_writes() -> None:
    deploy, *replaced = play("SCENARIO=replace")
    assert [each["step"] for each in replaced] == ["terminate slot 0", "terminate slot 1", "terminate slot 2"]
    # Nobody of those who were there first is left, and nobody left who came in their place.
    assert {name for each in replaced for name in each["gone"]} == set(deploy["came"])


def test_twenty_control_planes_of_random_slots_are_replaced_in_a_row() -> None:
    _, *replaced = play("SCENARIO=replace-random", "TIMES=20")
    assert len(replaced) == 20


def play(*variables: str) -> list[dict[str, Any]]:
    """The steps of a scenario that was played to its end: first the deploy, then replacements."""
    command = ["make", "--silent", "rehearse", *variables, "JSON=1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PLAY_SECONDS, check=False)
    # 3 says that an acknowledged write is missing. The seed is in the first line.
    assert done.returncode == 0, f"{done.stderr[:300]}\n…\n{done.stderr[-4000:]}"
    assert "acknowledged writes are there" in done.stderr
    told = json.loads(done.stdout)
    ElementTree.parse(ROOT / told["picture"])
    deploy, *replaced = told["steps"]
    assert deploy["step"] == "deploy"
    assert all((len(each["gone"]), len(each["came"])) == (1, 1) for each in replaced)
    assert max(each["gap_seconds"] for each in replaced) < LONGEST_GAP_SECONDS
    return [deploy, *replaced]

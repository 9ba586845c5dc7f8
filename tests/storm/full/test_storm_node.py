"""The node program of a storm, each time in a process of its own: it walks into traps, and wraps what there is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
_BEGIN = """
import sys
from pathlib import Path
from tests.storm.full import storm_node
storm_node.FOLDER = Path(sys.argv[1])
storm_node.TRAPS, storm_node.EVENTS = storm_node.FOLDER / "traps", storm_node.FOLDER / "events"
"""


def run(folder: Path, script: str, traps: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    if traps is not None:
        (folder / "traps").write_text(json.dumps(traps), encoding="utf-8")
    command = [sys.executable, "-c", _BEGIN + script, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def told(folder: Path) -> list[str]:
    return [json.loads(line)["kind"] for line in (folder / "events").read_text(encoding="utf-8").splitlines()]


def trap(what: str, seconds: float = 0.0) -> dict[str, Any]:
    return {"agent": {"check": {"number": 4, "what": what, "seconds": seconds}}}


def test_it_is_killed_at_the_step_that_a_trap_names_and_once(tmp_path: Path) -> None:
    script = "storm_node.spring('agent', 'check')"
    assert run(tmp_path, "storm_node.spring('agent', 'drain')", trap("kill")).returncode == 0
    assert run(tmp_path, script, trap("kill")).returncode == -signal.SIGKILL
    assert run(tmp_path, script, trap("kill")).returncode == 0
    assert told(tmp_path) == ["trapped"]


def test_it_is_paused_as_a_whole_and_goes_on_by_itself(tmp_path: Path) -> None:
    done = run(tmp_path, "storm_node.spring('agent', 'check')", trap("freeze", 0.5))
    assert done.returncode == 0, done.stderr
    assert told(tmp_path) == ["trapped", "continued"]
    paused, continued = (json.loads(line)["at"] for line in (tmp_path / "events").read_text().splitlines())
    # Beginning a shell takes its time, too.
    assert continued - paused >= 0.5


def test_a_boot_that_is_to_fail_fails_each_time(tmp_path: Path) -> None:
    script = "storm_node.spring('agent', 'check')"
    for _ in range(2):
        assert "a storm lets this boot fail" in run(tmp_path, script, trap("fail")).stderr
    assert told(tmp_path) == ["trapped", "trapped"]


def test_without_traps_it_goes_on(tmp_path: Path) -> None:
    assert run(tmp_path, "storm_node.spring('agent', 'check')").returncode == 0
    assert not (tmp_path / "events").exists()


def test_it_tells_of_a_removal_and_that_etcd_has_refused_it(tmp_path: Path) -> None:
    script = """
from userdata.etcd.client import Etcd
from userdata.etcd.refusals import EtcdRefused, Refusal
Etcd.remove = lambda self, member_id: EtcdRefused(Refusal.MEMBER_NOT_FOUND) if member_id == 2 else None
storm_node.watch_calls()
storm_node._current.removal = {"checked": 1.0}
Etcd.remove(None, 1)
Etcd.remove(None, 2)
"""
    done = run(tmp_path, script)
    assert done.returncode == 0, done.stderr
    assert told(tmp_path) == ["removal", "removal", "refused"]


def test_it_finds_all_that_it_wraps_in_the_node_program(tmp_path: Path) -> None:
    done = run(tmp_path, "storm_node.watch_agent(); storm_node.watch_calls(); storm_node.watch_boot()")
    assert done.returncode == 0, done.stderr

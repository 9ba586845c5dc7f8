"""The programs of a rehearsal end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.local.processes import Processes, StepFailed, run
from tests.waiting import BUSY_SECONDS

# Says its own id and that of a child, then ignores a polite request to stop.
STUBBORN = """
import json, os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(json.dumps({"pids": [os.getpid(), child.pid]}), flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for by its parent does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + BUSY_SECONDS
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(alive(pid) for pid in pids)


def test_a_stubborn_program_and_its_children_end_with_the_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rehearsal.local.processes._STOP_SECONDS", 0.2)
    with Processes(tmp_path) as processes:
        pids = processes.ready(processes.start("stubborn", [sys.executable, "-c", STUBBORN]), "stubborn")["pids"]
        assert all(alive(pid) for pid in pids)
    assert gone(pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_that_was_started(tmp_path: Path, number: signal.Signals) -> None:
    program = f"""
from pathlib import Path
import sys, time
from rehearsal.local.processes import Processes
with Processes(Path({str(tmp_path)!r})) as processes:
    started = processes.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
    print(started.pid, flush=True)
    time.sleep(600)
"""
    outer = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert outer.stdout is not None
    pid = int(outer.stdout.readline())
    os.kill(outer.pid, number)
    assert outer.wait(BUSY_SECONDS) != 0
    outer.stdout.close()
    assert gone([pid])


def test_a_program_that_ends_before_it_is_ready_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no port is free')"]
    with (
        Processes(tmp_path) as processes,
        pytest.raises(StepFailed, match="aws ended with exit code 1: no port is free"),
    ):
        processes.ready(processes.start("aws", command), "aws")


def test_a_step_that_fails_is_told_with_all_that_it_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('E3002 found'); sys.exit(2)"]
    with Processes(tmp_path) as processes, pytest.raises(StepFailed, match="lint ended with exit code 2: E3002 found"):
        processes.finish(processes.start("lint", command), "lint")
    with pytest.raises(StepFailed, match="E3002 found"):
        run(command)


def test_what_a_program_prints_without_a_reader_goes_to_its_log(tmp_path: Path) -> None:
    # More than a pipe holds: with one that nobody empties the program would never end.
    command = [sys.executable, "-c", "print('x' * 200_000)"]
    with Processes(tmp_path) as processes:
        assert processes.start("stub", command, read=False).wait(10) == 0
    assert (tmp_path / "stub.log").stat().st_size > 200_000

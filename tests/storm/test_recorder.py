"""What clients record is there afterwards, also when their process is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.storm.history import Call, HistoryError, Operation, Outcome
from tests.storm.recorder import Recorder, begun_beside, read_back, recording

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.storm.history import Operation, Outcome
from tests.storm.recorder import recording
with recording(Path(sys.argv[1])) as recorder:
    recorder.end(recorder.begin(0, Operation.WRITE, "k", "a"), Outcome.OK)
    recorder.begin(0, Operation.WRITE, "k", "b")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_its_last_call_as_one_whose_reply_is_lost(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "history")], cwd=ROOT, check=False)
    first, last = read_back(tmp_path / "history")
    assert done.returncode == -9
    assert (first.value, first.outcome) == ("a", Outcome.OK)
    assert (last.value, last.outcome, last.returned_ns) == ("b", Outcome.MAYBE, None)


def test_threads_do_not_mix_their_lines_and_each_call_is_there_once(tmp_path: Path) -> None:
    def work(recorder: Recorder, client: int) -> None:
        for number in range(50):
            call = recorder.begin(client, Operation.WRITE, "k", f"{client}-{number}")
            recorder.end(call, Outcome.FAILED if number % 2 else Outcome.OK)

    with recording(tmp_path / "history") as recorder:
        threads = [threading.Thread(target=work, args=(recorder, client)) for client in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    calls = read_back(tmp_path / "history")
    assert sorted(str(call.value) for call in calls) == sorted(f"{a}-{b}" for a in range(4) for b in range(50))
    assert all(call.returned_ns is not None and call.called_ns <= call.returned_ns for call in calls)


def test_a_line_that_is_cut_off_is_a_reply_that_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "history"
    with recording(path) as recorder:
        ended = recorder.end(recorder.begin(0, Operation.READ, "k"), Outcome.OK, found="a")
        cut = recorder.begin(1, Operation.WRITE, "k", "b")
        recorder.end(cut, Outcome.OK)
    path.write_text(path.read_text()[:-5])
    assert read_back(path) == [ended, cut]


def test_a_begin_that_is_cut_off_was_never_sent(tmp_path: Path) -> None:
    path = tmp_path / "history"
    with recording(path) as recorder:
        ended = recorder.end(recorder.begin(0, Operation.READ, "k"), Outcome.OK)
        recorder.begin(0, Operation.WRITE, "k", "b")
    begun_beside(path).write_text(begun_beside(path).read_text()[:-5])
    assert read_back(path) == [ended]


def test_of_a_history_that_no_recorder_made_the_last_line_counts_without_its_end(tmp_path: Path) -> None:
    call = Call(0, Operation.WRITE, "k", 1, 2, Outcome.OK, "a")
    (tmp_path / "history").write_text(f"{call.line()}\n{call.line()}")
    assert read_back(tmp_path / "history") == [call, call]


def test_a_history_is_never_mixed_with_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "history").touch()
    with pytest.raises(FileExistsError), recording(tmp_path / "history"):
        pass


def test_a_line_in_the_middle_that_is_no_call_is_no_loss_but_an_error(tmp_path: Path) -> None:
    path = tmp_path / "history"
    with recording(path) as recorder:
        recorder.end(recorder.begin(0, Operation.READ, "k"), Outcome.OK)
    begun_beside(path).write_text("{}\n" + begun_beside(path).read_text())
    with pytest.raises(HistoryError, match=r"history\.begun: line 1: operation: given nothing"):
        read_back(path)

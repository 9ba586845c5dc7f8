"""Programs are run to their end, to their deadline, or until they must not go on: real ones, with all they started."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from tests.unit.userdata.secrecy import leaks, process_arguments
from tests.waiting import wait_for
from userdata.host.commands import Finished, run

LONG = 30.0


def alive(pid: int) -> bool:
    try:
        # One that was ended and not waited for by its parent is no more than an entry.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_program_says_to_both_of_its_outputs_is_kept_with_its_status() -> None:
    assert run(("sh", "-c", "echo one; echo two >&2; exit 3"), LONG) == Finished(3, "one\ntwo\n")
    assert not run(("false",), LONG).succeeded
    assert run(("true",), LONG).succeeded


def test_a_program_that_is_not_there_is_a_line() -> None:
    done = run(("/nowhere/kubeadm", "init"), LONG)
    assert done == Finished(None, "/nowhere/kubeadm: No such file or directory")
    assert not done.succeeded


def test_a_program_gets_its_input_and_this_ones_variables() -> None:
    done = run(("sh", "-c", 'cat; echo "$HOME"'), LONG, stdin="in\n")
    assert done.output == f"in\n{os.environ['HOME']}\n"


def test_input_that_nobody_reads_is_no_failure() -> None:
    assert run(("true",), LONG, stdin="x" * (1 << 20)).succeeded


def test_input_is_on_no_command_line() -> None:
    secret = "0123456789abcdef0123456789abcdef"
    seen: list[str] = []

    def look() -> bool:
        seen.extend(leaks({"input": secret}, process_arguments()))
        return False

    run(("sh", "-c", "cat >/dev/null; sleep 0.5"), LONG, stdin=secret, ended=look)
    assert seen == []


def test_a_program_is_ended_at_its_deadline_together_with_all_that_it_started(tmp_path: Path) -> None:
    place = tmp_path / "child"
    began = time.monotonic()
    done = run(("sh", "-c", f"echo begun; sleep 60 & echo $! >{place}; wait"), 0.5)
    assert time.monotonic() - began < 30
    assert (done.status, done.succeeded) == (None, False)
    assert done.output == "begun\n\nsh: it was ended after 0 s"
    child = int(place.read_text())
    wait_for(lambda: not alive(child), "the end of what it started")


def test_a_program_is_ended_as_soon_as_it_must_not_go_on() -> None:
    lost = threading.Event()
    threading.Timer(0.3, lost.set).start()
    began = time.monotonic()
    done = run(("sleep", "60"), LONG, ended=lost.is_set)
    assert time.monotonic() - began < 30
    assert done.status is None
    assert done.output.endswith("sleep: it was ended, because the stage must not go on")


def test_a_program_that_leaves_something_running_is_over_when_it_ends_itself() -> None:
    began = time.monotonic()
    assert run(("sh", "-c", "sleep 31 & exit 0"), LONG).succeeded
    assert time.monotonic() - began < 30


def test_of_much_output_the_end_is_kept() -> None:
    done = run(("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo the end"), LONG)
    assert len(done.output) == 1 << 18
    assert done.output.endswith("x\nthe end\n")


def test_output_that_is_no_text_does_no_harm() -> None:
    assert run(("printf", r"a\377b"), LONG).output == "a\N{REPLACEMENT CHARACTER}b"

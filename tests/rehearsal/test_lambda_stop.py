"""What is left of functions when their local AWS has stopped. A process has one at a time, so each test has its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.aws.services import awslambda
from tests.rehearsal.compute import make_function
from tests.waiting import wait_for


def test_a_log_folder_keeps_what_a_function_said(tmp_path: Path) -> None:
    aws = LocalAws(log_dir=tmp_path / "logs").start()
    make_function(aws, "kept", "def handle(event, context):\n    print('hello', event)\n")
    aws.client("lambda").invoke(FunctionName="kept", Payload=b"1")
    aws.stop()
    assert "hello 1\n" in (tmp_path / "logs" / "kept.log").read_text()


def test_a_stop_ends_a_running_function_and_leaves_no_process() -> None:
    aws = LocalAws().start()
    make_function(aws, "endless", "import time\ndef handle(event, context):\n    time.sleep(600)\n", Timeout=900)
    aws.client("lambda").invoke(FunctionName="endless", InvocationType="Event", Payload=b"1")
    sandbox = awslambda.current()._sandbox
    (pid,) = wait_for(lambda: list(sandbox._busy), "the function's process")
    aws.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not sandbox._root.exists()

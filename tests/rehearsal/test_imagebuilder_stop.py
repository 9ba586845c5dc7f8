"""What is left of a build when its local AWS has stopped. A process has one at a time, so the test has its own."""

from __future__ import annotations

import threading

import pytest

from rehearsal.aws.imagebuilder.builds import Build
from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session
from tests.rehearsal.image_stack import deployed


def test_a_stop_waits_for_a_build_that_asks_the_local_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    launching, launch = threading.Event(), Build._launch

    def slowly(build: Build, ami: str) -> Session:
        launching.set()
        build._aws.stopping.wait()
        return launch(build, ami)

    monkeypatch.setattr(Build, "_launch", slowly)
    faults: list[object] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    aws = LocalAws(speed=1000.0).start()
    images = deployed(aws)
    images.start()
    assert launching.wait(timeout=30)
    aws.stop()
    assert faults == []
    assert not [each.name for each in threading.enumerate() if each.name.startswith("image-")]

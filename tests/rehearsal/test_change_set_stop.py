"""What is left of a change set when its local AWS has stopped. A process has one at a time, so the test has its own."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from rehearsal.aws.cloudformation.plan import Plan, Planner
from rehearsal.aws.server import LocalAws
from tests.rehearsal.engine import template, thing


def test_a_stop_waits_for_a_change_set_that_is_being_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    planning, plan = threading.Event(), Planner.plan

    def slowly(planner: Planner, *arguments: Any) -> Plan:
        planning.set()
        aws.stopping.wait()
        # Longer than it takes a stop to close its server.
        time.sleep(1)
        return plan(planner, *arguments)

    monkeypatch.setattr(Planner, "plan", slowly)
    aws = LocalAws().start()
    body = template({"A": thing()})
    aws.client("cloudformation").create_change_set(
        StackName="new", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=body
    )
    assert planning.wait(timeout=30)
    aws.stop()
    assert not [each.name for each in threading.enumerate() if each.name.startswith("change")]

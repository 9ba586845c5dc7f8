"""What is left of a runbook when its local AWS has stopped. A process has one at a time, so the test has its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.aws.automation.document import Step
from rehearsal.aws.automation.running import Runner
from rehearsal.aws.server import LocalAws

WAITS = {
    "name": "Wait",
    "action": "aws:waitForAwsResourceProperty",
    "inputs": {"Service": "sts", "Api": "GetCallerIdentity", "PropertySelector": "$.Account", "DesiredValues": ["no"]},
}


def test_a_stop_waits_for_a_runbook_that_asks_the_local_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    calling, call = threading.Event(), Runner._call

    def slowly(runner: Runner, step: Step, inputs: Mapping[str, Any]) -> dict[str, Any]:
        calling.set()
        runner._aws.stopping.wait()
        # Longer than it takes a stop to close its server.
        time.sleep(1)
        return call(runner, step, inputs)

    monkeypatch.setattr(Runner, "_call", slowly)
    aws = LocalAws().start()
    ssm = aws.client("ssm")
    content = json.dumps({"schemaVersion": "0.3", "mainSteps": [WAITS]})
    ssm.create_document(Name="waits", DocumentType="Automation", DocumentFormat="JSON", Content=content)
    ssm.start_automation_execution(DocumentName="waits")
    assert calling.wait(timeout=30)
    aws.stop()
    assert not [each.name for each in threading.enumerate() if each.name.startswith("automation-")]

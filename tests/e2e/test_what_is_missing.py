"""Take one thing that the boot needs out of the templates: the probe fails, and what is said names the thing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rehearsal.cloud.rehearse import MachineRehearsal
from tests.e2e.conftest import Begin

FAIL_SECONDS = 240.0
"""A boot, a `kubeadm init` and the probe's patience, on a busy machine."""
Edit = Callable[[dict[str, Any]], None]


def test_a_worker_that_may_not_reach_the_balancer_is_told_from_the_missing_rule(begin: Begin) -> None:
    rehearsal = begin(editing("network", lambda body: body["Resources"].pop("WorkerToBalancerApi")))
    reason = failure(rehearsal, "general")
    assert ":6443: 5 connections in a row were not answered" in reason
    workers = [row.instance_id for row in rehearsal.rows() if row.place == "general"]
    named = [line for line in rehearsal.refusals() if ":6443" in line and any(worker in line for worker in workers)]
    assert named, rehearsal.refusals()
    assert "egress" in named[0]


def test_a_service_without_its_endpoint_is_named(begin: Begin) -> None:
    rehearsal = begin(editing("network", lambda body: body["Resources"].pop("SsmEndpoint")))
    failure(rehearsal, "slot 0")
    named = [line for line in rehearsal.refusals() if "com.amazonaws.us-east-1.ssm" in line]
    assert named, rehearsal.refusals()
    assert "GetParametersByPath" in named[0]


def test_an_action_that_is_not_granted_is_named_with_its_resource(begin: Begin) -> None:
    rehearsal = begin(editing("controlplane", without_action("autoscaling:CompleteLifecycleAction")))
    reason = failure(rehearsal, "slot 1")
    assert (
        "is not authorized to perform: autoscaling:CompleteLifecycleAction on resource: arn:aws:autoscaling:" in reason
    )
    assert any("autoscaling:CompleteLifecycleAction" in line for line in rehearsal.refusals())


def editing(layer: str, edit: Edit) -> Callable[[Path], None]:
    """Alters one layer's template."""

    def change(folder: Path) -> None:
        file = folder / f"{layer}.json"
        body = json.loads(file.read_text(encoding="utf-8"))
        edit(body)
        file.write_text(json.dumps(body), encoding="utf-8")

    return change


def without_action(action: str) -> Edit:
    """Takes an action out of every policy of a template; it has to be in one."""

    def edit(body: dict[str, Any]) -> None:
        taken = 0
        for resource in body["Resources"].values():
            for statement in resource.get("Properties", {}).get("PolicyDocument", {}).get("Statement", []):
                if action in statement["Action"]:
                    statement["Action"].remove(action)
                    taken += 1
        assert taken, f"no policy grants {action}"

    return edit


def failure(rehearsal: MachineRehearsal, place: str) -> str:
    """Waits until an instance at a place has failed; what it said."""
    deadline = time.monotonic() + FAIL_SECONDS
    while time.monotonic() < deadline:
        for row in rehearsal.rows():
            if row.place == place and row.stage.startswith("failed"):
                return row.stage
        time.sleep(1)
    raise AssertionError(f"no instance at {place} has failed: {rehearsal.rows()}")

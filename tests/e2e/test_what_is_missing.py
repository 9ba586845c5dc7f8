"""Take one thing that the boot needs out of the templates: nodes say so, and the report names the thing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rehearsal.cloud import table
from rehearsal.cloud.rehearse import MachineRehearsal
from tests.e2e.conftest import Begin
from tests.waiting import wait_for

SAID_SECONDS = 240.0
"""A boot and a `kubeadm init` on a busy machine."""
Edit = Callable[[dict[str, Any]], None]


def test_workers_that_may_not_reach_the_balancer_say_so_and_the_missing_rule_is_named(begin: Begin) -> None:
    rehearsal = begin(editing("network", lambda body: body["Resources"].pop("WorkerToBalancerApi")))
    worker = told(rehearsal, "general", "certificate: the API at api.", "timed out")
    named = [line for line in rehearsal.refusals() if ":6443" in line and worker.instance_id in line]
    assert named, rehearsal.refusals()
    assert "egress" in named[0]


def test_a_worker_that_cannot_join_shuts_down_and_another_one_comes_in_its_place(begin: Begin) -> None:
    missing = editing("network", lambda body: body["Resources"].pop("WorkerToBalancerApi"))
    rehearsal = begin(missing, {"pace": {"worker": 45}})
    first = told(rehearsal, "general", "certificate: the API at api.", "timed out")

    def replaced() -> bool:
        rows = rehearsal.rows()
        runs = any(row.instance_id == first.instance_id and row.state == "running" for row in rows)
        return not runs and any(row.place == "general" and row.state == "running" for row in rows)

    wait_for(replaced, "another worker", SAID_SECONDS, 1)


def test_a_service_without_its_endpoint_is_named(begin: Begin) -> None:
    rehearsal = begin(editing("network", lambda body: body["Resources"].pop("SsmEndpoint")))
    told(rehearsal, "slot 0", "settings: a service of AWS cannot be reached", "Check the VPC endpoint")
    named = [line for line in rehearsal.refusals() if "com.amazonaws.us-east-1.ssm" in line]
    assert named, rehearsal.refusals()
    assert "GetParametersByPath" in named[0]


def test_an_action_that_is_not_granted_is_named_with_its_resource(begin: Begin) -> None:
    rehearsal = begin(editing("controlplane", without_action("autoscaling:CompleteLifecycleAction")))
    action = "is not authorized to perform: autoscaling:CompleteLifecycleAction on resource: arn:aws:autoscaling:"
    told(rehearsal, "slot", "launch-hook: CompleteLifecycleAction: AccessDenied: User: ", action)
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


def told(rehearsal: MachineRehearsal, place: str, *texts: str) -> table.Row:
    """Waits until an instance at such a place says all of the texts in its row; the row."""
    deadline = time.monotonic() + SAID_SECONDS
    while time.monotonic() < deadline:
        for row in rehearsal.rows():
            if row.place.startswith(place) and all(text in row.stage for text in texts):
                return row
        time.sleep(0.5)
    raise AssertionError(f"no instance at {place} says {texts}: {rehearsal.rows()}")

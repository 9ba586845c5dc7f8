"""How many calls of AWS a pass makes, counted where boto3 makes them: 5 slots and 10 pools, through the real adapters.

DynamoDB is moto's. The other services answer here, since moto holds no instance at a hook and rolls no group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.client
import pytest

from coordination.adapters.clients import KeptClients
from coordination.members import Member, MemberState
from coordination.names import (
    CLUSTER_TAG,
    CONTROL_PLANE_ROLE,
    POOL_TAG,
    ROLE_TAG,
    SLOT_TAG,
    SUSPENDED_BY_UPDATES,
    WORKER_ROLE,
)
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Known
from functions.reconcile.handler import respond
from functions.reconcile.processes import LEFT_SECONDS
from functions.reconcile.wiring import connect
from tests.bench.called import Context
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import (
    CLUSTER_ID,
    NOW,
    SETTINGS,
    STARTED,
    TABLE,
    UUID,
    FunctionHarness,
    function_harness,
)

MOST = 12
SLOTS, POOLS = 5, 10
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo-Controlplane/1"


class World:
    """Answers as AWS would, and the names of the calls. The table's are let through to moto."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.root = "UPDATE_COMPLETE"
        self.slots = [[f"i-{slot}"] for slot in range(SLOTS)]
        self.states: dict[str, str] = {}
        self.suspended: list[str] = []
        self.now = NOW

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        match operation:
            case "DescribeAutoScalingGroups":
                return {"AutoScalingGroups": [*self._slots(), *self._pools()]}
            case "DescribeStacks":
                return {"Stacks": [{"StackId": CLUSTER_ID, "StackStatus": self.root}]}
            case "DescribeStackResources":
                names = [f"Slot{slot}" for slot in range(SLOTS)]
                return {
                    "StackResources": [{"LogicalResourceId": n, "ResourceStatus": "UPDATE_COMPLETE"} for n in names]
                }
            case "DescribeScalingActivities":
                return {"Activities": []}
            case "DescribeInstances":
                return {"Reservations": []}
            case _:
                return {}

    def _slots(self) -> Iterator[dict[str, Any]]:
        for slot, instances in enumerate(self.slots):
            tags = {
                CLUSTER_TAG: UUID,
                ROLE_TAG: CONTROL_PLANE_ROLE,
                SLOT_TAG: str(slot),
                "aws:cloudformation:stack-id": STACK,
                "aws:cloudformation:logical-id": f"Slot{slot}",
            }
            yield self._group(f"slot{slot}", tags, instances)

    def _pools(self) -> Iterator[dict[str, Any]]:
        for pool in range(POOLS):
            tags = {CLUSTER_TAG: UUID, ROLE_TAG: WORKER_ROLE, POOL_TAG: f"pool-{pool}"}
            yield self._group(f"pool{pool}", tags, [f"i-worker-{pool}"])

    def _group(self, name: str, tags: Mapping[str, str], instances: list[str]) -> dict[str, Any]:
        wanted = [each for each in instances if not self.states.get(each, "").startswith("Terminating")]
        return {
            "AutoScalingGroupName": name,
            "MinSize": 0,
            "MaxSize": 2,
            "DesiredCapacity": max(1, len(wanted)),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "Instances": [
                {"InstanceId": each, "LifecycleState": self.states.get(each, "InService")} for each in instances
            ],
            "SuspendedProcesses": [{"ProcessName": each} for each in self.suspended],
        }


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, world: World, *members: str) -> Iterator[FunctionHarness]:
    """A cluster whose members are all healthy voters, and the calls of passes counted from here on."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("functions.reconcile.wiring.time.time", lambda: float(world.now))
    monkeypatch.setattr("functions.reconcile.wiring.KEPT", KeptClients())
    with function_harness() as there:
        assert isinstance(STARTED, Known)
        assert STARTED.value is not None
        there.table.put(STARTED.value.item(), {})
        for number, name in enumerate(members):
            row = Member(name, 1, MemberState.VOTER, str(number), etcd_member_id=f"{number:x}", created_at=NOW - 9000)
            there.table.put(row.item(), {})
        seen = tuple(SeenMember(f"{number:x}", name, False, "") for number, name in enumerate(members))
        there.table.put(ClusterObservation(NOW - 1, "i-0", 1, members=seen).item(), {})
        there.client.update_table(TableName=TABLE, DeletionProtectionEnabled=True)
        real = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
            world.calls.append(operation)
            if client.meta.service_model.service_name == "dynamodb":
                return real(client, operation, parameters)
            return world.answer(operation, parameters)

        with monkeypatch.context() as patched:
            patched.setattr(botocore.client.BaseClient, "_make_api_call", call)
            yield there


def run() -> None:
    result = respond(SCHEDULE, SETTINGS, lambda: connect(SETTINGS, Context()))
    assert result["outcome"] == "done", result


def test_a_pass_of_a_healthy_cluster_looks_once_at_each_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    with counted(monkeypatch, world, *(f"i-{slot}" for slot in range(SLOTS))):
        run()
    lease = ["GetItem", "PutItem", "UpdateItem"]
    looks = ["DescribeAutoScalingGroups", "DescribeStacks", "DescribeTable", "Scan"]
    assert sorted(world.calls) == sorted([*lease, *looks])


def a_member_leaves(world: World) -> None:
    world.states["i-4"] = "Terminating:Wait"


def an_update_rolls_and_another_slot_has_two(world: World) -> None:
    world.root = "UPDATE_IN_PROGRESS"
    world.slots[0] += ["i-twice"]


def an_update_was_stopped(world: World) -> None:
    world.suspended = list(SUSPENDED_BY_UPDATES)


def both_at_once(world: World) -> None:
    a_member_leaves(world)
    an_update_rolls_and_another_slot_has_two(world)


@pytest.mark.parametrize(
    ("change", "later", "decisive"),
    [
        (a_member_leaves, 60, "RecordLifecycleActionHeartbeat"),
        (a_member_leaves, 60, "DescribeInstances"),
        (an_update_rolls_and_another_slot_has_two, 60, "TerminateInstanceInAutoScalingGroup"),
        (an_update_was_stopped, LEFT_SECONDS, "ResumeProcesses"),
        (both_at_once, 60, "TerminateInstanceInAutoScalingGroup"),
    ],
)
def test_the_passes_in_which_something_happens_make_twelve_calls_at_most(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[World], None], later: int, decisive: str
) -> None:
    world = World()
    change(world)
    with counted(monkeypatch, world, *sorted({each for slot in world.slots for each in slot})):
        run()
        first = list(world.calls)
        world.now += later
        world.calls.clear()
        run()
    assert decisive in {*first, *world.calls}
    assert max(len(first), len(world.calls)) <= MOST, (first, world.calls)

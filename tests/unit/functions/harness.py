"""The test harness of the reconcile function: builders of snapshots, and ports whose answers a test can break.

The table is moto's DynamoDB behind the real adapter. Groups and root stack are played here: moto holds no instance at
a hook. CloudFormation's end of an answer is a real HTTP server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
from moto import mock_aws

from coordination.adapters.table import ClusterTable
from coordination.approvals import Approval
from coordination.conditions import Condition
from coordination.drains import Drain
from coordination.instances import GroupInstance, Groups, PoolGroup, SlotGroup
from coordination.launches import Launches
from coordination.members import Member, MemberState
from coordination.observed_state import ClusterObservation
from coordination.operations import Operation
from coordination.outcomes import Done, Known, NoOp, Reading, Request, Unknown, Write
from coordination.record import ClusterRecord, Phase
from coordination.release_grants import ReleaseGrant
from coordination.replacements import Replacement
from coordination.rows import Rows
from coordination.starts import Start
from coordination.teardowns import Teardown
from coordination.timers import Timer
from functions.reconcile import answers
from functions.reconcile.handler import respond
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings
from functions.reconcile.snapshot import Snapshot

UUID = "0b1c2d3e-aaaa-bbbb-cccc-0123456789ab"
CLUSTER_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/demo/{UUID}"
TABLE = "demo-table"
SETTINGS = Settings(CLUSTER_ID, UUID, TABLE, timeout_seconds=60)
NOW = 1_800_000_000
BROKEN = Unknown("broken by the test")
READY: Reading[ClusterRecord | None] = Known(ClusterRecord(CLUSTER_ID, Phase.READY, 1))
STARTED: Reading[Start | None] = Known(Start(NOW - 3600, "request-1"))
# Slots are looked after once Start was asked for; most tests are about a cluster with no more instances than they name.
NOT_STARTED: Reading[Start | None] = Known(None)
NOT_ASKED: Reading[Teardown | None] = Known(None)
UNSEEN: Reading[ClusterObservation | None] = Known(None)
NOT_APPROVED: Reading[Approval | None] = Known(None)
NO_OPERATION: Reading[Operation | None] = Known(None)
SLOTS = tuple(SlotGroup(f"slot{slot}", str(slot), 0, 1, 2) for slot in range(3))


def instance(
    instance_id: str = "i-1", state: str = "Terminating:Wait", role: str = "control-plane", group: str = "slot0"
) -> GroupInstance:
    slot = group.removeprefix("slot") if role == "control-plane" else ""
    return GroupInstance(instance_id, group, role, state, slot)


def slot(number: int = 0, desired: int = 0, min_size: int = 0) -> SlotGroup:
    return SlotGroup(f"slot{number}", str(number), min_size, desired, 2)


def member(instance_id: str, state: str, epoch: int = 1) -> Known[Member]:
    return Known(Member(instance_id, epoch, MemberState(state)))


def record(phase: str = "ready", epoch: int = 1, cluster_id: str = CLUSTER_ID) -> Known[ClusterRecord | None]:
    return Known(ClusterRecord(cluster_id, Phase(phase), epoch))


def teardown(answer_by: int = NOW + 600, url: str = "https://answers.example/secret") -> Teardown:
    return Teardown(url, "request-1", CLUSTER_ID, "Teardown", f"teardown-{UUID}", answer_by)


def rows(
    record: Reading[ClusterRecord | None] = READY,
    members: Mapping[str, Reading[Member]] | None = None,
    conditions: Mapping[str, Condition] | None = None,
    teardown: Reading[Teardown | None] = NOT_ASKED,
    release_grants: Mapping[str, ReleaseGrant] | None = None,
    observation: Reading[ClusterObservation | None] = UNSEEN,
    operation: Reading[Operation | None] = NO_OPERATION,
    start: Reading[Start | None] = NOT_STARTED,
    drains: Mapping[str, Reading[Drain]] | None = None,
    removal_approval: Reading[Approval | None] = NOT_APPROVED,
    timers: Mapping[str, int] | None = None,
    replacements: Mapping[str, Reading[Replacement]] | None = None,
) -> Known[Rows]:
    return Known(
        Rows(
            record=record,
            members=members or {},
            conditions={name: Known(each) for name, each in (conditions or {}).items()},
            start=start,
            teardown=teardown,
            release_grants={name: Known(each) for name, each in (release_grants or {}).items()},
            drains=drains or {},
            observation=observation,
            operation=operation,
            removal_approval=removal_approval,
            timers={name: Known(Timer(name, since)) for name, since in (timers or {}).items()},
            replacements=replacements or {},
        )
    )


def snapshot(*instances: GroupInstance, **changes: Any) -> Snapshot:
    """A healthy cluster at rest with `instances`, but for `changes`."""
    healthy = Snapshot(
        cluster_id=CLUSTER_ID,
        now=NOW,
        lease=Known(1),
        groups=Known(Groups(instances, SLOTS)),
        states=Known({}),
        rows=rows(),
        root_status=Known("UPDATE_COMPLETE"),
        table_protected=Known(True),
        table=TABLE,
    )
    return replace(healthy, **changes)


class FakeGroups:
    """Auto Scaling as far as the function sees it. `fails` names instances whose next answers are refused."""

    def __init__(self, *instances: GroupInstance) -> None:
        self.by_id = {one.instance_id: one for one in instances}
        self.in_ec2: dict[str, str] = {}
        self.slots = {group.name: group for group in SLOTS}
        self.pools: dict[str, PoolGroup] = {}
        self.asked: list[str] = []
        self.launched: dict[str, Reading[Launches]] = {}
        self.broken: Unknown | None = None
        self.fails: set[str] = set()
        self.calls: list[tuple[str, str]] = []

    def groups(self) -> Reading[Groups]:
        instances = tuple(self.by_id[name] for name in sorted(self.by_id))
        return self.broken or Known(Groups(instances, tuple(self.slots.values()), tuple(self.pools.values())))

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]:
        return Known({name: self.in_ec2.get(name) for name in instance_ids})

    def launches(self, group: str) -> Reading[Launches]:
        self.asked.append(group)
        return self.launched.get(group, Known(Launches()))

    def resume(self, group: str, processes: Collection[str]) -> Request:
        self.calls.append(("resume", group))
        if group in self.slots:
            left = self.slots[group].suspended - set(processes)
            self.slots[group] = replace(self.slots[group], suspended=left)
        else:
            left = self.pools[group].suspended - set(processes)
            self.pools[group] = replace(self.pools[group], suspended=left)
        return Done()

    def start(self, group: SlotGroup) -> Request:
        self.calls.append(("start", group.name))
        if group.name in self.fails:
            return BROKEN
        self.slots[group.name] = replace(self.slots[group.name], desired=1)
        return Done()

    def complete(self, instance: GroupInstance) -> Request:
        return self._answer("complete", instance, "Terminating:Wait", "Terminating:Proceed")

    def heartbeat(self, instance: GroupInstance) -> Request:
        return self._answer("heartbeat", instance, "Terminating:Wait", "Terminating:Wait")

    def terminate(self, instance: GroupInstance) -> Request:
        return self._answer("end", instance, "InService", "Terminating:Wait")

    def register(self, instance: GroupInstance, group: SlotGroup) -> Request:
        return self._answer("register", instance, "Terminating:Wait", "Terminating:Wait")

    def deregister(self, instance: GroupInstance, group: SlotGroup) -> Request:
        return self._answer("deregister", instance, "Terminating:Wait", "Terminating:Wait")

    def terminate_surplus(self, instance: GroupInstance) -> Request:
        return self._answer("end surplus", instance, "InService", "Terminating:Wait")

    def terminate_retained(self, instance: GroupInstance) -> Request:
        return self._answer("terminate", instance, "Terminating:Retained", "Terminated")

    def _answer(self, call: str, instance: GroupInstance, before: str, after: str) -> Request:
        self.calls.append((call, instance.instance_id))
        if instance.instance_id in self.fails:
            return BROKEN
        if self.by_id[instance.instance_id].lifecycle_state != before:
            return NoOp("it moved on before")
        self.by_id[instance.instance_id] = replace(instance, lifecycle_state=after)
        return Done()


class FakeRoot:
    """The root stack with a status that the test sets; `first` is read before it, once each."""

    def __init__(self, status: Reading[str]) -> None:
        self.state = status
        self.first: list[Reading[str]] = []
        self.resources: Reading[Mapping[str, str]] = Known({})
        self.asked: list[str] = []

    def status(self) -> Reading[str]:
        return self.first.pop(0) if self.first else self.state

    def resource_states(self, stack_id: str) -> Reading[Mapping[str, str]]:
        self.asked.append(stack_id)
        return self.resources


class WatchedTable(ClusterTable):
    """The real adapter; the test can break reads and writes, and sees the key of every write that changed something."""

    def __init__(self, client: Any) -> None:
        super().__init__(client, TABLE)
        self.broken_reads = False
        self.broken_writes = False
        self.changed: list[str] = []

    def get(self, item_id: str) -> Any:
        return BROKEN if self.broken_reads else super().get(item_id)

    def items(self, prefixes: Any) -> Any:
        return BROKEN if self.broken_reads else super().items(prefixes)

    def _write(self, operation: str, call: Any, request: dict[str, Any], item_id: str, happened: Any) -> Write:
        if self.broken_writes:
            return BROKEN
        before = super().get(item_id)
        outcome = super()._write(operation, call, request, item_id, happened)
        # A write that changes nothing makes no stream record.
        if super().get(item_id) != before:
            self.changed.append(item_id)
        return outcome


class FunctionHarness:
    """Ports of one cluster. `moment` is the clock; `seconds_left` what the call of the function may still take, and
    `meanwhile` happens whenever it lets time pass."""

    def __init__(self, client: Any, *instances: GroupInstance) -> None:
        self.client = client
        self.table = WatchedTable(client)
        self.groups = FakeGroups(*instances)
        self.root = FakeRoot(Known("UPDATE_COMPLETE"))
        self.moment = float(NOW)
        self.seconds_left = 60.0
        self.meanwhile: Callable[[], object] = lambda: None

    def ports(self) -> Ports:
        return Ports(
            table=self.table,
            groups=self.groups,
            sizes=self.groups,
            targets=self.groups,
            root=self.root,
            send=partial(answers.send, region="us-east-1", plain_http=True),
            clock=lambda: self.moment,
            seconds_left=lambda: self.seconds_left,
            pause=self.pause,
        )

    def pause(self, seconds: float) -> None:
        """Let time pass, and what happens meanwhile happen."""
        self.moment += seconds
        self.meanwhile()

    def call(self, event: object) -> dict[str, object]:
        """Call the function with `event`."""
        return respond(event, SETTINGS, self.ports)

    def store(self, **items: Mapping[str, object]) -> None:
        """Store items by their keys; `__` in a name stands for `#`, `_` for `-`."""
        for name, fields in items.items():
            self.table.put({"Id": name.replace("__", "#").replace("_", "-"), **fields}, {})
        self.table.changed.clear()

    def item(self, item_id: str) -> Any:
        reading = ClusterTable(self.client, TABLE).get(item_id)
        assert isinstance(reading, Known)
        return reading.value

    def stored_keys(self) -> set[str]:
        """The keys of all items but the function's own lease."""
        return {item["Id"]["S"] for item in self.client.scan(TableName=TABLE)["Items"]} - {"lease#function"}


@contextmanager
def function_harness(*instances: GroupInstance, with_table: bool = True) -> Iterator[FunctionHarness]:
    """A harness on a moto of its own, whose table says that the cluster is ready."""
    with mock_aws():
        make: Any = boto3.client
        client = make("dynamodb", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        made = FunctionHarness(client, *instances)
        if with_table:
            client.create_table(
                TableName=TABLE,
                KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
            made.store(cluster=ClusterRecord(CLUSTER_ID, Phase.READY, 1, "i-1", 4, 1, "cdf818194e3a8c32", 3).item())
        yield made


class AnswerServer:
    """CloudFormation's end of a custom resource: keeps what is put, and answers with the statuses the test sets."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str | None]] = []
        self.statuses: list[int] = []
        self.location = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append((self.path, self.headers["Content-Type"]))
                status = server.statuses.pop(0) if server.statuses else 200
                if status == 200:
                    server.answers.append(json.loads(content))
                self.send_response(status)
                if server.location:
                    self.send_header("Location", server.location)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/answer?signature=secret"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> AnswerServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

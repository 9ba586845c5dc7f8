"""Logs of a node on their way to the local CloudWatch Logs, which keeps to the service's limits."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from coordination.names import NODE_FILE, Setting
from coordination.outcomes import Known, Unknown
from rehearsal.aws.server import LocalAws
from tests.unit.userdata.boot.faults import SETTINGS
from tests.unit.userdata.config.test_settings import STORED
from tests.waiting import wait_for
from userdata.config.node_file import NodeFile
from userdata.config.settings import ClusterSettings
from userdata.host.instance import InstanceIdentity
from userdata.kubeadm.places import AUDIT_LOG_FILE, AUDIT_LOG_FOLDER
from userdata.logs.cloudwatch import LogStream
from userdata.shipping import formats, wiring
from userdata.shipping.cursors import CURSOR_FILE
from userdata.shipping.files import RotatedFiles
from userdata.shipping.progress import PROGRESS_FILE, parse
from userdata.shipping.shipment import Shipment, Step
from userdata.shipping.source import Cursor
from userdata.shipping.wiring import logs, shipped

NUMBERS = itertools.count()
CONTROL_PLANE = NodeFile("one", "control-plane", "0", "us-east-1", "table", "/holdfast/one")
WORKER = NodeFile("one", "worker", "general", "us-east-1", "table", "/holdfast/one")
ME = InstanceIdentity("i-1", "us-east-1a", "us-east-1", "123456789012", "10.0.0.1", "m7i.large", "ami-1", "aws")


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    started = LocalAws().start()
    yield started
    started.stop()


@pytest.fixture
def client(aws: LocalAws) -> Any:
    return aws.client("logs")


@pytest.fixture
def group(client: Any) -> str:
    """A group of the test's own."""
    name = f"audits-{next(NUMBERS)}"
    client.create_log_group(logGroupName=name)
    return name


def audit_line(number: int, padding: int = 400, at: datetime | None = None) -> str:
    """An event of the audit log."""
    moment = (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z")
    return json.dumps({"auditID": f"{number:08}", "requestObject": "x" * padding, "stageTimestamp": moment})


def numbers(client: Any, group: str, stream: str) -> list[int]:
    """The numbers of the events that arrived; what is no event of the audit log is passed over."""
    found: list[int] = []
    token: dict[str, str] = {}
    while True:
        page = client.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        found += [int(json.loads(each["message"]).get("auditID", -1)) for each in page["events"]]
        if not page["events"]:
            return [number for number in found if number >= 0]
        token = {"nextToken": page["nextForwardToken"]}


def shipment(client: Any, group: str, folder: Path, kept: list[Cursor]) -> Shipment:
    files = RotatedFiles(folder, "audit*.log", formats.audit, kept[-1] if kept else {})
    return Shipment("audit", files, LogStream(client, group, "control-plane/i-1/audit"), kept.append)


def finish(moving: Shipment) -> None:
    while moving.step() is not Step.CAUGHT_UP:
        pass


def test_a_busy_audit_log_arrives_whole_and_once_over_rotations_and_a_restart(
    tmp_path: Path, client: Any, group: str
) -> None:
    kept: list[Cursor] = []
    path = tmp_path / "audit.log"
    moving = shipment(client, group, tmp_path, kept)
    for rotation in range(3):
        lines = [audit_line(rotation * 6000 + number) for number in range(6000)]
        path.write_text("".join(f"{line}\n" for line in lines))
        assert moving.step() is Step.SHIPPED
        path.rename(tmp_path / f"audit-{rotation}.log")
        os.utime(tmp_path / f"audit-{rotation}.log", (rotation, rotation))
        moving = shipment(client, group, tmp_path, kept)
    finish(moving)
    assert sorted(numbers(client, group, "control-plane/i-1/audit")) == list(range(18_000))
    assert (moving.progress.lost, moving.progress.gaps) == (0, 0)


def test_an_event_that_is_too_large_for_the_service_arrives_in_parts(tmp_path: Path, client: Any, group: str) -> None:
    line = audit_line(1, 3_000_000)
    (tmp_path / "audit.log").write_text(f"{line}\n")
    finish(shipment(client, group, tmp_path, []))
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group)
    assert "".join(each["message"] for page in pages for each in page["events"]) == line


def test_what_the_service_does_not_take_is_counted_and_said_in_the_stream(
    tmp_path: Path, client: Any, group: str
) -> None:
    old = audit_line(1, at=datetime.now(UTC) - timedelta(days=15))
    future = audit_line(3, at=datetime.now(UTC) + timedelta(days=1))
    (tmp_path / "audit.log").write_text(f"{old}\n{audit_line(2)}\n{future}\n")
    moving = shipment(client, group, tmp_path, [])
    finish(moving)
    assert moving.progress.lost == 1
    assert numbers(client, group, "control-plane/i-1/audit") == [2, 3]
    events = client.get_log_events(logGroupName=group, logStreamName="control-plane/i-1/audit", startFromHead=True)
    assert "1 lines are lost" in events["events"][-1]["message"]


class Unreliable:
    """A client whose every second request is throttled, and of every third the answer is lost."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._calls = 0

    def create_log_stream(self, **named: Any) -> Any:
        return self._client.create_log_stream(**named)

    def put_log_events(self, **named: Any) -> Any:
        self._calls += 1
        if self._calls % 2 == 0:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "PutLogEvents")
        answer = self._client.put_log_events(**named)
        if self._calls % 3 == 0:
            raise ReadTimeoutError(endpoint_url="https://logs")
        return answer


def test_no_line_is_missing_though_requests_are_throttled_and_answers_lost(
    tmp_path: Path, client: Any, group: str
) -> None:
    kept: list[Cursor] = []
    with (tmp_path / "audit.log").open("w") as file:
        moving = shipment(Unreliable(client), group, tmp_path, kept)
        for number in range(30):
            file.write(audit_line(number) + "\n")
            file.flush()
            moving.step()
    finish(moving)
    arrived = numbers(client, group, "control-plane/i-1/audit")
    assert sorted({*arrived}) == list(range(30))
    # A batch whose answer was lost is there twice.
    assert len(arrived) < 60
    assert moving.progress.lost == 0


def test_a_control_plane_ships_five_logs_and_a_worker_two_each_into_the_groups_of_its_role(tmp_path: Path) -> None:
    settings = ClusterSettings(
        **{**vars(SETTINGS), "control_plane_log_group": "c", "worker_log_group": "w", "audit_log_group": "a"}
    )
    assert [(each.name, each.group) for each in shipped(tmp_path, CONTROL_PLANE, settings)] == [
        ("audit", "a"),
        ("etcd", "c"),
        ("kube-apiserver", "c"),
        ("kubelet", "c"),
        ("containerd", "c"),
    ]
    assert [(each.name, each.group) for each in shipped(tmp_path, WORKER, settings)] == [
        ("kubelet", "w"),
        ("containerd", "w"),
    ]


class _Metadata:
    """Answers from the second time on."""

    calls = 0

    def identity(self) -> Known[InstanceIdentity] | Unknown:
        _Metadata.calls += 1
        return Known(ME) if _Metadata.calls > 1 else Unknown("metadata: timed out")


def test_the_program_ships_every_log_of_a_control_plane_and_its_last_lines_when_it_is_told_to_end(
    tmp_path: Path, aws: LocalAws, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the metadata service and journalctl are real."""
    prefix = f"/holdfast/{next(NUMBERS)}"
    groups = {name: f"{name}-{next(NUMBERS)}" for name in ("control-plane-log-group", "audit-log-group")}
    for name in groups.values():
        client.create_log_group(logGroupName=name)
    for setting in Setting:
        value = groups.get(setting.value, STORED[setting.value])
        aws.client("ssm").put_parameter(Name=f"{prefix}/settings/{setting}", Value=value, Type="String")
    programs = tmp_path / "bin"
    programs.mkdir()
    entry = {"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": str(int(time.time() * 1_000_000))}
    script = f'#!/bin/sh\necho \'{json.dumps(entry)[:-1]}, "MESSAGE": "\'"$*"\'"}}\'\nexec sleep 1000\n'
    (programs / "journalctl").write_text(script)
    (programs / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(wiring, "Metadata", _Metadata)
    monkeypatch.setattr(wiring, "client", aws.client)
    node = {"cluster": "one", "role": "control-plane", "slot": "0", "region": "us-east-1", "table": "t"}
    audit, apiserver = (
        tmp_path / path.lstrip("/")
        for path in (AUDIT_LOG_FILE, "/var/log/pods/kube-system_kube-apiserver-i-1_uid/kube-apiserver/0.log")
    )
    for path, text in (
        (tmp_path / NODE_FILE.lstrip("/"), json.dumps({**node, "parameters": prefix})),
        (audit, audit_line(1) + "\n"),
        (apiserver, f"{datetime.now(UTC).isoformat()} stderr F starting\n"),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)

    def messages(group: str, name: str) -> list[str]:
        stream = f"control-plane/i-1/{name}"
        if not client.describe_log_streams(logGroupName=groups[group], logStreamNamePrefix=stream)["logStreams"]:
            return []
        told = client.get_log_events(logGroupName=groups[group], logStreamName=stream, startFromHead=True)
        return [event["message"] for event in told["events"]]

    def end() -> None:
        try:
            for name in ("kubelet", "containerd", "kube-apiserver"):
                wait_for(lambda name=name: messages("control-plane-log-group", name), name)  # type: ignore[misc]
            wait_for(lambda: messages("audit-log-group", "audit"), "the audit log")
            wait_for((tmp_path / PROGRESS_FILE.lstrip("/")).exists, "the word of how far it is")
        finally:
            audit.rename(tmp_path / AUDIT_LOG_FOLDER.lstrip("/") / "audit-1.log")
            audit.write_text(audit_line(2) + "\n")
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    ending = threading.Thread(target=end)
    ending.start()
    try:
        assert logs(tmp_path) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
        ending.join()
    assert numbers(client, groups["audit-log-group"], "control-plane/i-1/audit") == [1, 2]
    assert messages("control-plane-log-group", "kube-apiserver") == ["starting"]
    assert "--unit=containerd.service" in messages("control-plane-log-group", "containerd")[0]
    assert (tmp_path / CURSOR_FILE.lstrip("/")).exists()
    progress = parse((tmp_path / PROGRESS_FILE.lstrip("/")).read_text())
    assert [(each.name, each.reason, each.lost) for each in progress.logs] == [
        (name, "", 0) for name in ("audit", "etcd", "kube-apiserver", "kubelet", "containerd")
    ]

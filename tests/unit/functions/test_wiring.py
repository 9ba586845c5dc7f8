"""A call through the real adapters and clients, as Lambda makes it, against moto."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock

import boto3
import pytest
from moto import mock_aws

from coordination.adapters import clients
from coordination.adapters.clients import KeptClients
from coordination.outcomes import Done
from functions.reconcile import wiring
from functions.reconcile.answers import ResponseUrlRejected
from functions.reconcile.handler import handle
from tests.bench.called import Context
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import SETTINGS, TABLE, UUID, AnswerServer, slot

EMPTY_STACK = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


@mock_aws
def test_a_call_finds_the_root_stack_and_protects_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wiring, "KEPT", KeptClients())
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    make: Any = boto3.client
    root = make("cloudformation").create_stack(StackName="demo", TemplateBody=json.dumps(EMPTY_STACK))
    make("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("HOLDFAST_CLUSTER_ID", root["StackId"])
    monkeypatch.setenv("HOLDFAST_CLUSTER_UUID", UUID)
    monkeypatch.setenv("HOLDFAST_TABLE", TABLE)
    monkeypatch.setenv("HOLDFAST_TIMEOUT_SECONDS", "60")

    assert handle(SCHEDULE, Context()) == {"outcome": "done"}
    measured, own = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [one["action"] for one in own["decisions"]] == ["ProtectTable"]
    # The lease twice and its release, groups, rows, the stack, the table's protection twice; nobody is in EC2 alone.
    assert measured["AwsCalls"] == 8
    assert make("dynamodb").describe_table(TableName=TABLE)["Table"]["DeletionProtectionEnabled"] is True


def test_the_sizes_of_slots_are_written_by_a_client_that_repeats_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, int]] = []

    def client(service: str, tries: int, calls: object) -> Any:
        assert calls is not None, "every request of a pass is counted"
        made.append((service, tries))
        # Nothing is asked of it here but to take every call.
        return MagicMock()

    monkeypatch.setattr(clients, "client", client)
    monkeypatch.setattr(wiring, "KEPT", KeptClients())
    ports = wiring.connect(SETTINGS, Context())
    usual = list(made)
    assert ports.sizes.start(slot()) == Done()
    assert made == [*usual, ("autoscaling", 1)]
    # The next call of the same process makes none.
    assert wiring.connect(SETTINGS, Context()).sizes.start(slot()) == Done()
    assert made == [*usual, ("autoscaling", 1)]


def test_answers_go_over_plain_http_only_where_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "client", lambda *_: MagicMock())
    monkeypatch.setattr(wiring, "KEPT", KeptClients())
    with AnswerServer() as server:
        assert isinstance(wiring.connect(SETTINGS, Context()).send(server.url, b"{}"), ResponseUrlRejected)
        assert wiring.connect(replace(SETTINGS, plain_http=True), Context()).send(server.url, b"{}") == Done()


def test_the_requests_of_a_call_are_counted_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "client", lambda *_: MagicMock())
    kept = KeptClients()
    monkeypatch.setattr(wiring, "KEPT", kept)
    kept.calls.by_operation["Scan"] = 7
    ports = wiring.connect(SETTINGS, Context())
    kept.calls.by_operation["Scan"] += 2
    assert ports.calls is not None
    assert ports.calls() == 2

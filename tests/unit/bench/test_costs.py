"""docs/costs.md says what is counted: the requests of a pass are counted here, through the function's real clients."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import boto3
import pytest
from moto import mock_aws

from coordination.adapters.clients import KeptClients
from coordination.adapters.table import ClusterTable
from coordination.observed_state import ClusterObservation
from coordination.outcomes import Known
from coordination.rows import Rows
from functions.reconcile.handler import handle
from tests.bench import costs, passes
from tests.bench.called import SCHEDULE, Context
from tests.bench.costs import EVENT_BYTES, LAMBDA_LOG_BYTES, LOOK_LOG_BYTES, PAGE, PASS_LOG_BYTES, PASS_REQUESTS
from tests.unit.coordination.conftest import NAME
from tests.unit.coordination.conftest import client as client  # a fixture
from tests.unit.coordination.test_metrics import UUID
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, view
from tests.unit.userdata.agent.test_observe import World
from userdata.agent.observe import measures
from userdata.agent.observe.snapshot import LeaderRows, Snapshot


def test_the_requests_of_a_pass_are_those_that_the_page_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    sent: Counter[str] = Counter()

    def count(event_name: str, **_: object) -> None:
        sent[event_name.rpartition(".")[2]] += 1

    with mock_aws():
        make: Any = boto3.client
        for name, value in passes.cluster(make).environment.items():
            monkeypatch.setenv(name, value)
        session: Any = boto3.session.Session()
        session.events.register("before-send", count)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        monkeypatch.setattr("functions.reconcile.wiring.KEPT", KeptClients())
        assert handle(SCHEDULE, Context()) == {"outcome": "done"}

    assert sent == PASS_REQUESTS
    assert sent.total() <= passes.MOST_CALLS
    lines = capsys.readouterr().out.splitlines()
    (measured,) = [json.loads(line) for line in lines if "_aws" in line]
    assert (measured["AwsCalls"], measured["SlotsWhole"]) == (sent.total(), passes.SLOTS)
    # About what the bill takes: words may grow and shrink.
    written = sum(len(line) + EVENT_BYTES for line in lines) + LAMBDA_LOG_BYTES
    assert written == pytest.approx(PASS_LOG_BYTES, rel=0.15)


def test_a_look_writes_as_much_as_the_page_counts() -> None:
    table = LeaderRows(RECORD, ROWS, {}, {}, (), ClusterObservation(NOW - 30, "i-1", 2), Rows())
    known: Any = Known(None)
    snapshot = Snapshot("i-1", NOW, 0.0, table, Known(view(*THREE)), Known(()), (), Known({}), known, ())
    (line,) = measures.lines(UUID, snapshot)
    assert len(line) + EVENT_BYTES == pytest.approx(LOOK_LOG_BYTES, rel=0.15)


def test_a_look_asks_the_table_as_often_as_the_page_counts(client: Any) -> None:
    table = ClusterTable(client, NAME)
    for item in (RECORD.item(), *(each.item() for each in ROWS)):
        table.put(item, {})
    world = World(table)
    sent: Counter[str] = Counter()
    client.meta.events.register("before-send", lambda event_name, **_: sent.update([event_name.rpartition(".")[2]]))
    world.observer().observe()
    assert {"observe": sent} == {each.task: each.requests for each in costs.AGENT_TASKS if each.task == "observe"}
    sent.clear()
    world.observer().look_at_certificates()
    assert {"expiry": sent} == {each.task: each.requests for each in costs.AGENT_TASKS if each.task == "expiry"}


def test_requests_of_the_agents_an_hour() -> None:
    found = costs.agents_an_hour()
    # Leases are renewed every 15 s, looks are made every 30 s, drains and requests of people are looked for every 10 s,
    # and operations every 2 s.
    assert (found["UpdateItem"], found["Scan"], found["PutItem"]) == (240, 120 + 360 + 360, 120)
    assert found["GetItem"] == 3 * 360 + 2 * 240 + 3 * 12 + 1800 + 240 + 12 + 3 * 6


def test_the_page_says_what_the_numbers_give() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert costs.page(text) == text, "python -m tests.bench.costs"


def test_the_bill_by_hand() -> None:
    found = {(each.price.name, each.of): each.dollars for each in costs.costs()}
    # 60 an hour for 730 hours: 43,800 calls, each of a quarter of a GB-second.
    assert found["calls of the function", "function"] == pytest.approx(0.00876)
    assert found["time of the function", "function"] == pytest.approx(0.1825, rel=0.001)
    assert found["writes of the table", "function"] == pytest.approx(43_800 * 2 * 0.625e-6)
    assert found["metrics", "function"] == pytest.approx(3.00)


def test_a_scan_reads_the_whole_table_in_units_of_4_kb() -> None:
    assert costs.read_units({"Scan": 3, "GetItem": 2, "PutItem": 9}, 4097) == 3 * 2 + 2
    assert costs.write_units({"Scan": 3, "PutItem": 9, "UpdateItem": 1}) == 10


def test_every_price_has_its_source_and_stands_in_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(price.source in text for price in costs.PRICES)

"""The writer acknowledges what the API has stored, and nothing else."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rehearsal.scenarios import keys
from rehearsal.scenarios.keys import Api, Failed

Item = dict[str, Any]


class FakeApi(Api):
    """An API that stores ConfigMaps, and whose answers get lost, or never come, as scripted."""

    def __init__(self, script: list[str]) -> None:
        self.stored: dict[str, Item] = {}
        self.script = script
        self.tried: list[str] = []

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 0.0) -> tuple[int, Any]:
        what = self.script.pop(0) if self.script else "stored"
        if method == "GET":
            return 200, {"items": list(self.stored.values()), "metadata": {}}
        name = body["metadata"]["name"]
        self.tried.append(name)
        if what == "lost request":
            raise Failed("no answer")
        if what == "refused":
            return 500, {"message": "etcdserver: request timed out"}
        if name in self.stored:
            return 409, {"message": "already exists"}
        self.stored[name] = body
        if what == "lost answer":
            raise Failed("no answer")
        return 201, body


class Rounds(threading.Event):
    """Stops after so many waits."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def wait(self, timeout: float | None = None) -> bool:
        self.count -= 1
        return self.count < 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["stored", "lost request", "lost answer", "refused"]), max_size=30))
def test_numbers_are_acknowledged_in_order_once_each_and_only_when_they_are_stored(
    capsys: pytest.CaptureFixture[str], script: list[str]
) -> None:
    api = FakeApi(list(script))
    rounds = len(script) + 3
    capsys.readouterr()
    keys._write(api, Rounds(rounds))
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert [line["number"] for line in lines] == list(range(len(lines)))
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert {line["number"] for line in lines} <= set(keys.numbers(api))
    # Each round is one try: it is acknowledged, or told as failed and tried again under the same number.
    assert len(api.tried) == rounds == len(lines) + len(told.err.splitlines())
    assert sorted(api.tried) == api.tried
    # The last three rounds have answers: nothing before them is in their way, not even a number whose answer was lost.
    assert len(lines) >= 3


def test_only_what_stands_under_its_own_name_is_read_back_from_every_page() -> None:
    def item(name: str, number: str | None) -> Item:
        return {"metadata": {"name": name}, **({} if number is None else {"data": {"number": number}})}

    pages = [
        {"items": [item("number-00000000", "0"), item("kube-root-ca.crt", None)], "metadata": {"continue": "more"}},
        {"items": [item("number-00000001", "7"), item("number-00000002", "2")], "metadata": {}},
    ]

    class Paged(FakeApi):
        def ask(self, method: str, path: str, body: Any = None, timeout: float = 0.0) -> tuple[int, Any]:
            page = pages.pop(0)
            assert ("continue=more" in path) == (not pages)
            return 200, page

    assert list(keys.numbers(Paged([]))) == [0, 2]


def test_numbers_that_cannot_be_read_are_no_empty_list() -> None:
    class Refusing(FakeApi):
        def ask(self, method: str, path: str, body: Any = None, timeout: float = 0.0) -> tuple[int, Any]:
            return 403, {"message": "forbidden"}

    with pytest.raises(Failed, match="403: forbidden"):
        list(keys.numbers(Refusing([])))

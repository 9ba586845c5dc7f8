"""What the function's log says of hooks, and the events that a storm makes, which the function has to understand."""

from __future__ import annotations

import json
from pathlib import Path

from functions.reconcile.events import Wakened, trigger
from functions.reconcile.settings import Settings
from tests.storm.full.function import completed, notice, processes_of


def line(*decisions: tuple[str, str, str]) -> str:
    keys = ("action", "subject", "outcome")
    return json.dumps({"message": "reconcile", "decisions": [dict(zip(keys, each, strict=True)) for each in decisions]})


def test_hooks_are_those_that_the_function_has_called_for_whatever_was_answered() -> None:
    log = [
        "START RequestId: 1",
        line(("CompleteHook", "a", "Done"), ("Heartbeat", "b", "Done")),
        '{"metric": 1}',
        line(("CompleteHook", "c", "Postponed"), ("CompleteHook", "d", "Unknown")),
        '{"message": "reco',
    ]
    assert list(completed(log)) == ["a", "d"]


def test_the_function_takes_the_notices_of_a_storm_for_those_of_its_hook() -> None:
    settings = Settings("arn:aws:cloudformation:us-east-1:1:stack/s/uuid", "uuid", "table", 60, plain_http=True)
    assert isinstance(trigger(notice("uuid", "i-1", "group"), settings), Wakened)
    assert not isinstance(trigger(notice("another", "i-1", "group"), settings), Wakened)


def test_the_processes_of_a_function_are_those_of_its_own_local_aws(tmp_path: Path) -> None:
    for pid, name, endpoint in ((7, "f", "http://a"), (8, "f", "http://b"), (9, "f2", "http://a")):
        (tmp_path / str(pid)).mkdir()
        environment = f"TZ=:UTC\0AWS_LAMBDA_FUNCTION_NAME={name}\0AWS_ENDPOINT_URL={endpoint}\0"
        (tmp_path / str(pid) / "environ").write_bytes(environment.encode())
    (tmp_path / "10").mkdir()
    (tmp_path / "self").mkdir()
    assert processes_of("f", "http://a", tmp_path) == [7]

"""Lines of a node's log: one for each stage, with its times, and with nothing that was not meant for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.userdata.secrecy import leaks, texts
from userdata.logs.lines import Clocks, Log, StageFailed

SECRET = "0123456789abcdef"


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def log(lines: list[str], time: Time) -> Log:
    return Log(lines.append, Clocks(wall=lambda: 1_800_000_000.5, steady=time, computed=lambda: time.now / 10))


def told(lines: list[str]) -> list[tuple[Any, ...]]:
    return [tuple(json.loads(line)[field] for field in ("stage", "outcome", "seconds", "reason")) for line in lines]


def test_a_stage_is_one_line_of_json_with_its_times(log: Log, lines: list[str], time: Time) -> None:
    with log.stage("settings"):
        time.now += 1.25
    (line,) = lines
    assert json.loads(line) == {
        "at": 1_800_000_000.5,
        "stage": "settings",
        "outcome": "done",
        "seconds": 1.25,
        "cpu_seconds": 0.125,
        "reason": "",
    }


def test_a_stage_may_say_why_it_did_nothing(log: Log, lines: list[str]) -> None:
    with log.stage("hook") as stage:
        stage.reason = "it was completed before"
    assert told(lines) == [("hook", "done", 0.0, "it was completed before")]


def test_a_stage_that_fails_says_why_and_is_not_forgiven(log: Log, lines: list[str], time: Time) -> None:
    def join() -> None:
        with log.stage("join"):
            time.now += 2
            raise StageFailed("the cluster is being deleted")

    with pytest.raises(StageFailed):
        join()
    assert told(lines) == [("join", "failed", 2.0, "the cluster is being deleted")]


def test_an_unexpected_error_is_told_by_its_kind_alone(log: Log, lines: list[str]) -> None:
    with pytest.raises(ValueError, match=SECRET), log.stage("join"):
        raise ValueError(f"token {SECRET}")
    assert told(lines) == [("join", "failed", 0.0, "ValueError")]
    assert leaks({"token": SECRET}, texts(log="".join(lines))) == []


def test_the_end_of_the_process_is_told_too(log: Log, lines: list[str]) -> None:
    with pytest.raises(SystemExit), log.stage("join"):
        raise SystemExit(1)
    assert told(lines) == [("join", "failed", 0.0, "SystemExit")]


def test_a_stage_that_waits_says_so_once_for_each_reason(log: Log, lines: list[str], time: Time) -> None:
    with log.stage("gate") as stage:
        for reason in ("a learner is listed", "a learner is listed", "no quorum", "a learner is listed"):
            time.now += 1
            stage.wait(reason)
    assert told(lines) == [
        ("gate", "waiting", 1.0, "a learner is listed"),
        ("gate", "waiting", 3.0, "no quorum"),
        ("gate", "waiting", 4.0, "a learner is listed"),
        ("gate", "done", 4.0, ""),
    ]


def test_a_reason_of_several_lines_stays_one_line(log: Log, lines: list[str]) -> None:
    with log.stage("join") as stage:
        stage.reason = "first\nsecond"
    assert "\n" not in lines[0]


def test_lines_go_to_standard_output_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Log().stage("identity"):
        pass
    assert json.loads(capsys.readouterr().out)["stage"] == "identity"

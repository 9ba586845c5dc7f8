"""A stage is told in the instance's row when it begins, and in the log when it ends."""

from __future__ import annotations

import json

import pytest

from coordination.boots import Boot
from coordination.outcomes import Done, Unknown, Write
from userdata.boot.stages import Stages
from userdata.logs.lines import Log, StageFailed

ROW = Boot("arn:aws:ec2:us-east-1:123456789012:instance/i-1", "boot", started_at=1_800_000_000)


class Told:
    """What the row and the log were told; `answer` is what becomes of a write."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.answer: Write = Done()
        self.stages = Stages(Log(self.lines.append), self._store, ROW)

    def _store(self, row: Boot) -> Write:
        assert (row.instance_arn, row.started_at) == (ROW.instance_arn, ROW.started_at)
        self.rows.append((row.stage, row.reason))
        return self.answer

    def outcomes(self) -> list[tuple[str, ...]]:
        return [tuple(json.loads(line)[field] for field in ("stage", "outcome", "reason")) for line in self.lines]


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_stage_is_in_the_row_while_it_runs_and_in_the_log_once_it_ended(told: Told) -> None:
    with told.stages.stage("gate") as stage:
        assert (told.rows, told.lines) == ([("gate", "")], [])
        stage.say("it is open")
    assert told.outcomes() == [("gate", "done", "it is open")]
    assert told.rows == [("gate", "")]


def test_what_a_stage_waits_for_is_told_once_in_both_and_the_next_stage_has_none(told: Told) -> None:
    with told.stages.stage("gate") as stage:
        for _ in range(3):
            stage.wait("i-2 is no voter yet")
        stage.wait("i-3 does not answer")
    with told.stages.stage("kubeadm-join"):
        pass
    assert told.rows == [
        *(("gate", ""), ("gate", "i-2 is no voter yet"), ("gate", "i-3 does not answer"), ("kubeadm-join", "")),
    ]
    assert [outcome for _, outcome, _ in told.outcomes()] == ["waiting", "waiting", "done", "done"]


def test_why_a_stage_failed_is_in_both_and_passes_on(told: Told) -> None:
    with pytest.raises(StageFailed, match="refused"), told.stages.stage("ready"):
        raise StageFailed("the record refused it")
    assert told.rows[-1] == ("ready", "the record refused it")
    assert told.outcomes() == [("ready", "failed", "the record refused it")]


def test_of_what_nobody_expected_only_the_kind_is_told(told: Told) -> None:
    with pytest.raises(ValueError, match="secret"), told.stages.stage("ready"):
        raise ValueError("a secret")
    assert told.rows == [("ready", "")]
    assert told.outcomes() == [("ready", "failed", "ValueError")]


def test_a_row_that_cannot_be_written_ends_no_stage(told: Told) -> None:
    told.answer = Unknown("UpdateItem: ReadTimeoutError")
    with told.stages.stage("gate") as stage:
        stage.wait("i-2 is no voter yet")
    assert told.outcomes()[-1] == ("gate", "done", "")


def test_a_row_of_which_nobody_knows_whether_it_was_stored_is_written_again_by_the_next_word(told: Told) -> None:
    with told.stages.stage("decide") as stage:
        told.answer = Unknown("UpdateItem: Throttling")
        stage.wait("somebody else founds")
        told.answer = Done()
        for _ in range(3):
            stage.wait("somebody else founds")
    assert told.rows == [("decide", ""), *[("decide", "somebody else founds")] * 2]


def test_a_row_is_written_only_where_it_changes_or_where_it_has_to_be_there(told: Told) -> None:
    assert told.stages.store(fingerprint="SHA256:abc") == Done()
    assert told.stages.store(fingerprint="SHA256:abc") is None
    assert len(told.rows) == 1
    assert told.stages.store_again() == Done()
    assert len(told.rows) == 2
    assert told.stages.row.fingerprint == "SHA256:abc"


def test_a_long_reason_is_cut_for_the_row_alone(told: Told) -> None:
    with told.stages.stage("gate") as stage:
        stage.wait("x" * 5000)
    assert len(told.rows[-1][1]) == 1000
    assert len(told.outcomes()[0][2]) == 5000

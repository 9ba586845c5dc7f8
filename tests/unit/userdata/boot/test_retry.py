"""Trying again: so often and no more, or for ever and ever more rarely; and what is told meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from coordination.boots import Boot
from coordination.outcomes import Done, NoOp, NoTable, Throttled, Unknown, Write
from userdata.boot.failures import StepFailed
from userdata.boot.retry import LONGEST_PAUSE_SECONDS, until_done, until_told, wait_unless_permanent
from userdata.boot.stages import RunningStage, Stages
from userdata.logs.lines import Log

DENIED, THROTTLED = "AccessDenied", "ThrottlingException"


class Trying:
    """An attempt that fails for these reasons, one after the other, and what is told and slept meanwhile."""

    def __init__(self, told: RunningStage, reasons: list[str]) -> None:
        self.told = told
        self.left = reasons
        self.slept: list[float] = []

    def attempt(self) -> Done | Unknown:
        return Unknown(self.left.pop(0)) if self.left else Done()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def rows() -> list[str]:
    return []


@pytest.fixture
def trying(lines: list[str], rows: list[str]) -> Iterator[Callable[[list[str]], Trying]]:
    """Makes one, in a stage that runs."""

    def store(row: Boot) -> Write:
        rows.append(row.reason)
        return Done()

    with Stages(Log(lines.append), store, Boot("arn", "boot", started_at=1, place="0")).stage("signal") as told:
        yield lambda reasons: Trying(told, reasons)


def reasons(lines: list[str]) -> list[str]:
    return [json.loads(line)["reason"] for line in lines]


def test_what_is_done_at_once_is_neither_waited_for_nor_told(
    trying: Callable[[list[str]], Trying], lines: list[str]
) -> None:
    it = trying([])
    until_done(it.attempt, 3, 5, it.told, it.slept.append)
    until_told(it.attempt, 5, it.told, it.slept.append)
    assert (it.slept, lines) == ([], [])


def test_a_number_of_tries_ends_with_the_last_reason(trying: Callable[[list[str]], Trying]) -> None:
    it = trying([THROTTLED, THROTTLED, DENIED, THROTTLED])
    with pytest.raises(StepFailed, match=DENIED):
        until_done(it.attempt, 3, 2, it.told, it.slept.append)
    assert it.left == [THROTTLED]
    assert all(1.5 <= pause <= 2.5 for pause in it.slept)


def test_tries_without_end_become_rarer_up_to_the_longest_pause_and_no_two_nodes_try_together(
    trying: Callable[[list[str]], Trying],
) -> None:
    first, second = trying([THROTTLED] * 40), trying([THROTTLED] * 40)
    for it in (first, second):
        until_told(it.attempt, 5, it.told, it.slept.append)
        middles = [min(5 * 2.0**number, LONGEST_PAUSE_SECONDS) for number in range(40)]
        assert len(it.slept) == 40
        assert all(0.75 <= pause / middle <= 1.25 for pause, middle in zip(it.slept, middles, strict=True))
    assert first.slept != second.slept


def test_a_reason_is_told_once_for_as_long_as_it_is_the_same(
    trying: Callable[[list[str]], Trying], lines: list[str], rows: list[str]
) -> None:
    it = trying([THROTTLED, THROTTLED, DENIED, DENIED, THROTTLED])
    until_told(it.attempt, 5, it.told, it.slept.append)
    assert reasons(lines) == [THROTTLED, DENIED, THROTTLED]
    assert rows == ["", THROTTLED, DENIED, THROTTLED]


def test_what_was_done_by_somebody_else_is_done(trying: Callable[[list[str]], Trying]) -> None:
    it = trying([])
    until_done(lambda: NoOp("the hook was completed before"), 3, 2, it.told, it.slept.append)
    until_told(lambda: NoOp("the stack does not wait"), 5, it.told, it.slept.append)
    assert it.slept == []


@pytest.mark.parametrize("failed", [NoTable("slow"), Unknown("slow", "DisabledException")])
def test_what_no_repetition_cures_is_not_waited_for(
    trying: Callable[[list[str]], Trying], lines: list[str], failed: Unknown
) -> None:
    it = trying([])
    with pytest.raises(StepFailed) as ended:
        wait_unless_permanent(failed, 2, it.told.wait, it.slept.append)
    assert ended.value.permanent
    assert (it.slept, lines) == ([], [])


@pytest.mark.parametrize("failed", [Throttled("the table does not exist"), Unknown("DisabledException", "NewCode")])
def test_what_may_pass_is_waited_for_whatever_its_words(
    trying: Callable[[list[str]], Trying], lines: list[str], failed: Unknown
) -> None:
    it = trying([])
    wait_unless_permanent(failed, 2, it.told.wait, it.slept.append)
    assert len(it.slept) == 1
    assert failed.reason in reasons(lines)[0]


def test_the_last_try_says_whether_trying_again_can_help(trying: Callable[[list[str]], Trying]) -> None:
    it = trying([])
    for failed in (NoTable("gone"), Unknown("gone")):
        with pytest.raises(StepFailed) as ended:
            until_done(partial(_same, failed), 2, 2, it.told, it.slept.append)
        assert ended.value.permanent == isinstance(failed, NoTable)


def _same(failed: Unknown) -> Unknown:
    return failed

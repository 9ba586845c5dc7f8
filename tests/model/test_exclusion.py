"""Who excludes whom, explored: every order of look and write keeps the rules, and a rule left out is caught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from coordination import exclusion, node_leases
from coordination.exclusion import NEEDS, Activity, Need
from coordination.node_leases import NodeLease
from coordination.operations import Operation
from coordination.writes import Update
from tests.model.exclusion import ALONE, CALL, GATE, Exclusion
from tests.model.explorer import NO_PROGRESS, explore
from tests.model.suite import EXCLUSION_QUICK
from userdata.leases.others import Others

JOIN, REMOVAL, CALLING, RESTART, BACKUP = Activity


def every() -> Exclusion:
    """A new one each time, for it remembers what was decided."""
    return Exclusion(JOIN, REMOVAL, RESTART, RESTART, BACKUP, withdrawals=1)


@pytest.mark.parametrize("name", EXCLUSION_QUICK)
def test_exclusion_keeps_every_promise(name: str) -> None:
    result = explore(EXCLUSION_QUICK[name])
    assert result.complete
    assert result.violation is None, str(result.violation)


def caught(model: Exclusion | None = None) -> str:
    result = explore(model or every(), most_states=50_000)
    assert result.violation is not None, f"{result.states} states, and nothing was caught"
    return result.violation.what


@pytest.mark.parametrize(
    ("begins", "other", "broken"),
    [
        (JOIN, REMOVAL, GATE),
        (JOIN, RESTART, ALONE),
        (REMOVAL, RESTART, ALONE),
        (CALLING, BACKUP, CALL),
        (RESTART, JOIN, ALONE),
        (RESTART, REMOVAL, ALONE),
        (RESTART, BACKUP, ALONE),
        (BACKUP, RESTART, ALONE),
    ],
)
def test_each_cell_of_the_table_is_needed(
    monkeypatch: pytest.MonkeyPatch, begins: Activity, other: Activity, broken: str
) -> None:
    needs: Mapping[Activity, Need] = {each: need for each, need in NEEDS[begins].items() if each is not other}
    monkeypatch.setitem(NEEDS, begins, needs)
    assert caught() == broken


def test_every_cell_was_left_out_once() -> None:
    cells = {(begins, other) for begins, needs in NEEDS.items() for other in needs}
    assert len(cells) == 8


def test_a_look_without_the_checks_in_the_write(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Others.look

    def wrong(self: Others) -> Any:
        found = right(self)
        return () if isinstance(found, tuple) else found

    monkeypatch.setattr(Others, "look", wrong)
    assert caught(Exclusion(RESTART, BACKUP)) == ALONE


def test_a_lease_that_stood_still_and_is_named_by_its_fence_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one takes it over between the look and the write; the fence grows then, so what is left out is both."""
    monkeypatch.setattr(exclusion, "as_seen", lambda seen: Update(seen.item_id, (), ()))
    assert caught(Exclusion(JOIN, JOIN, RESTART, deaths=1)) == ALONE


def test_a_joiner_that_takes_an_operation_that_has_ended_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = dict.fromkeys(NEEDS[JOIN], Need.FREE)
    monkeypatch.setitem(NEEDS, JOIN, needs)
    assert caught(Exclusion(JOIN, REMOVAL)) == GATE


def test_a_restart_that_takes_an_operation_that_has_just_ended_for_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent that had accepted it may be paused right before the call."""
    monkeypatch.setattr(Operation, "is_in_doubt", lambda *_: False)
    assert caught(Exclusion(REMOVAL, RESTART, withdrawals=1)) == ALONE


def test_a_dead_restart_whose_lease_nobody_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(seen: NodeLease) -> Update:
        return Update(seen.item_id, (), ())

    monkeypatch.setattr(node_leases, "release_still", nothing)
    assert caught(Exclusion(REMOVAL, RESTART, deaths=1)) == NO_PROGRESS

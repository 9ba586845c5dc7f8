"""Whatever words reasons have, the function decides the same."""

from __future__ import annotations

from hypothesis import given, settings

from functions.reconcile.actions import Action, SetCondition
from functions.reconcile.decide import decide
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.test_decide_properties import snapshots
from tests.unit.wording import blanked, garbling, noise, reworded


def decisions(actions: list[Action]) -> list[Action]:
    """What was decided, without words: a condition that is only worded anew is no decision."""
    return [blanked(each) for each in actions if not isinstance(each, SetCondition) or each.replaces is None]


@settings(max_examples=300, deadline=None)
@given(snapshots, noise)
def test_words_change_no_decision(snapshot: Snapshot, texts: list[str]) -> None:
    assert decisions(decide(reworded(snapshot, garbling(texts)))) == decisions(decide(snapshot))

"""Wrong rules in the place of right ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from coordination.writes import Update
from userdata.boot import decide as boot
from userdata.boot.actions import Action
from userdata.boot.snapshot import Snapshot

decide: Callable[[Snapshot], Action] = boot.decide
"""The right one, whatever stands in its place."""


def without(update: Update, *fields: str) -> Update:
    """The update without some of its conditions."""
    return replace(update, expected=tuple(pair for pair in update.expected if pair[0] not in fields))


def mutate_decide(monkeypatch: pytest.MonkeyPatch, change: Callable[[Snapshot, Action], Action]) -> None:
    """Let the boot table say something else."""
    monkeypatch.setattr(boot, "decide", lambda seen: change(seen, decide(seen)))


class Watched:
    """A model of which other sentences are looked at."""

    def __init__(self, model: Any, invariants: Mapping[str, Callable[[Any], bool]]) -> None:
        self.invariants = invariants
        self.initial, self.steps, self.is_good = model.initial, model.steps, model.is_good
        self.parts, self.whole = model.parts, model.whole

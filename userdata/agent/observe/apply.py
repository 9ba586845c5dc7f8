"""Carries out what a look has decided. One write that fails does not keep the others from being tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from coordination.names import TABLE_KEY, condition_item
from coordination.outcomes import Done, Transacted, Unknown, Write
from coordination.ports import TableWriter
from userdata.agent.observe.actions import (
    Action,
    ClearCondition,
    Correction,
    DeleteRow,
    ListAgain,
    MarkRow,
    Publish,
    SetCondition,
)

_ANYTHING: Mapping[str, object] = {}


@dataclass
class Applied:
    """What was done that people want to know, and what could not be done."""

    told: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def apply(actions: Iterable[Action], table: TableWriter) -> Applied:
    """Try every action, in order; of the many that old rows may need none after one whose outcome is unknown.

    A write without an answer takes half a minute, and systemd's watchdog and the other tasks wait meanwhile.
    """
    applied = Applied()
    rows_wait = False
    for action in actions:
        is_of_old_row = isinstance(action, MarkRow | DeleteRow)
        if is_of_old_row and rows_wait:
            continue
        outcome, said = _outcome(action, table)
        # A conflict is no trouble: somebody knew more, and the next look sees it.
        if isinstance(outcome, Unknown):
            applied.troubles.append(outcome.reason)
            rows_wait = rows_wait or is_of_old_row
        if isinstance(outcome, Done) and said:
            applied.told.append(said)
    return applied


def _outcome(action: Action, table: TableWriter) -> tuple[Write | Transacted, str]:
    """The outcome of an action, and what is told of it if it is done."""
    match action:
        case Correction(update=update, reason=reason):
            return table.apply(update), reason
        case ListAgain(transaction=transaction, reason=reason):
            return table.transact(transaction), reason
        case Publish(observation=observation):
            return table.put(observation.item(), _ANYTHING), ""
        case SetCondition(condition=stored, replaces=present):
            if present is None:
                return table.put(stored.item(), {TABLE_KEY: None}), f"set {stored.name}: {stored.reason}"
            return table.put(stored.item(), {"Since": present.since}), ""
        case ClearCondition(condition=stored):
            return table.delete(condition_item(stored.name), {"Since": stored.since}), f"cleared {stored.name}"
        case MarkRow(mark=mark):
            return table.apply(mark.write), ""
        case DeleteRow(delete=delete):
            return table.delete(delete.row.item_id, delete.expected), ""
        case _:
            assert_never(action)

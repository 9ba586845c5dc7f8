"""What a look can decide. Every write is conditional on what was read, but for the one of the observation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.conditions import Condition
from coordination.observed_state import ClusterObservation
from coordination.retention import Delete, Mark
from coordination.writes import Transaction, Update


@dataclass(frozen=True)
class Correction:
    """A write that makes a member row true, and why."""

    update: Update
    reason: str


@dataclass(frozen=True)
class ListAgain:
    """A transaction that sets the row of a listed voter back to voter, and why."""

    transaction: Transaction
    reason: str


@dataclass(frozen=True)
class Publish:
    """Store what was seen, in place of what was seen before."""

    observation: ClusterObservation


@dataclass(frozen=True)
class SetCondition:
    """Store a condition; `replaces` is what stands there now."""

    condition: Condition
    replaces: Condition | None


@dataclass(frozen=True)
class ClearCondition:
    """Delete a condition."""

    condition: Condition


@dataclass(frozen=True)
class MarkRow:
    """Note, or take back, since when a row's instance has been gone."""

    mark: Mark


@dataclass(frozen=True)
class DeleteRow:
    """Delete the row of an instance that is long gone."""

    delete: Delete


Change: TypeAlias = SetCondition | ClearCondition
Action: TypeAlias = Correction | ListAgain | Publish | Change | MarkRow | DeleteRow

"""What a pass can decide. Every action is conditional or idempotent, and carries its reason into the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.conditions import Condition
from coordination.instances import GroupInstance, SlotGroup
from coordination.teardowns import Teardown


@dataclass(frozen=True)
class SetPhaseDeleting:
    """Store that the cluster is being deleted, whatever the record says now."""

    reason: str


@dataclass(frozen=True)
class CompleteHook:
    """Let an instance that a hook holds go on."""

    instance: GroupInstance
    reason: str


@dataclass(frozen=True)
class Heartbeat:
    """Keep a terminating instance held."""

    instance: GroupInstance
    reason: str


@dataclass(frozen=True)
class TerminateRetained:
    """Terminate an instance whose hook was abandoned."""

    instance: GroupInstance
    reason: str


@dataclass(frozen=True)
class StartSlot:
    """Raise a slot's group from no instance to one."""

    group: SlotGroup
    reason: str


@dataclass(frozen=True)
class SetCondition:
    """Store a condition; `replaces` is what is stored now, None if nothing is known to be."""

    condition: Condition
    replaces: Condition | None
    reason: str


@dataclass(frozen=True)
class ClearCondition:
    """Delete a condition that does not hold any more."""

    condition: Condition
    reason: str


@dataclass(frozen=True)
class ProtectTable:
    """Switch the table's protection against deletion on."""

    reason: str


@dataclass(frozen=True)
class AnswerTeardown:
    """Tell CloudFormation that it may go on with the deletion."""

    teardown: Teardown
    reason: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do about `subject` in this pass."""

    subject: str
    reason: str


Action: TypeAlias = (
    SetPhaseDeleting
    | CompleteHook
    | Heartbeat
    | TerminateRetained
    | StartSlot
    | SetCondition
    | ClearCondition
    | ProtectTable
    | AnswerTeardown
    | Wait
)


def subject(action: Action) -> str:
    """What the action is about, as the log names it: never an address at which CloudFormation waits."""
    match action:
        case CompleteHook() | Heartbeat() | TerminateRetained():
            return action.instance.instance_id
        case StartSlot():
            return action.group.name
        case SetCondition() | ClearCondition():
            return action.condition.name
        case AnswerTeardown():
            return action.teardown.physical_id
        case Wait():
            return action.subject
        case SetPhaseDeleting():
            return "cluster"
        case ProtectTable():
            return "table"

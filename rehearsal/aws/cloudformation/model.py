"""What the engine keeps of a stack: its resources, its events and the state to which a failed update goes back."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rehearsal.aws.cloudformation.parameters import Parameter
from rehearsal.aws.cloudformation.template import Template

STACK_TYPE = "AWS::CloudFormation::Stack"


@dataclass
class Resource:
    """One resource of a stack. `properties` are those last applied; `dependencies` order its deletion."""

    logical_id: str
    type_name: str
    definition: Mapping[str, Any]
    status: str
    timestamp: datetime
    physical_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ref: str | None = None
    reason: str | None = None
    dependencies: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    tried: dict[str, Any] | None = None
    """Properties of an update that has failed midway: what the resource looks like is uncertain until one succeeds."""
    created_by: int = 0
    """The number of the operation that made it: only that operation's rollback may delete it."""
    rollback_failed: bool = False
    """Whether it is UPDATE_FAILED because its rollback failed, and not because its update did."""

    @property
    def unsettled(self) -> bool:
        """Whether its last update has failed, so that it is updated again also where nothing else has changed."""
        return self.tried is not None or self.status == "UPDATE_FAILED"

    @property
    def exists(self) -> bool:
        """Whether it was made completely."""
        return self.physical_id is not None and self.status != "CREATE_FAILED"


@dataclass
class Event:
    """One line of a stack's history."""

    event_id: str
    timestamp: datetime
    logical_id: str
    physical_id: str
    type_name: str
    status: str
    reason: str | None
    properties: str | None
    token: str | None


@dataclass(frozen=True)
class Target:
    """What an operation makes of a stack."""

    template: Template
    parameters: Mapping[str, Parameter]
    tags: Mapping[str, str]
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class StableState:
    """A stack as it was when an operation last succeeded: the rollback of an update restores it."""

    target: Target
    resources: Mapping[str, Resource]
    outputs: Mapping[str, Output]


@dataclass(frozen=True)
class Output:
    """An output with its value."""

    key: str
    value: str
    description: str | None = None

    def described(self) -> dict[str, str]:
        """The output as DescribeStacks shows it."""
        shown = {"OutputKey": self.key, "OutputValue": self.value}
        return shown | ({"Description": self.description} if self.description else {})


class Run:
    """An operation that is going on in a stack. A nested stack's run ends when its parent's does."""

    def __init__(
        self, token: str | None, disable_rollback: bool, parent: Run | None = None, *, forced: bool = False
    ) -> None:
        self.token = token
        self._forced = forced
        self.disable_rollback = disable_rollback
        self.parent = parent
        self.superseded = False
        """A delete has taken over: the operation only winds down and reports nothing about the stack."""
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop what waits and start nothing new."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether this operation, or one above it, was cancelled."""
        return self._cancelled.is_set() or (self.parent is not None and self.parent.cancelled)

    @property
    def forced(self) -> bool:
        """Whether this deletion, or one above it, leaves behind what it cannot delete."""
        return self._forced or (self.parent is not None and self.parent.forced)


@dataclass
class Stack:
    """A stack. `resources` are present ones; `gone` remembers deleted ones for a reader of a rolled back stack."""

    stack_id: str
    name: str
    region: str
    account_id: str
    partition: str
    created: datetime
    status: str
    target: Target | None = None
    reason: str | None = None
    updated: datetime | None = None
    deleted: datetime | None = None
    outputs: Mapping[str, Output] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    replaced: list[Resource] = field(default_factory=list)
    """Old physical resources that the cleanup deletes, unless a rollback takes them back."""
    gone: dict[str, Resource] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    stable: StableState | None = None
    run: Run | None = None
    thread: threading.Thread | None = None
    operation_number: int = 0
    on_failure: str = "ROLLBACK"
    disable_rollback: bool = False
    retain_except_on_create: bool = False
    termination_protection: bool = False
    timeout_minutes: int | None = None
    notification_arns: tuple[str, ...] = ()
    role_arn: str | None = None
    change_set_id: str | None = None
    reserved_for: str | None = None
    """The logical id in the parent for which a change set has reserved this nested stack."""
    parent_id: str | None = None
    root_id: str | None = None
    last_token: str | None = None

    @property
    def in_progress(self) -> bool:
        """Whether an operation is going on."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def current(self) -> Target:
        """What the stack is now made from; only a stack under review has nothing."""
        if self.target is None:
            raise RuntimeError(f"stack {self.name} has no template yet")
        return self.target

    def remember(self) -> None:
        """Keep the present state as the one that a failed update goes back to."""
        self.stable = StableState(
            self.current(), {name: replace(each) for name, each in self.resources.items()}, dict(self.outputs)
        )


def new_stack_id(region: str, account_id: str, partition: str, name: str) -> str:
    """A stack's id: its ARN, with a UUID as the last part."""
    return f"arn:{partition}:cloudformation:{region}:{account_id}:stack/{name}/{uuid.uuid4()}"

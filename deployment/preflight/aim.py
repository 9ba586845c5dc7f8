"""What a check is for: a new stack, or an update of one that is there, which a deploy has to accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from deployment import clusters, fixed, stacks
from deployment.aws import Aws
from deployment.next_steps import Typed
from deployment.preflight.finding import About, Finding, Topic
from deployment.refusal import Refusal
from deployment.stacks import Stack
from deployment.templates import Body
from deployment.updatable import refuse_unless_updatable

_NESTED = "AWS::CloudFormation::Stack"
_GONE = "DELETE_COMPLETE"


class Operation(Enum):
    """What a deploy would do."""

    CREATE = "create"
    UPDATE = "update"
    UNKNOWN = "unknown"
    """Whether the stack exists could not be asked."""


@dataclass(frozen=True)
class Aim:
    """The stack by its name, and what a deploy would do with it; `status` is empty where there is none."""

    stack: str
    operation: Operation = Operation.UNKNOWN
    status: str = ""

    @property
    def line(self) -> str:
        """It for a person."""
        if self.operation is Operation.UPDATE:
            return f"for an update of {self.stack} ({self.status}), whose values are kept"
        if self.operation is Operation.CREATE:
            return f"for a new stack {self.stack}"
        return f"for the stack {self.stack}: whether it exists could not be asked"


def of(name: str, existing: Stack | None) -> Aim:
    """What is known once CloudFormation has answered. A stack of which only the name is left is made anew."""
    if existing is None or existing.status == _GONE:
        return Aim(name, Operation.CREATE)
    return Aim(existing.name, Operation.UPDATE if existing.is_made else Operation.CREATE, existing.status)


def check(
    aws: Aws, existing: Stack | None, bodies: Mapping[str, Body], given: Mapping[str, str], typed: Typed
) -> list[Finding]:
    """Whether a deploy would take these templates for the stack that is there; nothing where there is none.

    Raises Refusal, as a deploy does, for a stack that is no cluster or another one, and for what never changes.
    """
    if existing is None or existing.status == _GONE:
        return []
    clusters.refuse_nested(existing, "preflight")
    about = About(Topic.ACCOUNT, f"stack {existing.name}")
    return about.answered(lambda: _compared(aws, about, existing, bodies, given, typed))


def _compared(
    aws: Aws, about: About, existing: Stack, bodies: Mapping[str, Body], given: Mapping[str, str], typed: Typed
) -> Iterator[Finding]:
    cloudformation = aws.client("cloudformation")
    clusters.refuse_foreign(cloudformation, existing)
    try:
        refuse_unless_updatable(existing)
    except Refusal as refusal:
        yield about.failed(str(refusal))
    else:
        yield about.ok(existing.status)
    if not existing.is_made:
        return
    clusters.refuse_other_cluster(cloudformation, existing, bodies[""], typed, "preflight")
    living = _nested(cloudformation, existing, fixed.LAYERS)
    fixed.refuse([*fixed.of_parameters(existing.parameters, given), *fixed.of_templates(living, bodies)])
    yield about.note(
        "only a change set tells whether an update replaces what never changes, such as the VPC or the cluster table",
        f"once it is packaged: {typed.make('diff')}",
    )


def _nested(cloudformation: Any, root: Stack, wanted: frozenset[str]) -> dict[str, Body]:
    """The templates of the stacks that the living root nests, by logical id. Raises ClientError."""
    found: dict[str, Body] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=root.stack_id):
        for resource in page["StackResourceSummaries"]:
            name, stack_id = resource["LogicalResourceId"], resource.get("PhysicalResourceId")
            if resource["ResourceType"] == _NESTED and name in wanted and stack_id:
                found[name] = stacks.template(cloudformation, StackName=stack_id)
    return found

"""Stacks as CloudFormation describes them: does one exist, in which state, under which id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws, digests

_NOTHING_MADE = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"})


@dataclass(frozen=True)
class Stack:
    """One stack that exists, or was deleted within CloudFormation's memory of 90 days."""

    stack_id: str
    name: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[tuple[str, str], ...] = ()
    # Of a nested stack that of its root; empty for a root.
    root_id: str = ""
    # Whether CloudFormation refuses every deletion (termination protection).
    protected: bool = False
    tags: tuple[Mapping[str, str], ...] = ()
    # The ARN of the role by which CloudFormation acts on it; empty for the caller's rights.
    role: str = ""

    @property
    def region(self) -> str:
        """The region that the stack's id names."""
        return self.stack_id.split(":")[3]

    @property
    def uuid(self) -> str:
        """The last part of the stack's id: the cluster's uuid, when this is a root stack."""
        return uuid_of(self.stack_id)

    @property
    def is_made(self) -> bool:
        """Whether it has resources, so that a deploy would update it. False where only its name is left."""
        return self.status not in _NOTHING_MADE

    @property
    def busy(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS")


def uuid_of(stack_id: str) -> str:
    """The last part of a stack's id."""
    return stack_id.rsplit("/", 1)[-1]


def find(cloudformation: Any, name_or_id: str) -> Stack | None:
    """The stack, or None when CloudFormation says that there is none; every other error is raised."""
    try:
        answer = cloudformation.describe_stacks(StackName=name_or_id)
    except ClientError as error:
        # DescribeStacks has no error code of its own for this: a ValidationError with these words.
        if aws.code(error) == "ValidationError" and "does not exist" in aws.message(error):
            return None
        raise
    body = answer["Stacks"][0]
    return Stack(
        stack_id=body["StackId"],
        name=body["StackName"],
        status=body["StackStatus"],
        reason=body.get("StackStatusReason", ""),
        parameters={each["ParameterKey"]: each.get("ParameterValue", "") for each in body.get("Parameters", [])},
        outputs=tuple((output["OutputKey"], output["OutputValue"]) for output in body.get("Outputs", [])),
        root_id=body.get("RootId") or "",
        protected=bool(body.get("EnableTerminationProtection")),
        tags=tuple(body.get("Tags", [])),
        role=body.get("RoleARN", ""),
    )


def template(cloudformation: Any, **which: str) -> dict[str, Any]:
    """The template of a stack or of a change set as it was submitted. Raises ClientError."""
    return digests.parsed(original(cloudformation, **which))


def original(cloudformation: Any, **which: str) -> str:
    """Its text; boto3 gives a template in JSON as an object."""
    body = cloudformation.get_template(**which, TemplateStage="Original")["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)


def physical_id(cloudformation: Any, stack_id: str, logical_id: str) -> str:
    """The physical id of a resource that the stack has. Raises ClientError."""
    found = cloudformation.describe_stack_resource(StackName=stack_id, LogicalResourceId=logical_id)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def remembered(cloudformation: Any) -> Iterator[Stack]:
    """Every root stack that CloudFormation still lists, deleted ones of the last 90 days among them."""
    for page in cloudformation.get_paginator("list_stacks").paginate():
        for body in page["StackSummaries"]:
            if "ParentId" not in body:
                yield Stack(body["StackId"], body["StackName"], body["StackStatus"])

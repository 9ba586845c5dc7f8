"""Tools of the engine's tests: a resource type that does what its properties say, and short ways to CloudFormation."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.server import LocalAws
from tests.waiting import BUSY_SECONDS

TYPE = "Test::Local::Thing"
_numbers = itertools.count(1)


class ProviderState:
    """What exists, and what was asked of the provider in which order."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.tags: dict[str, dict[str, str]] = {}
        self.forgiving = False
        """Deletes and updates that should fail succeed from now on."""
        self._gates: dict[str, threading.Event] = {}

    def gate(self, name: str) -> threading.Event:
        """What a thing with `Hold` waits for."""
        return self._gates.setdefault(name, threading.Event())

    def open_all(self) -> None:
        """Let everything go on."""
        for gate in self._gates.values():
            gate.set()

    def said(self, verb: str) -> list[str]:
        """The logical ids for which a verb was asked, in order."""
        return [logical_id for called, logical_id in self.calls if called == verb]


class Things:
    """The provider of Test::Local::Thing.

    `FailOn` names the verb that fails, `Hold` a gate to wait for, `HoldDelete` one before it is deleted; `Name` is
    create-only. Ref is `ref-<physical id>`, and the attribute `Twice` is the value doubled.
    """

    type_name = TYPE
    properties = frozenset({"Name", "Value", "Settings", "FailOn", "Hold", "HoldDelete", "Tags"})
    create_only = frozenset({"Name"})

    def __init__(self) -> None:
        self.state = ProviderState()

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        physical_id = f"thing-{next(_numbers)}"
        self.state.calls.append(("create", context.logical_id))
        self.state.things[physical_id] = properties
        self.state.tags[physical_id] = dict(context.tags)
        context.initiated(physical_id)
        self._hold(context, properties)
        if properties.get("FailOn") == "create":
            raise ProviderError(f"{context.logical_id} does not want to be made")
        return self._made(physical_id, properties)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        self.state.calls.append(("update", context.logical_id))
        self._hold(context, new)
        if new.get("FailOn") == "update" and not self.state.forgiving:
            raise ProviderError(f"{context.logical_id} does not want to be changed")
        self.state.things[physical_id] = new
        self.state.tags[physical_id] = dict(context.tags)
        return self._made(physical_id, new)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        self.state.calls.append(("delete", context.logical_id))
        self._hold(context, properties, "HoldDelete")
        if properties.get("FailOn") == "delete" and not self.state.forgiving:
            raise ProviderError(f"{context.logical_id} does not want to go")
        self.state.things.pop(physical_id, None)

    def _hold(self, context: Context, properties: dict[str, Any], which: str = "Hold") -> None:
        if which in properties:
            context.wait(self.state.gate(properties[which]).is_set, 3600, "held for too long")

    def _made(self, physical_id: str, properties: dict[str, Any]) -> Made:
        return Made(physical_id, {"Twice": 2 * str(properties.get("Value", ""))}, f"ref-{physical_id}")


things = Things()
register(things)


def thing(*, after: str | list[str] | None = None, policy: str | None = None, **properties: Any) -> dict[str, Any]:
    """A definition of a Thing."""
    definition: dict[str, Any] = {"Type": TYPE, "Properties": properties}
    if after:
        definition["DependsOn"] = after
    if policy:
        definition["DeletionPolicy"] = policy
    return definition


def template(resources: dict[str, Any], **sections: Any) -> str:
    """A template's text."""
    return json.dumps({"Resources": resources, **sections})


class Stacks:
    """CloudFormation as a test uses it. Every stack's name is new, so that tests of a module do not meet."""

    def __init__(self, aws: LocalAws, provider: ProviderState) -> None:
        self.aws = aws
        self.state = provider
        self.client = aws.client("cloudformation")
        self.s3 = aws.client("s3")

    def name(self) -> str:
        """A stack name that nobody else uses."""
        return f"stack-{next(_numbers)}"

    def create(self, body: str, *, wait: str | None = "CREATE_COMPLETE", **request: Any) -> str:
        """Create a stack, wait for its status, and return its name."""
        name = request.pop("StackName", None) or self.name()
        self.client.create_stack(StackName=name, TemplateBody=body, **request)
        if wait:
            self.wait(name, wait)
        return name

    def update(
        self, name: str, body: str | None = None, *, wait: str | None = "UPDATE_COMPLETE", **request: Any
    ) -> None:
        """Update a stack and wait for its status."""
        given = {"TemplateBody": body} if body is not None else {"UsePreviousTemplate": True}
        self.client.update_stack(StackName=name, **given, **request)
        if wait:
            self.wait(name, wait)

    def delete(self, name: str, *, wait: str | None = "DELETE_COMPLETE", **request: Any) -> str:
        """Delete a stack, wait for its status, and return its id."""
        stack_id = str(self.describe(name)["StackId"])
        self.client.delete_stack(StackName=name, **request)
        if wait:
            self.wait(stack_id, wait)
        return stack_id

    def describe(self, name: str) -> dict[str, Any]:
        """The stack."""
        stack: dict[str, Any] = self.client.describe_stacks(StackName=name)["Stacks"][0]
        return stack

    def wait(self, name: str, status: str, seconds: float = BUSY_SECONDS) -> dict[str, Any]:
        """Wait for a status; fail at once when the stack comes to rest in another one."""
        deadline = time.monotonic() + seconds
        while True:
            stack = self.describe(name)
            if stack["StackStatus"] == status:
                return stack
            at_rest = not stack["StackStatus"].endswith("_IN_PROGRESS")
            if at_rest or time.monotonic() > deadline:
                lines = "\n".join(map(str, self.history(name)))
                raise AssertionError(f"{name} is {stack['StackStatus']}, not {status}:\n{lines}")
            time.sleep(0.02)

    def history(self, name: str) -> list[tuple[str, str, str]]:
        """Logical id, status and reason of every event, the oldest first."""
        pages = self.client.get_paginator("describe_stack_events").paginate(StackName=name)
        events = [event for page in pages for event in page["StackEvents"]]
        return [
            (event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(events)
        ]

    def statuses(self, name: str, logical_id: str) -> list[str]:
        """The statuses that one resource went through."""
        return [status for resource, status, _ in self.history(name) if resource == logical_id]

    def reason(self, name: str, logical_id: str, status: str) -> str:
        """Why a resource came to a status, the last time it did."""
        return [reason for resource, was, reason in self.history(name) if (resource, was) == (logical_id, status)][-1]

    def resource(self, name: str, logical_id: str) -> dict[str, Any]:
        """One resource of the stack."""
        found: dict[str, Any] = self.client.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)[
            "StackResourceDetail"
        ]
        return found

    def outputs(self, name: str) -> dict[str, str]:
        """The stack's outputs."""
        return {each["OutputKey"]: each["OutputValue"] for each in self.describe(name).get("Outputs", [])}

    def upload(self, body: str) -> str:
        """Put a template into S3; its URL as `aws cloudformation package` writes it."""
        bucket, key = "engine-templates", f"{next(_numbers)}.template"
        if bucket not in [each["Name"] for each in self.s3.list_buckets()["Buckets"]]:
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
        return f"https://s3.us-east-1.amazonaws.com/{bucket}/{key}"

    def nested(self, body: str, **parameters: Any) -> dict[str, Any]:
        """The definition of a nested stack."""
        return {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": self.upload(body), "Parameters": parameters},
        }

    def child(self, name: str, logical_id: str) -> str:
        """The id of a nested stack."""
        return str(self.resource(name, logical_id)["PhysicalResourceId"])


def eventually(condition: Callable[[], Any], what: str, seconds: float = BUSY_SECONDS) -> Any:
    """Wait until a condition is true and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return value

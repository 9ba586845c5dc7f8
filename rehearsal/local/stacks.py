"""The deployed stacks as a person wants to see them: a tree with times, outputs, and what a delete has to keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_STACK = "AWS::CloudFormation::Stack"
_RETAINING = ("Retain", "RetainExceptOnCreate")


def tree(cloudformation: Any, name: str, depth: int = 0, label: str = "") -> Iterator[str]:
    """A line for the stack and for each nested one: how long it took, how many resources it has."""
    resources = _resources(cloudformation, name)
    shown = f"{'  ' * depth}{label or name}"
    yield f"  {shown:<24} {_seconds(cloudformation, name):6.1f} s  {len(resources):3} resources"
    for resource in resources:
        if resource["ResourceType"] == _STACK:
            yield from tree(cloudformation, resource["PhysicalResourceId"], depth + 1, resource["LogicalResourceId"])


def outputs(cloudformation: Any, name: str) -> dict[str, str]:
    """The root's outputs."""
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def kept(cloudformation: Any, name: str, template: Path) -> set[str]:
    """The physical ids of what the template, and those that it nests, keep when the stack is deleted.

    A custom resource is nothing of AWS's own: of one that is kept nothing is left.
    """
    body = json.loads(template.read_text(encoding="utf-8"))["Resources"]
    ids: set[str] = set()
    for resource in _resources(cloudformation, name):
        declared = body[resource["LogicalResourceId"]]
        if resource["ResourceType"] == _STACK:
            nested = template.parent / declared["Properties"]["TemplateURL"]
            ids |= kept(cloudformation, resource["PhysicalResourceId"], nested)
        elif declared.get("DeletionPolicy") in _RETAINING and not resource["ResourceType"].startswith("Custom::"):
            ids.add(resource["PhysicalResourceId"])
    return ids


def made(cloudformation: Any, name: str) -> set[str]:
    """The physical ids of everything that is a resource of the stack, or of one that it nests."""
    ids: set[str] = set()
    for resource in _resources(cloudformation, name):
        ids.add(resource["PhysicalResourceId"])
        if resource["ResourceType"] == _STACK:
            ids |= made(cloudformation, resource["PhysicalResourceId"])
    return ids


def _resources(cloudformation: Any, name: str) -> list[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return [resource for page in pages for resource in page["StackResourceSummaries"]]


def _seconds(cloudformation: Any, name: str) -> float:
    """From the stack's first event to its last: its creation, since nothing else has happened to it yet."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    times = [event["Timestamp"] for page in pages for event in page["StackEvents"]]
    return float((max(times) - min(times)).total_seconds())

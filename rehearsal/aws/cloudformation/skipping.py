"""Which resources a continued rollback may leave as they are: ResourcesToSkip of ContinueUpdateRollback.

API reference: only those "that are in the UPDATE_FAILED state because a rollback failed", and not for other reasons;
those of nested stacks as NestedStackName.ResourceLogicalID, and a nested stack itself only once it is being deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import STACK_TYPE, Resource, Stack

Skipped: TypeAlias = frozenset[tuple[str, str]]
"""Id of the stack, and logical id."""
NOTHING: Skipped = frozenset()


def skipped(stack: Stack, nested: Iterable[Stack], names: Iterable[str]) -> Skipped:
    """The resources that are named. `nested` are the stacks below the one that rolls back. Raises ValidationError."""
    by_name = {each.name: each for each in nested}
    found = set()
    for name in names:
        stack_name, _, logical_id = name.rpartition(".")
        holder = by_name.get(stack_name) if stack_name else stack
        resource = holder.resources.get(logical_id) if holder is not None else None
        if holder is None or resource is None:
            allowed = "the logical id of a resource, or NestedStackName.LogicalId"
            raise ValidationError(f"Resource {name} to skip does not exist; allowed: {allowed}")
        refusal = _refusal(resource, by_name.values())
        if refusal:
            raise ValidationError(f"Resource {name} cannot be skipped: {refusal}")
        found.add((holder.stack_id, logical_id))
    return frozenset(found)


def _refusal(resource: Resource, nested: Iterable[Stack]) -> str:
    """Why a resource cannot be skipped; empty where it can."""
    if resource.type_name == STACK_TYPE:
        child = next((each for each in nested if each.stack_id == resource.physical_id), None)
        if child is None or child.status.startswith("DELETE_"):
            return ""
        return f"its stack is {child.status}; allowed: DELETE_IN_PROGRESS, DELETE_COMPLETE, DELETE_FAILED"
    if resource.rollback_failed:
        return ""
    return f"it is {resource.status}; allowed: UPDATE_FAILED because a rollback failed"

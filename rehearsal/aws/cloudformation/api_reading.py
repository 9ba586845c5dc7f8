"""Operations that only read."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.aws.cloudformation.api_base import CloudFormationBase
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import Resource, Stack
from rehearsal.aws.cloudformation.views import (
    event_shown,
    page,
    resource_shown,
    stack_shown,
    stack_summary,
    without_absent,
)
from rehearsal.aws.protocol import RequestContext

MISSING = "Stack [{}] does not exist"


class ReadingOperations(CloudFormationBase):
    """Describe and list."""

    def describe_stacks(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """One stack, or all that are not deleted."""
        if request.get("StackName"):
            stack = self.store.get(context.region, request["StackName"])
            self.hold(context, stack)
            return {"Stacks": [stack_shown(stack)]}
        present = [each for each in self.store.in_region(context.region) if each.status != "DELETE_COMPLETE"]
        shown, token = page(present, request.get("NextToken"))
        return without_absent({"Stacks": [stack_shown(each) for each in shown], "NextToken": token})

    def list_stacks(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """All stacks, deleted ones too, as far as their status was asked for."""
        wanted = set(request.get("StackStatusFilter") or ())
        stacks = [each for each in self.store.in_region(context.region) if not wanted or each.status in wanted]
        shown, token = page(stacks, request.get("NextToken"))
        return without_absent({"StackSummaries": [stack_summary(each) for each in shown], "NextToken": token})

    def describe_stack_events(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """A stack's history, the newest first."""
        stack = self.store.get(context.region, request["StackName"], MISSING)
        with self.store.lock:
            events = list(stack.events)
        # A token counts from the oldest, so that new events do not shift the pages.
        token = request.get("NextToken")
        if token and not token.isdecimal():
            raise ValidationError(f"NextToken '{token}' is invalid")
        end = int(token) if token else len(events)
        start = max(0, end - 100)
        shown = [event_shown(stack, each) for each in reversed(events[start:end])]
        return without_absent({"StackEvents": shown, "NextToken": str(start) if start else None})

    def describe_stack_resources(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """The resources of a stack, or of the one that owns a physical id."""
        if request.get("StackName"):
            stack = self.store.get(context.region, request["StackName"])
        else:
            stack = self._owner(context, request.get("PhysicalResourceId") or "")
        wanted = request.get("LogicalResourceId")
        found = [each for each in self._resources(stack) if wanted in (None, each.logical_id)]
        return {"StackResources": [resource_shown(stack, each, "Timestamp") for each in found]}

    def describe_stack_resource(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """One resource, with its metadata."""
        stack = self.store.get(context.region, request["StackName"], "Stack '{}' does not exist")
        name = request["LogicalResourceId"]
        for each in self._resources(stack):
            if each.logical_id == name:
                detail = resource_shown(stack, each, "LastUpdatedTimestamp")
                metadata = each.definition.get("Metadata")
                return {"StackResourceDetail": detail | ({"Metadata": json.dumps(metadata)} if metadata else {})}
        raise ValidationError(f"Resource {name} does not exist for stack {stack.name}")

    def list_stack_resources(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        """All resources of a stack."""
        stack = self.store.get(context.region, request["StackName"])
        shown, token = page(self._resources(stack), request.get("NextToken"))
        summaries = [resource_shown(stack, each, "LastUpdatedTimestamp") for each in shown]
        return without_absent({"StackResourceSummaries": summaries, "NextToken": token})

    def _resources(self, stack: Stack) -> list[Resource]:
        with self.store.lock:
            return sorted((stack.gone | stack.resources).values(), key=lambda each: each.logical_id)

    def _owner(self, context: RequestContext, physical_id: str) -> Stack:
        for stack in self.store.in_region(context.region):
            if any(each.physical_id == physical_id for each in self._resources(stack)):
                return stack
        raise ValidationError(f"Stack for {physical_id} does not exist")

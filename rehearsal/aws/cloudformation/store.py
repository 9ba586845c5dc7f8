"""All stacks and change sets of the local AWS, and the history that every change of status leaves."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

from rehearsal.aws.clock import Clock
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import STACK_TYPE, Event, Resource, Stack

UNDESCRIBED = frozenset({"DELETE_COMPLETE"})


class Store:
    """Stacks by id. `lock` guards every stack; it is held for moments only and never while an API is called."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.stacks: dict[str, Stack] = {}

    def add(self, stack: Stack) -> None:
        """Keep a new stack."""
        with self.lock:
            self.stacks[stack.stack_id] = stack

    def forget(self, stack: Stack) -> None:
        """Drop a stack that was only under review."""
        with self.lock:
            self.stacks.pop(stack.stack_id, None)

    def find(self, region: str, name_or_id: str) -> Stack | None:
        """A stack by name or id; a deleted one only by id."""
        with self.lock:
            for stack in self.stacks.values():
                if stack.region == region and stack.stack_id == name_or_id:
                    return stack
            for stack in self.stacks.values():
                if stack.region == region and stack.name == name_or_id and stack.status not in UNDESCRIBED:
                    return stack
        return None

    def get(self, region: str, name_or_id: str, text: str = "Stack with id {} does not exist") -> Stack:
        """A stack by name or id. Raises ValidationError with CloudFormation's text."""
        stack = self.find(region, name_or_id)
        if stack is None:
            raise ValidationError(text.format(name_or_id))
        return stack

    def in_region(self, region: str) -> list[Stack]:
        """The region's stacks, the newest first."""
        with self.lock:
            found = [stack for stack in self.stacks.values() if stack.region == region]
        return sorted(found, key=lambda stack: stack.created, reverse=True)

    def set_status(self, stack: Stack, status: str, reason: str | None = None) -> None:
        """Change a stack's status and write it into its history."""
        with self.lock:
            stack.status, stack.reason = status, reason
            self._append(stack, str(uuid.uuid4()), stack.name, stack.stack_id, STACK_TYPE, status, reason, None)
            if status == "DELETE_COMPLETE":
                stack.deleted = self.clock.now()

    def set_resource(
        self, stack: Stack, resource: Resource, status: str, reason: str | None = None, physical_id: str | None = None
    ) -> None:
        """Change a resource's status and write it into the stack's history."""
        with self.lock:
            resource.status, resource.reason, resource.timestamp = status, reason, self.clock.now()
            if physical_id is not None:
                resource.physical_id = physical_id
            stamp = resource.timestamp.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            self._append(
                stack,
                f"{resource.logical_id}-{status}-{stamp}Z",
                resource.logical_id,
                resource.physical_id or "",
                resource.type_name,
                status,
                reason,
                json.dumps(resource.properties, default=str),
            )

    def _append(
        self,
        stack: Stack,
        event_id: str,
        logical_id: str,
        physical_id: str,
        type_name: str,
        status: str,
        reason: str | None,
        properties: str | None,
    ) -> None:
        if any(event.event_id == event_id for event in stack.events[-20:]):
            event_id = f"{event_id}-{uuid.uuid4().hex[:6]}"
        token = stack.run.token if stack.run else stack.last_token
        stack.events.append(
            Event(event_id, self.clock.now(), logical_id, physical_id, type_name, status, reason, properties, token)
        )
        self.changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], real_seconds: float) -> bool:
        """Wait for a change of status that makes the condition true; whether it is, after at most `real_seconds`."""
        with self.changed:
            return self.changed.wait_for(condition, real_seconds)


def stack_tags(stack: Stack, logical_id: str, tags: Any) -> dict[str, str]:
    """The tags that a stack puts on a resource: its own and CloudFormation's."""
    return {
        **dict(tags),
        "aws:cloudformation:stack-name": stack.name,
        "aws:cloudformation:stack-id": stack.stack_id,
        "aws:cloudformation:logical-id": logical_id,
    }

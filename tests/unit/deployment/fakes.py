"""CloudFormation as a script: what an operation's events and change sets look like, page by page.

A fake only where the test has to decide what CloudFormation says and when; the local AWS plays the rest.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from coordination.names import TEARDOWN_RESOURCE_TYPE

ROOT = "arn:aws:cloudformation:eu-central-1:123456789012:stack/holdfast/0f1e2d3c-0000-4000-8000-000000000001"
NESTED = (
    "arn:aws:cloudformation:eu-central-1:123456789012:stack/holdfast-Network-X/0f1e2d3c-0000-4000-8000-000000000002"
)
_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

Event = dict[str, Any]


def event(
    number: int,
    status: str,
    name: str = "holdfast",
    *,
    stack: str = ROOT,
    physical: str = ROOT,
    kind: str = "",
    reason: str = "",
) -> Event:
    """The event with this number, which is also its second; by default the root stack's own."""
    return {
        "EventId": f"{stack}/{number}",
        "StackId": stack,
        "LogicalResourceId": name,
        "PhysicalResourceId": physical,
        "ResourceType": kind or "AWS::CloudFormation::Stack",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "Timestamp": _START + datetime.timedelta(seconds=number),
    }


class Paginator:
    """Pages that were made before."""

    def __init__(self, pages: Sequence[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield from self._pages


class CloudFormation:
    """Answers DescribeStacks with one status after the other; each look at the status lets more events happen."""

    def __init__(self, statuses: Sequence[str], events: Sequence[Sequence[Event]]) -> None:
        self._statuses = list(statuses)
        self._rounds = list(events)
        self._happened: list[Event] = []
        self.resource_types = [TEARDOWN_RESOURCE_TYPE]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if self._rounds:
            self._happened += self._rounds.pop(0)
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return {"Stacks": [{"StackId": ROOT, "StackName": "holdfast", "StackStatus": status}]}

    def get_template_summary(self, StackName: str) -> dict[str, Any]:
        assert StackName == ROOT
        return {"ResourceTypes": self.resource_types}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "describe_stack_events"
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:
        newest_first = [found for found in reversed(self._happened) if found["StackId"] == StackName]
        # Two events on a page, so that paging is part of every test.
        for start in range(0, len(newest_first), 2):
            yield {"StackEvents": newest_first[start : start + 2]}

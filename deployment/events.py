"""Following an operation: the events of a stack and its nested stacks as they happen, with the time passed."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from deployment import stacks
from deployment.launches import FailedLaunches
from deployment.stacks import Stack

_STACK = "AWS::CloudFormation::Stack"
# What CloudFormation writes where another resource's failure is the cause: an echo, never the reason.
_ECHOES = ("Resource creation cancelled", "Resource update cancelled", "Embedded stack", "The following resource(s)")
_DELETED = "DELETE_COMPLETE"
_INITIATED = "Resource creation Initiated"
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0


class Beside(Protocol):
    """What is told beside CloudFormation's events."""

    def tell(self, seconds: float, *, last: bool = False) -> None:
        """Tell what is new, `seconds` after the beginning; `last` where nothing is asked after that."""


@dataclass
class Follower:
    """Prints the events of one operation until it ends. Made before the operation starts."""

    cloudformation: Any
    say: Callable[[str], None] = print
    # Whether the resources of the stacks are told too; failures always are.
    resources: bool = True
    # Launches that fail meanwhile, where the operation may launch anything.
    launches: FailedLaunches | None = None
    # What happens in the cluster meanwhile.
    beside: Beside | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    failures: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _paths: dict[str, str] = field(default_factory=dict)
    _open: dict[str, bool] = field(default_factory=dict)
    _begun: Any = None
    _root_status: str = ""
    _watched_since: datetime.datetime | None = None

    def mark(self, stack_id: str) -> None:
        """Forgets what has happened in the stack so far, so that only events of the next operation are told."""
        self._seen = {event["EventId"] for event in self._events(stack_id)}

    def mark_before_latest(self, stack_id: str) -> None:
        """The same for an operation that somebody has started: it is the one that the person started last."""
        events = self._events(stack_id)
        own = (at for at, event in enumerate(events) if event.get("ResourceStatusReason") == "User Initiated")
        self._seen = {event["EventId"] for event in events[next(own, len(events)) + 1 :]}

    def follow(self, stack_id: str) -> Stack:
        """Waits for the end of the operation and returns the stack then; a deleted one too, since it is asked by id."""
        # A stack shows its old status for a moment after the request; its own event shows that the operation ended.
        return self._until(stack_id, lambda stack: not stack.busy and stack.status == self._root_status)

    def watch(self, stack_id: str) -> Stack:
        """Tells every operation that begins from now on, for as long as there is the stack; returns the deleted one."""
        self.mark(stack_id)
        self._watched_since = datetime.datetime.now(datetime.UTC)
        return self._until(stack_id, lambda stack: stack.status == _DELETED)

    def _until(self, stack_id: str, is_over: Callable[[Stack], bool]) -> Stack:
        started = self.clock()
        self._paths, self._open = {stack_id: ""}, {stack_id: True}
        pause = _FIRST_PAUSE_SECONDS
        while True:
            # The status first: events that are read after it hold everything up to it.
            stack = stacks.find(self.cloudformation, stack_id)
            if stack is None:
                raise LookupError(f"CloudFormation no longer knows the stack {stack_id}")
            news = self._news()
            for event in news:
                self._tell(event, self.clock() - started)
                if event.get("PhysicalResourceId") == stack_id:
                    self._root_status = event["ResourceStatus"]
            ended = is_over(stack)
            since = self._watched_since or self._begun
            if self.launches is not None and since is not None:
                self.launches.tell(since, self.clock() - started, last=ended)
            if self.beside is not None:
                self.beside.tell(self.clock() - started, last=ended)
            if ended:
                return stack
            pause = _FIRST_PAUSE_SECONDS if news else min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            self.sleep(pause)

    def _events(self, stack_id: str) -> list[dict[str, Any]]:
        """The stack's events, newest first, down to the first page that holds nothing new."""
        events: list[dict[str, Any]] = []
        for page in self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            fresh = [event for event in page["StackEvents"] if event["EventId"] not in self._seen]
            events += fresh
            if len(fresh) < len(page["StackEvents"]):
                break
        return events

    def _news(self) -> list[dict[str, Any]]:
        """New events of the root and of the nested stacks at work, oldest first.

        Parents are read before their children: a child that its parent calls complete has all its events by then, and
        is not read again until the parent starts it anew.
        """
        news: list[dict[str, Any]] = []
        unread = list(self._open)
        while unread:
            stack_id = unread.pop(0)
            for event in reversed(self._events(stack_id)):
                self._seen.add(event["EventId"])
                if self._begun is not None and event["Timestamp"] < self._begun:
                    continue  # a nested stack's older operations
                news.append(event)
                nested = event.get("PhysicalResourceId", "")
                if event["ResourceType"] == _STACK and nested.startswith("arn:") and nested != stack_id:
                    self._paths.setdefault(nested, f"{self._paths[stack_id]}{event['LogicalResourceId']}/")
                    self._open[nested] = event["ResourceStatus"].endswith("_IN_PROGRESS")
                    if nested not in unread:
                        unread.append(nested)
            if self._begun is None and news:
                self._begun = min(event["Timestamp"] for event in news)
        self._open = {stack_id: True for stack_id, at_work in self._open.items() if at_work}
        return sorted(news, key=lambda event: event["Timestamp"])

    def _tell(self, event: dict[str, Any], seconds: float) -> None:
        """One line for whatever ended or failed, and for each nested stack that started."""
        status = event["ResourceStatus"]
        is_stack = event["ResourceType"] == _STACK
        own = event.get("PhysicalResourceId") == event["StackId"]
        if own and self._paths[event["StackId"]]:
            return  # the parent's event says the same
        reason = event.get("ResourceStatusReason", "")
        failed = status.endswith("_FAILED")
        if reason.startswith(_INITIATED):
            return  # the same start once more, now with the resource's id
        if not is_stack and not self.resources and (not failed or reason.startswith(_ECHOES)):
            return
        if not is_stack and status.endswith("_IN_PROGRESS"):
            return
        path = event["LogicalResourceId"] if own else self._paths[event["StackId"]] + event["LogicalResourceId"]
        self.say(f"{seconds:7.1f} s  {status:<28} {path}{f': {reason}' if failed and reason else ''}")
        if failed and reason and not own and not reason.startswith(_ECHOES):
            self.failures.append(f"{path} ({event['ResourceType']}): {reason}")

"""CreationPolicy's resource signals, and the wait condition that is nothing but them."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, TimedOut, register

SIGNALLED_TYPES = frozenset(
    {"AWS::CloudFormation::WaitCondition", "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance"}
)
"""The types that take CreationPolicy's ResourceSignal (CloudFormation guide, CreationPolicy attribute)."""
DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
DEFAULT_TIMEOUT = "PT5M"
MAX_TIMEOUT_SECONDS = 12 * 3600
"""A signal's time-out is at most 12 hours."""


def duration_seconds(text: str) -> int:
    """The seconds of an ISO 8601 duration of hours, minutes and seconds, such as PT1H30M."""
    match = DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValidationError(f"Invalid Timeout {text}; allowed: PT#H#M#S")
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if total > MAX_TIMEOUT_SECONDS:
        raise ValidationError(f"Invalid Timeout {text}; allowed: at most PT12H")
    return total


class Mailbox:
    """The signals that reach one resource. A sender counts once."""

    def __init__(self) -> None:
        self._senders: dict[str, str] = {}
        self._lock = threading.Lock()

    def receive(self, sender: str, status: str) -> bool:
        """Take a signal; False for one that this sender has already sent."""
        with self._lock:
            if sender in self._senders:
                return False
            self._senders[sender] = status
            return True

    def received(self) -> dict[str, str]:
        """SUCCESS or FAILURE by sender."""
        with self._lock:
            return dict(self._senders)


def wait_for_creation(context: Context, mailbox: Mailbox, policy: dict[str, Any]) -> None:
    """Wait for the signals that a CreationPolicy wants; their time begins now.

    Raises ProviderError with CloudFormation's text on a failure or when the time is up, Cancelled when cancelled.
    """
    signal = policy.get("ResourceSignal") or {}
    missing = wanted = int(signal.get("Count", 1))
    seconds = duration_seconds(str(signal.get("Timeout", DEFAULT_TIMEOUT)))

    def answered() -> bool:
        nonlocal missing
        received = mailbox.received()
        failed = [sender for sender, status in received.items() if status != "SUCCESS"]
        missing = wanted - len(received)
        if failed:
            raise ProviderError(f"Received FAILURE signal with UniqueId {failed[0]}")
        return missing <= 0

    try:
        context.wait(answered, seconds, "signals")
    except TimedOut:
        raise ProviderError(f"Failed to receive {missing} resource signal(s) within the specified duration") from None


class Signals:
    """The mailboxes of all resources that wait, by stack id and logical id."""

    def __init__(self) -> None:
        self._mailboxes: dict[tuple[str, str], Mailbox] = {}

    @contextmanager
    def open(self, stack_id: str, logical_id: str) -> Iterator[Mailbox]:
        """Take signals for a resource as long as this lasts."""
        mailbox = self._mailboxes[stack_id, logical_id] = Mailbox()
        try:
            yield mailbox
        finally:
            self._mailboxes.pop((stack_id, logical_id), None)

    def find(self, stack_id: str, logical_id: str) -> Mailbox | None:
        """A resource's mailbox, or None when it does not wait for signals."""
        return self._mailboxes.get((stack_id, logical_id))


class WaitCondition:
    """AWS::CloudFormation::WaitCondition with a CreationPolicy; the form with a handle is not supported."""

    type_name = "AWS::CloudFormation::WaitCondition"
    properties: frozenset[str] = frozenset()
    create_only: frozenset[str] = frozenset()

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """A name is all there is to make; the engine waits for the signals."""
        if not context.creation_policy:
            raise ProviderError("a WaitCondition without CreationPolicy is not supported by the local AWS")
        return Made(f"{context.stack_id}/{context.logical_id}/{uuid.uuid4()}", {"Data": "{}"})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """There is nothing to change."""
        return Made(physical_id, {"Data": "{}"})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """There is nothing to delete."""


register(WaitCondition())

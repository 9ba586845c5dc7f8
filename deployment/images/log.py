"""The log of a build: its last lines, and the command that prints the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from deployment import aws


@dataclass(frozen=True)
class Lines:
    """Lines of a log, oldest first; none where nothing was logged."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Unread:
    """Why a log could not be read."""

    reason: str


LastLines: TypeAlias = Lines | Unread


def last(logs: Any, group: str, stream: str, count: int) -> LastLines:
    """The last `count` lines of a stream."""
    try:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=False, limit=count)
    except ClientError as error:
        if aws.code(error) == "ResourceNotFoundException":
            return Lines(())
        return Unread(f"{aws.code(error)}: {aws.message(error)}")
    except BotoCoreError as error:
        return Unread(str(error))
    return Lines(tuple(str(each["message"]).rstrip("\n") for each in events["events"]))


def command(region: str, group: str, stream: str) -> str:
    """What prints the whole stream."""
    place = f"--region {region} --log-group-name {group} --log-stream-name {stream}"
    return f"aws logs get-log-events {place} --start-from-head --output text --query 'events[].[message]'"

"""What an invocation leaves in CloudWatch Logs: START, the function's own lines, END and REPORT."""

from __future__ import annotations

import logging
import math
import time
import uuid
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.services.lambda_sandbox import Outcome

LOG = logging.getLogger(__name__)


def new_stream(version: str) -> str:
    """A log stream's name as Lambda makes one for every environment."""
    return f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{version}]{uuid.uuid4().hex}"


def lines(outcome: Outcome, request_id: str, version: str, memory_mb: int) -> list[str]:
    """The log of one invocation. The memory used is not measured, so the function's size stands there."""
    milliseconds = outcome.seconds * 1000
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {math.ceil(milliseconds)} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {memory_mb} MB",
    ]
    if outcome.init_seconds is not None:
        report.append(f"Init Duration: {outcome.init_seconds * 1000:.2f} ms")
    start = f"START RequestId: {request_id} Version: {version}"
    return [start, *outcome.log, f"END RequestId: {request_id}", "\t".join(report) + "\t"]


def write(logs: Any, group: str, stream: str, written: list[str], make_group: bool) -> None:
    """Put the lines into the stream. Lambda loses what it may not write; here that is said on standard error."""
    now = int(time.time() * 1000)
    # CloudWatch Logs refuses an empty message.
    events = [{"timestamp": now, "message": line or " "} for line in written]
    try:
        if make_group:
            _make(logs.create_log_group, logGroupName=group)
        _make(logs.create_log_stream, logGroupName=group, logStreamName=stream)
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    except ClientError as error:
        LOG.warning("the log of an invocation is lost: %s: %s", group, error)


def append(path: Path, written: list[str]) -> None:
    """Add the lines to a file in one write, so that invocations side by side do not mix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in written))


def _make(create: Any, **named: str) -> None:
    try:
        create(**named)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise

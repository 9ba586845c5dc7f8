"""The log of a build: one stream for each image, which the service and the instance write."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.imagebuilder.model import ImageBuild


class BuildLog:
    """Writes in the name of whoever the client acts as.

    The stream is called `<version>/<build>` (user guide, "Monitor Image Builder logs with Amazon CloudWatch Logs").
    """

    def __init__(self, logs: Any, image: ImageBuild) -> None:
        self._logs = logs
        self._group = image.log_group
        self._stream = image.version

    def say(self, *lines: str) -> None:
        """Add lines; group and stream are made where they are missing. Raises ClientError."""
        place = {"logGroupName": self._group, "logStreamName": self._stream}
        events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
        try:
            self._logs.put_log_events(**place, logEvents=events)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            with contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):
                self._logs.create_log_group(logGroupName=self._group)
            with contextlib.suppress(self._logs.exceptions.ResourceAlreadyExistsException):
                self._logs.create_log_stream(**place)
            self._logs.put_log_events(**place, logEvents=events)

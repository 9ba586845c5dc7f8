"""Whether Lambda may read a stream for a function: it does so with the function's role."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.iam.requests.asked import Need
from rehearsal.aws.services import awslambda
from rehearsal.aws.services.lambda_invoker import Invoker

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

LOG = logging.getLogger(__name__)

KEPT_SECONDS = 1.0
"""How long an answer holds, in real seconds: streams are read more often than policies change."""
ACTIONS = ("DescribeStream", "GetShardIterator", "GetRecords")
"""What Lambda does to a stream (Lambda guide, "Execution role permissions"); it also lists all streams."""


class StreamAccess:
    """Asks the function's role for every mapping, and says once when the answer is no."""

    def __init__(self, aws: LocalAws, invoker: Invoker) -> None:
        self._aws = aws
        self._invoker = invoker
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[float, str | None]] = {}

    def permitted(self, mapping: Any) -> bool:
        """Whether the role of a mapping's function may read its stream now."""
        now = time.monotonic()
        with self._lock:
            until, problem = self._answers.get(mapping.uuid, (0.0, None))
        if now < until:
            return problem is None
        found = self._problem(mapping)
        if found is not None and found != problem:
            LOG.warning("a stream is not read: %s", found)
        with self._lock:
            self._answers[mapping.uuid] = (now + KEPT_SECONDS, found)
        return found is None

    def _problem(self, mapping: Any) -> str | None:
        function = awslambda.find_function(self._aws, mapping.function_arn)
        if function is None:
            return f"{mapping.function_arn} is gone"
        needs = [Need("dynamodb:ListStreams")]
        needs += [Need(f"dynamodb:{action}", mapping.event_source_arn) for action in ACTIONS]
        return enforcement_of(self._aws).problem(self._invoker.session(function), function.region, needs)

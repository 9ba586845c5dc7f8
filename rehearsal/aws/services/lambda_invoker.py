"""Invoking functions: synchronously, or asynchronously with Lambda's retries and on-failure destinations."""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.clock import Clock
from rehearsal.aws.services import lambda_logs
from rehearsal.aws.services.lambda_credentials import Credentials
from rehearsal.aws.services.lambda_sandbox import Function, Outcome, Sandbox
from rehearsal.aws.sessions import Session

LOG = logging.getLogger(__name__)

RETRY_SECONDS = (60.0, 120.0)
"""Waits before the second and the third attempt of an asynchronous invocation (Lambda guide, "Error handling")."""
THROTTLE_SECONDS = 1.0
"""The wait before a throttled asynchronous invocation is tried again; it does not count as an attempt."""
EVENT_AGE_LIMIT_SECONDS = 6 * 3600.0
"""How long an asynchronous event is kept when the function says nothing (Lambda guide)."""
WORKERS = 8
"""How many asynchronous invocations run at a time."""


class Throttled(Exception):
    """The function's reserved concurrency is used up."""


@dataclass
class AsyncEvent:
    """An asynchronous invocation that is not over yet."""

    function_arn: str
    event: Any
    request_id: str
    accepted: float
    attempts: int = 0


class Invoker:
    """Runs the functions of the local AWS, with their roles' credentials.

    `clients` makes clients of a service and a region, which act as a session's role where one is given. `find` gives
    moto's function for an ARN, or None when it is gone. With a `log_dir` every function's log is also appended to a
    file there, `<function>.log`, where it outlives the local AWS.
    """

    def __init__(
        self,
        clock: Clock,
        endpoint: str,
        clients: Callable[..., Any],
        find: Callable[[str], Any | None],
        credentials: Credentials,
        log_dir: Path | None = None,
    ) -> None:
        self._clock = clock
        self._endpoint = endpoint
        self._clients = clients
        self._find = find
        self._credentials = credentials
        self._log_dir = log_dir
        self._sandbox = Sandbox(lambda arn: find(arn) is not None)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="lambda")
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._closed = False

    def close(self) -> None:
        """End all functions; events that wait for a retry are dropped."""
        with self._lock:
            self._closed = True
        self._sandbox.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def session(self, function: Any) -> Session:
        """The session of a function's role, with which the function runs and Lambda acts for it."""
        return self._credentials.of(function)

    def run(self, function: Any, event: Any, request_id: str | None = None) -> tuple[Outcome, list[str]]:
        """Call the function and wait; returns the outcome and its log lines. Raises Throttled."""
        request_id = request_id or str(uuid.uuid4())
        arn = function.function_arn
        with self._lock:
            limit = function.reserved_concurrency
            if limit is not None and self._running[arn] >= int(limit):
                raise Throttled(arn)
            self._running[arn] += 1
        try:
            outcome = self._sandbox.run(self._describe(function), event, request_id)
        finally:
            with self._lock:
                self._running[arn] -= 1
        written = lambda_logs.lines(outcome, request_id, str(function.version), int(function.memory_size))
        group, named = log_group(function)
        logs = self._clients("logs", function.region, self.session(function))
        lambda_logs.write(logs, group, outcome.log_stream, written, make_group=not named)
        if self._log_dir is not None:
            lambda_logs.append(self._log_dir / f"{function.function_name}.log", written)
        return outcome, written

    def accept(self, function_arn: str, event: Any) -> str:
        """Take an event for an asynchronous invocation; returns the request id."""
        job = AsyncEvent(function_arn, event, str(uuid.uuid4()), self._clock.monotonic())
        self._submit(job)
        return job.request_id

    def _submit(self, job: AsyncEvent) -> None:
        with self._lock:
            if not self._closed:
                self._pool.submit(self._attempt, job)

    def _attempt(self, job: AsyncEvent) -> None:
        function = self._find(job.function_arn)
        if function is None:
            LOG.warning("an event for %s is dropped: the function is gone", job.function_arn)
            return
        config = _invoke_config(function)
        try:
            outcome, _ = self.run(function, job.event, job.request_id)
        except Throttled:
            self._retry(job, config, THROTTLE_SECONDS, None)
            return
        except Exception:
            if not self._closed:
                LOG.exception("the asynchronous invocation of %s broke", job.function_arn)
            return
        job.attempts += 1
        if not outcome.failed:
            self._send(function, config, job, outcome, "OnSuccess", "Success")
        elif job.attempts > config.get("MaximumRetryAttempts", len(RETRY_SECONDS)):
            self._send(function, config, job, outcome, "OnFailure", "RetriesExhausted")
        else:
            self._retry(job, config, RETRY_SECONDS[job.attempts - 1], outcome)

    def _retry(self, job: AsyncEvent, config: dict[str, Any], seconds: float, outcome: Outcome | None) -> None:
        """Try again later, unless the event is too old by then."""
        limit = config.get("MaximumEventAgeInSeconds", EVENT_AGE_LIMIT_SECONDS)
        if self._clock.monotonic() + seconds - job.accepted > limit:
            function = self._find(job.function_arn)
            if function is not None:
                self._send(function, config, job, outcome, "OnFailure", "EventAgeExceeded")
            return
        self._clock.timer(seconds, lambda: self._submit(job))

    def _send(
        self, function: Any, config: dict[str, Any], job: AsyncEvent, outcome: Outcome | None, kind: str, condition: str
    ) -> None:
        """Tell the destination how the invocation ended, where there is one."""
        arn = ((config.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
        if not arn:
            if condition != "Success":
                LOG.warning(
                    "an event for %s is lost (%s): it has no on-failure destination", job.function_arn, condition
                )
            return
        message: dict[str, Any] = {
            "version": "1.0",
            "timestamp": iso_milliseconds(self._clock.now()),
            "requestContext": {
                "requestId": job.request_id,
                "functionArn": f"{job.function_arn}:{function.version}",
                "condition": condition,
                "approximateInvokeCount": job.attempts,
            },
            "requestPayload": job.event,
        }
        if outcome is not None:
            context: dict[str, Any] = {"statusCode": 200, "executedVersion": str(function.version)}
            if outcome.failed:
                context["functionError"] = "Unhandled"
            message |= {"responseContext": context, "responsePayload": json.loads(outcome.payload)}
        send_to_queue(self._clients, arn, message, holder=self.session(function))

    def _describe(self, function: Any) -> Function:
        version = str(function.version)
        group, _ = log_group(function)
        session = self.session(function)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_FUNCTION_VERSION": version,
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
            # The function is to meet the local AWS only, and to find no other credentials.
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "_HANDLER": function.handler,
            **{name: str(value) for name, value in function.environment_vars.items()},
        }
        return Function(
            name=function.function_name,
            arn=function.function_arn,
            handler=function.handler,
            code=function.code_bytes,
            timeout_seconds=int(function.timeout),
            environment=environment,
            log_stream=lambda_logs.new_stream(version),
        )


def log_group(function: Any) -> tuple[str, bool]:
    """The function's log group, and whether its LoggingConfig names it (then it must exist already)."""
    named = (getattr(function, "logging_config", None) or {}).get("LogGroup")
    return named or f"/aws/lambda/{function.function_name}", bool(named)


def iso_milliseconds(moment: datetime) -> str:
    """A time as Lambda writes it into destination records."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def send_to_queue(
    clients: Callable[..., Any],
    arn: str,
    message: Any,
    attributes: dict[str, str] | None = None,
    holder: Session | None = None,
) -> bool:
    """Send JSON to the SQS queue of an ARN, as the holder's role; False (and a warning) when that is not possible."""
    _, _, service, region, account, name = arn.split(":", 5)
    if service != "sqs":
        LOG.warning("%s: the local AWS delivers failures to SQS queues only", arn)
        return False
    sqs = clients("sqs", region)
    values = {key: {"DataType": "String", "StringValue": value} for key, value in (attributes or {}).items()}
    try:
        url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        sender = clients("sqs", region, holder) if holder is not None else sqs
        sender.send_message(QueueUrl=url, MessageBody=json.dumps(message), MessageAttributes=values)
    except ClientError as error:
        LOG.warning("%s did not take a message: %s", arn, error)
        return False
    return True


def _invoke_config(function: Any) -> dict[str, Any]:
    """The function's EventInvokeConfig, empty when there is none."""
    return function.event_invoke_config[-1].response() if function.event_invoke_config else {}

"""EventBridge's delivery: from an event or a schedule to the targets of the rules, with retries and dead letters."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.aws.clock import Clock
from rehearsal.aws.services.event_input import for_target
from rehearsal.aws.services.event_schedules import next_time
from rehearsal.aws.services.lambda_invoker import send_to_queue

LOG = logging.getLogger(__name__)

RETRY_ATTEMPTS = 185
"""Delivery attempts after the first, where a target's RetryPolicy says nothing (EventBridge guide)."""
EVENT_AGE_LIMIT_SECONDS = 24 * 3600
"""How long delivery is tried, where a target's RetryPolicy says nothing (EventBridge guide)."""
SCHEDULE_SCAN_SECONDS = 1.0
"""How often rules are looked at for a schedule that is due."""
NOT_RETRIED = frozenset({"NO_PERMISSIONS", "NO_RESOURCE"})
"""Errors that no second attempt can cure."""


@dataclass
class Delivery:
    """One event on its way to one target."""

    rule_arn: str
    target: dict[str, Any]
    event: dict[str, Any]
    accepted: float
    attempts: int = 0


class Undeliverable(Exception):
    """A target did not take an event; `code` is EventBridge's name for the error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Router:
    """Delivers events.

    `rules` gives moto's rules of all regions and buses, `problem` why EventBridge may not send to a queue for a rule
    (both by ARN), or None.
    """

    def __init__(
        self,
        clock: Clock,
        clients: Callable[[str, str], Any],
        rules: Callable[[], Iterable[Any]],
        problem: Callable[[str, str], str | None],
    ) -> None:
        self._clock = clock
        self._problem = problem
        self._clients = clients
        self._rules = rules
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="events")
        self._lock = threading.Lock()
        self._due: dict[tuple[str, str], datetime | None] = {}
        self._closed = threading.Event()
        self._scanner = threading.Thread(target=self._scan, name="schedules", daemon=True)

    def start(self) -> None:
        """Begin to watch schedules."""
        self._scanner.start()

    def close(self) -> None:
        """Stop; deliveries that wait for a retry are dropped."""
        with self._lock:
            self._closed.set()
        self._scanner.join(timeout=10)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def publish(self, rules: Iterable[Any], event: dict[str, Any]) -> None:
        """Hand an event to the rules whose pattern it matches."""
        for rule in rules:
            if rule.state == "ENABLED" and rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event):
                self.deliver(rule, event)

    def deliver(self, rule: Any, event: dict[str, Any]) -> None:
        """Send an event to every target of a rule."""
        for target in list(rule.targets):
            self._submit(Delivery(rule.arn, target, event, self._clock.monotonic()))

    def _submit(self, delivery: Delivery) -> None:
        with self._lock:
            if not self._closed.is_set():
                self._pool.submit(self._attempt, delivery)

    def _attempt(self, delivery: Delivery) -> None:
        policy = delivery.target.get("RetryPolicy") or {}
        try:
            self._send(delivery)
            return
        except Undeliverable as error:
            failure = error
        except (ClientError, BotoCoreError) as error:
            failure = Undeliverable("SDK_CLIENT_ERROR", str(error))
        except Exception as error:
            failure = Undeliverable("INTERNAL_ERROR", repr(error))
        if self._closed.is_set():
            return
        delivery.attempts += 1
        wait_seconds = float(min(60, 2 ** min(delivery.attempts, 6)))
        age_limit = policy.get("MaximumEventAgeInSeconds", EVENT_AGE_LIMIT_SECONDS)
        exhausted = None
        if delivery.attempts > policy.get("MaximumRetryAttempts", RETRY_ATTEMPTS):
            exhausted = "MaximumRetryAttempts"
        elif self._clock.monotonic() + wait_seconds - delivery.accepted > age_limit:
            exhausted = "MaximumEventAgeInSeconds"
        if failure.code in NOT_RETRIED or exhausted:
            self._give_up(delivery, failure, exhausted)
        else:
            self._clock.timer(wait_seconds, lambda: self._submit(delivery))

    def _give_up(self, delivery: Delivery, failure: Undeliverable, exhausted: str | None) -> None:
        arn = delivery.target["Arn"]
        LOG.warning("rule %s did not reach %s: %s: %s", delivery.rule_arn, arn, failure.code, failure)
        queue = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return
        attributes = {
            "RULE_ARN": delivery.rule_arn,
            "TARGET_ARN": arn,
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": str(failure),
            "RETRY_ATTEMPTS": str(delivery.attempts - 1),
        }
        if exhausted:
            attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
        problem = self._problem(queue, delivery.rule_arn)
        if problem is not None:
            LOG.warning("an event of %s is lost: %s", delivery.rule_arn, problem)
            return
        send_to_queue(self._clients, queue, delivery.event, attributes)

    def _send(self, delivery: Delivery) -> None:
        arn = delivery.target["Arn"]
        body = for_target(delivery.target, delivery.event)
        _, _, service, region, _, *_ = arn.split(":")
        if service == "lambda":
            self._require_permission(arn, delivery.rule_arn)
            self._clients("lambda", region).invoke(
                FunctionName=arn, InvocationType="Event", Payload=json.dumps(body).encode()
            )
        elif service == "sqs":
            problem = self._problem(arn, delivery.rule_arn)
            if problem is not None:
                raise Undeliverable("NO_PERMISSIONS", problem)
            if not send_to_queue(self._clients, arn, body):
                raise Undeliverable("NO_RESOURCE", "The queue did not take the event.")
        else:
            raise Undeliverable("NO_RESOURCE", f"The local AWS delivers events to Lambda and SQS, not to {service}.")

    def _require_permission(self, function_arn: str, rule_arn: str) -> None:
        """The function's policy must let EventBridge invoke it for this rule (AWS::Lambda::Permission)."""
        region = function_arn.split(":")[3]
        try:
            policy = json.loads(self._clients("lambda", region).get_policy(FunctionName=function_arn)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            policy = {"Statement": []}
        if not any(_permits(statement, rule_arn) for statement in policy["Statement"]):
            raise Undeliverable(
                "NO_PERMISSIONS", f"events.amazonaws.com may not invoke {function_arn} for rule {rule_arn}."
            )

    def _scan(self) -> None:
        while not self._closed.is_set():
            try:
                self._fire_schedules()
            except Exception:
                LOG.exception("the schedules could not be looked at")
            self._closed.wait(max(0.02, SCHEDULE_SCAN_SECONDS / self._clock.speed))

    def _fire_schedules(self) -> None:
        now = self._clock.now()
        scheduled = {
            (rule.arn, rule.scheduled_expression): rule
            for rule in self._rules()
            if rule.scheduled_expression and rule.state == "ENABLED"
        }
        for gone in set(self._due) - set(scheduled):
            del self._due[gone]
        for key, rule in scheduled.items():
            if key not in self._due:
                self._due[key] = self._next(rule, now)
            due = self._due[key]
            if due is not None and due <= now:
                self._due[key] = self._next(rule, now)
                self.deliver(rule, scheduled_event(rule, due))

    def _next(self, rule: Any, now: datetime) -> datetime | None:
        try:
            return next_time(rule.scheduled_expression, now)
        except ValueError as error:
            LOG.warning("rule %s never fires: %s", rule.arn, error)
            return None


def scheduled_event(rule: Any, due: datetime) -> dict[str, Any]:
    """The event that a schedule sends."""
    return new_event(rule.account_id, rule.region_name, "aws.events", "Scheduled Event", {}, [rule.arn], due)


def new_event(
    account: str, region: str, source: str, detail_type: str, detail: Any, resources: list[str], moment: datetime
) -> dict[str, Any]:
    """An event in EventBridge's shape."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def _permits(statement: dict[str, Any], rule_arn: str) -> bool:
    """Whether a statement of a function's policy lets EventBridge invoke the function for the rule."""
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    action = statement.get("Action")
    condition = statement.get("Condition") or {}
    source = (condition.get("ArnLike") or {}).get("AWS:SourceArn", "*")
    return (
        statement.get("Effect") == "Allow"
        and service in ("events.amazonaws.com", "*")
        and action in ("lambda:InvokeFunction", "lambda:*")
        and fnmatchcase(rule_arn, source)
    )

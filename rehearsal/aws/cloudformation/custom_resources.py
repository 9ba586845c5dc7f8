"""Custom resources: a Lambda function is asked to make a thing and answers by a PUT to a one-time URL."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from rehearsal.aws.cloudformation.intrinsics import text_of
from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, Refused

LOG = logging.getLogger(__name__)

RESPONSE_PATH = "/cloudformation-custom-resource-response/"
TYPE = "AWS::CloudFormation::CustomResource"
DEFAULT_SERVICE_TIMEOUT_SECONDS = 3600
"""How long CloudFormation waits for an answer where ServiceTimeout says nothing, and the longest it can be told."""
LEAST_REAL_SECONDS = 60.0
"""A function runs in real time, however fast the clock runs: a wait for its answer lasts so long in reality, or as long
as it was told to wait where that is less."""
MAX_ANSWER_BYTES = 4096
"""CloudFormation's limit for an answer's body."""


def is_custom(type_name: str) -> bool:
    """Whether a type is a custom resource."""
    return type_name == TYPE or type_name.startswith("Custom::")


@dataclass
class Question:
    """A request that waits for its answer."""

    request_id: str
    answer: dict[str, Any] | None = None
    answered: threading.Event = field(default_factory=threading.Event)


class Responses:
    """The open one-time URLs. The token in the path is the only protection, as with the real pre-signed URL."""

    def __init__(self, endpoint: Callable[[], str]) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._open: dict[str, Question] = {}

    def open(self, request_id: str) -> tuple[str, str, Question]:
        """A new token, its URL, and the question that the URL answers."""
        token = secrets.token_urlsafe(24)
        question = Question(request_id)
        with self._lock:
            self._open[token] = question
        return token, f"{self._endpoint()}{RESPONSE_PATH}{token}", question

    def close(self, token: str) -> None:
        """Take no answer any more."""
        with self._lock:
            self._open.pop(token, None)

    def handle(self, request: Request) -> Response:
        """Answer the function's PUT: 200 once, 403 for a token that is unknown or used, 400 for what is no answer."""
        if request.method != "PUT":
            return Response("PUT the answer as JSON\n", status=405)
        body = request.get_data()
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        problem = _problem(answer, body)
        token = request.path.removeprefix(RESPONSE_PATH)
        with self._lock:
            question = self._open.pop(token, None) if problem is None else self._open.get(token)
        if question is None:
            return Response("this URL is unknown, was used or has expired\n", status=403)
        if problem is not None:
            return Response(f"{problem}\n", status=400)
        question.answer = answer
        question.answered.set()
        return Response("", status=200)


def _problem(answer: Any, body: bytes) -> str | None:
    if len(body) > MAX_ANSWER_BYTES:
        return f"the answer is {len(body)} bytes long; allowed: {MAX_ANSWER_BYTES}"
    if not isinstance(answer, Mapping) or answer.get("Status") not in ("SUCCESS", "FAILED"):
        return "the answer must be a JSON object with Status SUCCESS or FAILED"
    return None


class CustomResource:
    """The provider of one custom resource type; its properties are the function's business."""

    properties: frozenset[str] = frozenset()
    create_only: frozenset[str] = frozenset()

    def __init__(self, type_name: str, responses: Responses) -> None:
        self.type_name = type_name
        self._responses = responses

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Ask for a new thing. The name that we propose is deleted again when the creation fails."""
        proposed = context.physical_name(255)
        context.initiated(proposed)
        answer = self._ask(context, "Create", properties, None, None)
        return _made(answer, proposed)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Ask for a change; an answer with another physical id is a replacement."""
        if old.get("ServiceToken") != new.get("ServiceToken"):
            raise Refused("Modifying service token is not allowed.")
        return _made(self._ask(context, "Update", new, physical_id, old), physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Ask for the deletion."""
        self._ask(context, "Delete", properties, physical_id, None)

    def _ask(
        self,
        context: Context,
        request_type: str,
        properties: dict[str, Any],
        physical_id: str | None,
        old: dict[str, Any] | None,
    ) -> dict[str, Any]:
        service_token = str(properties.get("ServiceToken", ""))
        if ":lambda:" not in service_token:
            raise ProviderError(
                f"ServiceToken {service_token!r} is not supported by the local AWS; allowed: a function's ARN"
            )
        told = _timeout_seconds(properties)
        seconds = max(told, min(told, LEAST_REAL_SECONDS) * context.clock.speed)
        request_id = str(uuid.uuid4())
        token, url, question = self._responses.open(request_id)
        event = {
            "RequestType": request_type,
            "ServiceToken": service_token,
            "ResponseURL": url,
            "StackId": context.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": context.logical_id,
            "ResourceType": self.type_name,
            "ResourceProperties": _texts(properties),
        }
        if physical_id is not None:
            event["PhysicalResourceId"] = physical_id
        if old is not None:
            event["OldResourceProperties"] = _texts(old)
        late = (
            "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
            f"[{request_id}]. If you are using the Python cfn-response module, you may need to update your Lambda "
            "function code so that CloudFormation can attach the updated version."
        )
        try:
            context.client("lambda").invoke(
                FunctionName=service_token, InvocationType="Event", Payload=json.dumps(event).encode()
            )
            context.wait(question.answered.is_set, seconds, late)
        finally:
            self._responses.close(token)
        answer = question.answer or {}
        if answer["Status"] == "FAILED":
            reason = answer.get("Reason") or "the function gave no reason"
            raise ProviderError(
                "Received response status [FAILED] from custom resource. Message returned: "
                f"{reason} (RequestId: {request_id})"
            )
        return answer


def _made(answer: Mapping[str, Any], physical_id: str) -> Made:
    data = answer.get("Data") or {}
    if not isinstance(data, Mapping):
        raise ProviderError("Invalid Response object: Value of property Data must be an object")
    return Made(str(answer.get("PhysicalResourceId") or physical_id), dict(data))


def _timeout_seconds(properties: Mapping[str, Any]) -> int:
    given = properties.get("ServiceTimeout", DEFAULT_SERVICE_TIMEOUT_SECONDS)
    if not str(given).isdecimal() or not 1 <= int(given) <= DEFAULT_SERVICE_TIMEOUT_SECONDS:
        raise ProviderError(f"ServiceTimeout is {given!r}; allowed: 1 to {DEFAULT_SERVICE_TIMEOUT_SECONDS} seconds")
    return int(given)


def _texts(value: Any) -> Any:
    """CloudFormation hands every scalar over as text."""
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return text_of(value)

"""From an HTTP request to an operation and its parameters, with botocore's models."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import OperationNotFoundError
from moto.core.model import ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.utils import get_service_model
from werkzeug.datastructures import MultiDict

from rehearsal.aws.iam.requests import rest
from rehearsal.aws.iam.requests.asked import Asked
from rehearsal.aws.protocol import MAX_FORM_BYTES, partition_of
from rehearsal.aws.server import Call

MODELS = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
}
"""Botocore's names of services that sign with another one."""
STREAMS_TARGET = "DynamoDBStreams_"
"""DynamoDB Streams sign as DynamoDB; the operation's target tells them apart."""


class Unreadable(Exception):
    """A request that is no request of its service, as far as botocore knows the service."""


def parse(call: Call, account_id: str) -> Asked:
    """The operation that a signed request calls, with its parameters. Raises Unreadable."""
    request = call.request
    request.max_form_memory_size = MAX_FORM_BYTES
    # Reading the form empties the body, and the signature is of the body: whoever checks that may come later.
    body = request.get_data(cache=True)
    service = model_name(call)
    try:
        model = _model(service)
        protocol = determine_request_protocol(model, request.content_type)
    except Exception as error:
        raise Unreadable(f"{call.service}: {error}") from error
    found = None
    if protocol.startswith("rest-"):
        path = rest.bucket_path(request) if service == "s3" else rest.raw_path(request)
        found = rest.routes(model).match(request.method, path, request)
        name = found.operation if found is not None else ""
    else:
        target = request.headers.get("X-Amz-Target", "")
        name = target.rpartition(".")[2] if target else request.values.get("Action", "")
    try:
        operation = model.operation_model(name)
    except OperationNotFoundError as error:
        raise Unreadable(f"{request.method} {request.path} is no operation of {service}") from error
    given: Any = {
        "method": request.method,
        "values": _values(call) if found is not None else request.values,
        "headers": request.headers,
        "body": body,
        "url_path": request.path,
        "url_params": found.parameters if found is not None else {},
    }
    try:
        parameters = PROTOCOL_PARSERS[protocol](operation).parse(given) or {}
    except Exception as error:
        raise Unreadable(f"{service} {name}: {type(error).__name__}: {error}") from error
    return Asked(service, name, parameters, call.region, account_id, partition_of(call.region))


def model_name(call: Call) -> str:
    """Botocore's name of the service that a request is for."""
    if call.request.headers.get("X-Amz-Target", "").startswith(STREAMS_TARGET):
        return "dynamodbstreams"
    return MODELS.get(call.service, call.service)


def _values(call: Call) -> MultiDict[str, str]:
    """The query string alone: the body of a REST request is no form, whatever its content type says."""
    return MultiDict(parse_qsl(call.request.query_string.decode(), keep_blank_values=True))


@cache
def _model(service: str) -> ServiceModel:
    model: ServiceModel = get_service_model(service)
    return model

"""Services of our own behind AWS's wire protocols: requests are parsed and answers written with botocore's models.

An operation is a method named as boto3 names it (`create_stack(self, context, request)`), takes the parsed request and
returns the answer as botocore would show it. An operation that has no method answers an error that names it.
"""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from botocore import xform_name
from botocore.model import OperationNotFoundError
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.wrappers import Request, Response

from rehearsal.aws.partitions import by_name, by_region

LOG = logging.getLogger(__name__)

# Moto warns about every code that botocore's model does not list; services use many such codes.
warnings.filterwarnings("ignore", message=r"Exception\(ServiceError\) with code", category=UserWarning)

MAX_FORM_BYTES = 10_000_000
"""Larger than any template that CloudFormation takes in a request; werkzeug's default of 500 kB is not."""


class ServiceError(Exception):
    """An error that a caller gets: code, message and HTTP status as the real service sends them."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class RequestContext:
    """Where a request came from: the region of its signature, the account, and what the client says of itself."""

    region: str
    account_id: str
    partition: str
    request_id: str
    operation: str
    user_agent: str
    access_key_id: str
    """The key that signed the request."""


def partition_of(region: str) -> str:
    """The partition of a region."""
    return by_region(region).name


def url_suffix_of(partition: str) -> str:
    """The domain of a partition's endpoints (`AWS::URLSuffix`)."""
    return by_name(partition).domain


class Service:
    """A service of our own; `service_name` is boto3's name and the one in the scope of a request's signature."""

    service_name: str

    def model(self) -> ServiceModel:
        """Botocore's model of the service, in moto's form."""
        return get_service_model(self.service_name)

    def answer(self, request: Request, region: str, account_id: str, access_key_id: str) -> Response:
        """Answer one HTTP request; every exception becomes an error in the service's own protocol."""
        request.max_form_memory_size = MAX_FORM_BYTES
        model = self.model()
        protocol = determine_request_protocol(model, request.content_type)
        name = self._operation_name(request)
        request_id = str(uuid.uuid4())
        try:
            operation = model.operation_model(name)
        except OperationNotFoundError:
            unknown = ServiceError("InvalidAction", f"Could not find operation {name}", 400)
            return _response(OperationModel({"name": name}, model), protocol, unknown, request_id)
        agent = request.headers.get("User-Agent", "")
        context = RequestContext(region, account_id, partition_of(region), request_id, name, agent, access_key_id)
        try:
            method = self._method(name)
            parsed = PROTOCOL_PARSERS[protocol](operation).parse(_parser_input(request, self._path_parameters(request)))
            result: object = method(context, parsed or {})
        except ServiceError as error:
            result = error
        except Exception as error:
            LOG.exception("%s of %s failed in the local AWS itself", name, self.service_name)
            result = ServiceError("InternalFailure", f"{type(error).__name__} in the local AWS: {error}", 500)
        return _response(operation, protocol, result, request_id)

    def _method(self, name: str) -> Callable[[RequestContext, dict[str, Any]], dict[str, Any] | None]:
        method = getattr(self, xform_name(name), None)
        if method is None:
            raise ServiceError("InvalidAction", f"{self.service_name}:{name} is not supported by the local AWS", 400)
        return cast(Callable[[RequestContext, dict[str, Any]], dict[str, Any] | None], method)

    def _operation_name(self, request: Request) -> str:
        target = request.headers.get("X-Amz-Target")
        return target.split(".")[-1] if target else request.values.get("Action", "")

    def _path_parameters(self, request: Request) -> Mapping[str, str]:
        """What of a REST request's input is in its path."""
        return {}


def error_response(model: ServiceModel, protocol: str, error: ServiceError) -> Response:
    """An error in a service's own protocol, whatever was asked of the service."""
    return _response(OperationModel({"name": ""}, model), protocol, error, str(uuid.uuid4()))


def _parser_input(request: Request, path_parameters: Mapping[str, str]) -> Any:
    return {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": request.get_data(cache=True),
        "url_path": request.path,
        "url_params": path_parameters,
    }


def _response(operation: OperationModel, protocol: str, result: object, request_id: str) -> Response:
    serializer = get_serializer_class(str(operation.service_model.service_name), protocol)(
        operation_model=operation, context=SerializationContext(request_id)
    )
    serialized = serializer.serialize(result if result is not None else {})
    status = result.status if isinstance(result, ServiceError) else serialized["status_code"]
    headers = {**serialized["headers"], "x-amzn-RequestId": request_id}
    return Response(serialized["body"], status=status, headers=headers)

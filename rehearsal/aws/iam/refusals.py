"""How services say that a request is not allowed: code, status and wording differ by protocol and by service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moto.core.request import determine_request_protocol
from moto.core.utils import get_service_model
from werkzeug.wrappers import Response

from rehearsal.aws.iam.requests.parsing import model_name
from rehearsal.aws.protocol import ServiceError, error_response

if TYPE_CHECKING:
    from rehearsal.aws.server import Call

LAMBDA_DENIAL_STATUS = 403


@dataclass(frozen=True)
class Wording:
    """The errors of one protocol: (code, HTTP status)."""

    denied: tuple[str, int]
    expired: tuple[str, int]
    unknown_token: tuple[str, int]
    unknown_key: tuple[str, int]
    signature: tuple[str, int]
    throttled: tuple[str, int]
    expired_text: str = "The security token included in the request is expired"
    unknown_text: str = "The security token included in the request is invalid."
    unknown_key_text: str = "The security token included in the request is invalid."
    denied_start: str = ""


SIGNATURE_TEXT = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
JSON = Wording(
    denied=("AccessDeniedException", 400),
    expired=("ExpiredTokenException", 400),
    unknown_token=("UnrecognizedClientException", 400),
    unknown_key=("UnrecognizedClientException", 400),
    signature=("InvalidSignatureException", 400),
    throttled=("ThrottlingException", 400),
)
QUERY = Wording(
    denied=("AccessDenied", 403),
    expired=("ExpiredToken", 403),
    unknown_token=("InvalidClientTokenId", 403),
    unknown_key=("InvalidClientTokenId", 403),
    signature=("SignatureDoesNotMatch", 403),
    throttled=("Throttling", 400),
)
S3 = Wording(
    denied=("AccessDenied", 403),
    expired=("ExpiredToken", 400),
    unknown_token=("InvalidToken", 400),
    unknown_key=("InvalidAccessKeyId", 403),
    signature=("SignatureDoesNotMatch", 403),
    throttled=("SlowDown", 503),
    expired_text="The provided token has expired.",
    unknown_text="The provided token is malformed or otherwise invalid.",
    unknown_key_text="The AWS Access Key Id you provided does not exist in our records.",
)
EC2 = Wording(
    denied=("UnauthorizedOperation", 403),
    expired=("RequestExpired", 400),
    unknown_token=("AuthFailure", 401),
    unknown_key=("AuthFailure", 401),
    signature=("AuthFailure", 401),
    throttled=("RequestLimitExceeded", 503),
    expired_text="Request has expired.",
    unknown_text="AWS was not able to validate the provided access credentials",
    unknown_key_text="AWS was not able to validate the provided access credentials",
    denied_start="You are not authorized to perform this operation. ",
)
PLAIN_DENIAL = frozenset({"sqs", "cloudwatch"})
"""Services with a JSON protocol that kept the code of their older one."""


class Refusals:
    """Answers one call with an error of its service."""

    def __init__(self, call: Call) -> None:
        self._service = model_name(call)
        self._model = get_service_model(self._service)
        self._protocol = determine_request_protocol(self._model, call.request.content_type)
        self._wording = S3 if self._service == "s3" else EC2 if self._protocol == "ec2" else JSON
        if self._protocol in ("query", "rest-xml") and self._service != "s3":
            self._wording = QUERY

    def denied(self, message: str) -> Response:
        """The caller may not do this."""
        code, status = self._wording.denied
        if self._service in PLAIN_DENIAL:
            code, status = QUERY.denied
        if self._protocol == "rest-json":
            status = LAMBDA_DENIAL_STATUS
        return self._answer(code, self._wording.denied_start + message, status)

    def expired(self) -> Response:
        """The caller's credentials have ended."""
        return self._answer(*_spread(self._wording.expired, self._wording.expired_text))

    def unknown_token(self) -> Response:
        """The session token is missing or belongs to other credentials, or the role or user is gone."""
        return self._answer(*_spread(self._wording.unknown_token, self._wording.unknown_text))

    def unknown_key(self) -> Response:
        """The access key is nobody's, or is not active."""
        return self._answer(*_spread(self._wording.unknown_key, self._wording.unknown_key_text))

    def signature(self) -> Response:
        """The signature was made with another secret key, or over another request."""
        return self._answer(*_spread(self._wording.signature, SIGNATURE_TEXT))

    def throttled(self) -> Response:
        """The caller asks too often, or others do."""
        return self._answer(*_spread(self._wording.throttled, "Rate exceeded"))

    def not_supported(self, message: str) -> Response:
        """The local AWS cannot tell whether this is allowed. Clients do not repeat a request for this status."""
        return self._answer("NotImplemented", message, 501)

    def failed(self, message: str) -> Response:
        """The local AWS itself has a fault."""
        return self._answer("InternalFailure", message, 500)

    def _answer(self, code: str, message: str, status: int) -> Response:
        return error_response(self._model, self._protocol, ServiceError(code, message, status))


def _spread(answer: tuple[str, int], text: str) -> tuple[str, str, int]:
    code, status = answer
    return code, text, status

"""What the API server says no to, beside what every call can come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from coordination.outcomes import Done, Known, Throttled, Unknown

_LONGEST = 300

Value = TypeVar("Value")


@dataclass(frozen=True)
class ApiRefusal:
    """The API server answered, and did not do it; the reason is its own."""

    reason: str


@dataclass(frozen=True)
class NotFound(ApiRefusal):
    """There is no such object."""


@dataclass(frozen=True)
class Exists(ApiRefusal):
    """An object of this name is there already."""


@dataclass(frozen=True)
class Forbidden(ApiRefusal):
    """Whoever asked may not do that, or is nobody to the API server."""


@dataclass(frozen=True)
class ApiConflict(ApiRefusal):
    """The object has changed since it was read."""


@dataclass(frozen=True)
class ApiInvalid(ApiRefusal):
    """The request cannot be carried out as it is. Trying again does not help."""


Answer: TypeAlias = Known[Value] | ApiRefusal | Unknown
Change: TypeAlias = Done | ApiRefusal | Unknown

# https://github.com/kubernetes/community/blob/main/contributors/devel/sig-architecture/api-conventions.md
_BY_REASON: dict[str, type[ApiRefusal]] = {
    "NotFound": NotFound,
    "AlreadyExists": Exists,
    "Forbidden": Forbidden,
    "Unauthorized": Forbidden,
    "Conflict": ApiConflict,
    "Invalid": ApiInvalid,
    "BadRequest": ApiInvalid,
    "MethodNotAllowed": ApiInvalid,
    "UnsupportedMediaType": ApiInvalid,
}
_TOO_MANY_REQUESTS = 429


def failure(operation: str, status: int, answer: object) -> ApiRefusal | Unknown:
    """The outcome of an answer that is no success."""
    said = answer if isinstance(answer, dict) else {}
    message = str(said.get("message") or f"status {status}")[:_LONGEST]
    reason = f"{operation}: {message}"
    code = f"HTTP {status}"
    if status == _TOO_MANY_REQUESTS:
        return Throttled(reason, code)
    refusal = _BY_REASON.get(str(said.get("reason")))
    return Unknown(reason, code) if refusal is None else refusal(reason)

"""What the API server says no to, beside what every call can come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from coordination.outcomes import Done, Known, Throttled, Unknown

_LONGEST = 300

Value = TypeVar("Value")


@dataclass(frozen=True)
class Refusal:
    """The API server answered, and did not do it; the reason is its own."""

    reason: str


@dataclass(frozen=True)
class NotFound(Refusal):
    """There is no such object."""


@dataclass(frozen=True)
class Exists(Refusal):
    """An object of this name is there already."""


@dataclass(frozen=True)
class Forbidden(Refusal):
    """Whoever asked may not do that, or is nobody to the API server."""


@dataclass(frozen=True)
class Conflict(Refusal):
    """The object has changed since it was read."""


@dataclass(frozen=True)
class Invalid(Refusal):
    """The request cannot be carried out as it is. Trying again does not help."""


Answer: TypeAlias = Known[Value] | Refusal | Unknown
Change: TypeAlias = Done | Refusal | Unknown

# https://github.com/kubernetes/community/blob/main/contributors/devel/sig-architecture/api-conventions.md
_BY_REASON: dict[str, type[Refusal]] = {
    "NotFound": NotFound,
    "AlreadyExists": Exists,
    "Forbidden": Forbidden,
    "Unauthorized": Forbidden,
    "Conflict": Conflict,
    "Invalid": Invalid,
    "BadRequest": Invalid,
    "MethodNotAllowed": Invalid,
    "UnsupportedMediaType": Invalid,
}
_TOO_MANY_REQUESTS = 429


def failure(operation: str, status: int, answer: object) -> Refusal | Unknown:
    """The outcome of an answer that is no success."""
    said = answer if isinstance(answer, dict) else {}
    message = str(said.get("message") or f"status {status}")[:_LONGEST]
    reason = f"{operation}: {message}"
    code = f"HTTP {status}"
    if status == _TOO_MANY_REQUESTS:
        return Throttled(reason, code)
    refusal = _BY_REASON.get(str(said.get("reason")))
    return Unknown(reason, code) if refusal is None else refusal(reason)

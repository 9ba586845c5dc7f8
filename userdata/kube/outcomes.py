"""What the API server says no to, beside what every call can come to."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True)
class BudgetRefusal(ApiRefusal):
    """A PodDisruptionBudget does not allow the eviction of a Pod now. It may later."""


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
_BUDGET_CAUSE = "DisruptionBudget"


def failure(operation: str, status: int, answer: object) -> ApiRefusal | Unknown:
    """The outcome of an answer that is no success."""
    said = answer if isinstance(answer, dict) else {}
    message = str(said.get("message") or f"status {status}")[:_LONGEST]
    reason = f"{operation}: {message}"
    code = f"HTTP {status}"
    if status == _TOO_MANY_REQUESTS:
        # One status for two things: only the cause tells a budget from an API server that has too much to do.
        budget = _causes(said).get(_BUDGET_CAUSE)
        return Throttled(reason, code) if budget is None else BudgetRefusal(f"{reason} {budget}"[:_LONGEST])
    refusal = _BY_REASON.get(str(said.get("reason")))
    return Unknown(reason, code) if refusal is None else refusal(reason)


def _causes(said: Mapping[str, object]) -> Mapping[str, str]:
    """What a Status says of its causes, by their kinds, which it calls reasons; empty where it names none."""
    details = said.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    listed = [each for each in causes if isinstance(each, dict)] if isinstance(causes, list) else []
    return {str(each.get("reason")): str(each.get("message") or "") for each in listed}

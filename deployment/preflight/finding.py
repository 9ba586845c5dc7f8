"""One answer of a preflight check, and how an API error becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from botocore.exceptions import BotoCoreError, ClientError

from deployment import aws


class State(Enum):
    """Whether the account has the thing; UNKNOWN when AWS did not say."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What was checked, and what was found, in words for the person who has to act on it."""

    state: State
    subject: str
    detail: str


def judged(good: bool, subject: str, detail: str) -> Finding:
    """OK or MISSING."""
    return Finding(State.OK if good else State.MISSING, subject, detail)


def answered(subject: str, ask: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The findings of `ask`; one UNKNOWN when the API refuses, so that no error ever counts as an answer."""
    try:
        return list(ask())
    except ClientError as error:
        return [Finding(State.UNKNOWN, subject, f"{aws.code(error)}: {aws.message(error)}")]
    except BotoCoreError as error:
        return [Finding(State.UNKNOWN, subject, str(error))]

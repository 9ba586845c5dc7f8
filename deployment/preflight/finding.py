"""One answer of a preflight check, and how an API error becomes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from botocore.exceptions import BotoCoreError, ClientError

from deployment import aws


class State(Enum):
    """What a check has found, the worst first. NOT_ASKED is no answer at all; a NOTE is nothing to act on."""

    FAILED = "failed"
    """A deploy, or a later update, would fail."""
    NOT_ASKED = "could-not-ask"
    """AWS did not say."""
    WARNING = "warning"
    """It deploys, and somebody should look at it."""
    NOTE = "note"
    """It cannot be known before instances are launched, or depends on what is elsewhere."""
    OK = "ok"


class Topic(Enum):
    """What findings are about, in the order in which they are told."""

    ACCOUNT = "account"
    NETWORK = "network"
    MACHINES = "machines"
    QUOTAS = "quotas"
    IDENTITIES = "identities"


@dataclass(frozen=True)
class Finding:
    """What was checked, what was found, and what to do about it; in words for the person who has to act."""

    state: State
    topic: Topic
    subject: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class About:
    """Makes the findings about one subject."""

    topic: Topic
    subject: str

    def ok(self, detail: str) -> Finding:
        """It is as it has to be."""
        return Finding(State.OK, self.topic, self.subject, detail)

    def failed(self, detail: str, remedy: str = "") -> Finding:
        """It is not."""
        return Finding(State.FAILED, self.topic, self.subject, detail, remedy)

    def warning(self, detail: str, remedy: str = "") -> Finding:
        """It may be what is wanted."""
        return Finding(State.WARNING, self.topic, self.subject, detail, remedy)

    def note(self, detail: str, remedy: str = "") -> Finding:
        """It cannot be known."""
        return Finding(State.NOTE, self.topic, self.subject, detail, remedy)

    def not_asked(self, error: ClientError | BotoCoreError) -> Finding:
        """AWS, or the way to it, gave no answer."""
        remedy = ""
        if isinstance(error, ClientError):
            detail = f"{error.operation_name}: {aws.code(error)}: {aws.message(error)}"
            if aws.code(error) in aws.DENIED:
                remedy = "docs/how-to/check-an-account.md lists the permissions of this command"
        else:
            detail = str(error)
        return Finding(State.NOT_ASKED, self.topic, self.subject, detail, remedy)

    def answered(self, ask: Callable[[], Iterable[Finding]]) -> list[Finding]:
        """The findings of `ask`; NOT_ASKED alone when the API refuses, so that no error ever counts as an answer."""
        try:
            return list(ask())
        except (ClientError, BotoCoreError) as error:
            return [self.not_asked(error)]

"""What a task cannot do without: an answer that is none ends its run."""

from __future__ import annotations

from typing import TypeVar

from coordination.outcomes import Done, Known, NoOp, Unknown
from userdata.kube.outcomes import Answer, ApiRefusal
from userdata.logs.lines import StageFailed

Value = TypeVar("Value")


def known(answer: Answer[Value]) -> Value:
    """The value of an answer. Raises StageFailed where it is none."""
    if isinstance(answer, Known):
        return answer.value
    raise StageFailed(answer.reason)


def done(outcome: Done | NoOp | ApiRefusal | Unknown) -> None:
    """Go on where something is done. Raises StageFailed where it is not, or may not be."""
    if not isinstance(outcome, Done | NoOp):
        raise StageFailed(outcome.reason)

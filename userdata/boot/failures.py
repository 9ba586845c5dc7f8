"""How a step of the boot fails: for now, or for good; and what is no failure."""

from __future__ import annotations

from dataclasses import dataclass

from userdata.host.commands import Finished
from userdata.kubeadm.errors import Fault, sort
from userdata.logs.lines import StageFailed


class StepFailed(StageFailed):
    """A step cannot go on. `permanent`: trying again on this instance cannot help."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.reason}. {fault.next_step}")
        self.permanent = fault.permanent


def of_command(done: Finished) -> StepFailed:
    """The failure of a command, by all that it said."""
    return StepFailed(sort(done.output))


def of_words(said: str) -> StepFailed:
    """The failure that an outcome's reason tells."""
    return StepFailed(sort(said))


class Overtaken(StageFailed):
    """Something else happened meanwhile: the node looks again, and decides anew."""


@dataclass(frozen=True)
class LookAgain:
    """etcd has not heard of this node, so nothing has failed: the boot table is looked at again, and counts no failure.

    At the most there is a row that says that it may join.
    """

    reason: str

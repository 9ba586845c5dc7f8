"""How a step of the boot fails: for now, or for good; and what is no failure."""

from __future__ import annotations

from dataclasses import dataclass

from userdata.faults.fault import Fault
from userdata.faults.output import of_output
from userdata.host.commands import Finished
from userdata.logs.lines import StageFailed


class StepFailed(StageFailed):
    """A step cannot go on, because of this fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.permanent = fault.permanent


def of_command(done: Finished) -> StepFailed:
    """The failure of a command, by all that it said."""
    return StepFailed(of_output(done.output))


class Overtaken(StageFailed):
    """Something else happened meanwhile: the node looks again, and decides anew."""


@dataclass(frozen=True)
class LookAgain:
    """etcd has not heard of this node, so nothing has failed: the boot table is looked at again, and counts no failure.

    At the most there is a row that says that it may join.
    """

    reason: str

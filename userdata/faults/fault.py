"""What a failure comes to: whether to try again, and a sentence for a human."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
_LONGEST = 300

CHECK_MEMBERS = "Look at etcd's members: remove one that is dead, or a learner whose instance is gone."
CHECK_REACH = "Check security groups, routes and the balancer's targets."


@dataclass(frozen=True)
class Fault:
    """Why something failed. `permanent`: trying again on this node, with what it has, cannot help."""

    permanent: bool
    reason: str
    """One sentence."""
    next_step: str
    """What a human can do about it, if it lasts."""

    @property
    def text(self) -> str:
        """Both sentences, as log and boot row show them."""
        return f"{self.reason}. {self.next_step}"


def unsorted(said: str) -> Fault:
    """The fault that nobody has sorted: tried again, and shown by the last line of what was said, without tokens."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and "--v=5 or higher" not in line]
    reason = _TOKEN.sub("(a token)", lines[-1])[:_LONGEST] if lines else "it failed and said nothing"
    return Fault(False, reason, "The failure is unknown to Holdfast: look at the node's log.")

"""The conditions that name instances which wait to be terminated, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import Member
from coordination.names import member_item
from coordination.outcomes import Unknown
from coordination.quorum import Objection
from functions.reconcile.endings import SILENT_MEMBERS
from functions.reconcile.processes import PROCESSES_SUSPENDED
from functions.reconcile.removals import Hold, Pending
from functions.reconcile.slots import LAUNCH_LOOP, SLOT_EMPTY
from functions.reconcile.surplus import SURPLUS_HELD

_UNKNOWN = "TerminationHeld/"
_MEMBER = "RemovalWaits/"

_OWN = (_UNKNOWN, _MEMBER, SURPLUS_HELD, SLOT_EMPTY, LAUNCH_LOOP, PROCESSES_SUSPENDED)

_LONG_SECONDS = 900
"""After so long a removal is named that waits for what should have passed by itself: a successor has ten minutes."""


@dataclass(frozen=True)
class Held:
    """An instance that must not go yet, and why; `row` is that of a member, None where it is not known to be one."""

    instance: GroupInstance
    why: Hold
    row: Member | None = None

    @property
    def reason(self) -> str:
        """Why, for people."""
        said = self.why.reason if isinstance(self.why, Unknown) else self.why.value
        if self.row is None:
            return said
        return f"{self.row.item_id} is {self.row.state}, and its removal waits: {said}"


def condition_of(held: Held, now: int) -> Condition | None:
    """The condition for a held instance, None while it waits for what passes by itself; `now` in seconds since 1970."""
    name = held.instance.instance_id
    if held.row is None:
        return Condition(_UNKNOWN + name, held.reason, _UNKNOWN_STEP, now)
    since = held.row.hook_since
    if isinstance(held.why, Pending) and (since is None or now - since < _LONG_SECONDS):
        return None
    return Condition(_MEMBER + name, held.reason, _next_step(held.why, name), now)


def is_hold(name: str) -> bool:
    """Whether `name` is a condition of the function's own."""
    return name == SILENT_MEMBERS or name.startswith(_OWN)


# Auto Scaling holds for 48 hours at most: https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
_UNKNOWN_STEP = (
    "Correct what the reason names. After 48 hours the hook runs out, and Auto Scaling retains the instance until this "
    "is decided."
)


def _next_step(why: Hold, instance_id: str) -> str:
    match why:
        case Unknown():
            return "Look at the agents: holdfast-node status on a control plane, and the log of holdfast-agent.service."
        case Pending():
            return "Look at what is in the way: holdfast-node status shows the operation and the nodes that boot."
        case Objection.BELOW_MAJORITY_OF_SLOTS:
            return "It leaves once another voter has joined. If none can, give its slot room for an instance."
        case Objection.LAST_VOTER:
            return "It leaves once another voter has joined. If none can, give a slot room for an instance, or restore."
        case Objection.NO_QUORUM | Objection.QUORUM_WOULD_END:
            return "Bring back members that do not answer: the conditions MemberUnhealthy and QuorumLost name them."
        case Objection.UNFINISHED | Objection.IS_VOTER | Objection.LEARNER_ANSWERS:
            return (
                "Wait for the member that joins. To remove one by hand: etcdctl member remove, then set State of "
                f"{member_item(instance_id)} to removed."
            )
        case _:
            assert_never(why)

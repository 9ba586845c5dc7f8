"""The conditions that name instances and members which wait to leave, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from coordination.approvals import command
from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import Member
from coordination.names import REMOVAL_APPROVAL_ITEM
from coordination.outcomes import Unknown
from coordination.quorum import Objection
from functions.reconcile.endings import SILENT_MEMBERS
from functions.reconcile.processes import PROCESSES_SUSPENDED
from functions.reconcile.removals import Hold, NoRoom, Pending
from functions.reconcile.slots import LAUNCH_LOOP, SLOT_EMPTY
from functions.reconcile.surplus import SURPLUS_HELD

_UNKNOWN = "TerminationHeld/"
_MEMBER = "RemovalWaits/"
_STRANGER = "StrangerMember/"

_OWN = (_UNKNOWN, _MEMBER, _STRANGER, SURPLUS_HELD, SLOT_EMPTY, LAUNCH_LOOP, PROCESSES_SUSPENDED)

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
        if self.row is None:
            return _said(self.why)
        return f"{self.row.item_id} is {self.row.state}, and its removal waits: {_said(self.why)}"


def condition_of(held: Held, now: int, table: str) -> Condition | None:
    """The condition for a held instance, None while it waits for what passes by itself.

    `now` is in seconds since 1970, `table` the cluster table's name, for commands.
    """
    if held.row is None:
        return Condition(_UNKNOWN + held.instance.instance_id, held.reason, _UNKNOWN_STEP, now)
    return removal_waits(held.row, held.why, now, table)


def removal_waits(row: Member, why: Hold, now: int, table: str) -> Condition | None:
    """The condition for a member that leaves. An objection is named at once, what passes by itself once it has not.

    Of a member without a hook it counts since it was silent.
    """
    since = row.silent_since if row.hook_since is None else row.hook_since
    if isinstance(why, Pending) and (since is None or now - since < _LONG_SECONDS):
        return None
    reason = f"{row.item_id} is {row.state}, and its removal waits: {_said(why)}"
    return Condition(_MEMBER + row.instance_id, reason, _next_step(why, row, table), now)


def stranger(row: Member, why: Hold, group: str, now: int, table: str) -> Condition:
    """The condition for a member in service of no slot: a person has made it one. `group` is empty where it has none.

    It is named while its removal waits for anything at all, for nothing but this project's agents will end it.
    """
    reason = f"{row.item_id} is {row.state}, its instance is in service of no slot, and its removal waits: {_said(why)}"
    ends = f"Once the row says removed, terminate {row.instance_id}: nothing else does. "
    if group:
        back = f"aws autoscaling exit-standby --auto-scaling-group-name {group} --instance-ids {row.instance_id}"
        ends += f"One that stands by may serve again instead ({back}). "
    return Condition(_STRANGER + row.instance_id, reason, ends + _next_step(why, row, table), now)


def is_hold(name: str) -> bool:
    """Whether `name` is a condition of the function's own."""
    return name == SILENT_MEMBERS or name.startswith(_OWN)


# Auto Scaling holds for 48 hours at most: https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
_UNKNOWN_STEP = (
    "Correct what the reason names. After 48 hours the hook runs out, and Auto Scaling retains the instance until this "
    "is decided."
)


def _said(why: Hold) -> str:
    return why.reason if isinstance(why, Unknown) else why.value


def _next_step(why: Hold, row: Member, table: str) -> str:
    match why:
        case Unknown():
            return "Look at the agents: holdfast-node status on a control plane, and the log of holdfast-agent.service."
        case Pending():
            return "Look at what is in the way: make status shows the operation and the nodes that boot."
        case Objection.BELOW_MAJORITY_OF_SLOTS:
            return (
                "It leaves once another voter has joined, in its slot or in another one that has none. If none joins, "
                "the conditions of these slots say why. " + _approve(row, table)
            )
        case NoRoom.BELOW_MAJORITY_OF_SLOTS:
            return (
                "It leaves once another voter has joined: give its slot, or another one that has none, room for an "
                "instance. Without it etcd's quorum alone decides in the last of the 48 hours for which a terminating "
                "hook holds. " + _approve(row, table)
            )
        case NoRoom.LAST_VOTER:
            return (
                "Give its slot, or any other, room for another instance: this one holds the only data, and leaves once "
                "another voter has joined. To end it by hand loses the data, for this release takes no backups."
            )
        case Objection.LAST_VOTER:
            return "It leaves once another voter has joined. If none can, give a slot room for an instance, or restore."
        case Objection.NO_QUORUM | Objection.QUORUM_WOULD_END:
            return "Bring back members that do not answer: the conditions MemberUnhealthy and QuorumLost name them."
        case Objection.UNFINISHED | Objection.IS_VOTER | Objection.LEARNER_ANSWERS:
            return (
                "Wait for the member that joins. To remove one by hand: etcdctl member remove, then set State of "
                f"{row.item_id} to removed."
            )
        case _:
            assert_never(why)


def _approve(row: Member, table: str) -> str:
    """How a person has etcd's quorum alone decide. The command comes last, so that it can be copied."""
    return (
        "Or have it removed with fewer voters than that, at the risk that the failure of one more ends etcd's quorum: "
        + command(table, REMOVAL_APPROVAL_ITEM, row.epoch, [row.instance_id])
    )

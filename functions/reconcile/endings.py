"""Which instances in service the function terminates, because the cluster has no use of them any more. Pure.

Both are ended through Auto Scaling and without a decrement, so that another instance comes in their place. A silent
member is removed under its hook then, like every other one that leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.names import CONTROL_PLANE_ROLE
from coordination.outcomes import Unknown
from coordination.quorum import objection_to_ending
from functions.reconcile.believed import Believed
from functions.reconcile.places import LEAVING, Place
from functions.reconcile.removals import Facts

SILENT_MEMBERS = "SilentMembers"
"""The condition that more members fall silent than this project replaces by itself."""
MOST_AN_HOUR = 3
_HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Ending:
    """An instance to be terminated. `row` is that of a silent member, None of one that is no member."""

    instance: GroupInstance
    row: Member | None
    reason: str


@dataclass(frozen=True)
class Endings:
    """What to end now, and what a person has to look at."""

    now: tuple[Ending, ...] = ()
    condition: Condition | None = None


def endings(facts: Facts) -> Endings:
    """What to end. Nothing where no agent has seen a majority of etcd lately."""
    if isinstance(facts.believed, Unknown):
        return Endings()
    strangers = tuple(
        Ending(each, None, "it is in service, and etcd does not list it")
        for each in facts.instances
        if _is_no_member(each, facts, facts.believed.value)
    )
    silent = _silent(facts, facts.believed.value)
    if silent is None:
        return Endings(strangers)
    moments = [row.ended_at for row in facts.rows.values() if row.ended_at is not None]
    lately = sum(facts.now - each < _HOUR_SECONDS for each in moments)
    if lately >= MOST_AN_HOUR:
        reason = f"{silent.instance.instance_id} is silent, and {lately} silent members were replaced within an hour"
        step = "Find out why members fall silent: instances' logs, EC2's status checks, the network between them."
        return Endings(strangers, Condition(SILENT_MEMBERS, reason, step, facts.now))
    return Endings((*strangers, silent))


def _silent(facts: Facts, believed: Believed) -> Ending | None:
    """The member that has been silent for longest, if it may be ended: one at a time, and etcd has to do without it.

    One that leaves already and is silent has to be removed first. One that came back does not count.
    """
    silent = believed.members.silent
    if any(
        name in silent and facts.places[name] in LEAVING
        for name, row in facts.rows.items()
        if row.state is not MemberState.REMOVED
    ):
        return None
    listed = {each.instance_id: each for each in facts.instances}
    found = sorted(
        (row.silent_since or 0, name)
        for name, row in facts.rows.items()
        if row.state is not MemberState.REMOVED
        and name in silent
        and facts.places[name] in (Place.SERVES, Place.LAUNCHES)
        and row.is_given_up(facts.now)
    )
    if not found or objection_to_ending(believed.members, found[0][1]) is not None:
        return None
    since, name = found[0]
    return Ending(listed[name], facts.rows[name], f"it is a member that has been silent for {facts.now - since} s")


def _is_no_member(instance: GroupInstance, facts: Facts, believed: Believed) -> bool:
    """Whether an instance serves in a slot and has no part in etcd: a row is written before its instance serves.

    One that the last look has seen in etcd's list is none, though its row says removed: the leading agent corrects the
    row, or its next look does not see it any more.
    """
    row = facts.rows.get(instance.instance_id)
    if not instance.is_in_service or instance.role != CONTROL_PLANE_ROLE:
        return False
    listed = believed.members.voters | believed.members.learners | believed.etcd_ids.keys()
    return instance.instance_id not in listed and (row is None or row.state is MemberState.REMOVED)

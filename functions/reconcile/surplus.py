"""Which of two instances of one slot is ended, where a person or a stopped update has left a slot with two. Pure.

CloudFormation raises a slot to two while it rolls it, and lowers it again. So nothing is done in a slot that is being
rolled, or of which nobody knows whether it is (functions.reconcile.rolls). Where MinSize keeps both while an update
rolls another slot, the newcomer there may wait for the second one's place among etcd's members: that one is ended, and
the instance that comes in its place waits (functions.reconcile.joiners).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coordination.conditions import Condition
from coordination.instances import GroupInstance, SlotGroup
from coordination.outcomes import Known, Unknown
from functions.reconcile.places import LEAVING
from functions.reconcile.removals import Facts

SURPLUS_HELD = "SurplusHeld/"
"""What the names of the conditions begin with that a slot's surplus instance cannot be ended."""


@dataclass(frozen=True)
class Surplus:
    """Instances to be terminated with a decrement of their groups, and what keeps others from it."""

    now: tuple[GroupInstance, ...] = ()
    conditions: tuple[Condition, ...] = ()


def in_the_way(facts: Facts, slots: Sequence[SlotGroup], joiners_wait: Collection[str]) -> GroupInstance | None:
    """The instance to be terminated without a decrement, for its membership closes the join gate of a slot that is
    rolled. `joiners_wait` are the slots with a serving voter beside which nobody joins."""
    if isinstance(facts.believed, Unknown):
        return None
    members = facts.believed.value.members
    listed = members.voters | members.learners
    # One that leaves already opens the gate, too: one at a time.
    if sum(facts.places.get(name) not in LEAVING for name in listed) <= facts.slots:
        return None
    for group in slots:
        active = [each for each in facts.instances if each.group == group.name and _is_active(each)]
        found = [each for each in active if each.instance_id in listed]
        if group.slot in joiners_wait and len(found) > 1:
            return min(found, key=lambda each: _preference(each, facts))
    return None


def surplus(
    facts: Facts, slots: Sequence[SlotGroup], at_rest: Collection[str], joiners_wait: Collection[str] = ()
) -> Surplus:
    """What to end in the groups that are `at_rest`. Nothing where no agent has seen a majority of etcd lately.

    A slot in which joiners wait has one member for as long as the update goes on, and nobody has to do anything.
    """
    ended: list[GroupInstance] = []
    held: list[Condition] = []
    for group in slots:
        # Just read as two: a smaller size leaves nothing to decrement, and would take away what somebody raises.
        active = [each for each in facts.instances if each.group == group.name and _is_active(each)]
        if group.name not in at_rest or group.desired != 2 or len(active) < 2:
            continue
        if group.is_held_at_two:
            if group.slot not in joiners_wait:
                held.append(_held(group, facts.now))
        else:
            ended.append(min(active, key=lambda each: _preference(each, facts)))
    return Surplus(() if isinstance(facts.believed, Unknown) else tuple(ended), tuple(held))


def _is_active(instance: GroupInstance) -> bool:
    return instance.is_in_service or instance.is_launching


def _preference(instance: GroupInstance, facts: Facts) -> tuple[bool, bool, int, str]:
    """The dead one first, then the one that boots, then the newest."""
    answering = isinstance(facts.believed, Known) and instance.instance_id in facts.believed.value.members.answering
    row = facts.rows.get(instance.instance_id)
    created = row.created_at if row is not None and row.created_at is not None else facts.now
    dead = instance.is_in_service and not answering
    return (not dead, not instance.is_launching, -created, instance.instance_id)


def _held(group: SlotGroup, now: int) -> Condition:
    return Condition(
        name=SURPLUS_HELD + f"slot-{group.slot}",
        reason=f"slot {group.slot} has two instances, and MinSize {group.min_size} of {group.name} keeps both",
        next_step=(
            "aws autoscaling update-auto-scaling-group "
            f"--auto-scaling-group-name {group.name} --min-size 0: the surplus instance is ended then."
        ),
        since=now,
    )

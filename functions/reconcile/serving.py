"""Which terminating members serve the API through the balancer all the same. Pure.

Auto Scaling deregisters an instance when it begins to terminate. Where every member terminates at once, those that are
held still serve, and nobody would reach them by the API's name: no replacement could join, so none of them could ever
leave. They are registered again, until another one serves in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coordination.instances import GroupInstance, SlotGroup
from coordination.members import Member
from coordination.names import CONTROL_PLANE_ROLE
from coordination.outcomes import Unknown
from functions.reconcile.removals import Facts


@dataclass(frozen=True)
class Serving:
    """A held member, with its row and the group of its slot; `registers` says whether it should be a target."""

    instance: GroupInstance
    row: Member
    group: SlotGroup
    registers: bool


def serving(facts: Facts, slots: Sequence[SlotGroup]) -> Iterator[Serving]:
    """Whose registration to change. Nothing where no agent has seen a majority of etcd lately."""
    if isinstance(facts.believed, Unknown):
        return
    answering = facts.believed.value.members.answering
    groups = {group.name: group for group in slots}
    others = any(
        each.is_in_service and each.role == CONTROL_PLANE_ROLE and each.instance_id in answering
        for each in facts.instances
    )
    for each in facts.instances:
        row, group = facts.rows.get(each.instance_id), groups.get(each.group)
        if not each.waits_to_terminate or row is None or group is None:
            continue
        if not others and row.target_since is None and each.instance_id in answering:
            yield Serving(each, row, group, registers=True)
        if others and row.target_since is not None:
            yield Serving(each, row, group, registers=False)

"""Slots and pools as Auto Scaling has them, and the instances that are not in service. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coordination.instances import GroupInstance, Groups, PoolGroup, SlotGroup
from coordination.launches import GroupActivities
from coordination.outcomes import Known, Reading, Unknown
from coordination.report.parts import Attention, Part, lasting
from coordination.report.table import LONG_SECONDS
from deployment.status.advice import Advice

Activities = Mapping[str, Reading[GroupActivities]]


def groups_part(groups: Groups, activities: Activities, advice: Advice) -> Part:
    """A line for each group. A pool in a launch loop needs attention; a slot has a condition then."""
    cells: list[tuple[str, ...]] = []
    data: list[Mapping[str, object]] = []
    wrong: list[Attention] = []
    unknown: list[str] = []
    for group in groups.every:
        mine = [each for each in groups.instances if each.group == group.name]
        serving = [each for each in mine if each.is_in_service]
        old = [each for each in mine if not each.is_current]
        reading = activities.get(group.name)
        if isinstance(reading, Unknown):
            unknown.append(reading.reason)
        last = reading.value.launches.last if isinstance(reading, Known) else None
        notes = [f"{len(serving)} of {group.desired} in service", f"MinSize {group.min_size}, MaxSize {group.max_size}"]
        notes += [f"{len(old)} of an older launch template" if old else ""]
        notes += [f"the last launch failed: {last.reason}" if last else ""]
        cells.append((place(group), *notes[:2], "; ".join(note for note in notes[2:] if note)))
        data.append(
            {
                "place": place(group),
                "group": group.name,
                "min_size": group.min_size,
                "desired": group.desired,
                "max_size": group.max_size,
                "in_service": [each.instance_id for each in serving],
                "not_current": [each.instance_id for each in old],
                "last_launch_failure": last.reason if last else None,
            }
        )
        if isinstance(group, PoolGroup) and isinstance(reading, Known) and reading.value.launches.is_loop and last:
            why = f"the launches of {place(group)} fail again and again; the last one: {last.reason}"
            wrong.append(Attention(why, f"Correct what the reason names. Boots that fail: {advice.workers()}"))
    return Part("groups", tuple(cells), data, tuple(wrong), tuple(unknown))


def instances_part(groups: Groups, activities: Activities, named: Sequence[str], now: float, advice: Advice) -> Part:
    """The instances that are not in service, with how long they have been launched or terminated.

    Each needs attention once that has lasted for LONG_SECONDS, but for those that a condition is about: `named` are the
    conditions' names.
    """
    where_is = places(groups)
    about = {name.rpartition("/")[2] for name in named}
    cells: list[tuple[str, ...]] = []
    data: list[Mapping[str, object]] = []
    wrong: list[Attention] = []
    for each in groups.instances:
        if each.is_in_service:
            continue
        where = where_is[each.instance_id]
        reading = activities.get(each.group)
        since = reading.value.since.get(each.instance_id) if isinstance(reading, Known) else None
        seconds = None if since is None else now - since
        cells.append((each.instance_id, where, each.lifecycle_state, _how_long(each, seconds)))
        data.append(
            {
                "instance_id": each.instance_id,
                "place": where,
                "lifecycle_state": each.lifecycle_state,
                "since": since,
            }
        )
        covered = each.instance_id in about or (bool(each.slot) and f"slot-{each.slot}" in about)
        if seconds is not None and seconds > LONG_SECONDS and not covered:
            wrong.append(_long(each, where, seconds, advice))
    return Part("instances not in service", tuple(cells), data, tuple(wrong))


def place(group: SlotGroup | PoolGroup) -> str:
    """What people call a group."""
    return f"slot {group.slot}" if isinstance(group, SlotGroup) else f"pool {group.pool}"


def places(groups: Groups) -> Mapping[str, str]:
    """The slot or the pool of each instance, by its id."""
    names = {group.name: place(group) for group in groups.every}
    return {each.instance_id: names.get(each.group, each.group) for each in groups.instances}


def _how_long(instance: GroupInstance, seconds: float | None) -> str:
    held = ", held by its launch hook" if instance.waits_to_launch else ""
    held = ", held by its terminating hook" if instance.waits_to_terminate else held
    return f"for {'an unknown time' if seconds is None else lasting(seconds)}{held}"


def _long(instance: GroupInstance, where: str, seconds: float, advice: Advice) -> Attention:
    what = f"{instance.instance_id} ({where}) has been {instance.lifecycle_state} for {lasting(seconds)}"
    if instance.is_launching:
        logs = advice.control_planes() if instance.slot else advice.workers()
        return Attention(
            what,
            f"Its boot row and its logs say what it waits for: {logs} ; or its console: "
            f"{advice.console(instance.instance_id)}",
        )
    if instance.is_leaving:
        return Attention(what, f"The function's log says why it is held: {advice.function()}")
    return Attention(what, "It is in no service until somebody brings it back or ends it: docs/how-to/conditions.md")

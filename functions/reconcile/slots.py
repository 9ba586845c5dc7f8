"""What the function tells of slots in which no instance boots or serves, or whose launches fail. Pure.

Auto Scaling tries again by itself, after longer and longer waits, so there is nothing to do but to tell. A slot whose
boots fail is stopped by its nodes: after three of them the last one waits for a person (coordination.boot_failures).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from coordination.conditions import Condition
from coordination.instances import Groups, SlotGroup
from coordination.launches import Launches
from coordination.outcomes import Known, Reading, Unknown
from coordination.rows import Rows, understood
from coordination.stacks import DELETING_STATES
from functions.reconcile.findings import Findings, running_since
from functions.reconcile.snapshot import Snapshot

SLOT_EMPTY = "SlotEmpty/"
"""What the names of the conditions begin with that no instance has booted or served in a slot for EMPTY_SECONDS."""
LAUNCH_LOOP = "LaunchLoop/"
"""What the names of the conditions begin with that the launches of a slot fail again and again."""
EMPTY_SECONDS = 900
ASKED_SECONDS = 60
"""After so long Auto Scaling is asked how the launches of an empty slot went."""

_Stored: TypeAlias = dict[str, Condition]


def whose_launches_matter(
    groups: Reading[Groups], rows: Reading[Rows], root_status: Reading[str], now: int
) -> Sequence[SlotGroup]:
    """The started slots in which for ASKED_SECONDS no instance has booted or served, and those in a launch loop until
    one serves. What is seen for the first time is asked in a later pass: mostly the next instance is launched by then.
    """
    if isinstance(groups, Unknown) or isinstance(rows, Unknown):
        return ()
    if isinstance(root_status, Known) and root_status.value in DELETING_STATES:
        return ()
    if not _is_started(rows.value):
        return ()
    stored, timers = understood(rows.value.conditions), rows.value.timers
    return [
        group
        for group in groups.value.slots
        if (
            group.desired > 0
            and _is_empty(group, groups.value)
            and now - running_since(timers, _name(SLOT_EMPTY, group), now) >= ASKED_SECONDS
        )
        or (_name(LAUNCH_LOOP, group) in stored and not _serves(group, groups.value))
    ]


def without_room(snapshot: Snapshot) -> frozenset[str]:
    """The slots in which no instance boots or serves, since the last launch found no room for one."""
    if isinstance(snapshot.groups, Unknown):
        return frozenset()
    return frozenset(
        group.slot
        for group in snapshot.groups.value.slots
        if _is_empty(group, snapshot.groups.value)
        and isinstance(launches := snapshot.launches.get(group.name), Known)
        and launches.value.last is not None
        and launches.value.last.no_room
    )


def findings(snapshot: Snapshot, groups: Groups, rows: Rows) -> Findings:
    """What to tell, once the cluster has been started. What is unknown now is told as it was told before."""
    if not _is_started(rows):
        return Findings()
    stored = understood(rows.conditions)
    conditions: list[Condition | None] = []
    timers: set[str] = set()
    for group in groups.slots:
        launches = snapshot.launches.get(group.name)
        if launches is not None:
            conditions.append(_loop(group, launches, stored, snapshot.now))
        if _is_empty(group, groups):
            timers.add(_name(SLOT_EMPTY, group))
            conditions.append(_empty(group, launches, stored, rows, snapshot.now))
    return Findings(conditions=tuple(each for each in conditions if each is not None), timers=frozenset(timers))


def _loop(group: SlotGroup, reading: Reading[Launches], stored: _Stored, now: int) -> Condition | None:
    name = _name(LAUNCH_LOOP, group)
    if isinstance(reading, Unknown):
        return stored.get(name)
    last = reading.value.last
    if last is None or not reading.value.is_loop:
        return None
    reason = f"the launches of slot {group.slot} fail again and again; the last one: {last.reason}"
    return Condition(name, reason, _next_step(reading.value), now)


def _empty(
    group: SlotGroup, reading: Reading[Launches] | None, stored: _Stored, rows: Rows, now: int
) -> Condition | None:
    name = _name(SLOT_EMPTY, group)
    since = running_since(rows.timers, name, now)
    if now - since < EMPTY_SECONDS:
        return None
    if isinstance(reading, Unknown) and name in stored:
        return stored[name]
    launches = reading.value if isinstance(reading, Known) else Launches()
    reason = f"no instance boots or serves in slot {group.slot}: {_why(group, reading)}"
    return Condition(name, reason, _next_step(launches), since)


def _why(group: SlotGroup, reading: Reading[Launches] | None) -> str:
    if reading is None:
        # It is asked of every slot that wants an instance, long before this is told.
        return f"the desired capacity of {group.name} is {group.desired}"
    if isinstance(reading, Unknown):
        return f"why is unknown: {reading.reason}"
    last = reading.value.last
    return f"no launch of {group.name} has failed" if last is None else f"the last launch failed: {last.reason}"


def _next_step(launches: Launches) -> str:
    last = launches.last
    if last is None:
        return "Look at the group's activities, and at the conditions ProcessesSuspended and RemovalWaits."
    if last.abandoned:
        return "Look at the log of the last instance's boot: its launch hook was abandoned, or ran out."
    if last.no_room:
        return (
            "Make room in the slot's zone: capacity, a dedicated host, a quota. Auto Scaling tries again by itself. An "
            "instance of this slot that terminates may hold the room."
        )
    return "Correct what EC2 says. Auto Scaling tries again by itself."


def _is_started(rows: Rows) -> bool:
    return isinstance(rows.start, Known) and rows.start.value is not None


def _is_empty(group: SlotGroup, groups: Groups) -> bool:
    """Whether no instance boots or serves in a slot."""
    active = (each for each in groups.instances if each.is_in_service or each.is_launching)
    return all(each.group != group.name for each in active)


def _serves(group: SlotGroup, groups: Groups) -> bool:
    return any(each.is_in_service and each.group == group.name for each in groups.instances)


def _name(kind: str, group: SlotGroup) -> str:
    return f"{kind}slot-{group.slot}"

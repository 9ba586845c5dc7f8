"""In which slots the joiners wait before the join gate, so that an update gets on in the others. Pure.

An update that fails or is cancelled while it rolls a slot leaves it with two instances and MinSize 2. Its rollback
begins with the first slot and launches a newcomer there, whom the gate lets in only while etcd has no more members than
there are slots. So while an update goes on, a slot that it has left with two instances keeps one member: the other one
is ended (functions.reconcile.surplus), and whoever boots in its place waits (userdata/boot/gate.py). Nobody waits any
more once CloudFormation rolls that slot itself, or the update is over.
"""

from __future__ import annotations

from collections.abc import Collection

from coordination.instances import Groups, SlotGroup
from coordination.members import Member, MemberState
from coordination.names import joiners_wait_timer
from coordination.outcomes import Unknown
from coordination.rows import Rows
from functions.reconcile import rolls
from functions.reconcile.findings import Findings
from functions.reconcile.snapshot import Snapshot


def findings(snapshot: Snapshot, groups: Groups, rows: Rows) -> Findings:
    """A timer for each slot in which joiners are to wait, by which they know it."""
    return Findings(timers=frozenset(joiners_wait_timer(slot) for slot in to_wait(snapshot, groups, rows)))


def waiting(snapshot: Snapshot, rows: Rows, slots: Collection[str]) -> frozenset[str]:
    """Those of the slots in which joiners know by now that they wait, while another slot is rolled."""
    if not rolls.rolled(snapshot):
        return frozenset()
    return frozenset(slot for slot in slots if joiners_wait_timer(slot) in rows.timers)


def to_wait(snapshot: Snapshot, groups: Groups, rows: Rows) -> frozenset[str]:
    """The slots in which joiners are to wait: from when another slot is rolled to the end of the update."""
    if isinstance(rows.record, Unknown) or rows.record.value is None or not rolls.is_updating(snapshot):
        return frozenset()
    members = rows.members_of(rows.record.value.epoch)
    left, begins = rolls.at_rest(snapshot), bool(rolls.rolled(snapshot))
    return frozenset(
        group.slot
        for group in groups.slots
        if group.name in left
        and group.is_held_at_two
        and (begins or joiners_wait_timer(group.slot) in rows.timers)
        and _has_member(group, groups, members)
    )


def _has_member(group: SlotGroup, groups: Groups, members: dict[str, Member]) -> bool:
    """Whether a voter serves in the slot of which no agent has written that it is silent."""
    serving = {each.instance_id for each in groups.instances if each.group == group.name and each.is_in_service}
    return any(
        row.state is MemberState.VOTER and row.silent_since is None for name, row in members.items() if name in serving
    )

"""Which suspended processes of Auto Scaling to resume, and which only to tell of. Pure.

A rolling update suspends some of a group's processes and resumes them at its end. Where it was stopped they stay
suspended, and nobody replaces an instance that fails. What a person has suspended, or Auto Scaling after a day of
launches that failed, is not resumed: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
"""

from __future__ import annotations

from coordination.conditions import Condition
from coordination.instances import Groups, PoolGroup, SlotGroup
from coordination.names import SUSPENDED_BY_UPDATES
from coordination.outcomes import Known
from coordination.rows import Rows
from coordination.stacks import SETTLED_STATES
from functions.reconcile.actions import ResumeProcesses
from functions.reconcile.findings import Findings, running_since
from functions.reconcile.snapshot import Snapshot

PROCESSES_SUSPENDED = "ProcessesSuspended/"
"""What the names of the conditions begin with that somebody has suspended processes which no update suspends."""
TIMER = "ProcessesSuspended"
LEFT_SECONDS = 600
"""How long an update must have been over."""
MOST_A_PASS = 3
"""So many groups are seen to in one pass, so that it stays short."""


def findings(snapshot: Snapshot, groups: Groups, rows: Rows) -> Findings:
    """What to resume: what updates suspend, once it was left so for LEFT_SECONDS with the root stack at rest."""
    every: list[SlotGroup | PoolGroup] = [*groups.slots, *groups.pools]
    left = [group for group in every if group.suspended & set(SUSPENDED_BY_UPDATES)]
    conditions = tuple(_told(group, snapshot.now) for group in every if group.suspended - set(SUSPENDED_BY_UPDATES))
    settled = isinstance(snapshot.root_status, Known) and snapshot.root_status.value in SETTLED_STATES
    if not left or not settled:
        return Findings(conditions=conditions)
    since = running_since(rows.timers, TIMER, snapshot.now)
    due = left[:MOST_A_PASS] if snapshot.now - since >= LEFT_SECONDS else []
    actions = tuple(
        ResumeProcesses(group.name, group.suspended & set(SUSPENDED_BY_UPDATES), "an update has left them suspended")
        for group in due
    )
    return Findings(actions, conditions, frozenset({TIMER}))


def _told(group: SlotGroup | PoolGroup, now: int) -> Condition:
    where = f"slot-{group.slot}" if isinstance(group, SlotGroup) else f"pool-{group.pool}"
    processes = sorted(group.suspended - set(SUSPENDED_BY_UPDATES))
    return Condition(
        name=PROCESSES_SUSPENDED + where,
        reason=(
            f"{group.name} has suspended processes that no update suspends: {', '.join(processes)}. A person suspended "
            "them, or Auto Scaling after a day of launches that failed"
        ),
        next_step=(
            f"aws autoscaling resume-processes --auto-scaling-group-name {group.name} "
            f"--scaling-processes {' '.join(processes)}"
        ),
        since=now,
    )

"""Which suspended processes of Auto Scaling to resume, and which only to tell of. Pure.

A rolling update suspends five of a group's processes together, and resumes them at its end. Where it was stopped they
stay suspended, and nobody replaces an instance that fails. What a person has suspended, one by one, or Auto Scaling
after a day of launches that failed, is not resumed: who brings stopped members of etcd back suspends two of the five.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
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
"""What the names of the conditions begin with that somebody has suspended processes, and it was no update."""
TIMER = "ProcessesSuspended"
LEFT_SECONDS = 600
"""How long an update must have been over."""
MOST_A_PASS = 3
"""So many groups are seen to in one pass, so that it stays short."""


def findings(snapshot: Snapshot, groups: Groups, rows: Rows) -> Findings:
    """What to resume: what updates suspend, once it was left so for LEFT_SECONDS with the root stack at rest."""
    every: list[SlotGroup | PoolGroup] = [*groups.slots, *groups.pools]
    left = [group for group in every if _by_update(group)]
    conditions = tuple(_told(group, snapshot.now) for group in every if group.suspended - _by_update(group))
    settled = isinstance(snapshot.root_status, Known) and snapshot.root_status.value in SETTLED_STATES
    if not left or not settled:
        return Findings(conditions=conditions)
    since = running_since(rows.timers, TIMER, snapshot.now)
    due = left[:MOST_A_PASS] if snapshot.now - since >= LEFT_SECONDS else []
    actions = tuple(
        ResumeProcesses(group.name, _by_update(group), "an update has left them suspended") for group in due
    )
    return Findings(actions, conditions, frozenset({TIMER}))


def _by_update(group: SlotGroup | PoolGroup) -> frozenset[str]:
    """The suspended processes of a group that an update has suspended: all that it suspends, or none."""
    every = frozenset(SUSPENDED_BY_UPDATES)
    return every if every <= group.suspended else frozenset()


def _told(group: SlotGroup | PoolGroup, now: int) -> Condition:
    where = f"slot-{group.slot}" if isinstance(group, SlotGroup) else f"pool-{group.pool}"
    processes = sorted(group.suspended - _by_update(group))
    return Condition(
        name=PROCESSES_SUSPENDED + where,
        reason=(
            f"{group.name} has processes suspended, and not by an update: {', '.join(processes)}. A person suspended "
            "them, or Auto Scaling after a day of launches that failed"
        ),
        next_step=(
            f"aws autoscaling resume-processes --auto-scaling-group-name {group.name} "
            f"--scaling-processes {' '.join(processes)}"
        ),
        since=now,
    )

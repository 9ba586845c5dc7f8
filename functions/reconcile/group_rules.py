"""The rules about slots and pools themselves, each apart from the others, and the timers that they share. Pure."""

from __future__ import annotations

from coordination.outcomes import Unknown
from functions.reconcile import findings, joiners, processes, slots
from functions.reconcile.findings import Findings
from functions.reconcile.snapshot import Snapshot


def decide(snapshot: Snapshot) -> Findings:
    """What all rules come to. Nothing where lease, table or groups are unknown."""
    if isinstance(snapshot.lease, Unknown) or isinstance(snapshot.rows, Unknown):
        return Findings()
    if isinstance(snapshot.groups, Unknown):
        return Findings()
    groups, rows = snapshot.groups.value, snapshot.rows.value
    found = [rule.findings(snapshot, groups, rows) for rule in (processes, slots, joiners)]
    actions = [action for each in found for action in each.actions]
    timers = frozenset(name for each in found for name in each.timers)
    actions += findings.kept(rows.timers, timers, snapshot.now)
    return Findings(tuple(actions), tuple(condition for each in found for condition in each.conditions), timers)

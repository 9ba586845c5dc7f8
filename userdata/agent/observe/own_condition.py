"""A condition that a node keeps about itself: stored while there is a reason, and deleted when there is none."""

from __future__ import annotations

from collections.abc import Sequence

from coordination.conditions import condition
from coordination.fields import parsed
from coordination.names import condition_item
from coordination.outcomes import Unknown
from coordination.ports import Table
from userdata.agent.observe import conditions
from userdata.agent.observe.apply import apply
from userdata.agent.observe.conditions import Wanted
from userdata.logs.lines import StageFailed


def keep(table: Table, name: str, wanted: Sequence[Wanted], now: int) -> str:
    """Store or delete the condition of this name; what was done. `now` is in seconds since 1970. Raises StageFailed."""
    stored = parsed(table.get(condition_item(name)), condition)
    if isinstance(stored, Unknown):
        raise StageFailed(stored.reason)
    present = {} if stored.value is None else {name: stored.value}
    applied = apply(conditions.changes(wanted, present, {name}, now), table)
    if applied.troubles:
        raise StageFailed("; ".join(applied.troubles))
    return "; ".join(applied.told)

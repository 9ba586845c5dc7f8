"""The conditions of members that no hook holds and no group retains, while their removal waits. Pure.

Their instances are terminated, shutting down, standing by or detached. Of the others the hook is decided on as well
(functions.reconcile.decide), and their conditions with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from coordination.conditions import Condition
from functions.reconcile.hold_condition import removal_waits, stranger
from functions.reconcile.places import Place
from functions.reconcile.removals import Facts, Hold


def conditions(facts: Facts, holds: Mapping[str, Hold], table: str) -> tuple[Condition, ...]:
    """What to name. `holds` are a plan's, by instance; `table` is the cluster table's name, for commands."""
    listed = {each.instance_id: each for each in facts.instances}
    found: list[Condition] = []
    for name in sorted(holds.keys() & facts.rows.keys()):
        row, instance = facts.rows[name], listed.get(name)
        if instance is not None and (instance.waits_to_terminate or instance.is_retained):
            continue
        if facts.places[name] is Place.STRANGER:
            group = "" if instance is None else instance.group
            found.append(stranger(row, holds[name], group, facts.now, table))
        elif (waits := removal_waits(row, holds[name], facts.now, table)) is not None:
            found.append(waits)
    return tuple(found)

"""Where the instance of a member row is: in its slot, on its way out of it, elsewhere, or gone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from coordination.instances import GroupInstance
from coordination.members import Member
from coordination.names import CONTROL_PLANE_ROLE
from coordination.outcomes import Known, Reading, Unknown
from coordination.termination import TERMINATED, is_gone

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html: nothing leads back from it.
_SHUTTING_DOWN = "shutting-down"


class Place(Enum):
    """Where an instance is, and so whether its membership has to end."""

    SERVES = "in service"
    LAUNCHES = "launching"
    LEAVES = "terminating"
    RETAINED = "retained"
    """Its hook was abandoned: it runs until it is terminated."""
    STRANGER = "in service of no slot"
    """It stands by, was detached, or was started by hand: no group replaces it, and no hook announces its end."""
    GONE = "terminated"
    UNKNOWN = "unknown"


LEAVING = frozenset({Place.LEAVES, Place.RETAINED, Place.GONE})
"""Nothing brings these back into service."""


def place(
    row: Member, listed: Mapping[str, GroupInstance], states: Reading[Mapping[str, str | None]], now: int
) -> Place:
    """Where the row's instance is. `listed` are the instances of all groups, `states` EC2's words for those of the rows
    that leave their group or are in none."""
    instance = listed.get(row.instance_id)
    if instance is not None:
        is_over = isinstance(states, Known) and states.value.get(row.instance_id) == TERMINATED
        # A hook holds what has ended, too, and its group lists it so long.
        return Place.GONE if is_over and (instance.is_leaving or instance.is_retained) else _in_group(instance)
    if isinstance(states, Unknown) or row.instance_id not in states.value:
        return Place.UNKNOWN
    state = states.value[row.instance_id]
    if is_gone(state, row.created_at, row.not_found_since, now):
        return Place.GONE
    if state is None:
        return Place.UNKNOWN
    return Place.LEAVES if state == _SHUTTING_DOWN else Place.STRANGER


def _in_group(instance: GroupInstance) -> Place:
    if instance.is_retained:
        return Place.RETAINED
    if instance.is_leaving:
        return Place.LEAVES
    if instance.is_launching:
        return Place.LAUNCHES
    if instance.is_in_service and instance.role == CONTROL_PLANE_ROLE:
        return Place.SERVES
    return Place.STRANGER

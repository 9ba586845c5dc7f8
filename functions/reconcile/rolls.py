"""Which slots CloudFormation rolls, or may roll, now. Pure.

An update rolls one slot after the other. CloudFormation raises the slot that it rolls to two instances and lowers it
again, and leaves the others alone: so what holds of a slot hangs on the state of its own group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coordination.instances import Groups, SlotGroup
from coordination.outcomes import Known, Reading, Unknown
from coordination.stacks import DELETING_STATES, RESOURCE_AT_REST_STATES, SETTLED_STATES
from functions.reconcile.snapshot import Snapshot

_AT_WORK = "_IN_PROGRESS"
_ROLLED = "UPDATE_IN_PROGRESS"
"""Also of a group that is rolled back."""


def whose_state_matters(groups: Reading[Groups], root_status: Reading[str]) -> Sequence[SlotGroup]:
    """The slots with two instances, where the state of the root stack does not say that none is being rolled."""
    if isinstance(groups, Unknown) or isinstance(root_status, Unknown):
        return ()
    if root_status.value in SETTLED_STATES | DELETING_STATES:
        return ()
    return [group for group in groups.value.slots if group.desired == 2 and group.stack_id]


def state_in(resources: Reading[Mapping[str, str]], group: SlotGroup) -> Reading[str]:
    """The state of a slot's group among the resources of its stack."""
    if isinstance(resources, Unknown):
        return resources
    state = resources.value.get(group.logical_id)
    return Unknown(f"its stack does not name {group.logical_id or group.name}") if state is None else Known(state)


def is_updating(snapshot: Snapshot) -> bool:
    """Whether CloudFormation works on the root stack, so that it may roll a slot now or soon."""
    if isinstance(snapshot.root_status, Unknown):
        return False
    return snapshot.root_status.value.endswith(_AT_WORK) and snapshot.root_status.value not in DELETING_STATES


def rolled(snapshot: Snapshot) -> frozenset[str]:
    """The names of the slots' groups which CloudFormation rolls now, and has raised to two instances."""
    return frozenset(
        name for name, state in snapshot.slot_states.items() if isinstance(state, Known) and state.value == _ROLLED
    )


def at_rest(snapshot: Snapshot) -> frozenset[str]:
    """The names of the slots' groups which CloudFormation certainly leaves alone."""
    if isinstance(snapshot.groups, Unknown) or isinstance(snapshot.root_status, Unknown):
        return frozenset()
    if snapshot.root_status.value in SETTLED_STATES:
        return frozenset(group.name for group in snapshot.groups.value.slots)
    return frozenset(
        name
        for name, state in snapshot.slot_states.items()
        if isinstance(state, Known) and state.value in RESOURCE_AT_REST_STATES
    )

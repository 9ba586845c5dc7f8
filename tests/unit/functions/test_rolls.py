"""Which slots CloudFormation leaves alone, while it may be rolling others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from coordination.instances import Groups
from coordination.outcomes import Known, Unknown
from functions.reconcile.gather import gather
from functions.reconcile.rolls import at_rest
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.harness import BROKEN, NOW, SETTINGS, function_harness, slot, snapshot

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo-Controlplane/1"
TWICE = [replace(slot(each, desired=2), stack_id=STACK, logical_id=f"Slot{each}") for each in range(2)]
ROLLING = Known("UPDATE_IN_PROGRESS")


def seen(**changes: Any) -> Snapshot:
    return snapshot(**{"groups": Known(Groups((), tuple(TWICE))), "root_status": ROLLING, **changes})


@pytest.mark.parametrize(
    ("case", "changes", "expected"),
    [
        ("all while the root stack is at rest", {"root_status": Known("UPDATE_COMPLETE")}, {"slot0", "slot1"}),
        (
            "a slot that was rolled while another one is",
            {"slot_states": {"slot0": Known("UPDATE_COMPLETE"), "slot1": Known("UPDATE_IN_PROGRESS")}},
            {"slot0"},
        ),
        ("a slot that no update touches", {"slot_states": {"slot1": Known("CREATE_COMPLETE")}}, {"slot1"}),
        ("one whose update has failed", {"slot_states": {"slot1": Known("UPDATE_FAILED")}}, {"slot1"}),
        ("none that rolls back", {"slot_states": {"slot1": Known("UPDATE_ROLLBACK_IN_PROGRESS")}}, set()),
        ("none in a state that nobody knows", {"slot_states": {"slot1": Known("REIMAGINED")}}, set()),
        ("none whose state is unknown", {"slot_states": {"slot0": BROKEN, "slot1": BROKEN}}, set()),
        ("none that was not asked for", {}, set()),
        (
            "none where the root stack is unknown",
            {"root_status": BROKEN, "slot_states": {"slot0": Known("UPDATE_COMPLETE")}},
            set(),
        ),
    ],
)
def test_cloudformation_leaves_alone(case: str, changes: dict[str, Any], expected: set[str]) -> None:
    assert at_rest(seen(**changes)) == expected, case


def test_the_states_of_slots_are_read_before_the_sizes_that_decide() -> None:
    """A roll that ends between the two readings has lowered its slot, whose one instance must not be ended."""
    with function_harness() as there:
        there.root.state = ROLLING
        there.groups.slots = {group.name: group for group in TWICE}

        def resource_states(stack_id: str) -> Known[dict[str, str]]:
            there.groups.slots["slot1"] = replace(TWICE[1], desired=1)
            return Known({"Slot0": "UPDATE_IN_PROGRESS", "Slot1": "UPDATE_COMPLETE"})

        there.root.resource_states = resource_states  # type: ignore[method-assign]
        found = gather(there.ports(), SETTINGS, Known(1), None)
    assert found.slot_states == {"slot0": ROLLING, "slot1": Known("UPDATE_COMPLETE")}
    assert isinstance(found.groups, Known)
    assert [group.desired for group in found.groups.value.slots] == [2, 1]


@pytest.mark.parametrize(
    ("case", "root", "desired", "asked"),
    [
        ("an update runs, and a slot has two", "UPDATE_IN_PROGRESS", 2, 1),
        ("a rollback has failed, and a slot has two", "UPDATE_ROLLBACK_FAILED", 2, 1),
        ("an update runs, and every slot has one", "UPDATE_IN_PROGRESS", 1, 0),
        ("the root stack is at rest", "UPDATE_COMPLETE", 2, 0),
        ("the cluster is being deleted", "DELETE_IN_PROGRESS", 2, 0),
    ],
)
def test_cloudformation_is_asked_once_and_only_where(case: str, root: str, desired: int, asked: int) -> None:
    with function_harness() as there:
        there.root.state = Known(root)
        there.groups.slots = {group.name: replace(group, desired=desired) for group in TWICE}
        gather(there.ports(), SETTINGS, Known(1), None)
    assert there.root.asked == [STACK] * asked, case


def test_a_group_that_its_stack_does_not_name_is_unknown() -> None:
    with function_harness() as there:
        there.root.state = ROLLING
        there.groups.slots = {group.name: group for group in TWICE}
        there.root.resources = Known({"Slot0": "UPDATE_COMPLETE"})
        found = gather(there.ports(), SETTINGS, Known(1), None)
        assert isinstance(found.slot_states["slot1"], Unknown)
        assert found.now == NOW

"""Which slots a pass starts."""

from __future__ import annotations

from typing import Any

import pytest

from coordination.instances import Groups
from coordination.outcomes import Known, NoTable
from coordination.rows import Rows
from functions.reconcile.actions import StartSlot, Wait
from functions.reconcile.decide import decide
from functions.reconcile.sizes import starts
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import BROKEN, STARTED, function_harness, record, rows, slot, snapshot


def started(**changes: Any) -> Known[Rows]:
    return rows(**{"start": STARTED, **changes})


EMPTY = Known(Groups((), (slot(0), slot(1), slot(2))))


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("before any cluster was founded", {"rows": started(record=Known(None))}),
        ("while somebody founds it", {"rows": started(record=record("claimed"))}),
        ("while it is restored", {"rows": started(record=record("restoring"))}),
        ("while it serves", {}),
        ("while its stacks are created", {"root_status": Known("CREATE_IN_PROGRESS")}),
        ("during an update", {"root_status": Known("UPDATE_IN_PROGRESS")}),
        ("while an update rolls back", {"root_status": Known("UPDATE_ROLLBACK_IN_PROGRESS")}),
        ("without the lease", {"lease": BROKEN}),
    ],
)
def test_every_slot_without_a_desired_instance_is_started(case: str, changes: dict[str, Any]) -> None:
    found = [
        action
        for action in decide(snapshot(**{"groups": EMPTY, "rows": started(), **changes}))
        if isinstance(action, StartSlot)
    ]
    assert [action.group for action in found] == [slot(0), slot(1), slot(2)], case


@pytest.mark.parametrize("sizes", [(1, 0), (1, 1), (2, 1), (2, 2)])
def test_a_slot_with_a_desired_instance_is_left_as_it_is(sizes: tuple[int, int]) -> None:
    desired, min_size = sizes
    assert starts(snapshot(groups=Known(Groups((), (slot(0, desired, min_size),))), rows=started())) == []


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("the cluster was never started", {"rows": started(start=Known(None))}),
        ("the table says that it is being deleted", {"rows": started(record=record("deleting"))}),
        ("the root stack is deleted", {"root_status": Known("DELETE_IN_PROGRESS")}),
        ("the creation of the root stack rolls back", {"root_status": Known("ROLLBACK_IN_PROGRESS")}),
        ("the groups are unknown", {"groups": BROKEN}),
        ("the table is unknown", {"rows": BROKEN}),
        ("there is no table", {"rows": NoTable("gone")}),
    ],
)
def test_no_slot_is_started_where(case: str, changes: dict[str, Any]) -> None:
    assert starts(snapshot(**{"groups": EMPTY, "rows": started(), **changes})) == [], case


@pytest.mark.parametrize(
    "changes", [{"root_status": BROKEN}, {"rows": started(record=BROKEN)}, {"rows": started(start=BROKEN)}]
)
def test_a_slot_waits_while_it_is_unknown_whether_it_may_be_started(changes: dict[str, Any]) -> None:
    (action,) = starts(
        snapshot(**{"groups": Known(Groups((), (slot(0), slot(1, desired=1)))), "rows": started(), **changes})
    )
    assert isinstance(action, Wait)
    assert action.subject == "slot0"
    assert action.reason.endswith(BROKEN.reason)


def test_a_pass_raises_what_an_update_has_put_back() -> None:
    with function_harness() as there:
        there.groups.slots = {"slot0": slot(0, desired=1), "slot1": slot(1)}
        assert isinstance(STARTED, Known)
        assert STARTED.value is not None
        there.table.put(STARTED.value.item(), {})
        assert there.call(SCHEDULE) == {"outcome": "done"}
        assert there.groups.calls == [("start", "slot1")]
        there.call(SCHEDULE)
        assert there.groups.calls == [("start", "slot1")]

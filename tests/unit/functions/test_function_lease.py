"""Taking and releasing `lease#function` in a real table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from coordination.outcomes import Conflict, Done, Known, NoTable, Unknown
from functions.reconcile.lease import Busy, release, take
from tests.unit.functions.harness import NOW, FunctionHarness, function_harness


@pytest.fixture
def there() -> Iterator[FunctionHarness]:
    with function_harness() as made:
        yield made


def test_one_pass_holds_the_lease_and_another_is_told_who(there: FunctionHarness) -> None:
    assert take(there.table, "a", NOW, 60) == Known(1)
    assert take(there.table, "b", NOW + 30, 60) == Busy("a has held it for 30 s")


def test_a_released_lease_is_taken_with_a_higher_fence(there: FunctionHarness) -> None:
    take(there.table, "a", NOW, 60)
    assert release(there.table, "a", 1) == Done()
    assert there.item("lease#function") == {"Id": "lease#function", "Fence": 1}
    assert take(there.table, "b", NOW, 60) == Known(2)


def test_a_lease_of_a_pass_that_died_is_taken_after_twice_the_timeout(there: FunctionHarness) -> None:
    take(there.table, "a", NOW, 60)
    assert isinstance(take(there.table, "b", NOW + 120, 60), Busy)
    assert take(there.table, "b", NOW + 121, 60) == Known(2)
    assert isinstance(release(there.table, "a", 1), Conflict)
    assert there.item("lease#function")["Owner"] == "b"


def test_of_two_that_saw_it_free_only_one_gets_it(there: FunctionHarness) -> None:
    take(there.table, "a", NOW, 60)
    release(there.table, "a", 1)
    write = there.table.put

    def slower(item: Any, expected: Any) -> Any:
        there.table.put = write  # type: ignore[method-assign]
        take(there.table, "quicker", NOW, 60)
        return write(item, expected)

    there.table.put = slower  # type: ignore[method-assign]
    assert take(there.table, "b", NOW, 60) == Busy("another pass took it first")
    assert there.item("lease#function")["Owner"] == "quicker"


def test_a_table_that_does_not_answer_makes_the_lease_unknown(there: FunctionHarness) -> None:
    there.table.broken_writes = True
    assert type(take(there.table, "a", NOW, 60)) is Unknown
    there.table.broken_reads = True
    assert type(take(there.table, "a", NOW, 60)) is Unknown


def test_a_missing_table_says_so() -> None:
    with function_harness(with_table=False) as there:
        assert isinstance(take(there.table, "a", NOW, 60), NoTable)


def test_a_lease_that_cannot_be_understood_is_not_taken_for_a_free_one(there: FunctionHarness) -> None:
    there.store(lease__function={"Owner": "a", "Fence": "many"})
    assert take(there.table, "b", NOW, 60) == Unknown(
        "item lease#function: Fence is 'many', allowed: a whole number up to 2^53"
    )

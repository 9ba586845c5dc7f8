"""Items become rows in one place: one that cannot be understood is Unknown, and hides no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordination.boot_failures import BootFailures
from coordination.conditions import Condition
from coordination.drains import requested
from coordination.function_lease import FunctionLease
from coordination.members import Member, MemberState
from coordination.names import (
    BOOT_FAILURES_ITEM_PREFIX,
    BOOT_ITEM_PREFIX,
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
    RELEASE_GRANT_ITEM_PREFIX,
    RESTORE_APPROVAL_ITEM,
    TABLE_KEY,
    TEARDOWN_ITEM,
)
from coordination.node_leases import LeaseName
from coordination.observed_state import ClusterObservation
from coordination.operations import Operation, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Item, Known, NoTable, Reading, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.release_grants import ReleaseGrant
from coordination.rows import Rows, all_of, read, rows, understood, unreadable
from coordination.teardowns import Teardown
from coordination.writes import as_item
from tests.unit.userdata.tables import NOT_CARRIED_OUT, Fate, MemoryTable

RECORD = ClusterRecord("arn:stack", Phase.READY, 3, "i-1", 9, 1, "cdf818194e3a8c32", 4)
MEMBER = Member("i-1", 3, MemberState.VOTER, slot="0")
CONDITION = Condition("QuorumLost", "a reason", "a step", since=17)
GRANT = ReleaseGrant("i-1", epoch=3, row_version=4, by="i-2")
TEARDOWN = Teardown("https://answer", "r-1", "arn:stack", "Teardown", "teardown-1", 660)
OPERATION = Operation("op-7", OperationKind.REMOVE, "i-1", "8e9e", 3, OperationState.REQUESTED, 1_800_000_000)
DRAIN = requested("i-8", 1_800_000_000)
OBSERVATION = ClusterObservation(1_800_000_000, "i-2", 3)
ARN = "arn:aws:ec2:us-east-1:123456789012:instance/i-9"
ITEMS: tuple[Item, ...] = (
    RECORD.item(),
    MEMBER.item(),
    CONDITION.item(),
    GRANT.item(),
    TEARDOWN.item(),
    OPERATION.item(),
    OBSERVATION.item(),
    DRAIN.item(),
    {TABLE_KEY: BOOT_ITEM_PREFIX + ARN, "Stage": "decide"},
    {TABLE_KEY: RESTORE_APPROVAL_ITEM, "Epoch": 3, "InstanceIds": "i-1, i-2", "Who": "somebody"},
    as_item(f"{LEASE_ITEM_PREFIX}join", {"Owner": "i-1", "Counter": 4, "Fence": 2}),
    FunctionLease("f", 17, 1).item(),
    as_item(f"{LEASE_ITEM_PREFIX}of-a-later-release", {"Held": True}),
    {TABLE_KEY: f"{BOOT_FAILURES_ITEM_PREFIX}0", "i-7": 1_800_000_000},
)
ALL = (
    CLUSTER_ITEM,
    MEMBER_ITEM_PREFIX,
    BOOT_FAILURES_ITEM_PREFIX,
    BOOT_ITEM_PREFIX,
    CONDITION_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    RELEASE_GRANT_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
    RESTORE_APPROVAL_ITEM,
    TEARDOWN_ITEM,
)

LOOKS: tuple[Callable[[Any], object], ...] = (
    list,
    len,
    lambda found: found["i-1"],
    lambda found: found.get("i-1"),
    lambda found: "i-1" in found,
)


def test_every_item_becomes_its_row() -> None:
    found = rows(ITEMS, ALL)
    assert (found.record, found.teardown, found.operation) == (Known(RECORD), Known(TEARDOWN), Known(OPERATION))
    assert found.observation == Known(OBSERVATION)
    assert (found.members, found.conditions) == ({"i-1": Known(MEMBER)}, {"QuorumLost": Known(CONDITION)})
    assert found.release_grants == {"i-1": Known(GRANT)}
    assert found.drains == {"i-8": Known(DRAIN)}
    assert [row.instance_id for row in understood(found.boots).values()] == ["i-9"]
    assert list(found.boots) == [ARN]
    assert found.boot_failures == {"0": Known(BootFailures({"i-7": 1_800_000_000}))}
    # The function's own lease is judged otherwise, and what a later release calls its lease is nobody's here.
    assert list(found.leases) == [LeaseName.JOIN]
    assert isinstance(found.restore_approval, Known)
    assert found.restore_approval.value is not None
    assert found.restore_approval.value.instance_ids == {"i-1", "i-2"}


def test_what_is_not_there_is_known_not_to_be_there() -> None:
    found = rows([], ALL)
    assert (found.record, found.operation, found.members, found.leases) == (Known(None), Known(None), {}, {})


@pytest.mark.parametrize("wanted", ALL)
def test_what_was_not_read_is_no_empty_answer(wanted: str) -> None:
    found = rows(ITEMS, [wanted])
    was_read = []
    for each in fields(Rows):
        value = getattr(found, each.name)
        if each.name == "gone_since":
            continue
        if isinstance(value, Unknown):
            assert value.reason == "it was not read"
            continue
        if not isinstance(value, dict | Known):
            for look in LOOKS:
                with pytest.raises(LookupError, match="these rows were not read"):
                    look(value)
            continue
        was_read.append(each.name)
    assert len(was_read) == 1


@pytest.mark.parametrize("broken", ITEMS[:11], ids=lambda item: item[TABLE_KEY])
def test_a_row_that_cannot_be_understood_hides_no_other(broken: Item) -> None:
    key = str(broken[TABLE_KEY])
    found = rows([item if item is not broken else {TABLE_KEY: key, "Stage": 5} for item in ITEMS], ALL)
    whole = rows(ITEMS, ALL)
    changed = [each.name for each in fields(Rows) if getattr(found, each.name) != getattr(whole, each.name)]
    (name,) = changed
    value = getattr(found, name)
    unknown = value if isinstance(value, Unknown) else next(iter(unreadable(value).values()))
    assert unknown.reason.startswith(f"item {key}: ")


def test_a_reader_says_what_such_a_row_means_to_it() -> None:
    broken = Unknown("item member#i-2: Epoch is missing")
    found: dict[str, Reading[str]] = {"i-3": Known("three"), "i-2": broken, "i-1": Known("one")}
    assert understood(found) == {"i-3": "three", "i-1": "one"}
    assert unreadable(found) == {"i-2": broken}
    assert all_of(found) == broken
    assert all_of({"i-3": Known("three"), "i-1": Known("one")}) == Known(("one", "three"))


def test_a_table_that_cannot_be_read_is_unknown_and_stays_of_its_kind() -> None:
    table = MemoryTable(*ITEMS[:1])
    assert read(table, [CLUSTER_ITEM]) == Known(rows(ITEMS[:1], [CLUSTER_ITEM]))
    table.fate = lambda _: Fate.FAILED
    assert read(table, [CLUSTER_ITEM]) == Unknown(NOT_CARRIED_OUT)
    gone = NoTable("GetItem: the table does not exist")
    table.items = lambda prefixes: gone  # type: ignore[method-assign]
    assert read(table, [CLUSTER_ITEM]) is gone


@pytest.mark.parametrize("odd", ["soon", True, None, {"N": 7}])
def test_a_mark_is_read_beside_a_row_that_cannot_be_understood_and_must_be_a_number(odd: object) -> None:
    items: list[Item] = [
        {TABLE_KEY: BOOT_ITEM_PREFIX + ARN, "Stage": 5, "GoneSince": 7},
        {TABLE_KEY: "member#i-1", "GoneSince": odd},
    ]
    assert rows(items, ALL).gone_since == {BOOT_ITEM_PREFIX + ARN: 7}


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(["Epoch", "State", "Stage", "Reason", "Owner", "Phase", "Kind", "Members", "By"]) | st.text(),
    VALUES,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(ALL).flatmap(lambda key: st.just(key) | st.text().map(key.__add__)), FIELDS))
def test_no_item_at_all_can_break_the_reading(items: dict[str, dict[str, Any]]) -> None:
    rows([{**fields, TABLE_KEY: key} for key, fields in items.items()], ALL)


# operations


def test_an_operation_comes_back_as_it_was_stored() -> None:
    ended = Operation(
        "op-8",
        OperationKind.CLEAN_LEARNER,
        "",
        "8e9e",
        3,
        OperationState.ACCEPTED,
        17,
        by_etcd_alone=True,
        accepted_by="i-2",
        drain_until=317,
        outcome=OperationOutcome.VETOED,
        reason="it answers",
        ended_at=40,
    )
    assert rows([ended.item()], [OPERATION_ITEM]).operation == Known(ended)
    assert str(OPERATION) == "remove of i-1 (8e9e), requested"
    assert str(ended) == "clean-learner of an unknown instance (8e9e), vetoed: it answers"


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("Kind", "upgrade", "item operation: Kind is 'upgrade', allowed: remove, clean-learner"),
        ("State", "done", "item operation: State is 'done', allowed: requested, accepted"),
        (
            "RequestedAt",
            "now",
            "item operation: RequestedAt is 'now', allowed: a whole number up to 2^53",
        ),
        ("OperationId", None, "item operation: OperationId is missing, allowed: text"),
        ("Outcome", "lost", "item operation: Outcome is 'lost', allowed: done, vetoed, withdrawn"),
        ("ByEtcdAlone", 1, "item operation: ByEtcdAlone is 1, allowed: true, false"),
    ],
)
def test_an_operation_that_nobody_knows_is_not_read(field: str, value: object, line: str) -> None:
    item = {name: each for name, each in {**OPERATION.item(), field: value}.items() if each is not None}
    assert rows([item], [OPERATION_ITEM]).operation == Unknown(line)

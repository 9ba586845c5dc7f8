"""The table adapter against moto's DynamoDB, with errors and lost replies injected at botocore's hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from coordination.adapters.table import ANYTHING, ClusterTable
from coordination.outcomes import Conflict, Done, Known, NoTable, Throttled, Unknown
from coordination.writes import ABSENT
from tests.unit.coordination.conftest import NAME


@pytest.fixture
def table(client: Any) -> ClusterTable:
    return ClusterTable(client, NAME)


def refuse(client: Any, operation: str, code: str) -> None:
    """Every call of `operation` is answered with an error, and does nothing."""

    def handler(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "as the test wants it"}}, operation)

    client.meta.events.register(f"before-call.dynamodb.{operation}", handler)


def lose_reply(client: Any, operation: str) -> None:
    """Every call of `operation` happens, and its reply never arrives."""

    def handler(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    client.meta.events.register(f"after-call.dynamodb.{operation}", handler)


def requests_of(client: Any, operation: str) -> list[dict[str, Any]]:
    """The parameters of every later call of `operation`."""
    seen: list[dict[str, Any]] = []
    client.meta.events.register(
        f"provide-client-params.dynamodb.{operation}", lambda params, **_: seen.append(dict(params))
    )
    return seen


READS: dict[str, Callable[[ClusterTable], Any]] = {
    "GetItem": lambda table: table.get("cluster"),
    "Scan": lambda table: table.items(["member#"]),
    "DescribeTable": lambda table: table.deletion_protection(),
}
WRITES: dict[str, Callable[[ClusterTable], Any]] = {
    "PutItem": lambda table: table.put({"Id": "a", "N": 1}, ABSENT),
    "UpdateItem": lambda table: table.update("a", {"N": 2}, ANYTHING),
    "DeleteItem": lambda table: table.delete("a", ANYTHING),
}


def test_an_item_comes_back_with_text_whole_numbers_and_booleans(table: ClusterTable) -> None:
    item = {"Id": "a", "Text": "x", "Number": 12, "Flag": True}
    assert table.put(item, ABSENT) == Done()
    assert table.get("a") == Known(item)


def test_a_missing_item_is_known_to_be_missing(table: ClusterTable) -> None:
    assert table.get("a") == Known(None)


@pytest.mark.parametrize("operation", READS)
def test_a_failed_read_is_unknown_and_never_empty(client: Any, table: ClusterTable, operation: str) -> None:
    refuse(client, operation, "InternalServerError")
    assert READS[operation](table) == Unknown(
        f"{operation}: InternalServerError: as the test wants it", "InternalServerError"
    )


@pytest.mark.parametrize("operation", READS)
def test_a_throttled_read_says_so(client: Any, table: ClusterTable, operation: str) -> None:
    refuse(client, operation, "ThrottlingException")
    assert isinstance(READS[operation](table), Throttled)


@pytest.mark.parametrize("operation", READS)
def test_a_read_without_reply_is_unknown(client: Any, table: ClusterTable, operation: str) -> None:
    lose_reply(client, operation)
    assert READS[operation](table) == Unknown(f"{operation}: ReadTimeoutError", "ReadTimeoutError")


@pytest.mark.parametrize("call", [*READS.values(), *WRITES.values(), lambda table: table.protect()])
def test_a_missing_table_is_an_outcome_of_its_own(client: Any, call: Callable[[ClusterTable], Any]) -> None:
    assert isinstance(call(ClusterTable(client, "another-table")), NoTable)


def test_every_read_is_consistent(client: Any, table: ClusterTable) -> None:
    gets, scans = requests_of(client, "GetItem"), requests_of(client, "Scan")
    table.get("a")
    table.items(["member#"])
    assert [request["ConsistentRead"] for request in gets + scans] == [True, True]


def test_a_scan_reads_every_page_and_only_what_was_asked_for(client: Any, table: ClusterTable) -> None:
    # DynamoDB ends a page at 1 MB; twelve rows of 300 kB are four pages or more.
    for number in range(12):
        table.put({"Id": f"member#i-{number}", "Note": "x" * 300_000}, ABSENT)
    table.put({"Id": "boot#arn", "Stage": "start"}, ABSENT)
    table.put({"Id": "cluster", "Phase": "ready"}, ABSENT)
    pages = requests_of(client, "Scan")
    found = table.items(["member#", "cluster"])
    assert isinstance(found, Known)
    assert {item["Id"] for item in found.value} == {"cluster", *(f"member#i-{number}" for number in range(12))}
    assert len(pages) > 1


def test_a_page_that_fails_makes_the_whole_scan_unknown(client: Any, table: ClusterTable) -> None:
    for number in range(12):
        table.put({"Id": f"member#i-{number}", "Note": "x" * 300_000}, ABSENT)

    def second_page(params: dict[str, Any], **_: Any) -> None:
        if "ExclusiveStartKey" in params:
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

    client.meta.events.register("provide-client-params.dynamodb.Scan", second_page)
    assert table.items(["member#"]) == Unknown("Scan: ReadTimeoutError", "ReadTimeoutError")


def test_a_refused_condition_is_a_conflict_with_what_is_stored_now(table: ClusterTable) -> None:
    table.put({"Id": "a", "Owner": "other"}, ABSENT)
    assert table.put({"Id": "a", "Owner": "me"}, ABSENT) == Conflict({"Id": "a", "Owner": "other"})
    assert table.update("a", {"Owner": "me"}, {"Owner": "third"}) == Conflict({"Id": "a", "Owner": "other"})
    assert table.delete("a", {"Owner": "third"}) == Conflict({"Id": "a", "Owner": "other"})
    assert table.get("a") == Known({"Id": "a", "Owner": "other"})


def test_a_condition_can_ask_for_a_field_to_be_missing(table: ClusterTable) -> None:
    table.put({"Id": "a", "Fence": 1}, ABSENT)
    assert table.put({"Id": "a", "Fence": 2, "Owner": "me"}, {"Fence": 1, "Owner": None}) == Done()
    assert isinstance(table.put({"Id": "a", "Fence": 3}, {"Fence": 2, "Owner": None}), Conflict)


def test_a_refusal_that_hides_our_own_first_try_is_a_success(table: ClusterTable) -> None:
    # botocore repeated a put whose reply was lost: the repetition meets the item that the first try stored.
    table.put({"Id": "a", "Owner": "me"}, ABSENT)
    assert table.put({"Id": "a", "Owner": "me"}, ABSENT) == Done()


@pytest.mark.parametrize("operation", WRITES)
def test_a_lost_reply_is_followed_by_a_read(client: Any, table: ClusterTable, operation: str) -> None:
    if operation != "PutItem":
        table.put({"Id": "a", "N": 1}, ABSENT)
    reads = requests_of(client, "GetItem")
    lose_reply(client, operation)
    assert WRITES[operation](table) == Done()
    assert len(reads) == 1


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_that_did_not_happen_is_unknown_and_not_done(client: Any, table: ClusterTable, operation: str) -> None:
    if operation == "DeleteItem":
        table.put({"Id": "a", "N": 1}, ABSENT)
    refuse(client, operation, "InternalServerError")
    assert WRITES[operation](table) == Unknown(
        f"{operation}: InternalServerError: as the test wants it", "InternalServerError"
    )


@pytest.mark.parametrize("operation", WRITES)
def test_a_lost_reply_and_a_failed_read_are_unknown(client: Any, table: ClusterTable, operation: str) -> None:
    if operation != "PutItem":
        table.put({"Id": "a", "N": 1}, ABSENT)
    lose_reply(client, operation)
    refuse(client, "GetItem", "InternalServerError")
    outcome = WRITES[operation](table)
    assert type(outcome) is Unknown
    assert operation in outcome.reason
    assert "GetItem" in outcome.reason


@pytest.mark.parametrize("operation", WRITES)
def test_a_throttled_write_has_not_happened_and_is_not_read_after(
    client: Any, table: ClusterTable, operation: str
) -> None:
    reads = requests_of(client, "GetItem")
    refuse(client, operation, "ProvisionedThroughputExceededException")
    assert isinstance(WRITES[operation](table), Throttled)
    assert reads == []


def test_an_update_sets_removes_and_keeps_fields(table: ClusterTable) -> None:
    table.put({"Id": "a", "Owner": "me", "StartedAt": 5, "Fence": 2}, ABSENT)
    assert table.update("a", {"Owner": None, "StartedAt": None}, {"Owner": "me"}) == Done()
    assert table.get("a") == Known({"Id": "a", "Fence": 2})


def test_an_update_makes_a_missing_item_and_defaults_do_not_overwrite(table: ClusterTable) -> None:
    for cluster_id in ("first", "second"):
        assert table.update("cluster", {"Phase": "deleting"}, ANYTHING, {"ClusterId": cluster_id}) == Done()
    assert table.get("cluster") == Known({"Id": "cluster", "Phase": "deleting", "ClusterId": "first"})


def test_deleting_what_is_gone_is_done_even_under_a_condition(table: ClusterTable) -> None:
    assert table.delete("a", {"Owner": "me"}) == Done()


def test_protection_against_deletion_is_seen_and_switched_on(table: ClusterTable) -> None:
    assert table.deletion_protection() == Known(False)
    assert table.protect() == Done()
    assert table.deletion_protection() == Known(True)
    assert table.protect() == Done()

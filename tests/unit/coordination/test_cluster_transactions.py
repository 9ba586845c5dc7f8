"""Updates and transactions as data through the table adapter, against moto's DynamoDB."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from coordination.adapters.table import ClusterTable
from coordination.outcomes import Conflict, Done, Known, NoTable, Refused, Throttled, Unknown
from coordination.writes import ABSENT, Transaction, check, update
from tests.unit.coordination.conftest import NAME

BOTH = Transaction((update("a", {"N": 2}, {"N": 1}), update("b", {"Owner": "me"}, ABSENT)))


@pytest.fixture
def table(client: Any) -> ClusterTable:
    made = ClusterTable(client, NAME)
    assert made.put({"Id": "a", "N": 1}, ABSENT) == Done()
    return made


def fail(client: Any, operation: str, error: Exception, after: bool = False) -> None:
    """Every call of `operation` ends in `error`, before or after it was carried out."""

    def handler(**_: Any) -> None:
        raise error

    client.meta.events.register(f"{'after' if after else 'before'}-call.dynamodb.{operation}", handler)


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")


def test_an_update_is_carried_out_under_its_condition(table: ClusterTable) -> None:
    assert table.apply(update("a", {"N": 2, "Owner": "me"}, {"N": 1, "Owner": None})) == Done()
    assert table.get("a") == Known({"Id": "a", "N": 2, "Owner": "me"})
    assert table.apply(update("a", {"N": 3, "Owner": None}, {"N": 1})) == Conflict({"Id": "a", "N": 2, "Owner": "me"})
    assert table.apply(update("a", {"N": 3, "Owner": None}, {"N": 2})) == Done()
    assert table.get("a") == Known({"Id": "a", "N": 3})


def test_a_field_that_must_be_missing_is_missing_where_there_is_no_item(table: ClusterTable) -> None:
    assert table.apply(update("b", {"N": 1}, {"Owner": None})) == Done()
    assert isinstance(table.apply(update("a", {"N": 5}, ABSENT)), Conflict)


def test_a_transaction_is_carried_out_as_a_whole(table: ClusterTable) -> None:
    assert table.transact(BOTH) == Done()
    assert (table.get("a"), table.get("b")) == (Known({"Id": "a", "N": 2}), Known({"Id": "b", "Owner": "me"}))


def test_one_condition_that_does_not_hold_refuses_all_of_it_and_what_is_stored_is_told(table: ClusterTable) -> None:
    table.put({"Id": "b", "Owner": "other"}, ABSENT)
    assert table.transact(BOTH) == Refused({"a": {"Id": "a", "N": 1}, "b": {"Id": "b", "Owner": "other"}})
    assert table.get("a") == Known({"Id": "a", "N": 1})


def test_a_part_without_changes_is_only_a_check(table: ClusterTable) -> None:
    under_the_lease = Transaction((check("a", {"N": 1}), update("b", {"Owner": "me"}, ABSENT)))
    assert table.transact(under_the_lease) == Done()
    assert table.get("a") == Known({"Id": "a", "N": 1})
    lost = Transaction((check("a", {"N": 7}), update("c", {"Owner": "me"}, ABSENT)))
    assert table.transact(lost) == Refused({"a": {"Id": "a", "N": 1}, "c": None})


def test_a_transaction_whose_reply_was_lost_is_done(client: Any, table: ClusterTable) -> None:
    fail(client, "TransactWriteItems", ReadTimeoutError(endpoint_url="https://dynamodb"), after=True)
    assert table.transact(BOTH) == Done()


def test_a_refusal_that_hides_our_own_first_try_is_a_success(table: ClusterTable) -> None:
    assert table.transact(BOTH) == Done()
    assert table.transact(BOTH) == Done()


def test_a_transaction_that_was_never_sent_is_unknown(client: Any, table: ClusterTable) -> None:
    fail(client, "TransactWriteItems", ReadTimeoutError(endpoint_url="https://dynamodb"))
    assert table.transact(BOTH) == Unknown("TransactWriteItems: ReadTimeoutError", "ReadTimeoutError")


def test_a_lost_reply_and_a_failed_read_are_unknown(client: Any, table: ClusterTable) -> None:
    fail(client, "TransactWriteItems", ReadTimeoutError(endpoint_url="https://dynamodb"), after=True)
    fail(client, "GetItem", ReadTimeoutError(endpoint_url="https://dynamodb"))
    outcome = table.transact(BOTH)
    assert outcome == Unknown(
        "TransactWriteItems: ReadTimeoutError; then GetItem: ReadTimeoutError", "ReadTimeoutError"
    )


@pytest.mark.parametrize("code", ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"])
def test_a_transaction_that_only_met_another_one_may_be_tried_again(
    client: Any, table: ClusterTable, code: str
) -> None:
    fail(client, "TransactWriteItems", cancelled("None", code))
    outcome = table.transact(BOTH)
    assert isinstance(outcome, Throttled)
    assert outcome.code == code


def test_a_lost_reply_and_a_table_that_is_missing_then_are_an_outcome_of_its_own(
    client: Any, table: ClusterTable
) -> None:
    fail(client, "TransactWriteItems", ReadTimeoutError(endpoint_url="https://dynamodb"), after=True)
    fail(client, "GetItem", ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetItem"))
    assert table.transact(BOTH) == NoTable(
        "TransactWriteItems: ReadTimeoutError; then GetItem: the table does not exist", "ResourceNotFoundException"
    )


def test_a_lost_reply_and_a_throttled_read_leave_the_write_in_doubt(client: Any, table: ClusterTable) -> None:
    fail(client, "TransactWriteItems", ReadTimeoutError(endpoint_url="https://dynamodb"), after=True)
    fail(client, "GetItem", ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"))
    outcome = table.transact(BOTH)
    assert type(outcome) is Unknown
    assert outcome.code == "ThrottlingException"


def test_a_transaction_that_met_another_one_and_a_condition_is_refused(client: Any, table: ClusterTable) -> None:
    fail(client, "TransactWriteItems", cancelled("ConditionalCheckFailed", "TransactionConflict"))
    assert isinstance(table.transact(BOTH), Refused)


def test_a_throttled_write_that_botocore_repeated_is_read_after(client: Any, table: ClusterTable) -> None:
    """The first try may have been carried out and its reply lost; only the last one was throttled."""
    table.put({"Id": "a", "N": 2}, {})
    response: Any = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"RetryAttempts": 2}}
    fail(client, "UpdateItem", ClientError(response, "UpdateItem"))
    assert table.apply(update("a", {"N": 2}, {"N": 1})) == Done()
    assert isinstance(table.apply(update("a", {"N": 3}, {"N": 2})), Throttled)


def test_a_missing_table_is_an_outcome_of_its_own(client: Any) -> None:
    assert isinstance(ClusterTable(client, "another-table").transact(BOTH), NoTable)

"""From botocore's exceptions to outcomes."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from coordination.outcomes import NoTable, Throttled, Unknown

# What adapters catch: everything that botocore raises for a call that was refused, lost or never sent.
AWS_ERRORS = (ClientError, BotoCoreError)

_THROTTLES = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        # A transaction is at work on the item that is to be written.
        "TransactionConflictException",
    }
)
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_CANCELLED_FOR_NOW = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
_LONGEST_MESSAGE = 300


def code(error: Exception) -> str:
    """The error code of AWS, or the exception's name where no reply came."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def message(error: Exception) -> str:
    """What AWS says; empty where no reply came, since botocore's own messages may quote what was sent."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Message", ""))[:_LONGEST_MESSAGE]
    return ""


def repetitions(error: Exception) -> int:
    """How often botocore repeated the call before it gave up, as far as it says so."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def refusals(error: Exception) -> frozenset[str]:
    """Why a transaction was cancelled: the codes of its parts that were refused, none for any other error."""
    if not isinstance(error, ClientError) or code(error) != "TransactionCanceledException":
        return frozenset()
    reasons = error.response.get("CancellationReasons", [])
    return frozenset(str(reason["Code"]) for reason in reasons if reason.get("Code", "None") != "None")


def unknown(operation: str, error: Exception) -> Unknown:
    """The outcome of a call that ended in `error`. Of a transaction that was cancelled for now, its parts say why."""
    reason = f"{operation}: {code(error)}"
    if said := message(error):
        reason = f"{reason}: {said}"
    cancelled_by = refusals(error)
    if cancelled_by and cancelled_by <= _CANCELLED_FOR_NOW:
        return Throttled(reason, min(cancelled_by))
    for_now = not cancelled_by and code(error) in _THROTTLES
    return Throttled(reason, code(error)) if for_now else Unknown(reason, code(error))


def unknown_of_table(operation: str, error: Exception) -> Unknown:
    """The same for calls to DynamoDB, where ResourceNotFoundException says that the table does not exist."""
    if code(error) == "ResourceNotFoundException":
        return NoTable(f"{operation}: the table does not exist", code(error))
    return unknown(operation, error)


def unknown_after(failure: Unknown, reading: Unknown) -> Unknown:
    """The outcome of a doubtful write after which the read failed, too: the read says what the matter is now.

    Never Throttled: that the read was refused for now says nothing of the write.
    """
    reason = f"{failure.reason}; then {reading.reason}"
    return NoTable(reason, reading.code) if isinstance(reading, NoTable) else Unknown(reason, reading.code)

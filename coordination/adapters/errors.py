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
    """The outcome of a call that ended in `error`."""
    reason = f"{operation}: {code(error)}"
    if said := message(error):
        reason = f"{reason}: {said}"
    cancelled_by = refusals(error)
    for_now = cancelled_by <= _CANCELLED_FOR_NOW if cancelled_by else code(error) in _THROTTLES
    return Throttled(reason) if for_now else Unknown(reason)


def unknown_of_table(operation: str, error: Exception) -> Unknown:
    """The same for calls to DynamoDB, where ResourceNotFoundException says that the table does not exist."""
    if code(error) == "ResourceNotFoundException":
        return NoTable(f"{operation}: the table does not exist")
    return unknown(operation, error)

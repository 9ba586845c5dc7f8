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
    }
)
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


def unknown(operation: str, error: Exception) -> Unknown:
    """The outcome of a call that ended in `error`."""
    reason = f"{operation}: {code(error)}"
    if said := message(error):
        reason = f"{reason}: {said}"
    return Throttled(reason) if code(error) in _THROTTLES else Unknown(reason)


def unknown_of_table(operation: str, error: Exception) -> Unknown:
    """The same for calls to DynamoDB, where ResourceNotFoundException says that the table does not exist."""
    if code(error) == "ResourceNotFoundException":
        return NoTable(f"{operation}: the table does not exist")
    return unknown(operation, error)

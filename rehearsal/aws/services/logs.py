"""What plain moto gets wrong about log groups."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.evaluation import Access, Policies, ServicePrincipal, decide
from rehearsal.aws.protocol import partition_of, url_suffix_of
from rehearsal.aws.services.patching import added, around

RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""


@correction("logs", "PutRetentionPolicy accepts any number of days")
def a_retention_is_one_of_the_allowed() -> None:
    from moto.logs.exceptions import InvalidParameterException
    from moto.logs.models import LogsBackend

    @around(LogsBackend, "put_retention_policy")
    def put_retention_policy(plain: Any, self: Any, log_group_name: str, retention_in_days: Any) -> Any:
        if int(retention_in_days) not in RETENTION_DAYS:
            allowed = f"Member must satisfy enum value set: {sorted(RETENTION_DAYS)}"
            raise InvalidParameterException(constraint=allowed, parameter="retentionInDays", value=retention_in_days)
        return plain(self, log_group_name, retention_in_days)


@correction("logs", "AssociateKmsKey and DisassociateKmsKey do not exist")
def a_log_group_changes_its_key() -> None:
    from moto.core.responses import EmptyResult
    from moto.logs.exceptions import ResourceNotFoundException
    from moto.logs.responses import LogsResponse

    def set_key(response: Any, key: str | None) -> Any:
        group = response.logs_backend.groups.get(response._get_param("logGroupName"))
        if group is None:
            raise ResourceNotFoundException()
        if key is not None:
            require_usable(response.logs_backend, group.name, key)
        group.kms_key_id = key
        return EmptyResult()

    @added(LogsResponse, "associate_kms_key")
    def associate_kms_key(self: Any) -> Any:
        return set_key(self, self._get_param("kmsKeyId"))

    @added(LogsResponse, "disassociate_kms_key")
    def disassociate_kms_key(self: Any) -> Any:
        return set_key(self, None)


@correction("logs", "PutLogEvents accepts batches of any size and span, and counts wrongly what it rejects")
def a_batch_of_log_events_has_limits() -> None:
    from moto.logs.exceptions import InvalidParameterException
    from moto.logs.models import LogsBackend

    @around(LogsBackend, "put_log_events")
    def put_log_events(
        plain: Any, self: Any, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]
    ) -> Any:
        if refusal := _refusal(log_events):
            raise InvalidParameterException(refusal)
        group = self.groups.get(log_group_name)
        days = group.retention_in_days if group is not None else None
        info, taken = _rejected(log_events, unix_milliseconds(), days)
        token, _ = plain(self, log_group_name, log_stream_name, taken)
        return token, info


# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_LARGEST_BATCH_BYTES = 1_048_576
_EVENT_OVERHEAD_BYTES = 26
_MOST_EVENTS = 10_000
_HOUR = 3600 * 1000
_DAY = 24 * _HOUR


def unix_milliseconds() -> int:
    """The time at which a batch arrives, in milliseconds since 1970."""
    return int(time.time() * 1000)


def _refusal(events: list[dict[str, Any]]) -> str:
    """Why a batch is refused as a whole, empty where it is not."""
    sizes = [len(event["message"].encode()) + _EVENT_OVERHEAD_BYTES for event in events]
    times = [event["timestamp"] for event in events]
    if not 1 <= len(events) <= _MOST_EVENTS:
        return f"Member must have length between 1 and {_MOST_EVENTS}"
    if min(sizes) == _EVENT_OVERHEAD_BYTES:
        return "Log event message must not be empty"
    if max(sizes) > _LARGEST_BATCH_BYTES:
        return f"Log event too large: {max(sizes)} bytes exceeds limit of {_LARGEST_BATCH_BYTES}"
    if sum(sizes) > _LARGEST_BATCH_BYTES:
        return f"Upload too large: {sum(sizes)} bytes exceeds limit of {_LARGEST_BATCH_BYTES}"
    if times != sorted(times):
        return "Log events in a single PutLogEvents request must be in chronological order."
    now = unix_milliseconds()
    valid = [each for each in times if now - 14 * _DAY <= each <= now + 2 * _HOUR]
    if valid and valid[-1] - valid[0] > _DAY:
        return "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    return ""


def _rejected(
    events: list[dict[str, Any]], now: int, retention_days: Any
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """What is told of the events that are not stored, and those that are.

    The end of the old ones is exclusive, the start of the new ones inclusive:
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_RejectedLogEventsInfo.html
    """
    times = [event["timestamp"] for event in events]
    old = bisect_left(times, now - 14 * _DAY)
    expired = bisect_left(times, now - int(retention_days) * _DAY) if retention_days else 0
    new = bisect_right(times, now + 2 * _HOUR)
    told = {"tooOldLogEventEndIndex": old} if old else {}
    told |= {"expiredLogEventEndIndex": expired} if expired else {}
    told |= {"tooNewLogEventStartIndex": new} if new < len(events) else {}
    return told, events[max(old, expired) : new]


@correction("logs", "CreateLogGroup takes a key whose policy does not let CloudWatch Logs use it for this group")
def a_log_groups_key_is_one_that_logs_may_use() -> None:
    from moto.logs.models import LogsBackend

    @around(LogsBackend, "create_log_group")
    def create_log_group(plain: Any, self: Any, log_group_name: str, tags: Any, **kwargs: Any) -> Any:
        if kwargs.get("kmsKeyId"):
            require_usable(self, log_group_name, kwargs["kmsKeyId"])
        return plain(self, log_group_name, tags, **kwargs)


USES = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey")
"""Of the actions that the guide names, those without which nothing is written or read: the service tries one at once
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html)."""


def require_usable(backend: Any, group: str, key: str) -> None:
    """Raise what AWS answers where a key's policy does not let CloudWatch Logs use it for a log group.

    The text is that of https://github.com/hashicorp/terraform-provider-aws/issues/29282.
    """
    from moto.core.exceptions import JsonRESTError
    from moto.kms.models import kms_backends

    region, partition = backend.region_name, partition_of(backend.region_name)
    arn = f"arn:{partition}:logs:{region}:{backend.account_id}:log-group:{group}"
    found = kms_backends[backend.account_id][region].keys.get(key.rpartition("/")[2])
    if found is not None:
        held = policy.read(found.policy, f"policy of {key}")
        logs = ServicePrincipal(f"logs.{region}.{url_suffix_of(partition)}")
        context = Context({"kms:EncryptionContext:aws:logs:arn": arn})
        if all(decide(Access(logs, use, found.arn, context), Policies(resource=held)).allowed for use in USES):
            return
    text = f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"
    raise JsonRESTError("AccessDeniedException", text)

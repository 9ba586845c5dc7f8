"""Which event woke the function, and whether it can mean anything for this cluster.

An event only says that something may have changed: what, the pass reads for itself. So all that is decided here is
whether a pass, an answer to CloudFormation, or nothing is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from coordination.names import (
    BOOT_ITEM_PREFIX,
    CHECK_FIELD,
    CONDITION_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    OBSERVATION_ITEM,
    REMOVE_FIRST,
    START_RESOURCE_TYPE,
    TABLE_KEY,
    TEARDOWN_RESOURCE_TYPE,
    UPDATE_CHECK_RESOURCE_TYPE,
    terminating_hook,
)
from functions.reconcile.settings import Settings

# Leases and conditions are the function's own writes: each would wake it again for ever. Nodes write the others all
# the time, and no decision depends on them.
_NO_NEWS = (LEASE_ITEM_PREFIX, CONDITION_ITEM_PREFIX, BOOT_ITEM_PREFIX, OBSERVATION_ITEM)


@dataclass(frozen=True)
class Ignored:
    """Nothing is due."""

    reason: str


@dataclass(frozen=True)
class Wakened:
    """A pass is due; `by` is for the log."""

    by: Mapping[str, object]
    news: bool = True
    """Whether something has changed, so that it must not be lost on a pass that runs already."""


@dataclass(frozen=True)
class ResourceRequest:
    """CloudFormation asks for a custom resource to be created, updated or deleted, and waits for an answer.

    `kind` is Create, Update, Delete, or what the request says instead.
    """

    kind: str
    response_url: str = field(repr=False)
    request_id: str
    stack_id: str
    logical_id: str
    # Empty at creation: the answer gives it.
    physical_id: str

    @property
    def unknown(self) -> str:
        """What a request is answered that is none of those that its resource knows."""
        return f"{self.kind[:100]!r} is no request that this function knows"


@dataclass(frozen=True)
class TeardownRequest(ResourceRequest):
    """It is about the Teardown resource, or about one that this function does not know."""


@dataclass(frozen=True)
class StartRequest(ResourceRequest):
    """It is about the Start resource."""


@dataclass(frozen=True)
class UpdateCheckRequest(ResourceRequest):
    """It is about the UpdateCheck resource."""

    remove_first: bool = False
    """Whether the old node of a slot leaves before the new one comes."""


@dataclass(frozen=True)
class CheckAsked:
    """Whoever deploys asks whether slots may be replaced remove-first now."""


Trigger: TypeAlias = Ignored | Wakened | TeardownRequest | StartRequest | UpdateCheckRequest | CheckAsked


def trigger(event: object, settings: Settings) -> Trigger:
    """What `event`, which may be anything at all, asks for."""
    if not isinstance(event, Mapping):
        return Ignored("the event is not an object")
    if "ResponseURL" in event or "RequestType" in event:
        return _custom_resource(event)
    if CHECK_FIELD in event:
        return CheckAsked()
    if "Records" in event:
        return _stream(event, settings)
    if "detail-type" in event:
        return _event_bridge(event, settings)
    return Ignored("the event is of no kind that this function knows")


def _custom_resource(event: Mapping[str, object]) -> Trigger:
    for name in ("RequestType", "ResponseURL", "RequestId", "StackId", "LogicalResourceId"):
        if not _text(event, name):
            return Ignored(f"a custom resource request without {name}: there is nothing to answer to")
    kind, resource_type = _text(event, "RequestType"), _text(event, "ResourceType")
    given: dict[str, Any] = {
        "kind": kind,
        "response_url": _text(event, "ResponseURL"),
        "request_id": _text(event, "RequestId"),
        "stack_id": _text(event, "StackId"),
        "logical_id": _text(event, "LogicalResourceId"),
        "physical_id": _text(event, "PhysicalResourceId"),
    }
    if resource_type == START_RESOURCE_TYPE:
        return StartRequest(**given)
    if resource_type == UPDATE_CHECK_RESOURCE_TYPE:
        properties = event.get("ResourceProperties")
        how = _text(properties, "Replacement") if isinstance(properties, Mapping) else ""
        return UpdateCheckRequest(**given, remove_first=how == REMOVE_FIRST)
    if resource_type != TEARDOWN_RESOURCE_TYPE:
        given["kind"] = f"{kind} of {resource_type or 'no type'}"
    return TeardownRequest(**given)


def _stream(event: Mapping[str, object], settings: Settings) -> Trigger:
    records = event["Records"]
    if not isinstance(records, list) or not records:
        return Ignored("a batch without records")
    keys = sorted({key for record in records if (key := _changed_key(record, settings))})
    if not keys:
        return Ignored("no record is a change of the cluster table")
    news = [key for key in keys if not key.startswith(_NO_NEWS)]
    if not news:
        return Ignored(f"no decision depends on {', '.join(keys[:5])}")
    return Wakened({"kind": "table", "items": news[:20]})


def _changed_key(record: object, settings: Settings) -> str:
    """The key of the changed item; empty where the record is none of the cluster table."""
    if not isinstance(record, Mapping) or record.get("eventSource") != "aws:dynamodb":
        return ""
    if f":table/{settings.table}/stream/" not in _text(record, "eventSourceARN"):
        return ""
    found: object = record
    for step in ("dynamodb", "Keys", TABLE_KEY, "S"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def _event_bridge(event: Mapping[str, object], settings: Settings) -> Trigger:
    source, kind = _text(event, "source"), _text(event, "detail-type")
    if (source, kind) == ("aws.events", "Scheduled Event"):
        return Wakened({"kind": "schedule"}, news=False)
    if (source, kind) != ("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action"):
        return Ignored(f"an event {kind!r} of {source!r}"[:200])
    detail = event.get("detail")
    if not isinstance(detail, Mapping):
        return Ignored("a lifecycle event without detail")
    hook = _text(detail, "LifecycleHookName")
    if hook != terminating_hook(settings.cluster_uuid):
        return Ignored(f"the hook {hook!r} is not this cluster's"[:200])
    return Wakened({"kind": "lifecycle", "instance": _text(detail, "EC2InstanceId")[:32]})


def _text(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""

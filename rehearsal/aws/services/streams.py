"""DynamoDB streams as event sources: what plain moto gets wrong, and what the poller reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services import awslambda
from rehearsal.aws.services.patching import around
from rehearsal.aws.services.stream_access import StreamAccess
from rehearsal.aws.services.stream_poller import StreamPoller

if TYPE_CHECKING:
    from rehearsal.aws.server import LocalAws

_poller: StreamPoller | None = None


def start(aws: LocalAws) -> None:
    """Serve the event source mappings of this local AWS."""
    global _poller
    invoker = awslambda.current()
    _poller = StreamPoller(
        clock=aws.clock,
        invoker=invoker,
        clients=aws.client,
        find=lambda arn: awslambda.find_function(aws, arn),
        mappings=lambda: stream_mappings(aws),
        shard=lambda arn: shard_of(aws, arn),
        matches=matches,
        permitted=StreamAccess(aws, invoker).permitted,
    )
    _poller.start()
    aws.on_stop(_poller.close)
    # Functions end first: the poller would otherwise wait for a slow one.
    aws.on_stop(invoker.close)


def stream_mappings(aws: LocalAws) -> list[Any]:
    """moto's event source mappings whose source is a DynamoDB stream."""
    from moto.awslambda.models import lambda_backends

    with aws.lock:
        return [
            mapping
            for account in lambda_backends.values()
            for backend in account.values()
            for mapping in backend._event_source_mappings.values()
            if mapping.event_source_arn.split(":")[2] == "dynamodb"
        ]


def shard_of(aws: LocalAws, stream_arn: str) -> Any | None:
    """moto's shard of a stream, or None when the table or its stream is gone."""
    from moto.dynamodb.models import dynamodb_backends

    _, _, _, region, account, resource = stream_arn.split(":", 5)
    _, name, _, label = resource.split("/", 3)
    with aws.lock:
        table = dynamodb_backends[account][region].tables.get(name)
    return table.stream_shard if table is not None and table.latest_stream_label == label else None


def matches(pattern: str, record: dict[str, Any]) -> bool:
    """Whether a record passes a filter pattern; the language is EventBridge's."""
    from moto.events.models import EventPattern

    found: Any = EventPattern.load(pattern)
    return bool(found.matches_event(record))


@correction("dynamodb", "A write calls the mapped function inside its own request, and empties the stream after it")
def streams_are_read_not_pushed() -> None:
    from moto.awslambda.models import LambdaBackend
    from moto.dynamodb.models.table import StreamRecord, StreamShard

    @around(StreamShard, "add")
    def add(_: Any, self: Any, old: Any, new: Any) -> None:
        view = self.table.stream_specification["StreamViewType"]
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        sequence = len(self.items) + self.starting_sequence_number
        self.items.append(StreamRecord(self.table, view, name, old, new, sequence))

    @around(LambdaBackend, "create_event_source_mapping")
    def create_event_source_mapping(plain: Any, self: Any, spec: dict[str, Any]) -> Any:
        mapping = plain(self, spec)
        if _poller is not None and mapping.event_source_arn.split(":")[2] == "dynamodb":
            _poller.open(mapping)
        return mapping


@correction("dynamodb", "A write that changes nothing makes a stream record")
def a_write_that_changes_nothing_makes_no_record() -> None:
    from moto.dynamodb.models.table import StreamShard

    @around(StreamShard, "add")
    def add(plain: Any, self: Any, old: Any, new: Any) -> None:
        if old is None or new is None or old.to_json() != new.to_json():
            plain(self, old, new)

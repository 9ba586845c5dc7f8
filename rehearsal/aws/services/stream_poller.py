"""Event source mappings of DynamoDB streams: reads new records and calls the function in batches, as Lambda does."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rehearsal.aws.clock import Clock
from rehearsal.aws.services.lambda_invoker import Invoker, Throttled, iso_milliseconds, send_to_queue

LOG = logging.getLogger(__name__)

POLL_SECONDS = 0.1
"""How often streams are read, in real seconds. Lambda polls four times a second."""
RETRY_LIMIT_SECONDS = 60.0
"""The longest wait between two attempts of a batch; it starts at one second and doubles."""
FOREVER = -1
"""MaximumRetryAttempts and MaximumRecordAgeInSeconds that mean without end, the defaults."""


@dataclass
class Batch:
    """Records that are to be handed over together, in order."""

    records: list[dict[str, Any]]
    attempts: int = 0


@dataclass
class Reader:
    """How far a mapping has read its stream."""

    position: int
    batches: list[Batch] = field(default_factory=list)
    not_before: float = 0.0


class StreamPoller:
    """Serves every mapping whose source is a DynamoDB stream, one batch of each at a time.

    `mappings` gives moto's mappings, `shard` the shard of a stream's ARN (None when the stream is gone), `matches` says
    whether a record passes one filter pattern, and `permitted` whether the role of a mapping's function may read its
    stream.
    """

    def __init__(
        self,
        clock: Clock,
        invoker: Invoker,
        clients: Callable[..., Any],
        find: Callable[[str], Any | None],
        mappings: Callable[[], Iterable[Any]],
        shard: Callable[[str], Any | None],
        matches: Callable[[str, dict[str, Any]], bool],
        permitted: Callable[[Any], bool],
    ) -> None:
        self._clock = clock
        self._invoker = invoker
        self._clients = clients
        self._find = find
        self._mappings = mappings
        self._shard = shard
        self._matches = matches
        self._permitted = permitted
        self._lock = threading.Lock()
        self._readers: dict[str, Reader] = {}
        self._closed = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._watcher = threading.Thread(target=self._watch, name="streams", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._watcher.start()

    def close(self) -> None:
        """Stop reading; a batch that is being handed over ends first."""
        self._closed.set()
        self._watcher.join(timeout=10)
        for thread in list(self._threads.values()):
            thread.join(timeout=10)

    def open(self, mapping: Any) -> None:
        """Note where a new mapping begins: at the next record (LATEST) or with the oldest one (TRIM_HORIZON)."""
        shard = self._shard(mapping.event_source_arn)
        if shard is None:
            return
        first = int(shard.starting_sequence_number)
        start = first + (len(shard.items) if mapping.starting_position == "LATEST" else 0)
        with self._lock:
            self._readers.setdefault(mapping.uuid, Reader(start))

    def _watch(self) -> None:
        """Keep one thread for each mapping, so that a slow function holds up only its own stream."""
        while not self._closed.wait(POLL_SECONDS):
            present = {mapping.uuid: mapping for mapping in self._mappings()}
            for identity, mapping in present.items():
                if identity not in self._threads:
                    self.open(mapping)
                    thread = threading.Thread(target=self._serve, args=(mapping,), name="stream", daemon=True)
                    self._threads[identity] = thread
                    thread.start()
            for identity in set(self._threads) - set(present):
                del self._threads[identity]
                with self._lock:
                    self._readers.pop(identity, None)

    def _serve(self, mapping: Any) -> None:
        while not self._closed.wait(POLL_SECONDS):
            with self._lock:
                reader = self._readers.get(mapping.uuid)
            if reader is None:
                return
            try:
                if mapping.enabled:
                    self._read(mapping, reader)
                    self._hand_over(mapping, reader)
            except Exception:
                if not self._closed.is_set():
                    LOG.exception("the stream %s could not be read", mapping.event_source_arn)

    def _read(self, mapping: Any, reader: Reader) -> None:
        shard = self._shard(mapping.event_source_arn)
        if shard is None or reader.batches or not self._permitted(mapping):
            return
        found = shard.get(reader.position, mapping.batch_size)
        if not found:
            return
        reader.position += len(found)
        patterns = [item["Pattern"] for item in (mapping.filter_criteria or {}).get("Filters", [])]
        records = [wire(record, mapping.event_source_arn) for record in found]
        wanted = [r for r in records if not patterns or any(self._matches(pattern, r) for pattern in patterns)]
        if wanted:
            reader.batches.append(Batch(wanted))

    def _hand_over(self, mapping: Any, reader: Reader) -> None:
        """Call the function with the first batch; a failed one is split, retried or sent to the failure queue."""
        if not reader.batches or self._clock.monotonic() < reader.not_before:
            return
        function = self._find(mapping.function_arn)
        if function is None:
            return
        batch = reader.batches[0]
        request_id = str(uuid.uuid4())
        try:
            outcome, _ = self._invoker.run(function, {"Records": batch.records}, request_id)
        except Throttled:
            reader.not_before = self._clock.monotonic() + 1.0
            return
        if not outcome.failed:
            del reader.batches[0]
            return
        batch.attempts += 1
        condition = self._exhausted(mapping, batch)
        if condition:
            del reader.batches[0]
            self._discard(mapping, batch, request_id, condition)
            return
        wait_seconds = min(RETRY_LIMIT_SECONDS, 2.0 ** (batch.attempts - 1))
        reader.not_before = self._clock.monotonic() + wait_seconds
        if mapping.bisect_on_error and len(batch.records) > 1:
            # A split does not use up an attempt of the halves (Lambda guide, "BisectBatchOnFunctionError").
            middle = len(batch.records) // 2
            reader.batches[:1] = [Batch(batch.records[:middle]), Batch(batch.records[middle:])]

    def _exhausted(self, mapping: Any, batch: Batch) -> str | None:
        """Why a batch that failed is not tried again; None when it is."""
        retries = mapping.max_retry_attempts
        splits = mapping.bisect_on_error and len(batch.records) > 1
        if retries is not None and retries != FOREVER and batch.attempts > retries and not splits:
            return "RetryAttemptsExhausted"
        age_limit = mapping.max_record_age
        oldest = batch.records[0]["dynamodb"]["ApproximateCreationDateTime"]
        age_seconds = datetime.now(UTC).timestamp() - oldest
        if age_limit is not None and age_limit != FOREVER and age_seconds * self._clock.speed > age_limit:
            return "RecordAgeExceeded"
        return None

    def _discard(self, mapping: Any, batch: Batch, request_id: str, condition: str) -> None:
        arn = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
        if not arn:
            LOG.warning("%d records of %s are lost (%s)", len(batch.records), mapping.event_source_arn, condition)
            return
        first, last = batch.records[0]["dynamodb"], batch.records[-1]["dynamodb"]
        message = {
            "requestContext": {
                "requestId": request_id,
                "functionArn": mapping.function_arn,
                "condition": condition,
                "approximateInvokeCount": batch.attempts,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": iso_milliseconds(self._clock.now()),
            "DDBStreamBatchInfo": {
                "shardId": getattr(self._shard(mapping.event_source_arn), "id", ""),
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _arrival(first),
                "approximateArrivalOfLastRecord": _arrival(last),
                "batchSize": len(batch.records),
                "streamArn": mapping.event_source_arn,
            },
        }
        function = self._find(mapping.function_arn)
        if function is not None:
            send_to_queue(self._clients, arn, message, holder=self._invoker.session(function))


def wire(record: dict[str, Any], stream_arn: str) -> dict[str, Any]:
    """A stream record as the function gets it."""
    change = dict(record["dynamodb"])
    created = change["ApproximateCreationDateTime"]
    if isinstance(created, datetime):
        change["ApproximateCreationDateTime"] = int(created.replace(tzinfo=UTC).timestamp())
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream_arn.split(":")[3],
        "dynamodb": change,
        "eventSourceARN": stream_arn,
    }


def _arrival(change: dict[str, Any]) -> str:
    return iso_milliseconds(datetime.fromtimestamp(change["ApproximateCreationDateTime"], UTC))

"""The query log of a VPC's resolver: one event for each question that was not answered from the resolver's cache."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from rehearsal.aws.server import LocalAws
from rehearsal.machines.network.dns.messages import Answered
from rehearsal.machines.network.dns.view import Logged

LOG = logging.getLogger(__name__)

VERSION = "1.100000"
"""Of the format (Route 53 developer guide, "Route 53 VPC Resolver query log example")."""
MOST_WAITING = 10_000
"""Events that wait to be written; while there are as many, further ones are lost."""
BATCH = 500
BATCH_SECONDS = 0.2
"""How long events are gathered before they are written."""
MOST_CACHED = 10_000
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Asker:
    """Where a question came from, and how."""

    address: str
    port: int
    datagram: bool


@dataclass(frozen=True)
class LogEvent:
    """An event of a query log, and where it goes."""

    region: str
    log_group: str
    stream: str
    milliseconds: int
    message: str


class QueryLog:
    """Writes query logs in a thread of its own, so that an answer waits neither for a lock nor for CloudWatch Logs."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._waiting: queue.Queue[LogEvent | None] = queue.Queue(MOST_WAITING)
        self._cache = ResolverCache()
        self._thread = threading.Thread(target=self._run, name="dns-query-log", daemon=True)
        self._lost = 0
        self._ending = False

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end. Safe to call twice."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(STOP_SECONDS)

    def note(self, vpc_id: str, logged: Logged, asker: Asker, answered: Answered) -> None:
        """Have a question logged, unless the resolver's cache had the answer for this asker. Never waits."""
        if self._cache.knows(vpc_id, asker.address, answered, self._aws.clock.monotonic()):
            return
        now = time.time()
        source = logged.instances.get(asker.address)
        message = json.dumps(described(self._aws.account_id, vpc_id, logged, asker, answered, now))
        for group in logged.log_groups:
            # No page says how streams are called.
            event = LogEvent(logged.region, group, f"{vpc_id}_{source or asker.address}", int(now * 1000), message)
            try:
                self._waiting.put_nowait(event)
            except queue.Full:
                self._lost += 1
                if self._lost == 1:
                    LOG.warning("query logs are written too slowly: events are lost")

    def _run(self) -> None:
        while not self._ending:
            first = self._waiting.get()
            if first is None:
                return
            # Whatever comes meanwhile goes into the same batch.
            self._aws.stopping.wait(BATCH_SECONDS)
            events = [first, *islice(iter(self._next, None), BATCH - 1)]
            for (region, group, stream), batch in _by_stream(events).items():
                try:
                    self._write(region, group, stream, batch)
                except Exception:
                    LOG.exception("a query log is lost: %s", group)

    def _next(self) -> LogEvent | None:
        try:
            event = self._waiting.get_nowait()
        except queue.Empty:
            return None
        self._ending = event is None
        return event

    def _write(self, region: str, group: str, stream: str, batch: list[LogEvent]) -> None:
        from moto.logs.models import logs_backends

        events = [{"timestamp": each.milliseconds, "message": each.message} for each in batch]
        with self._aws.lock:
            backend = logs_backends[self._aws.account_id][region]
            found = backend.groups.get(group)
            if found is None:
                # Resolver loses what it cannot deliver; the association's status says so.
                return
            if stream not in found.streams:
                backend.create_log_stream(group, stream)
            backend.put_log_events(group, stream, sorted(events, key=lambda event: int(str(event["timestamp"]))))


class ResolverCache:
    """What the resolver has in its cache for each asker: only what it has not is logged, and blocked questions always
    are (Route 53 developer guide, "Resolver query logging"; what of the latter, no page says)."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str, str, str], float] = {}
        self._lock = threading.Lock()

    def knows(self, vpc_id: str, address: str, answered: Answered, now: float) -> bool:
        """Whether an answer comes from the cache; afterwards it is in it, for its shortest TTL."""
        answer = answered.answer
        if answer.rule is not None or not answer.rows:
            return False
        key = (vpc_id, address, answered.name.lower(), answered.kind)
        with self._lock:
            if self._until.get(key, now) > now:
                return True
            if len(self._until) >= MOST_CACHED:
                self._until = {each: until for each, until in self._until.items() if until > now}
            if len(self._until) < MOST_CACHED:
                self._until[key] = now + min(row.ttl_seconds for row in answer.rows)
            return False


def described(
    account_id: str, vpc_id: str, logged: Logged, asker: Asker, answered: Answered, now: float
) -> dict[str, Any]:
    """An event as Resolver writes it (Route 53 developer guide, "Values that appear in VPC Resolver query logs")."""
    answer, instance = answered.answer, logged.instances.get(asker.address)
    event: dict[str, Any] = {
        "version": VERSION,
        "account_id": account_id,
        "region": logged.region,
        "vpc_id": vpc_id,
        "query_timestamp": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "query_name": answered.name,
        "query_type": answered.kind,
        "query_class": answered.of_class,
        "rcode": answer.code,
        "answers": [{"Rdata": row.value, "Type": row.kind, "Class": "IN"} for row in answer.rows],
        "srcaddr": asker.address,
        "srcport": str(asker.port),
        "transport": "UDP" if asker.datagram else "TCP",
        "srcids": {"instance": instance} if instance else {},
    }
    if answer.rule is not None:
        # Only where a rule blocks or alerts, as the page says: what a rule allows looks like what none matches.
        event["firewall_rule_action"] = str(answer.rule.verdict)
        event["firewall_rule_group_id"] = answer.rule.group_id
        event["firewall_domain_list_id"] = answer.rule.list_id
    return event


def _by_stream(events: Iterable[LogEvent]) -> dict[tuple[str, str, str], list[LogEvent]]:
    found: dict[tuple[str, str, str], list[LogEvent]] = {}
    for event in events:
        found.setdefault((event.region, event.log_group, event.stream), []).append(event)
    return found

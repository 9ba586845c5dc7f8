"""Starting the cluster, for CloudFormation: the request about the Start resource, from its event to its answer.

Create stores that the cluster was started and starts every slot, in one pass. It takes no lease, so that no other pass
can make it wait. Update and Delete are answered at once: the resource only acts when it is created.

What fails is not answered: the call fails, and Lambda repeats it. The last of its calls answers FAILED with the reason,
for nobody would answer after it, and whoever deploys would wait for a time-out that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.fields import parsed
from coordination.names import START_ITEM, TABLE_KEY, start_physical_id
from coordination.outcomes import Conflict, Done, Item, Known, NoOp, Reading, Unknown
from coordination.ports import Table
from coordination.starts import Start, start
from functions.reconcile import deletion, sizes
from functions.reconcile.apply import Result, apply
from functions.reconcile.events import StartRequest
from functions.reconcile.gather import gather
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings
from functions.reconcile.snapshot import Snapshot
from functions.reconcile.teardown import AnswerNow

# Lambda repeats a failed call after one minute and after two more, so the second call begins two minutes after the
# first at the latest (that one takes a minute at most), and the third one three minutes at the earliest.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
_LAST_CALL_SECONDS = 150
_NO_LEASE = Unknown("starting the slots takes no lease")


@dataclass(frozen=True)
class Handled:
    """What a request came to. Without an answer `problems` says why; CloudFormation goes on waiting."""

    answer: AnswerNow | None
    results: tuple[Result, ...] = ()
    problems: tuple[str, ...] = ()


def handle(request: StartRequest, settings: Settings, ports: Ports) -> Handled:
    """Carry out a request, as far as it goes in this call."""
    physical_id = request.physical_id or start_physical_id(settings.cluster_uuid)
    if request.kind in ("Update", "Delete"):
        return Handled(AnswerNow("SUCCESS", "the resource only acts when it is created", physical_id))
    if request.kind != "Create":
        return Handled(AnswerNow("FAILED", request.unknown, physical_id))
    now = int(ports.clock())
    remembered = _remember(ports.table, Start(now, request.request_id))
    if isinstance(remembered, Unknown):
        return Handled(None, problems=(remembered.reason,))
    snapshot = gather(ports, settings, _NO_LEASE, None)
    stage = deletion.stage(snapshot)
    if stage is not None:
        return Handled(AnswerNow("FAILED", stage.reason, physical_id))
    results = tuple(apply(sizes.starts(snapshot), ports, settings))
    problems = (*_unread(snapshot), *(problem for result in results if (problem := _problem(result))))
    if not problems:
        return Handled(AnswerNow("SUCCESS", f"{len(results)} slots are being started", physical_id), results)
    if now - remembered.value.started_at < _LAST_CALL_SECONDS:
        return Handled(None, results, problems)
    return Handled(AnswerNow("FAILED", "; ".join(problems), physical_id), results, problems)


def _remember(table: Table, asked: Start) -> Reading[Start]:
    """What the table says of this request, which is stored unless it is there. A request replaces an older one."""
    reading = table.get(START_ITEM)
    if isinstance(reading, Unknown):
        return reading
    # What cannot be understood is replaced, too: whatever it was, the cluster was asked to start.
    stored = _same(reading.value, asked)
    if stored is not None:
        return Known(stored)
    expected = {TABLE_KEY: None} if reading.value is None else {"RequestId": reading.value.get("RequestId")}
    written = table.put(asked.item(), expected)
    if isinstance(written, Conflict):
        # Lambda may deliver an event twice at once.
        stored = _same(written.current, asked)
        return Unknown("another call has stored another request to start") if stored is None else Known(stored)
    return written if isinstance(written, Unknown) else Known(asked)


def _same(item: Item | None, asked: Start) -> Start | None:
    """What the item says, if it is about the same request."""
    found = parsed(Known(item), start)
    if isinstance(found, Unknown) or found.value is None or found.value.request_id != asked.request_id:
        return None
    return found.value


def _unread(snapshot: Snapshot) -> list[str]:
    """What the start hangs on and could not be read, one line each."""
    read: list[Reading[object]] = [snapshot.groups, snapshot.rows, snapshot.root_status]
    if isinstance(snapshot.rows, Known):
        read += [snapshot.rows.value.record, snapshot.rows.value.start]
    found = [reading.reason for reading in read if isinstance(reading, Unknown)]
    # CloudFormation asks after it has made all of them, so an answer without any of them is not the last word.
    none = isinstance(snapshot.groups, Known) and not snapshot.groups.value.slots
    return [*found, "Auto Scaling knows no group of a slot"] if none else found


def _problem(result: Result) -> str:
    """Why a slot was not started, in one line; empty if it was."""
    if isinstance(result.outcome, Done | NoOp):
        return ""
    return result.problem() or f"there was no time left to start {result.line()['subject']}"

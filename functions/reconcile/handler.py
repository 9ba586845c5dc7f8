"""The function's entry: an event in, a pass or an answer to CloudFormation, one line of JSON in the log, and metrics.

A call that fails raises at its end, so that Lambda repeats it and at last hands the event to the on-failure
destination. A request to delete the cluster never does where the root stack is being deleted, or may be: it is stored
or answered, and repeating adds nothing.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from typing import Any

from coordination.outcomes import Done, Known, Unknown
from coordination.stacks import DELETING_STATES
from coordination.teardowns import Teardown
from functions.reconcile import answers, deletion, measures, passes, start, teardown, update_check
from functions.reconcile.actions import AnswerTeardown
from functions.reconcile.apply import apply
from functions.reconcile.events import (
    CheckAsked,
    Ignored,
    ResourceRequest,
    StartRequest,
    TeardownRequest,
    UpdateCheckRequest,
    Wakened,
    trigger,
)
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings, settings
from functions.reconcile.teardown import AnswerNow


class PassFailed(Exception):
    """Something failed that should not have; the message names it, the log line has the rest."""


def handle(event: object, context: Any) -> dict[str, object]:
    """What Lambda calls. Raises PassFailed.

    Returns the outcome: done, answered, stored, busy, ignored; allowed, or refused with a reason, where somebody asked
    whether an update may begin.
    """
    environment = settings(os.environ)

    def connect() -> Ports:
        # boto3 takes most of a cold start, and an event that is ignored needs none of it.
        from functions.reconcile import wiring

        return wiring.connect(environment, context)

    return respond(event, environment, connect)


def respond(event: object, environment: Settings, connect: Callable[[], Ports]) -> dict[str, object]:
    """`handle` with its settings and a function that makes its ports."""
    started = time.monotonic()
    log: dict[str, object] = {"message": "reconcile", "cluster": environment.cluster_uuid, "level": "INFO"}
    problems: list[str] = []
    try:
        found = trigger(event, environment)
        match found:
            case Ignored(reason=reason):
                log |= {"outcome": "ignored", "reason": reason}
            case TeardownRequest():
                log |= {"by": {"kind": "teardown", "request": found.kind, "stack": found.stack_id}}
                problems = _teardown(found, environment, connect(), log)
            case StartRequest():
                log |= {"by": {"kind": "start", "request": found.kind, "stack": found.stack_id}}
                problems = _start(found, environment, connect(), log)
            case UpdateCheckRequest():
                log |= {"by": {"kind": "update-check", "request": found.kind, "stack": found.stack_id}}
                problems = _check(found, environment, connect(), log)
            case CheckAsked():
                log |= {"by": {"kind": "check"}} | _asked(environment, connect())
            case Wakened():
                log |= {"by": found.by}
                problems = _pass(environment, connect(), log, news=found.news)
    except Exception as error:
        log |= {"outcome": "failed", "level": "ERROR", "problems": [f"{type(error).__name__}: {error}"]}
        raise
    finally:
        log["milliseconds"] = round((time.monotonic() - started) * 1000)
        print(json.dumps(log, default=str), flush=True)
    if problems:
        raise PassFailed("; ".join(problems))
    told = {"outcome": log["outcome"]}
    return told | {"reason": log["reason"]} if log["outcome"] == "refused" else told


def _pass(environment: Settings, ports: Ports, log: dict[str, object], *, news: bool) -> list[str]:
    """Run a pass; returns what failed."""
    started = time.monotonic()
    report = passes.run(ports, environment, _owner(), news=news)
    _describe(report, log)
    _measure(report, environment, ports, started)
    return list(report.problems)


def _teardown(request: TeardownRequest, environment: Settings, ports: Ports, log: dict[str, object]) -> list[str]:
    """Answer or store a request of CloudFormation; returns what a repetition of the event could still do better."""
    planned = teardown.plan(request, environment, int(ports.clock()))
    if isinstance(planned, AnswerNow):
        return _answer(request, planned, ports, log)
    # Before anything is stored: whoever may call the function can send such a request.
    root = ports.root.status()
    if isinstance(root, Known) and root.value not in DELETING_STATES:
        log["level"] = "WARNING"
        return _answer(request, AnswerNow("SUCCESS", deletion.no_deletion(root.value), planned.physical_id), ports, log)
    _delete(planned, environment, ports, log, believed=isinstance(root, Known))
    return []


def _start(request: StartRequest, environment: Settings, ports: Ports, log: dict[str, object]) -> list[str]:
    """Start the cluster, and answer when that is done; returns what a repetition of the event has to do."""
    handled = start.handle(request, environment, ports)
    log["decisions"] = [result.line() for result in handled.results]
    if handled.problems:
        log |= {"outcome": "failed", "level": "ERROR", "problems": list(handled.problems)}
    if handled.answer is None:
        return list(handled.problems)
    return _answer(request, handled.answer, ports, log)


def _check(request: UpdateCheckRequest, environment: Settings, ports: Ports, log: dict[str, object]) -> list[str]:
    """Answer whether an update may begin; returns what a repetition of the event has to do."""
    answer = update_check.answer(request, environment, ports)
    if isinstance(answer, Unknown):
        log |= {"outcome": "failed", "level": "ERROR", "problems": [answer.reason]}
        return [answer.reason]
    return _answer(request, answer, ports, log)


def _asked(environment: Settings, ports: Ports) -> dict[str, object]:
    """What a person is told who asks the same."""
    refused = update_check.check(environment, ports)
    return {"outcome": "allowed"} if refused is None else {"outcome": "refused", "reason": refused.reason}


def _answer(request: ResourceRequest, answer: AnswerNow, ports: Ports, log: dict[str, object]) -> list[str]:
    """Send an answer; returns what a repetition of the event could still do better."""
    content = answers.body(
        answer.status,
        answer.reason,
        physical_id=answer.physical_id,
        stack_id=request.stack_id,
        request_id=request.request_id,
        logical_id=request.logical_id,
    )
    sent = ports.send(request.response_url, content)
    log |= {"outcome": "answered", "reason": answer.reason, "status": answer.status}
    if isinstance(sent, Unknown):
        log |= {"outcome": "failed", "level": "ERROR", "problems": [sent.reason]}
        # An address that takes no answer any more, as after a second delivery, will not take the next one either.
        return [] if isinstance(sent, answers.ResponseUrlRejected) else [sent.reason]
    return []


def _delete(request: Teardown, environment: Settings, ports: Ports, log: dict[str, object], *, believed: bool) -> None:
    """Store a request to delete the cluster, then run a pass. What could not be stored is answered in this call.

    The phase is stored in this call only of a request that is `believed`: the root stack was read as one that is being
    deleted. Any other one is for the pass that can read its status.
    """
    stored = ports.table.put(request.item(), {})
    log["stored"] = _name(stored)
    if believed:
        log["phase"] = _name(teardown.set_phase_deleting(ports.table, environment))
    try:
        report = passes.run(ports, environment, _owner(), request)
    except Exception as error:
        # A fault of ours must not keep the deletion waiting; where the request is stored, the schedule tries again.
        report = passes.Report(problems=(f"{type(error).__name__}: {error}",))
    _describe(report, log)
    if report.answered:
        log["outcome"] = "answered"
    elif isinstance(stored, Done):
        log["outcome"] = "stored"
    else:
        # What a pass has seen is not for anybody who asks.
        left = report.busy or report.left() if believed else deletion.UNDECIDED
        reason = f"the request could not be stored; {left}"
        last = apply([AnswerTeardown(request, reason)], ports, environment)
        log |= {"outcome": "answered" if isinstance(last[0].outcome, Done) else "failed", "answer": last[0].line()}


def _describe(report: passes.Report, log: dict[str, object]) -> None:
    log["outcome"] = "busy" if report.busy else "failed" if report.problems else "done"
    if report.busy:
        log["reason"] = report.busy
    log["decisions"] = [result.line() for result in report.results]
    if report.problems:
        log |= {"level": "ERROR", "problems": list(report.problems)}


def _measure(report: passes.Report, environment: Settings, ports: Ports, started: float) -> None:
    """Print what CloudWatch makes metrics of. A pass that another one kept from looking at anything has none."""
    if report.snapshot is None:
        return
    milliseconds = round((time.monotonic() - started) * 1000)
    calls = ports.calls() if ports.calls is not None else None
    for line in measures.lines(environment.cluster_uuid, report.snapshot, milliseconds, calls):
        print(line, flush=True)


def _name(outcome: object) -> str:
    """An outcome as the log shows it; a conflict's item is left out, it may hold the address of an answer."""
    return outcome.reason if isinstance(outcome, Unknown) else type(outcome).__name__


def _owner() -> str:
    """A name for this call. Lambda's request id would not do: a repetition of a failed call has the same one."""
    return uuid.uuid4().hex

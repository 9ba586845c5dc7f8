"""Intake of CloudFormation's requests about the Teardown resource.

Create and Update are answered at once: the resource only exists to be deleted. A Delete is believed only while the root
stack is being deleted (functions.reconcile.deletion). Then, and while that is unknown, it is stored with its deadline,
outside the lease so that no other pass can make it wait; a pass, this one or a later one, gives the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.names import CLUSTER_ITEM, TEARDOWN_TIMEOUT_SECONDS, teardown_physical_id
from coordination.outcomes import Write
from coordination.ports import TableWriter
from coordination.record import Phase
from coordination.teardowns import Teardown
from functions.reconcile.answers import Status
from functions.reconcile.events import TeardownRequest
from functions.reconcile.settings import Settings

_SCHEDULE_SECONDS = 60


@dataclass(frozen=True)
class AnswerNow:
    """The request is answered without looking at the cluster."""

    status: Status
    reason: str
    physical_id: str


def plan(request: TeardownRequest, settings: Settings, now: int) -> AnswerNow | Teardown:
    """An answer, or what to store of a request to delete this cluster. `now` is in seconds since 1970."""
    ours = teardown_physical_id(settings.cluster_uuid)
    physical_id = request.physical_id or ours
    if request.kind not in ("Create", "Update", "Delete"):
        # A delete has to succeed even then, or the stack that asks for it could never be deleted.
        status: Status = "SUCCESS" if request.kind.startswith("Delete") else "FAILED"
        return AnswerNow(status, request.unknown, physical_id)
    if request.stack_id != settings.cluster_id:
        status = "SUCCESS" if request.kind == "Delete" else "FAILED"
        return AnswerNow(status, f"this function belongs to {settings.cluster_id}; nothing was done", physical_id)
    if request.kind != "Delete":
        return AnswerNow("SUCCESS", "the resource only acts when it is deleted", ours)
    if physical_id != ours:
        return AnswerNow("SUCCESS", "no resource of this id was ever made; nothing was done", physical_id)
    return Teardown(
        response_url=request.response_url,
        request_id=request.request_id,
        stack_id=request.stack_id,
        logical_id=request.logical_id,
        physical_id=ours,
        answer_by=now + TEARDOWN_TIMEOUT_SECONDS - margin_seconds(settings),
    )


def margin_seconds(settings: Settings) -> int:
    """How long before CloudFormation stops waiting the answer is due.

    The pass that gives it may have to wait for the lease of one that died (twice the time-out), for the schedule,
    and takes up to a time-out itself.
    """
    return 2 * settings.timeout_seconds + _SCHEDULE_SECONDS + settings.timeout_seconds


def set_phase_deleting(table: TableWriter, settings: Settings) -> Write:
    """Store that the cluster is being deleted, without any condition on the item, as no other write of it is.

    The root stack's status was read as a deleting one before, and nothing leaves those.
    Where there is no record yet, this makes one, so that no late founder can claim the cluster.
    """
    return table.update(
        CLUSTER_ITEM, {"Phase": Phase.DELETING.value}, expected={}, defaults={"ClusterId": settings.cluster_id}
    )

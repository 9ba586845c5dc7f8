"""Whether an update may begin: the request about the UpdateCheck resource, from its event to its answer.

CloudFormation updates that resource after what the function is made of and before every launch template. While slots
are replaced remove-first the old node leaves before the new one comes. Where another slot has no healthy voter then,
the removal waits, and the update with it, until its hour is over: so it is refused before anything was touched.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordination.instances import Groups
from coordination.names import update_check_physical_id
from coordination.outcomes import Known, Reading, Unknown
from coordination.record import Phase
from functions.reconcile.believed import believed
from functions.reconcile.events import UpdateCheckRequest
from functions.reconcile.gather import gather
from functions.reconcile.ports import Ports
from functions.reconcile.settings import Settings
from functions.reconcile.snapshot import Snapshot
from functions.reconcile.teardown import AnswerNow

UPDATING = "UPDATE_IN_PROGRESS"
"""The only state of the root stack in which there is something to refuse: what goes back must not be held up."""
_TRIES = 3
_PAUSE_SECONDS = 5.0
"""A node that has just been replaced is seen by an agent's next look, and a throttled call is worth another one."""
_NO_LEASE = Unknown("a check takes no lease")


@dataclass(frozen=True)
class Refused:
    """The update must not begin; the reason ends with what to do."""

    reason: str


def answer(request: UpdateCheckRequest, settings: Settings, ports: Ports) -> AnswerNow | Unknown:
    """What CloudFormation is told. Unknown where nobody knows whether an update begins or goes back: the call fails
    then, and Lambda repeats it."""
    physical_id = request.physical_id or update_check_physical_id(settings.cluster_uuid)
    if request.kind in ("Create", "Delete"):
        return AnswerNow("SUCCESS", "only an update is checked", physical_id)
    if request.kind != "Update":
        return AnswerNow("FAILED", request.unknown, physical_id)
    if not request.remove_first:
        return AnswerNow("SUCCESS", "the new node of a slot joins before the old one leaves", physical_id)
    status = ports.root.status()
    if isinstance(status, Unknown):
        return status
    if status.value != UPDATING:
        return AnswerNow("SUCCESS", f"the root stack is {status.value}: no update begins", physical_id)
    refused = check(settings, ports)
    if refused is None:
        return AnswerNow("SUCCESS", "every slot has a healthy voter", physical_id)
    return AnswerNow("FAILED", refused.reason, physical_id)


def check(settings: Settings, ports: Ports) -> Refused | None:
    """Whether slots may be replaced remove-first now; looked at a few times before it is refused."""
    refused = _refusal(gather(ports, settings, _NO_LEASE, None))
    for _ in range(_TRIES - 1):
        if refused is None:
            break
        ports.pause(_PAUSE_SECONDS)
        refused = _refusal(gather(ports, settings, _NO_LEASE, None))
    return refused


def _refusal(snapshot: Snapshot) -> Refused | None:
    found = _without_voter(snapshot)
    if isinstance(found, Known) and not found.value:
        return None
    if isinstance(found, Unknown):
        why = found.reason
    else:
        why = f"no healthy voter is in service in slot {', '.join(found.value)}"
    return Refused(
        f"with controlPlane.replacement: remove-first an update begins while every slot has a healthy voter: {why}. "
        "Wait until it has one (holdfast-node status), or deploy with controlPlane.replacement: surge"
    )


def _without_voter(snapshot: Snapshot) -> Reading[tuple[str, ...]]:
    """The slots without a healthy voter in service; none where there is no cluster that an update could harm."""
    if isinstance(snapshot.rows, Unknown):
        return snapshot.rows
    rows = snapshot.rows.value
    if isinstance(rows.record, Unknown):
        return rows.record
    record = rows.record.value
    if record is None or record.cluster_id != snapshot.cluster_id or record.phase is Phase.CLAIMED:
        return Known(())
    if record.phase is not Phase.READY:
        return Unknown(f"the cluster is {record.phase}")
    if isinstance(snapshot.groups, Unknown):
        return snapshot.groups
    members = rows.members_of(record.epoch)
    seen = believed(rows.observation, members, record.epoch, snapshot.now)
    if isinstance(seen, Unknown):
        return seen
    return Known(_lacking(snapshot.groups.value, seen.value.members.answering))


def _lacking(groups: Groups, answering: frozenset[str]) -> tuple[str, ...]:
    serving = {each.group for each in groups.instances if each.is_in_service and each.instance_id in answering}
    return tuple(sorted(group.slot for group in groups.slots if group.name not in serving))

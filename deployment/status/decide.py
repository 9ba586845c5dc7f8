"""From a look to a report: always the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from coordination.boots import LAST_STAGES
from coordination.instances import Groups
from coordination.names import CONTROL_PLANE_ROLE
from coordination.outcomes import Known, NoTable, Reading, Unknown
from coordination.report.boots import BOOT_PARTS, approvals_part, boots_part, failures_part
from coordination.report.parts import Attention, Part, Report, ago
from coordination.report.table import TableRows, record_part, table_parts, table_rows
from coordination.rows import Rows, understood
from coordination.stacks import DELETING_STATES
from deployment import next_steps
from deployment.stacks import Stack
from deployment.status.advice import Advice
from deployment.status.groups import groups_part, instances_part, places
from deployment.status.look import Look
from deployment.status.members import members_part

_CREATING = "CREATE_IN_PROGRESS"


def decide(look: Look) -> Report:
    """What a look comes to."""
    advice = Advice(look.stack)
    groups = _groups(look, advice)
    if look.stack.status in DELETING_STATES:
        # What is deleted needs nobody, whatever is left of it; what has failed to be says so itself.
        parts = (_stack(look.stack, advice), *(replace(part, attention=()) for part in groups))
        return Report(look.now, _title(look.stack), parts)
    creating = look.stack.status == _CREATING
    if creating and isinstance(look.rows, NoTable):
        return Report(look.now, _title(look.stack), (_stack(look.stack, advice), *groups))
    found = _cluster(look, advice)
    if creating:
        # What is not there yet comes; what has gone wrong already is told by conditions.
        found = [part if part.name == "conditions" else replace(part, attention=()) for part in found]
    return Report(look.now, _title(look.stack), (_stack(look.stack, advice), *_in_order(found, groups)))


def _title(stack: Stack) -> str:
    return f"cluster {stack.name} in {stack.region} ({stack.uuid})"


def _stack(stack: Stack, advice: Advice) -> Part:
    step = advice.stack_failure()
    told = [stack.status, stack.reason] if stack.reason else [stack.status]
    if stack.busy:
        told.append(f"{next_steps.of(stack).make('follow')} shows how it goes")
    data = {"name": stack.name, "id": stack.stack_id, "status": stack.status, "reason": stack.reason}
    wrong = () if step is None else (Attention(f"the stack is {stack.status}", step),)
    return Part("stack", (tuple(told),), data, wrong)


def _groups(look: Look, advice: Advice) -> list[Part]:
    if isinstance(look.groups, Unknown):
        return [Part(name, unknown=(look.groups.reason,)) for name in ("groups", "instances not in service")]
    named = understood(look.rows.value.conditions) if isinstance(look.rows, Known) else {}
    return [
        groups_part(look.groups.value, look.activities, advice),
        instances_part(look.groups.value, look.activities, list(named), look.now, advice),
    ]


def _cluster(look: Look, advice: Advice) -> list[Part]:
    """What the table says."""
    instances = look.groups.value.instances if isinstance(look.groups, Known) else ()
    slots = [each.instance_id for each in instances if each.role == CONTROL_PLANE_ROLE]
    if isinstance(look.rows, Unknown):
        unknown: Reading[TableRows] = look.rows
        hidden = [Part(name, unknown=(look.rows.reason,)) for name in ("record", "members", *BOOT_PARTS)]
        return [*hidden, *table_parts(unknown, look.now)]
    rows = look.rows.value
    record = rows.record.value if isinstance(rows.record, Known) else None
    table = Known(table_rows(rows))
    lifecycle = {each.instance_id: each.lifecycle_state for each in instances}
    booting = boots_part(rows.boots, _booting(rows, look.groups), look.now)
    logs = advice.control_planes()
    steps = {
        "record": f"The boots below say what control planes do; their logs: {logs}"
        if booting.rows
        else f"Read what the control planes wrote last: {logs}",
        "leases": advice.silence(slots),
        "observation": advice.silence(slots),
        "operation": f"Read what the function's passes decided: {advice.function()}",
        "drains": f"Read what the leading agent does: {advice.control_planes()}",
    }
    found = [
        record_part(rows.record, _begun(table.value, look.now) if record else ""),
        members_part(table, record.epoch if record else None, lifecycle, look.now),
        booting,
        failures_part(rows.boot_failures, look.now),
        approvals_part(rows.removal_approval, rows.restore_approval, rows.record),
        *table_parts(table, look.now),
    ]
    return [advice.after(part, steps.get(part.name, "")) for part in found]


def _begun(table: TableRows, now: float) -> str:
    """When the record's epoch began: its rows stay for as long as it lasts, and the founder wrote the first one."""
    moments = [row.created_at for row in table.members if row.created_at is not None]
    return ago(now - min(moments)) if moments else ""


def _booting(rows: Rows, groups: Reading[Groups]) -> Mapping[str, str]:
    """Instances of the groups whose boots have not ended well, by their own rows, and where each is."""
    where = places(groups.value) if isinstance(groups, Known) else {}
    ended = {row.instance_id for row in understood(rows.boots).values() if row.stage in LAST_STAGES and not row.reason}
    names = {arn.rpartition("/")[2] for arn in rows.boots} - ended
    return {name: where[name] for name in names if name in where}


def _in_order(cluster: Sequence[Part], groups: Sequence[Part]) -> list[Part]:
    """What the cluster is first, then its groups, then what goes on."""
    names = ("record", "members", "observation", "groups", "instances not in service")
    known = {part.name: part for part in (*cluster, *groups)}
    return [*(known.pop(name) for name in names), *known.values()]

"""From two looks to what has happened between them, as lines. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from coordination.approvals import Approval
from coordination.boots import Boot
from coordination.conditions import Condition
from coordination.drains import Drain
from coordination.instances import Groups
from coordination.members import Member
from coordination.names import REMOVAL_APPROVAL_ITEM, RESTORE_APPROVAL_ITEM
from coordination.operations import Operation
from coordination.outcomes import Known, Reading, Unknown
from coordination.record import ClusterRecord
from coordination.rows import Rows
from deployment.status.groups import places

Parsed = TypeVar("Parsed")
Tell: TypeAlias = Callable[[Parsed | None, Parsed | None], str]
"""What a row has come to, by what it was and what it is; empty where that is nothing to tell."""


@dataclass(frozen=True)
class News:
    """One line: what it is about, in the way of CloudFormation's statuses, and what has happened."""

    about: str
    text: str


@dataclass(frozen=True)
class Watched:
    """What one look has shown; None where it has shown nothing, and what was there before still counts."""

    rows: Rows | None = None
    groups: Groups | None = None

    def over(self, before: Watched) -> Watched:
        """This look, and what an earlier one has shown of what this one has not."""
        return Watched(self.rows or before.rows, self.groups or before.groups)


def news(before: Watched, after: Watched) -> list[News]:
    """What has happened from one look to the next, instances first.

    Where there was no look before, what goes on and what waits for somebody is told, and nothing else.
    """
    found: list[News] = []
    groups = after.groups or before.groups
    where = places(groups) if groups is not None else {}
    if after.groups is not None:
        found += _instances(before.groups, after.groups)
    if after.rows is not None:
        found += _rows(before.rows, after.rows, where)
    return found


def _instances(before: Groups | None, after: Groups) -> Iterator[News]:
    where = {**places(before), **places(after)} if before is not None else places(after)
    now = {each.instance_id: each.lifecycle_state for each in after.instances}
    if before is None:
        for name, state in sorted(now.items()):
            if state != "InService":
                yield News("INSTANCE", f"{name} ({where[name]}) is {state}")
        return
    then = {each.instance_id: each.lifecycle_state for each in before.instances}
    for name in sorted(now.keys() | then.keys()):
        if name not in now:
            yield News("INSTANCE", f"{name} ({where[name]}) has left its group; it was {then[name]}")
        elif now[name] != then.get(name):
            yield News("INSTANCE", f"{name} ({where[name]}) is {now[name]}")


def _rows(before: Rows | None, after: Rows, where: Mapping[str, str]) -> Iterator[News]:
    if before is None:
        yield from _several("CONDITION", {}, after.conditions, _condition)
        yield from _one("OPERATION", Known(None), after.operation, _operation)
        return

    def boot(then: Boot | None, now: Boot | None) -> str:
        return _boot(then, now, where)

    yield from _one("RECORD", before.record, after.record, _record)
    yield from _several("MEMBER", before.members, after.members, _member)
    yield from _one("OPERATION", before.operation, after.operation, _operation)
    yield from _several("DRAIN", before.drains, after.drains, _drain)
    yield from _several("BOOT", before.boots, after.boots, boot)
    yield from _one("APPROVAL", before.removal_approval, after.removal_approval, _approval(REMOVAL_APPROVAL_ITEM))
    yield from _one("APPROVAL", before.restore_approval, after.restore_approval, _approval(RESTORE_APPROVAL_ITEM))
    yield from _several("CONDITION", before.conditions, after.conditions, _condition)


def _several(
    about: str, before: Mapping[str, Reading[Parsed]], after: Mapping[str, Reading[Parsed]], tell: Tell[Parsed]
) -> Iterator[News]:
    """The same of rows by their names, each for itself."""
    for name in sorted(before.keys() | after.keys()):
        yield from _one(about, before.get(name, Known(None)), after.get(name, Known(None)), tell)


def _one(
    about: str, before: Reading[Parsed | None], after: Reading[Parsed | None], tell: Tell[Parsed]
) -> Iterator[News]:
    """What `tell` says of a row that has changed. One that cannot be understood is told of once, for what it is."""
    if isinstance(after, Unknown):
        if after != before:
            yield News("UNKNOWN", after.reason)
        return
    then = before.value if isinstance(before, Known) else None
    if then != after.value and (text := tell(then, after.value)):
        yield News(about, text)


def _record(then: ClusterRecord | None, now: ClusterRecord | None) -> str:
    if now is None:
        return "the cluster record is gone"
    if then is not None and _told(then) == _told(now):
        return ""  # its counter, or what nobody follows
    version = f", Kubernetes {now.kubernetes_version}" if now.kubernetes_version else ""
    return f"epoch {now.epoch} is {now.phase}, claimed by {now.owner or 'nobody'}{version}"


def _told(record: ClusterRecord) -> tuple[object, ...]:
    return record.epoch, record.phase, record.owner, record.kubernetes_version


def _member(then: Member | None, now: Member | None) -> str:
    if now is None:
        return ""  # its row is deleted long after it was removed
    who = f"{now.instance_id} (slot {now.slot})" if now.slot else now.instance_id
    if then is None or (then.epoch, then.state) != (now.epoch, now.state):
        return f"{who} is {now.state} in epoch {now.epoch}"
    if (then.silent_since is None) != (now.silent_since is None):
        return f"{who} does its work again" if now.silent_since is None else f"{who} is silent"
    return ""


def _operation(then: Operation | None, now: Operation | None) -> str:
    if now is None:
        return "" if then is None or then.outcome is not None else f"gone before its end was seen: {then}"
    return "" if then is not None and str(then) == str(now) else str(now)


def _drain(then: Drain | None, now: Drain | None) -> str:
    if now is None:
        return "" if then is None or then.outcome is not None else f"{then.instance_id}: gone before its end was seen"
    if now.outcome is not None:
        return f"{now.instance_id}: {now.outcome} by {now.by or 'nobody'}"
    return f"{now.instance_id}: {now.state}, its pods have {now.deadline - now.requested_at} s" if then is None else ""


def _boot(then: Boot | None, now: Boot | None, where: Mapping[str, str]) -> str:
    """What a worker says of itself is told, too: under the id of its key, in the place that Auto Scaling has it in."""
    if now is None or (then is not None and (then.stage, then.reason) == (now.stage, now.reason)):
        return ""
    who = f"{now.instance_id} ({where[now.instance_id]})" if now.instance_id in where else now.instance_id
    return f"{who} is at {now.stage}" + (f": {now.reason}" if now.reason else "")


def _condition(then: Condition | None, now: Condition | None) -> str:
    if now is None:
        return "" if then is None else f"{then.name} is cleared"
    if then is not None and (then.reason, then.next_step) == (now.reason, now.next_step):
        return ""
    return f"{now.name}: {now.reason}; next: {now.next_step}"


def _approval(name: str) -> Tell[Approval]:
    def tell(then: Approval | None, now: Approval | None) -> str:
        if now is None:
            return f"{name} is deleted"
        return f"{name} of {now.named} in epoch {now.epoch}, by {now.who}"

    return tell

"""What a report says of boots: those that go on, those that failed, and what persons have approved.

A worker writes its own boot row as it likes. So rows of boots are told, and nothing needs attention by their word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coordination.approvals import Approval
from coordination.boot_failures import MOST_FAILURES, BootFailures
from coordination.boots import Boot
from coordination.names import REMOVAL_APPROVAL_ITEM, RESTORE_APPROVAL_ITEM
from coordination.outcomes import Known, Reading, Unknown
from coordination.record import ClusterRecord
from coordination.report.parts import Part, ago
from coordination.rows import understood, unreadable

BOOT_PARTS = ("boots", "boot failures", "approvals")


def boots_part(found: Mapping[str, Reading[Boot]], shown: Mapping[str, str], now: float) -> Part:
    """The boots of the instances `shown`: their ids, with the slot or the pool that Auto Scaling has each in.

    A row that cannot be understood is told as well, and is nothing unknown: a worker could make every report so.
    """
    wanted = [row for row in understood(found).values() if row.instance_id in shown]
    rows = sorted(wanted, key=lambda row: (shown[row.instance_id], row.instance_id))
    broken = {arn.rpartition("/")[2]: each.reason for arn, each in unreadable(found).items()}
    untold = tuple((name, shown[name], "?", "", reason) for name, reason in broken.items() if name in shown)
    return Part(
        "boots",
        (
            *((row.instance_id, shown[row.instance_id], row.stage, _begun(row, now), row.reason) for row in rows),
            *untold,
        ),
        [
            {
                "instance_id": row.instance_id,
                "place": shown[row.instance_id],
                "stage": row.stage,
                "reason": row.reason,
                "condition": row.condition,
                "started_at": row.started_at,
            }
            for row in rows
        ],
    )


def failures_part(found: Mapping[str, Reading[BootFailures]], now: float) -> Part:
    """Boots of slots that failed, as far as they count still. After the third a condition says what to do."""
    counted = {slot: _counted(seen, int(now)) for slot, seen in sorted(understood(found).items())}
    return Part(
        "boot failures",
        tuple(
            (f"slot {slot}", f"{len(names)} of {MOST_FAILURES} before the slot waits for a person", ", ".join(names))
            for slot, names in counted.items()
            if names
        ),
        [
            {"slot": slot, "failed_at": {name: understood(found)[slot].failed_at[name] for name in names}}
            for slot, names in counted.items()
            if names
        ],
        unknown=tuple(each.reason for each in unreadable(found).values()),
    )


def approvals_part(
    removal: Reading[Approval | None], restore: Reading[Approval | None], record: Reading[ClusterRecord | None]
) -> Part:
    """What persons have approved, and which of it is void, for its epoch is not the record's."""
    epoch = record.value.epoch if isinstance(record, Known) and record.value is not None else None
    given = {REMOVAL_APPROVAL_ITEM: removal, RESTORE_APPROVAL_ITEM: restore}
    known = [(name, each.value) for name, each in given.items() if isinstance(each, Known) and each.value is not None]
    return Part(
        "approvals",
        tuple((name, each.named, f"by {each.who}", _holds(each, epoch)) for name, each in known),
        [{"name": name, "epoch": each.epoch, "instance_ids": each.named, "who": each.who} for name, each in known],
        unknown=tuple(each.reason for each in given.values() if isinstance(each, Unknown)),
    )


def _begun(row: Boot, now: float) -> str:
    return "" if row.started_at is None else f"begun {ago(now - row.started_at)}"


def _counted(seen: BootFailures, now: int) -> Sequence[str]:
    """The instances whose failures count: within an hour, or in a row since one served."""
    return sorted({*seen.lately(now, without=""), *seen.in_a_row(without="")})


def _holds(given: Approval, epoch: int | None) -> str:
    if epoch is None or given.epoch == epoch:
        return f"epoch {given.epoch}"
    return f"void: it is for epoch {given.epoch}, and the record's is {epoch}"

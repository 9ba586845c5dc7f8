"""Counts the boots that failed in a control plane's slot."""

from __future__ import annotations

from coordination.boot_failures import BootFailures, boot_failures, failed, served
from coordination.fields import parsed
from coordination.names import boot_failures_item
from coordination.outcomes import Known, Reading, Unknown
from coordination.ports import Table

_TRIES = 3
"""Each takes as long as an answer of DynamoDB, with botocore's own repetitions."""


def note_failure(table: Table, slot: str, instance_id: str, now: int) -> Reading[BootFailures]:
    """Store that this instance's boot has failed, at `now` in seconds since 1970; what was stored before."""
    seen = parsed(table.get(boot_failures_item(slot)), boot_failures)
    before = seen.value if isinstance(seen, Known) and seen.value is not None else BootFailures({})
    write = failed(slot, instance_id, before, now)
    # Where it cannot be stored, the next one in this slot counts one less: it is replaced once more, and no harm done.
    for _ in range(_TRIES):
        if not isinstance(table.apply(write), Unknown):
            break
    return Known(before) if isinstance(seen, Known) else seen


def note_success(table: Table, slot: str, now: int) -> None:
    """Store that an instance of the slot serves, where boots have failed since one last did.

    Where it cannot be stored, a later failure counts one more: an instance is kept for a person that need not be.
    """
    seen = parsed(table.get(boot_failures_item(slot)), boot_failures)
    if isinstance(seen, Known) and seen.value is not None and seen.value.in_a_row(without=""):
        table.apply(served(slot, now))

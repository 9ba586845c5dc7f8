"""`boot-failures#<slot>`: when boots in a control plane's slot failed, by instance, and when one last came to serve.

It is an item of its own and no field of the boot rows, for a worker writes its own as it likes: two forged ones
would make a slot's first failure its third one. IAM lets a worker write no other item, so every entry here is a control
plane's, also after its instance is gone and no group knows its role any more. What this does not stop: a control plane
may write an entry for another one, as it may write everything else here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coordination.fields import as_number
from coordination.names import TABLE_KEY, boot_failures_item
from coordination.outcomes import Item
from coordination.writes import Update, Value, update

FAILURES_SECONDS = 3600
MOST_FAILURES = 3
"""So many failed boots of one slot within that time, or in a row however long each took, and the last one waits for a
person: a next would fail, too."""
_SERVED = "ServedAt"


@dataclass(frozen=True)
class BootFailures:
    """When each instance's boot failed, in seconds since 1970."""

    failed_at: Mapping[str, int]
    unreadable: tuple[str, ...] = ()
    """Fields that are no such time. They count for nothing, and the next failure removes them."""
    served_at: int | None = None
    """When an instance of the slot last came to serve after such failures; None where none has."""

    def lately(self, now: int, without: str) -> list[str]:
        """The instances, but for one, whose boots failed within the last FAILURES_SECONDS."""
        return sorted(name for name in self.failed_at if name != without and not self._is_old(name, now))

    def in_a_row(self, without: str) -> list[str]:
        """The instances, but for one, whose boots failed since one of the slot last came to serve; the newest few."""
        since = [name for name, at in self.failed_at.items() if self.served_at is None or at > self.served_at]
        newest = sorted(since, key=lambda name: (self.failed_at[name], name), reverse=True)
        return sorted([name for name in newest if name != without][:MOST_FAILURES])

    def old(self, now: int) -> list[str]:
        """The instances whose failures count no more."""
        counts = self.in_a_row(without="")
        return sorted(name for name in self.failed_at if self._is_old(name, now) and name not in counts)

    def _is_old(self, name: str, now: int) -> bool:
        return now - self.failed_at[name] >= FAILURES_SECONDS


def boot_failures(item: Item) -> BootFailures:
    """The failures that `item` holds."""
    times = {name: as_number(value) for name, value in item.items() if name not in (TABLE_KEY, _SERVED)}
    return BootFailures(
        {name: at for name, at in times.items() if at is not None},
        tuple(sorted(name for name, at in times.items() if at is None)),
        as_number(item.get(_SERVED)),
    )


def failed(slot: str, instance_id: str, seen: BootFailures, now: int) -> Update:
    """An instance's boot has failed. What counts no more is removed, so the item does not grow."""
    changes: dict[str, Value] = dict.fromkeys([*seen.old(now), *seen.unreadable])
    return update(boot_failures_item(slot), {**changes, instance_id: now}, {})


def served(slot: str, now: int) -> Update:
    """An instance of the slot has come to serve: what failed before is no row of failures any more."""
    return update(boot_failures_item(slot), {_SERVED: now}, {})

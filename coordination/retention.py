"""Which rows the leader deletes, so that years of launches do not grow the table: of instances that are long gone.

The leader marks a row with `GoneSince` when it first sees that the row's instance is gone, and deletes it more than a
day later, if the instance is gone still. Boot rows may go: nobody asks how an instance booted that is gone. So may
member rows of epochs before the record's.

Of the current epoch a restore is judged by the members that are left, and by whether a member was ever alone: by one
row of another one, however long that has been removed. So rows that say removed go as well but for the newest few, and
those of instances that never joined, which nobody counts, without exception.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from coordination.members import Member
from coordination.names import BOOT_ITEM_PREFIX, TABLE_KEY, member_item
from coordination.record import ClusterRecord
from coordination.rows import Rows, understood
from coordination.termination import TERMINATED, is_gone
from coordination.writes import Update, Value, update

KEPT_SECONDS = 24 * 3600
"""For so long the row of an instance that is gone stays, for people."""
KEPT_REMOVED = 20
"""So many rows of the current epoch that say removed stay, the newest, whatever has become of their instances. One
would do."""
MOST_ASKED = 100
"""EC2 is asked for so many of these instances in one look; a request takes 200 values of a filter."""


@dataclass(frozen=True)
class OldRow:
    """A row that goes once its instance is gone. Its other fields do not matter, so it may well be unreadable."""

    item_id: str
    instance_id: str
    gone_since: int | None
    """Since when the leader has seen that the instance is gone, in seconds since 1970; None where it has not."""
    epoch: int | None = None
    """Of a member row."""
    state: str | None = None
    """Of a member row of the current epoch: one that etcd lists again is none of these any more."""

    @property
    def as_read(self) -> dict[str, Value]:
        """What a write to it is conditional on: it is there, and of a member row, nobody has written it anew."""
        of_member: dict[str, Value] = {"Epoch": self.epoch, "State": self.state}
        return {TABLE_KEY: self.item_id, **{name: value for name, value in of_member.items() if value is not None}}


@dataclass(frozen=True)
class Mark:
    """Note, or take back, since when the instance has been gone."""

    write: Update


@dataclass(frozen=True)
class Delete:
    """Delete the row, if it is as expected."""

    row: OldRow

    @property
    def expected(self) -> Mapping[str, Value]:
        """The row as it was read, with its mark."""
        return {**self.row.as_read, "GoneSince": self.row.gone_since}


def old_rows(rows: Rows, record: ClusterRecord, listed: Collection[str], now: int) -> list[OldRow]:
    """The rows to look at now, MOST_ASKED at the most. `listed` are the instances that the groups have.

    Those that the groups have are not gone; of the others EC2 has to be asked. A mark of the future is none: an
    instance may write one into its own boot row.
    """
    found = [each for each in _candidates(rows, record, now) if _matters(each, listed, now)]
    found.sort(key=lambda row: row.item_id)
    # Where there are more, each look begins elsewhere, so that none is passed over for ever.
    start = now % max(len(found), 1)
    return [*found[start:], *found[:start]][:MOST_ASKED]


def changes(
    found: Collection[OldRow], listed: Collection[str], states: Mapping[str, str | None], now: int
) -> list[Mark | Delete]:
    """What to write. `states` are EC2's words for those that the groups do not have (coordination.termination)."""
    return [change for row in found if (change := _change(row, listed, states, now)) is not None]


def over(rows: Collection[Member], record: ClusterRecord, kept: int = KEPT_REMOVED) -> list[Member]:
    """The member rows by which nobody judges any more; `kept` of those that say removed stay.

    A stale view finds none that a fresh one keeps: what is older than the newest few of some rows is so among more.
    """
    removed = [row for row in rows if row.is_out(record.epoch)]
    joined = [row for row in removed if not row.never_joined]
    # One of which nobody knows how old it is counts as new.
    joined.sort(key=lambda row: (row.created_at is None, row.created_at or 0, row.instance_id), reverse=True)
    return [
        *(row for row in rows if row.epoch < record.epoch),
        *(row for row in removed if row.never_joined),
        *joined[kept:],
    ]


def _candidates(rows: Rows, record: ClusterRecord, now: int) -> Iterator[OldRow]:
    def gone_since(item_id: str) -> int | None:
        marked = rows.gone_since.get(item_id)
        return marked if marked is not None and marked <= now else None

    for arn in rows.boots:
        item_id = BOOT_ITEM_PREFIX + arn
        yield OldRow(item_id, arn.rpartition("/")[2], gone_since(item_id))
    # One that cannot be understood may be of a member that is left.
    for row in over(understood(rows.members).values(), record):
        item_id = member_item(row.instance_id)
        state = str(row.state) if row.epoch == record.epoch else None
        yield OldRow(item_id, row.instance_id, gone_since(item_id), row.epoch, state)


def _matters(row: OldRow, listed: Collection[str], now: int) -> bool:
    if row.gone_since is None:
        return row.instance_id not in listed
    return row.instance_id in listed or now - row.gone_since > KEPT_SECONDS


def _change(row: OldRow, listed: Collection[str], states: Mapping[str, str | None], now: int) -> Mark | Delete | None:
    if row.instance_id in listed:
        return Mark(update(row.item_id, {"GoneSince": None}, row.as_read)) if row.gone_since is not None else None
    if row.instance_id not in states:
        return None
    state = states[row.instance_id]
    if row.gone_since is None:
        may_be_gone = state in (TERMINATED, None)
        return Mark(update(row.item_id, {"GoneSince": now}, row.as_read)) if may_be_gone else None
    # The mark is the leader's own, so the row is older than it, and EC2 had no living instance for it then.
    if is_gone(state, row.gone_since, row.gone_since, now):
        return Delete(row)
    return Mark(update(row.item_id, {"GoneSince": None}, row.as_read)) if state is not None else None

"""Which rows the leader deletes, so that years of launches do not grow the table: of instances that are long gone.

The leader marks a row with `GoneSince` when it first sees that the row's instance is gone, and deletes it more than a
day later, if the instance is gone still. Boot rows may go: nobody asks how an instance booted that is gone. Member rows
may go of epochs before the record's only: whether a restore may start, and whether a member was alone, is judged by
every row that the current epoch ever had, also by those of members that are gone.
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

    @property
    def as_read(self) -> dict[str, Value]:
        """What a write to it is conditional on: it is there, and of a member row, nobody has written it anew."""
        return {TABLE_KEY: self.item_id, **({} if self.epoch is None else {"Epoch": self.epoch})}


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


def may_be_deleted(row: Member, record: ClusterRecord) -> bool:
    """Whether nobody judges by a member row any more."""
    return row.epoch < record.epoch


def _candidates(rows: Rows, record: ClusterRecord, now: int) -> Iterator[OldRow]:
    def gone_since(item_id: str) -> int | None:
        marked = rows.gone_since.get(item_id)
        return marked if marked is not None and marked <= now else None

    for arn in rows.boots:
        item_id = BOOT_ITEM_PREFIX + arn
        yield OldRow(item_id, arn.rpartition("/")[2], gone_since(item_id))
    # One that cannot be understood may be of the current epoch.
    for row in understood(rows.members).values():
        if may_be_deleted(row, record):
            item_id = member_item(row.instance_id)
            yield OldRow(item_id, row.instance_id, gone_since(item_id), row.epoch)


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

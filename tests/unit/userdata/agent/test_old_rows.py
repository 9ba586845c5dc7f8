"""Years of launches do not grow the table beyond what one look reads in one page."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from coordination.boots import Boot, tell
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState
from coordination.names import TABLE_KEY
from coordination.outcomes import Conflict, Done, Item, Known, Reading, Transacted, Unknown, Write
from coordination.retention import KEPT_SECONDS, Mark, old_rows
from coordination.rows import rows
from coordination.writes import Transaction, Update, as_item, holds
from tests.unit.userdata.agent.looks import NOW, RECORD, ROWS, THREE, row, view
from userdata.agent.observe.actions import Correction, MarkRow
from userdata.agent.observe.apply import apply
from userdata.agent.observe.gather import ObservationSources
from userdata.agent.observe.snapshot import Nodes
from userdata.agent.observe.task import Observer

PREFIX = "arn:aws:ec2:us-east-1:123456789012:instance/"
PAGE_BYTES = 1 << 20
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.Pagination"""
SHOWN_SECONDS = 3600
"""For about so long EC2 shows an instance that is terminated."""


@dataclass
class PagedTable:
    """The table of a cluster, which counts what a scan reads: of all items, whatever it filters."""

    stored: dict[str, dict[str, object]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)

    def get(self, item_id: str) -> Reading[Item | None]:
        return Known(self.stored.get(item_id))

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
        self.rows.append(len(self.stored))
        self.pages.append(1 + sum(self.sizes.values()) // PAGE_BYTES)
        return Known(tuple(item for key, item in self.stored.items() if key.startswith(tuple(prefixes))))

    def put(self, item: Item, expected: Mapping[str, object]) -> Write:
        return self._write(str(item[TABLE_KEY]), expected, dict(item))

    def update(
        self,
        item_id: str,
        changes: Mapping[str, object],
        expected: Mapping[str, object],
        defaults: Mapping[str, object] = {},
    ) -> Write:
        before = self.stored.get(item_id, {})
        after = {TABLE_KEY: item_id, **before, **changes}
        return self._write(item_id, expected, {name: value for name, value in after.items() if value is not None})

    def delete(self, item_id: str, expected: Mapping[str, object]) -> Write:
        return self._write(item_id, expected, None)

    def apply(self, update: Update) -> Write:
        return self.update(update.item_id, dict(update.changes), dict(update.expected))

    def transact(self, transaction: Transaction) -> Transacted:
        raise AssertionError("no look writes transactions")

    def _write(self, item_id: str, expected: Mapping[str, object], after: dict[str, object] | None) -> Write:
        if not holds(expected.items(), self.stored.get(item_id)):
            return Conflict(self.stored.get(item_id))
        self.stored.pop(item_id, None)
        self.sizes.pop(item_id, None)
        if after is not None:
            self.stored[item_id] = after
            self.sizes[item_id] = len(json.dumps(after))
        return Done()


@dataclass
class Cluster:
    """Workers that are launched and terminated again and again beside three members."""

    table: PagedTable = field(default_factory=PagedTable)
    now: int = NOW
    living: list[str] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for item in (RECORD.item(), *(each.item() for each in ROWS)):
            self.table.put(item, {})
        self.observer = Observer(
            ObservationSources(
                instance_id="i-1",
                table=self.table,
                etcd=lambda: Known(view(*THREE)),
                states=self._states,
                instances=self._instances,
                nodes=lambda: Known(Nodes(5, 5)),
                certificates=list,
                wall=lambda: self.now,
                steady=lambda: self.now,
            ),
            self.table,
        )

    def launch(self, name: str) -> None:
        """A worker boots."""
        self.living.append(name)
        write = tell(Boot(PREFIX + name, "node", "a reason of some length " * 5, "f" * 64, self.now, "general"))
        self.table.put(as_item(write.item_id, dict(write.changes)), {})

    def end(self, name: str) -> None:
        """A worker is terminated."""
        self.living.remove(name)
        self.ended[name] = self.now

    def boots(self) -> set[str]:
        """The instances that have a boot row."""
        return {key.rpartition("/")[2] for key in self.table.stored if key.startswith("boot#")}

    def _instances(self) -> Known[tuple[GroupInstance, ...]]:
        slots = [GroupInstance(f"i-{number}", "slot", "control-plane", "InService") for number in range(1, 4)]
        return Known((*slots, *(GroupInstance(name, "pool", "worker", "InService") for name in self.living)))

    def _states(self, names: Collection[str]) -> Known[Mapping[str, str | None]]:
        self.asked.append(len(names))
        return Known({name: self._state(name) for name in names})

    def _state(self, name: str) -> str | None:
        at = self.ended.get(name)
        if at is None:
            return "running"
        return "terminated" if self.now - at < SHOWN_SECONDS else None


@pytest.mark.parametrize("looks", [100, pytest.param(2_500, marks=pytest.mark.slow)])
def test_a_hundred_thousand_launches_of_workers_do_not_grow_a_look_beyond_a_page(looks: int) -> None:
    cluster = Cluster()
    # Of the thousands of looks of a day four, each of which has more to do for it.
    launches = 40
    for look in range(looks):
        for number in range(launches):
            cluster.launch(f"i-{look:06}{number:02}")
        for name in cluster.living[:-20]:
            cluster.end(name)
        cluster.now += 6 * 3600
        assert cluster.observer.observe() == ""
    # Those of a day, of the look that marked them and of the one that deletes them, those that live, and the rest.
    assert max(cluster.table.rows) <= 6 * launches + 20 + 10
    assert set(cluster.table.pages) == {1}
    # EC2 takes so many values of a filter.
    assert max(cluster.asked) <= 200
    assert set(cluster.living) <= cluster.boots()


def test_a_row_stays_for_a_day_after_its_instance_was_seen_to_be_gone() -> None:
    cluster = Cluster()
    cluster.launch("i-a")
    cluster.end("i-a")
    for seconds, stays in ((0, True), (KEPT_SECONDS, True), (1, False)):
        cluster.now += seconds
        cluster.observer.observe()
        assert ("i-a" in cluster.boots()) is stays


def test_member_rows_of_earlier_epochs_go_and_those_of_this_one_stay_for_ever() -> None:
    cluster = Cluster()
    gone = {"i-7": Member("i-7", 1, MemberState.VOTER), "i-8": Member("i-8", 1, MemberState.REMOVED)}
    this = row(9, MemberState.REMOVED)
    for each in (*gone.values(), this):
        cluster.table.put(each.item(), {})
        cluster.ended[each.instance_id] = cluster.now
    for _ in range(30):
        cluster.observer.observe()
        cluster.now += 3600
    members = {key for key in cluster.table.stored if key.startswith("member#")}
    assert members == {"member#i-1", "member#i-2", "member#i-3", "member#i-9"}
    assert "GoneSince" not in cluster.table.stored["member#i-9"]


def test_a_mark_on_which_no_condition_can_be_written_is_none() -> None:
    for forged in (-(10**125), 10**125):
        found = rows([{"Id": f"boot#{PREFIX}i-9", "Stage": "decide", "GoneSince": forged}], ["boot#", "member#"])
        (row_found,) = old_rows(found, RECORD, [], NOW)
        assert row_found.gone_since is None


def test_after_a_write_of_an_old_row_without_an_answer_the_other_ones_wait_for_the_next_look() -> None:
    class Silent(PagedTable):
        def apply(self, update: Update) -> Write:
            tried.append(update.item_id)
            return Unknown("UpdateItem: timed out")

    tried: list[str] = []
    marks = [MarkRow(Mark(Update(f"boot#{number}", (), ()))) for number in range(9)]
    correction = Correction(Update("member#i-1", (), ()), "a correction")
    applied = apply([*marks, correction], Silent())
    assert tried == ["boot#0", "member#i-1"]
    assert applied.troubles == ["UpdateItem: timed out"] * 2

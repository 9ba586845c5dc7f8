"""Taking and keeping leases: by a clock that the test sets, and with a table that fails as the test wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.names import CLUSTER_ITEM, lease_item
from coordination.node_leases import LeaseName, NodeLease, node_lease, release
from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.timings import Timings
from coordination.writes import as_item
from tests.unit.userdata.tables import Fate, MemoryTable
from tests.waiting import wait_for
from userdata.leases.keeper import CLAIM, LEASE, Busy, Contender, Keeper
from userdata.leases.watching import WatchedLease

ITEM = lease_item(LeaseName.JOIN)
HELD_BY_OTHER = NodeLease(LeaseName.JOIN, "i-other", 5, 2)
RENEW = 0.01
"""Real seconds between two renewals; how much time has passed is what the test's own clock says."""
TIMINGS = Timings(lease=60, renew=RENEW)
CLAIMED = ClusterRecord("arn:stack", Phase.CLAIMED, 3, "i-me", 9)


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def as_lease(lease: NodeLease) -> Item:
    return as_item(lease.item_id, {"Owner": lease.owner or None, "Counter": lease.counter, "Fence": lease.fence})


def stored(table: MemoryTable) -> NodeLease:
    item = table.stored(ITEM)
    assert item is not None
    return node_lease(item)


def contender(table: MemoryTable, clock: Clock, owner: str = "i-me") -> Contender:
    return Contender(table, LeaseName.JOIN, owner, TIMINGS.lease, clock)


def said(outcome: NodeLease | Busy) -> str:
    assert isinstance(outcome, Busy)
    return outcome.reason


def test_a_lease_that_nobody_ever_held_is_taken_at_once() -> None:
    table = MemoryTable()
    assert contender(table, Clock()).try_once() == NodeLease(LeaseName.JOIN, "i-me", 1, 1)
    assert stored(table) == NodeLease(LeaseName.JOIN, "i-me", 1, 1)


def test_a_released_lease_is_taken_at_once_and_its_fence_grows() -> None:
    table = MemoryTable(as_lease(replace(HELD_BY_OTHER, owner="")))
    assert contender(table, Clock()).try_once() == NodeLease(LeaseName.JOIN, "i-me", 6, 3)


def test_ones_own_lease_from_before_a_restart_is_taken_at_once_and_its_fence_grows() -> None:
    table = MemoryTable(as_lease(replace(HELD_BY_OTHER, owner="i-me")))
    assert contender(table, Clock()).try_once() == NodeLease(LeaseName.JOIN, "i-me", 6, 3)


def test_a_silent_holder_loses_its_lease_only_after_it_was_watched_for_as_long_as_a_lease_lasts() -> None:
    table, clock = MemoryTable(as_lease(HELD_BY_OTHER)), Clock()
    mine = contender(table, clock)
    assert said(mine.try_once()) == "i-other holds lease#join"
    clock.now += TIMINGS.lease - 0.001
    assert said(mine.try_once()) == "i-other holds lease#join"
    clock.now += 0.001
    assert mine.try_once() == NodeLease(LeaseName.JOIN, "i-me", 6, 3)


def test_a_holder_that_renews_keeps_its_lease_however_long_it_is_watched() -> None:
    table, clock = MemoryTable(as_lease(HELD_BY_OTHER)), Clock()
    mine = contender(table, clock)
    for counter in range(5, 20):
        table.store(as_lease(replace(HELD_BY_OTHER, counter=counter)))
        assert isinstance(mine.try_once(), Busy)
        clock.now += TIMINGS.lease - 1


class Ec2:
    """EC2's word for every instance, and of whom it was asked."""

    def __init__(self, word: Reading[str | None]) -> None:
        self.word = word
        self.asked: list[str] = []

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]:
        self.asked += instance_ids
        return self.word if isinstance(self.word, Unknown) else Known(dict.fromkeys(instance_ids, self.word.value))


def test_a_terminated_holder_loses_its_lease_as_soon_as_it_was_seen_not_to_renew_it() -> None:
    table, clock, ec2 = MemoryTable(as_lease(HELD_BY_OTHER)), Clock(), Ec2(Known("terminated"))
    mine = Contender(table, LeaseName.JOIN, "i-me", TIMINGS.lease, clock, states=ec2.states)
    assert said(mine.try_once()) == "i-other holds lease#join"
    clock.now += 1
    table.store(as_lease(replace(HELD_BY_OTHER, counter=6)))
    assert said(mine.try_once()) == "i-other holds lease#join"
    assert ec2.asked == []
    clock.now += 1
    assert mine.try_once() == NodeLease(LeaseName.JOIN, "i-me", 7, 3)
    assert ec2.asked == ["i-other"]


@pytest.mark.parametrize(
    "word", [Known("running"), Known("stopped"), Known("shutting-down"), Known(None), Unknown("throttled")], ids=str
)
def test_a_holder_that_is_not_terminated_has_its_whole_lease(word: Reading[str | None]) -> None:
    table, clock = MemoryTable(as_lease(HELD_BY_OTHER)), Clock()
    mine = Contender(table, LeaseName.JOIN, "i-me", TIMINGS.lease, clock, states=Ec2(word).states)
    mine.try_once()
    clock.now += TIMINGS.lease - 0.001
    assert said(mine.try_once()) == "i-other holds lease#join"
    clock.now += 0.001
    assert isinstance(mine.try_once(), NodeLease)


def test_ec2_is_not_asked_about_oneself() -> None:
    """One's own lease from before a restart may be held up by what goes on beside it."""
    table, clock, ec2 = MemoryTable(as_lease(replace(HELD_BY_OTHER, owner="i-me"))), Clock(), Ec2(Known("running"))
    watched = WatchedLease(table, LeaseName.JOIN, TIMINGS.lease, clock, ec2.states, "i-me")
    for _ in range(3):
        assert watched.look()[1] is False
        clock.now += 1
    assert ec2.asked == []


def test_what_a_contender_saw_before_does_not_count_against_the_next_holder() -> None:
    table, clock = MemoryTable(as_lease(HELD_BY_OTHER)), Clock()
    mine = contender(table, clock)
    mine.try_once()
    clock.now += TIMINGS.lease
    table.store(as_lease(NodeLease(LeaseName.JOIN, "i-third", 6, 3)))
    assert said(mine.try_once()) == "i-third holds lease#join"


def test_a_read_that_takes_long_is_not_counted_as_watching() -> None:
    table, clock = MemoryTable(as_lease(HELD_BY_OTHER)), Clock()
    mine = contender(table, clock)

    def slow(call: str) -> Fate:
        # What was read may have been stored at any moment between the read's beginning and its end.
        clock.now += TIMINGS.lease if call == f"get {ITEM}" else 0
        return Fate.ANSWERED

    table.fate = slow
    assert isinstance(mine.try_once(), Busy)
    assert isinstance(mine.try_once(), Busy)
    clock.now += TIMINGS.lease
    assert isinstance(mine.try_once(), NodeLease)


@pytest.mark.parametrize(
    ("broken", "fate", "reason"),
    [
        (f"get {ITEM}", Fate.FAILED, "whether lease#join is free is unknown: "),
        (f"apply {ITEM}", Fate.FAILED, "lease#join was not taken: "),
        (f"apply {ITEM}", Fate.LOST, "lease#join was not taken: "),
    ],
)
def test_what_is_unknown_is_no_lease_and_the_next_try_finds_out(broken: str, fate: Fate, reason: str) -> None:
    table, clock = MemoryTable(), Clock()
    mine = contender(table, clock)
    table.fate = lambda call: fate if call == broken else Fate.ANSWERED
    assert said(mine.try_once()).startswith(reason)
    table.fate = lambda call: Fate.ANSWERED
    taken = mine.try_once()
    assert taken == stored(table)
    assert stored(table).owner == "i-me"


def test_of_two_that_saw_it_free_one_takes_it_and_the_other_is_told() -> None:
    table, clock = MemoryTable(), Clock()

    def somebody_is_faster(call: str) -> Fate:
        if call == f"apply {ITEM}":
            table.fate = lambda _: Fate.ANSWERED
            assert isinstance(contender(table, clock, "i-other").try_once(), NodeLease)
        return Fate.ANSWERED

    table.fate = somebody_is_faster
    assert said(contender(table, clock).try_once()) == "lease#join was not taken: another writer has changed it since"
    assert stored(table).owner == "i-other"


def test_an_item_that_is_no_lease_is_left_alone() -> None:
    table = MemoryTable({"Id": ITEM, "Owner": "i-other", "Counter": 1})
    unknown = "whether lease#join is free is unknown: item lease#join"
    assert said(contender(table, Clock()).try_once()).startswith(unknown)
    assert table.calls == [f"get {ITEM}"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["i-1", "i-2", "i-3"]), st.sampled_from(Fate), st.integers(0, 70)),
        max_size=40,
    )
)
def test_whoever_contends_and_whatever_is_lost_fence_and_counter_grow_and_one_holds_it(
    steps: list[tuple[str, Fate, int]],
) -> None:
    table, clock = MemoryTable(), Clock()
    contenders = {name: contender(table, clock, name) for name in ("i-1", "i-2", "i-3")}
    fence = counter = 0
    for name, fate, seconds in steps:
        table.fate = lambda call, fate=fate: fate if call.startswith("apply") else Fate.ANSWERED  # type: ignore[misc]
        clock.now += seconds
        outcome = contenders[name].try_once()
        if table.stored(ITEM) is None:
            assert isinstance(outcome, Busy)
            continue
        now = stored(table)
        assert (now.fence, now.counter) >= (fence, counter)
        assert isinstance(outcome, Busy) or (outcome == now and now.owner == name and now.fence > fence)
        fence, counter = now.fence, now.counter


class Keeping:
    """A lease that is kept by a real thread and by the test's clock."""

    def __init__(self, stage_seconds: float = 480) -> None:
        self.table, self.clock = MemoryTable(), Clock()
        held = contender(self.table, self.clock).try_once()
        assert isinstance(held, NodeLease)
        self.kept = Keeper(self.table, held, LEASE, TIMINGS, stage_seconds, self.clock)

    def renewed(self, times: int) -> None:
        """Wait until it was renewed so often from now on."""
        wanted = self.kept.held.counter + times
        wait_for(lambda: self.kept.held.counter >= wanted, "renewals")

    def tried(self) -> None:
        """Wait until two more renewals were tried, so that the first of them is over."""
        wanted = len(self.table.calls) + 2
        wait_for(lambda: len(self.table.calls) >= wanted, "tries")

    def ended(self) -> str:
        """Wait until it is lost for good: why."""
        return str(wait_for(lambda: self.kept.lost, "the loss"))


@pytest.fixture
def keep() -> Iterator[Callable[..., Keeping]]:
    kept: list[Keeping] = []

    def start(stage_seconds: float = 480) -> Keeping:
        kept.append(Keeping(stage_seconds))
        return kept[-1]

    yield start
    for each in kept:
        each.kept.close()


def test_what_is_kept_is_renewed_until_it_is_closed(keep: Callable[..., Keeping]) -> None:
    keeping = keep()
    keeping.renewed(3)
    assert keeping.kept.lost is None
    held = keeping.kept.close()
    assert held == keeping.kept.held == stored(keeping.table)
    assert held.fence == 1
    calls = len(keeping.table.calls)
    assert not threading.Event().wait(5 * RENEW)
    assert len(keeping.table.calls) == calls


def test_a_renewal_whose_reply_was_lost_is_found_by_the_next_one(keep: Callable[..., Keeping]) -> None:
    keeping = keep()
    keeping.table.fate = lambda call: Fate.LOST
    keeping.tried()
    keeping.table.fate = lambda call: Fate.ANSWERED
    keeping.renewed(2)
    assert keeping.kept.lost is None
    assert keeping.kept.close() == stored(keeping.table)


def test_renewals_that_fail_lose_it_once_a_lease_has_passed_without_one(keep: Callable[..., Keeping]) -> None:
    keeping = keep()
    keeping.renewed(1)
    keeping.table.fate = lambda call: Fate.FAILED
    keeping.tried()
    keeping.clock.now += TIMINGS.lease - 0.001
    assert keeping.kept.lost is None
    keeping.clock.now += 0.001
    assert keeping.kept.lost == "it expired: it could not be renewed for a whole lease"


def test_what_was_frozen_for_longer_than_a_lease_is_lost_and_never_renewed_again(keep: Callable[..., Keeping]) -> None:
    keeping = keep()
    keeping.renewed(1)
    keeping.clock.now += TIMINGS.lease
    assert keeping.ended() == "it expired: it could not be renewed for a whole lease"
    wait_for(lambda: not renewing(), "the end of the thread")
    counter = stored(keeping.table).counter
    # Not even when the table would take it: somebody had every right to count it as dead.
    keeping.clock.now -= TIMINGS.lease
    assert keeping.kept.lost is not None
    assert stored(keeping.table).counter == counter


def renewing() -> bool:
    return any(thread.name == "lease" and thread.is_alive() for thread in threading.enumerate())


def test_a_renewal_counts_from_when_it_was_sent_and_not_from_its_reply(keep: Callable[..., Keeping]) -> None:
    keeping = keep()

    def slow(call: str) -> Fate:
        keeping.clock.now += TIMINGS.lease
        return Fate.ANSWERED

    keeping.table.fate = slow
    assert keeping.ended() == "it expired: it could not be renewed for a whole lease"


def test_a_stage_that_hangs_loses_what_it_works_under_at_its_deadline(keep: Callable[..., Keeping]) -> None:
    keeping = keep(stage_seconds=100)
    assert keeping.kept.remaining() == 100
    for _ in range(2):
        keeping.clock.now += 49
        keeping.renewed(2)
    assert keeping.kept.remaining() == 2
    keeping.clock.now += 2
    assert keeping.kept.lost == "the stage took longer than it may"
    assert keeping.kept.remaining() == 0
    wait_for(lambda: not renewing(), "the end of the thread")


def test_a_lease_that_somebody_took_over_is_lost_and_left_to_them(keep: Callable[..., Keeping]) -> None:
    keeping = keep()
    taken = NodeLease(LeaseName.JOIN, "i-other", keeping.kept.held.counter + 100, 2)
    keeping.table.store(as_lease(taken))
    assert keeping.ended() == "another owner has taken it"
    held = keeping.kept.close()
    assert stored(keeping.table) == taken
    # Its release is conditional on the fence, so it takes nothing away either.
    keeping.table.apply(release(held))
    assert stored(keeping.table) == taken


def test_a_lease_that_came_back_to_the_same_owner_by_another_program_of_its_is_lost(
    keep: Callable[..., Keeping],
) -> None:
    keeping = keep()
    keeping.table.store(as_lease(NodeLease(LeaseName.JOIN, "i-me", keeping.kept.held.counter + 100, 2)))
    assert keeping.ended() == "another owner has taken it"


@pytest.mark.parametrize(
    "item",
    [
        {"Id": ITEM, "Owner": "i-me", "Counter": "x", "Fence": 1},
        {"Id": ITEM, "Counter": 7, "Fence": 1},
    ],
    ids=["that cannot be understood", "that was released"],
)
def test_a_lease_that_is_not_ones_own_any_more_is_lost(keep: Callable[..., Keeping], item: Item) -> None:
    keeping = keep()
    keeping.table.store(item)
    assert keeping.ended() == "another owner has taken it"


def claim(table: MemoryTable, clock: Clock) -> Keeper[ClusterRecord]:
    return Keeper(table, CLAIMED, CLAIM, TIMINGS, 600, clock)


def record_in(table: MemoryTable) -> ClusterRecord:
    item = table.stored(CLUSTER_ITEM)
    assert item is not None
    return cluster_record(item)


def test_a_claim_is_renewed_by_its_counter_alone() -> None:
    table = MemoryTable(CLAIMED.item())
    kept = claim(table, Clock())
    wait_for(lambda: kept.held.counter > 11, "renewals")
    held = kept.close()
    assert record_in(table) == held == replace(CLAIMED, counter=held.counter)


def test_a_claim_stays_ones_own_when_the_keys_were_pointed_at_meanwhile() -> None:
    table = MemoryTable(CLAIMED.item())
    kept = claim(table, Clock())
    wait_for(lambda: kept.held.counter > 10, "a renewal")
    now = record_in(table)
    table.store(replace(now, counter=now.counter + 50, pki_epoch=3).item())
    # As after a lost reply: the counter that is stored is not the one that is held.
    wait_for(lambda: kept.held.counter > now.counter + 50, "renewals from the counter that is stored")
    assert kept.lost is None
    kept.close()


@pytest.mark.parametrize(
    "changed",
    [
        replace(CLAIMED, owner="i-other", counter=10),
        replace(CLAIMED, epoch=4, counter=10),
        replace(CLAIMED, owner="", counter=9),
        replace(CLAIMED, phase=Phase.DELETING),
        replace(CLAIMED, phase=Phase.READY, etcd_cluster_id="e1", row_version=1),
    ],
    ids=["another owner", "another epoch", "given up", "deleting", "ready"],
)
def test_a_claim_that_is_not_ones_own_any_more_is_lost(changed: ClusterRecord) -> None:
    table, clock = MemoryTable(changed.item()), Clock()
    kept = claim(table, clock)
    assert wait_for(lambda: kept.lost, "the loss") == "another owner has taken it"
    kept.close()
    assert record_in(table) == changed


def test_a_claim_whose_record_vanished_or_cannot_be_understood_is_lost() -> None:
    for table in (MemoryTable(), MemoryTable({"Id": CLUSTER_ITEM, "Phase": "?"})):
        kept = claim(table, Clock())
        assert wait_for(lambda kept=kept: kept.lost, "the loss") == "another owner has taken it"  # type: ignore[misc]
        kept.close()

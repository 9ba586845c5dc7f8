"""The table's adapter on the local AWS against the table in memory on which the models stand.

Any sequence of the nodes' own writes, from fresh and from stale views, with requests that fail in every way, leaves the
same items in both, and the adapter says no more than is true.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from coordination import claims, member_writes, node_leases
from coordination.adapters.table import ClusterTable
from coordination.members import Member, MemberState, member
from coordination.names import CLUSTER_ITEM, MEMBER_ITEM_PREFIX, lease_item, member_item
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.outcomes import Conflict, Done, Known, Refused, Throttled, Unknown
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.writes import Fields, Transaction, Update, holds, update
from tests.integration.flaky import Fate, Line, dynamodb, hurry, make_table
from tests.model.table import EMPTY, Table, carry_out, get

SPEED = 1
CLUSTER = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo/0b1c"
NODES = st.sampled_from(["i-1", "i-2", "i-3"])
# botocore tries three times. One more fate may be that of the read that follows.
FATES = st.lists(st.sampled_from(Fate), max_size=4)
VIEWS = st.sampled_from([0, 0, 0, 1, 2, 3])
_numbers = itertools.count(1)


class Tables(RuleBasedStateMachine):
    """Both tables, and what was seen of them: the last view is fresh, the others are stale."""

    endpoint: str

    def __init__(self) -> None:
        super().__init__()
        name = f"table-{next(_numbers)}"
        # One client each: botocore repeats less and less of what fails often.
        client = dynamodb(self.endpoint, tries=3)
        make_table(client, name)
        self.line = Line(client)
        self.adapter = ClusterTable(client, name)
        self.memory: Table = EMPTY
        self.done: set[tuple[tuple[str, Fields], ...]] = set()
        self.records: list[ClusterRecord | None] = [None]
        self.leases: list[NodeLease | None] = [None]

    # what the nodes write

    @rule(node=NODES, view=VIEWS, fates=FATES)
    def claim(self, node: str, view: int, fates: list[Fate]) -> None:
        seen = self._record(view)
        claim = claims.claim_next(seen, node) if seen else claims.claim_first(CLUSTER, node)
        self._write(claim.write, fates)

    @precondition(lambda self: self.records[-1] is not None)
    @rule(node=NODES, view=VIEWS, fates=FATES)
    def claim_to_restore(self, node: str, view: int, fates: list[Fate]) -> None:
        if seen := self._record(view):
            self._write(claims.claim_restoring(seen, node, "backup-1").write, fates)

    @precondition(lambda self: self.records[-1] is not None)
    @rule(
        view=VIEWS,
        build=st.sampled_from([claims.set_pki_epoch, claims.release_claim, lambda record: claims.renew(record).write]),
        fates=FATES,
    )
    def move(self, view: int, build: Callable[[ClusterRecord], Update], fates: list[Fate]) -> None:
        seen = self._record(view)
        if seen and seen.owner:
            self._write(build(seen), fates)

    @precondition(lambda self: self.records[-1] is not None)
    @rule(view=VIEWS, fates=FATES)
    def ready(self, view: int, fates: list[Fate]) -> None:
        seen = self._record(view)
        if seen and seen.owner and seen.phase in (Phase.CLAIMED, Phase.RESTORING):
            row = Member(seen.owner, seen.epoch, MemberState.VOTER, "0", "10.0.0.4", "8e9e05c52164694d", 1_800_000_000)
            self._write(claims.ready(seen, f"etcd{seen.epoch}", "v1.37.2", row), fates)

    @rule(node=NODES, view=VIEWS, fates=FATES)
    def take_lease(self, node: str, view: int, fates: list[Fate]) -> None:
        self._write(node_leases.take(LeaseName.JOIN, self._lease(view), node).write, fates)

    @rule(view=VIEWS, renews=st.booleans(), fates=FATES)
    def renew_or_release_lease(self, view: int, renews: bool, fates: list[Fate]) -> None:
        held = self._lease(view)
        if held and held.owner:
            self._write(node_leases.renew(held).write if renews else node_leases.release(held), fates)

    @precondition(lambda self: self.records[-1] is not None)
    @rule(record_view=VIEWS, lease_view=VIEWS, fates=FATES)
    def join(self, record_view: int, lease_view: int, fates: list[Fate]) -> None:
        seen, lease = self._record(record_view), self._lease(lease_view)
        if seen and lease and lease.owner:
            row = Member(lease.owner, seen.epoch, MemberState.JOINING, created_at=1_800_000_000)
            item = get(self.memory, row.item_id)
            before = None if item is None else member(item)
            self._write(member_writes.joining_row(seen, row, lease, before), fates)

    @rule(node=NODES, step=st.sampled_from(["promoted", "not found", "found again"]), fates=FATES)
    def change_row(self, node: str, step: str, fates: list[Fate]) -> None:
        item = get(self.memory, member_item(node))
        if item is None:
            return
        row = member(item)
        if step == "promoted":
            self._write(member_writes.voter_row(row, "8e9e05c52164694d"), fates)
        elif step == "not found":
            self._write(member_writes.not_found(row, 1_800_000_100), fates)
        else:
            self._write(member_writes.found_again(row), fates)

    # Not too early: nothing but leases can be written after it.
    @precondition(lambda self: self.records[-1] is not None and self.records[-1].epoch > 2)
    @rule(fates=FATES)
    def delete_cluster(self, fates: list[Fate]) -> None:
        self._write(update(CLUSTER_ITEM, {"Phase": Phase.DELETING.value}, {}), fates)

    # what must be true of it

    def _write(self, write: Update | Transaction, fates: list[Fate]) -> None:
        updates = write.updates if isinstance(write, Transaction) else (write,)
        changes = tuple((each.item_id, each.changes) for each in updates)
        after = carry_out(self.memory, write)
        self.line.fates = list(fates)
        outcome = self.adapter.transact(write) if isinstance(write, Transaction) else self.adapter.apply(write)
        self.line.fates = []
        stored = self._stored([each.item_id for each in updates])
        before = {each.item_id: get(self.memory, each.item_id) for each in updates}
        wanted = {each.item_id: get(after, each.item_id) for each in updates} if after is not None else before
        match outcome:
            case Done():
                assert stored == wanted
                assert all(holds(each.changes, stored[each.item_id]) for each in updates)
                # Refused now, it can only be done if it was done before: nobody else writes the same. What is only
                # said about a row may have been said by the row's first write.
                about_a_row = updates[0].item_id.startswith(MEMBER_ITEM_PREFIX)
                assert after is not None or changes in self.done or about_a_row
            case Conflict(current=current):
                assert after is None
                assert stored == before == {updates[0].item_id: current}
            case Refused(current=current):
                assert after is None
                assert stored == before == dict(current)
            case Throttled():
                assert stored == before
            case Unknown():
                assert fates, "nothing failed, and the adapter does not know"
                # What was read after a doubt is no doubt any more.
                assert stored == before or (stored == wanted and "; then GetItem" in outcome.reason)
        if after is not None and stored == wanted:
            self.memory = after
            self.done.add(changes)
        self._look()

    def _stored(self, item_ids: list[str]) -> dict[str, Any]:
        readings = {item_id: self.adapter.get(item_id) for item_id in item_ids}
        return {item_id: reading.value for item_id, reading in readings.items() if isinstance(reading, Known)}

    def _look(self) -> None:
        record, lease = get(self.memory, CLUSTER_ITEM), get(self.memory, lease_item(LeaseName.JOIN))
        self.records.append(cluster_record(record) if record else None)
        self.leases.append(node_lease(lease) if lease else None)

    def _record(self, view: int) -> ClusterRecord | None:
        return self.records[-1 - view] if view < len(self.records) else self.records[-1]

    def _lease(self, view: int) -> NodeLease | None:
        return self.leases[-1 - view] if view < len(self.leases) else self.leases[-1]


@pytest.mark.parametrize("sequences", [8, pytest.param(60, marks=pytest.mark.slow)])
def test_the_adapter_and_the_table_in_memory_agree(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, sequences: int
) -> None:
    hurry(monkeypatch)
    connected: Any = type("Connected", (Tables,), {"endpoint": endpoint})
    run_state_machine_as_test(
        connected,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            # Shrinking takes minutes, and thirty steps are soon read.
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

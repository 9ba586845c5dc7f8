"""Whatever words reasons have, the function decides the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from coordination.instances import Groups
from coordination.members import Member
from coordination.outcomes import Known, Reading
from coordination.rows import Rows
from functions.reconcile.actions import Action, SetCondition
from functions.reconcile.decide import decide
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.harness import BROKEN, SLOTS, instance
from tests.unit.functions.test_decide_properties import members, records, snapshots, table_rows
from tests.unit.wording import blanked, noise, reworded, rewordings


def leaving(snapshot: Snapshot, rows: Rows, lease: Reading[int]) -> Snapshot:
    """The same snapshot, in which an instance leaves: everything hangs on its rows and the lease."""
    return replace(
        snapshot,
        lease=lease,
        groups=Known(Groups((instance("i-1"),), SLOTS)),
        rows=Known(rows),
        root_status=Known("UPDATE_IN_PROGRESS"),
        request=None,
    )


def own_row(row: Member) -> Known[Member]:
    """The row as that of the instance that leaves."""
    return Known(replace(row, instance_id="i-1"))


LEAVING = st.builds(
    leaving,
    snapshots,
    st.builds(
        lambda rows, record, found: replace(rows, record=record, members=found, teardown=Known(None)),
        table_rows,
        records.map(Known) | st.just(BROKEN),
        st.just({}) | (members.map(own_row) | st.just(BROKEN)).map(lambda row: {"i-1": row}),
    ),
    st.sampled_from([Known(1), BROKEN]),
)


def decisions(actions: list[Action]) -> list[Action]:
    """What was decided, without words: a condition that is only worded anew is no decision."""
    return [blanked(each) for each in actions if not isinstance(each, SetCondition) or each.replaces is None]


@settings(max_examples=300, deadline=None)
@given(snapshots | LEAVING, noise)
def test_words_change_no_decision(snapshot: Snapshot, texts: list[str]) -> None:
    for words in rewordings(texts):
        assert decisions(decide(reworded(snapshot, words))) == decisions(decide(snapshot))

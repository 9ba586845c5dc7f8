"""What `make follow` tells of two looks: what has happened between them, once, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.approvals import Approval
from coordination.conditions import Condition
from coordination.drains import DrainOutcome, DrainState, requested
from coordination.members import MemberState
from coordination.operations import Operation, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Known, Unknown
from coordination.record import Phase
from coordination.rows import Rows
from deployment.status.differ import Watched, news
from tests.unit.deployment.status.looks import GROUPS, NOW, RECORD, ROWS, VOTERS, WORKERS, boot, boots, instance, row

QUIET = Watched(ROWS, GROUPS)
BROKEN = Unknown("item x: State is missing")
CONDITION = Condition("QuorumLost", "no majority", "bring members back", NOW)
OPERATION = Operation("op-7", OperationKind.REMOVE, VOTERS[2], "8e9e", 1, OperationState.REQUESTED, NOW)
ACCEPTED = replace(OPERATION, state=OperationState.ACCEPTED, accepted_by=VOTERS[1])
DONE = replace(ACCEPTED, outcome=OperationOutcome.DONE, reason="etcd does not list it")
DRAIN = requested(WORKERS[0], NOW)
FORCED = replace(DRAIN, state=DrainState.DONE, outcome=DrainOutcome.FORCED, by=VOTERS[1])
SILENT = {VOTERS[2]: Known(row(2, silent_since=NOW))}
REMOVED = {VOTERS[2]: Known(row(2, state=MemberState.REMOVED))}
JOINING = {"i-9": Known(row(1, instance_id="i-9", state=MemberState.JOINING))}
VOTING = {"i-9": Known(row(1, instance_id="i-9"))}


def rows(**changes: Any) -> Rows:
    return replace(ROWS, **changes)


def told(before: Rows | None, after: Rows) -> list[tuple[str, str]]:
    return [(each.about, each.text) for each in news(Watched(before, GROUPS), Watched(after, GROUPS))]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (rows(record=Known(None)), rows(), f"RECORD epoch 1 is ready, claimed by {VOTERS[0]}, Kubernetes v1.37.2"),
        (
            rows(),
            rows(record=Known(replace(RECORD, phase=Phase.RESTORING, epoch=2, owner=VOTERS[1]))),
            f"RECORD epoch 2 is restoring, claimed by {VOTERS[1]}, Kubernetes v1.37.2",
        ),
        (rows(members={}), rows(members=JOINING), "MEMBER i-9 (slot 1) is joining in epoch 1"),
        (rows(members=JOINING), rows(members=VOTING), "MEMBER i-9 (slot 1) is voter in epoch 1"),
        (rows(), rows(members={**ROWS.members, **REMOVED}), f"MEMBER {VOTERS[2]} (slot 2) is removed in epoch 1"),
        (rows(), rows(members={**ROWS.members, **SILENT}), f"MEMBER {VOTERS[2]} (slot 2) is silent"),
        (rows(members={**ROWS.members, **SILENT}), rows(), f"MEMBER {VOTERS[2]} (slot 2) does its work again"),
        (rows(), rows(operation=Known(OPERATION)), f"OPERATION remove of {VOTERS[2]} (8e9e), requested"),
        (
            rows(operation=Known(OPERATION)),
            rows(operation=Known(ACCEPTED)),
            f"OPERATION remove of {VOTERS[2]} (8e9e), accepted",
        ),
        (
            rows(operation=Known(ACCEPTED)),
            rows(operation=Known(DONE)),
            f"OPERATION remove of {VOTERS[2]} (8e9e), done: etcd does not list it",
        ),
        (
            rows(operation=Known(ACCEPTED)),
            rows(),
            f"OPERATION gone before its end was seen: remove of {VOTERS[2]} (8e9e), accepted",
        ),
        (rows(), rows(drains={WORKERS[0]: Known(DRAIN)}), f"DRAIN {WORKERS[0]}: requested, its pods have 600 s"),
        (
            rows(drains={WORKERS[0]: Known(DRAIN)}),
            rows(drains={WORKERS[0]: Known(FORCED)}),
            f"DRAIN {WORKERS[0]}: forced by {VOTERS[1]}",
        ),
        (rows(drains={WORKERS[0]: Known(DRAIN)}), rows(), f"DRAIN {WORKERS[0]}: gone before its end was seen"),
        (rows(boots={}), rows(boots=boots(boot("i-9", "gate"))), "BOOT i-9 is at gate"),
        (
            rows(boots=boots(boot(WORKERS[0], "join-data"))),
            rows(boots=boots(boot(WORKERS[0], "join-data", reason="there is none"))),
            f"BOOT {WORKERS[0]} (pool general) is at join-data: there is none",
        ),
        (
            rows(),
            rows(conditions={"QuorumLost": Known(CONDITION)}),
            "CONDITION QuorumLost: no majority; next: bring members back",
        ),
        (
            rows(conditions={"QuorumLost": Known(CONDITION)}),
            rows(conditions={"QuorumLost": Known(replace(CONDITION, next_step="wait"))}),
            "CONDITION QuorumLost: no majority; next: wait",
        ),
        (rows(conditions={"QuorumLost": Known(CONDITION)}), rows(), "CONDITION QuorumLost is cleared"),
        (
            rows(),
            rows(removal_approval=Known(Approval(1, VOTERS[2], "Ada"))),
            f"APPROVAL approval#removal of {VOTERS[2]} in epoch 1, by Ada",
        ),
        (rows(restore_approval=Known(Approval(1, "i-9", "Ada"))), rows(), "APPROVAL approval#restore is deleted"),
        (rows(), rows(operation=BROKEN), "UNKNOWN item x: State is missing"),
        (
            rows(operation=BROKEN),
            rows(operation=Known(OPERATION)),
            f"OPERATION remove of {VOTERS[2]} (8e9e), requested",
        ),
    ],
)  # fmt: skip
def test_a_change_of_the_table_is_one_line(before: Rows, after: Rows, said: str) -> None:
    assert [f"{about} {text}" for about, text in told(before, after)] == [said]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (rows(), rows(record=Known(replace(RECORD, counter=10)))),
        (rows(), rows(members={**ROWS.members, VOTERS[2]: Known(row(2, hook_since=NOW))})),
        (rows(members={**ROWS.members, **REMOVED}), rows(members={})),
        (rows(operation=Known(DONE)), rows()),
        (rows(drains={WORKERS[0]: Known(FORCED)}), rows()),
        (rows(boots=boots(boot("i-9", "gate"))), rows(boots={})),
        (rows(boots=boots(boot("i-9", "gate"))), rows(boots=boots(boot("i-9", "gate", fingerprint="abc")))),
        (
            rows(conditions={"QuorumLost": Known(CONDITION)}),
            rows(conditions={"QuorumLost": Known(replace(CONDITION, since=NOW + 1))}),
        ),
        (rows(operation=BROKEN), rows(operation=BROKEN)),
        # Leases are renewed, and an observation is made, all the time.
        (rows(), rows(leases={}, observation=Known(None))),
    ],
)
def test_what_nobody_follows_is_not_told(before: Rows, after: Rows) -> None:
    assert told(before, after) == []


def test_instances_are_told_as_they_move_and_leave() -> None:
    moved = [instance("i-9", "slot 1", "Pending"), instance(WORKERS[0], "general", "Terminating:Wait")]
    stay = [each for each in GROUPS.instances if each.instance_id not in (VOTERS[0], WORKERS[0])]
    after = replace(GROUPS, instances=(*stay, *moved))
    assert [each.text for each in news(QUIET, Watched(ROWS, after))] == [
        f"{VOTERS[0]} (slot 0) has left its group; it was InService",
        f"{WORKERS[0]} (pool general) is Terminating:Wait",
        "i-9 (slot 1) is Pending",
    ]


def test_the_first_look_tells_what_goes_on_and_what_waits_for_somebody() -> None:
    held = replace(GROUPS, instances=(*GROUPS.instances[:-1], instance(WORKERS[1], "general", "Pending:Wait")))
    busy = rows(operation=Known(OPERATION), conditions={"QuorumLost": Known(CONDITION)})
    assert [each.about for each in news(Watched(), Watched(busy, held))] == ["INSTANCE", "CONDITION", "OPERATION"]
    assert news(Watched(), QUIET) == []


def test_what_a_look_has_not_shown_is_compared_with_what_was_seen_last() -> None:
    blind = Watched(None, GROUPS)
    assert news(QUIET, blind) == []
    later = Watched(rows(members={**ROWS.members, **REMOVED}), GROUPS)
    assert [each.about for each in news(blind.over(QUIET), later)] == ["MEMBER"]


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "record": st.sampled_from([Known(None), Known(replace(RECORD, epoch=2)), BROKEN]),
        "members": st.sampled_from([JOINING, VOTING, REMOVED, SILENT, {VOTERS[2]: BROKEN}]),
        "operation": st.sampled_from([Known(OPERATION), Known(ACCEPTED), Known(DONE), BROKEN]),
        "drains": st.sampled_from([{WORKERS[0]: Known(DRAIN)}, {WORKERS[0]: Known(FORCED)}]),
        "boots": st.sampled_from([boots(boot("i-9", "gate")), boots(boot("i-9", "serve", reason="why"))]),
        "conditions": st.sampled_from([{"QuorumLost": Known(CONDITION)}, {"QuorumLost": BROKEN}]),
        "removal_approval": st.sampled_from([Known(Approval(1, "i-9", "Ada")), BROKEN]),
    },
)
LOOKS = st.none() | CHANGES.map(lambda changes: rows(**changes))


@given(LOOKS, LOOKS, LOOKS)
def test_a_look_that_shows_what_was_seen_tells_nothing_and_order_of_rows_does_not_matter(
    first: Rows | None, second: Rows | None, third: Rows | None
) -> None:
    seen = Watched()
    for each in (first, second, third):
        look = Watched(each, GROUPS)
        said = news(seen, look)
        assert said == news(seen, look)
        seen = look.over(seen)
        assert news(seen, seen) == []
        assert news(seen, look) == []

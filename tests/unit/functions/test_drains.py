"""What becomes of workers that terminate: drained first, and never held for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordination import drains
from coordination.drains import DRAIN_SECONDS, GRACE_SECONDS, Drain, DrainOutcome, DrainState, requested
from coordination.fields import LARGEST_NUMBER
from coordination.names import DRAIN_ITEM_PREFIX, TABLE_KEY, drain_item
from coordination.outcomes import Item, Known, NoTable, Reading
from coordination.rows import Rows
from coordination.rows import rows as parsed_rows
from functions.reconcile.actions import (
    Action,
    ClearDrain,
    CompleteHook,
    Heartbeat,
    RequestDrain,
    TerminateRetained,
    Wait,
)
from functions.reconcile.decide import decide
from functions.reconcile.handler import PassFailed
from generator.compute import HEARTBEAT_SECONDS
from tests.unit.functions.events import SCHEDULE, lifecycle, stream
from tests.unit.functions.harness import (
    BROKEN,
    NOW,
    FunctionHarness,
    function_harness,
    instance,
    record,
    rows,
    snapshot,
)

WORKER = instance("i-1", role="worker", group="pool")
RETAINED = replace(WORKER, lifecycle_state="Terminating:Retained")
ASKED = requested("i-1", NOW - 100)
PASS_SECONDS = 60


def done(outcome: DrainOutcome) -> Drain:
    return replace(ASKED, state=DrainState.DONE, outcome=outcome, by="i-9", ended_at=NOW - 5)


def stored(drain: Reading[Drain], **others: Any) -> Known[Rows]:
    """Rows with the drain of the worker."""
    return rows(drains={"i-1": drain}, **others)


def kinds(actions: Sequence[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def test_a_worker_s_drain_is_asked_for_and_its_hook_is_not_extended_before_that_is_stored() -> None:
    (action,) = decide(snapshot(WORKER))
    assert isinstance(action, RequestDrain)
    assert action.drain == Drain("i-1", DrainState.REQUESTED, NOW, NOW + DRAIN_SECONDS)


def test_a_hook_that_nobody_extends_lasts_longer_than_a_drain() -> None:
    assert HEARTBEAT_SECONDS > 2 * (DRAIN_SECONDS + GRACE_SECONDS)


HELD = [
    ("it was just asked for", stored(Known(requested("i-1", NOW)))),
    ("its time is not over", stored(Known(ASKED))),
    ("its deadline has passed, and the agent may be deleting pods", stored(Known(replace(ASKED, deadline=NOW - 1)))),
    ("nobody knows whether a cluster is ready", stored(Known(ASKED), record=BROKEN)),
    ("the record is of another cluster", stored(Known(ASKED), record=record(cluster_id="another"))),
]
ENDED = [
    ("its pods have left it", stored(Known(done(DrainOutcome.DRAINED)))),
    ("it is no node", stored(Known(done(DrainOutcome.NO_NODE)))),
    ("its deadline has passed and an agent has deleted its pods", stored(Known(done(DrainOutcome.FORCED)))),
    (
        "no agent has drained it in time",
        stored(Known(requested("i-1", NOW - DRAIN_SECONDS - GRACE_SECONDS))),
    ),
    ("its item is of the future", stored(Known(requested("i-1", NOW + GRACE_SECONDS + 1)))),
    ("its deadline is later than one that the function sets", stored(Known(replace(ASKED, requested_at=0)))),
    ("its item cannot be understood", stored(BROKEN)),
    ("no cluster was ever founded", rows(record=Known(None))),
    ("the cluster is claimed only", rows(record=record("claimed"))),
    ("the cluster is being restored", stored(Known(ASKED), record=record("restoring"))),
]


@pytest.mark.parametrize(("case", "table"), HELD, ids=[case for case, _ in HELD])
def test_a_worker_is_held_while(case: str, table: Known[Rows]) -> None:
    assert kinds(decide(snapshot(WORKER, rows=table))) == ["Wait"], case
    assert kinds(decide(snapshot(RETAINED, rows=table))) == ["Wait"], case


@pytest.mark.parametrize(("age", "action"), [(DRAIN_SECONDS // 2 - 1, "Wait"), (DRAIN_SECONDS // 2, "Heartbeat")])
def test_only_a_drain_that_takes_long_extends_the_hook(age: int, action: str) -> None:
    table = stored(Known(requested("i-1", NOW - age)))
    assert kinds(decide(snapshot(WORKER, rows=table))) == [action]
    assert kinds(decide(snapshot(RETAINED, rows=table))) == ["Wait"]


@pytest.mark.parametrize(("case", "table"), ENDED, ids=[case for case, _ in ENDED])
def test_a_worker_s_hook_is_completed_once(case: str, table: Known[Rows]) -> None:
    assert kinds(decide(snapshot(WORKER, rows=table))) == ["CompleteHook"], case
    assert kinds(decide(snapshot(RETAINED, rows=table))) == ["TerminateRetained"], case


def test_a_retained_worker_is_drained_too() -> None:
    assert kinds(decide(snapshot(RETAINED))) == ["RequestDrain"]


@pytest.mark.parametrize("change", [{"lease": BROKEN}, {"rows": BROKEN}, {"rows": NoTable("gone")}])
@pytest.mark.parametrize("worker", [WORKER, RETAINED], ids=["held", "retained"])
def test_while_nobody_knows_how_far_a_drain_is_nothing_is_done_and_no_hook_is_extended(
    worker: Any, change: dict[str, Any]
) -> None:
    assert kinds(decide(snapshot(worker, **change))) == ["Wait"]


def test_a_deletion_completes_the_hook_of_a_worker_that_is_being_drained() -> None:
    table = stored(Known(ASKED), record=record("deleting"))
    assert "CompleteHook" in kinds(decide(snapshot(WORKER, rows=table)))


def test_any_number_of_workers_drain_at_a_time_and_none_holds_another() -> None:
    workers = [replace(WORKER, instance_id=f"i-{number}") for number in range(1, 5)]
    asked = {name: Known(replace(ASKED, instance_id=name)) for name in ("i-1", "i-2")}
    drained = Known(replace(done(DrainOutcome.DRAINED), instance_id="i-3"))
    found = decide(snapshot(*workers, rows=rows(drains={**asked, "i-3": drained})))
    assert kinds(found) == ["Wait", "Wait", "CompleteHook", "RequestDrain"]


@pytest.mark.parametrize("state", ["InService", "Terminating", "Terminating:Proceed", ""])
@pytest.mark.parametrize("drain", [Known(ASKED), Known(done(DrainOutcome.DRAINED)), BROKEN])
def test_the_item_of_a_worker_that_nothing_holds_is_deleted(state: str, drain: Reading[Drain]) -> None:
    workers = [replace(WORKER, lifecycle_state=state)] if state else []
    (action,) = decide(snapshot(*workers, rows=stored(drain)))
    assert action == ClearDrain("i-1", drain, "no hook holds its worker any more")


@pytest.mark.parametrize("change", [{"lease": BROKEN}, {"rows": BROKEN}, {"groups": BROKEN}])
def test_no_item_is_deleted_on_doubt(change: dict[str, Any]) -> None:
    found = decide(snapshot(**{"rows": stored(Known(ASKED)), **change}))
    assert not [each for each in found if isinstance(each, ClearDrain)]


def test_a_control_plane_is_not_drained_by_an_item() -> None:
    held = instance("i-1")
    assert kinds(decide(snapshot(held, rows=stored(Known(ASKED))))) == ["CompleteHook", "ClearDrain"]


# whole passes


@pytest.fixture
def workers() -> Any:
    with function_harness(WORKER) as made:
        yield made


def test_a_worker_goes_once_an_agent_has_drained_it_and_its_item_is_deleted(workers: FunctionHarness) -> None:
    workers.call(lifecycle())
    assert workers.item("drain#i-1") == requested("i-1", NOW).item()
    workers.moment += DRAIN_SECONDS // 2
    workers.call(stream("drain#i-1"))
    assert workers.groups.calls == [("heartbeat", "i-1")]
    assert workers.item("drain#i-1") == requested("i-1", NOW).item()

    workers.store(drain__i_1=done(DrainOutcome.DRAINED).fields())
    workers.call(stream("drain#i-1"))
    assert workers.groups.calls[1:] == [("complete", "i-1")]
    workers.call(SCHEDULE)
    assert workers.stored_keys() == {"cluster"}


def test_a_drain_that_is_there_already_keeps_its_deadline(workers: FunctionHarness) -> None:
    workers.call(SCHEDULE)
    before = workers.item("drain#i-1")
    # Another pass, which had read the table before that.
    workers.moment += 60
    workers.table.apply(drains.request(requested("i-1", int(workers.moment))))
    assert workers.item("drain#i-1") == before


def test_a_hook_that_cannot_be_completed_keeps_its_item(workers: FunctionHarness) -> None:
    workers.store(drain__i_1=done(DrainOutcome.DRAINED).fields())
    workers.groups.fails = {"i-1"}
    with pytest.raises(PassFailed, match="CompleteHook i-1"):
        workers.call(SCHEDULE)
    assert "drain#i-1" in workers.stored_keys()
    workers.groups.fails = set()
    workers.call(SCHEDULE)
    assert workers.groups.calls[-1] == ("complete", "i-1")


def test_an_item_that_cannot_be_understood_fails_the_call_ends_the_hook_and_is_deleted(
    workers: FunctionHarness,
) -> None:
    workers.store(drain__i_1={"State": "asleep"})
    with pytest.raises(PassFailed, match="State is 'asleep'"):
        workers.call(SCHEDULE)
    assert workers.groups.calls == [("complete", "i-1")]
    with pytest.raises(PassFailed, match="State is 'asleep'"):
        workers.call(SCHEDULE)
    assert workers.stored_keys() == {"cluster"}
    workers.call(SCHEDULE)


# in bounded time

VALUES = st.none() | st.text(max_size=3) | st.booleans() | st.integers() | st.integers(NOW - 2000, NOW + 2000)
MOMENTS = st.integers(NOW - 2000, NOW + 2000) | st.integers(-LARGEST_NUMBER, LARGEST_NUMBER)
SOUND = st.builds(Drain, st.just("i-1"), st.just(DrainState.REQUESTED), MOMENTS, MOMENTS).map(Drain.item)
ANYTHING = st.fixed_dictionaries(
    {TABLE_KEY: st.just(drain_item("i-1"))},
    optional={
        "State": st.sampled_from(["requested", "done", "asleep"]) | VALUES,
        "RequestedAt": VALUES,
        "Deadline": VALUES,
        "Outcome": st.sampled_from(list(DrainOutcome)).map(str) | VALUES,
    },
)
ITEMS: st.SearchStrategy[Item | None] = st.none() | SOUND | ANYTHING
PASSES = st.lists(
    st.tuples(st.sampled_from(["works", "reads nothing", "writes nothing", "is busy"]), st.integers(1, 80)), max_size=3
).map(lambda runs: [what for what, times in runs for _ in range(times)])


@settings(max_examples=300, deadline=None)
@given(ITEMS, PASSES, st.sampled_from([WORKER, RETAINED]))
def test_a_worker_ends_in_bounded_time_whatever_its_item_says_and_whatever_fails_meanwhile(
    item: Item | None, passes: list[str], worker: Any
) -> None:
    """Nobody drains. The last passes work, as they do in the end; a hook that is not extended ends by itself."""
    began = NOW
    extended = NOW
    failing = len(passes) * PASS_SECONDS
    for number in range(len(passes) + 20):
        now = began + number * PASS_SECONDS
        what = passes[number] if number < len(passes) else "works"
        if worker is WORKER and now >= extended + HEARTBEAT_SECONDS:
            break
        if what == "is busy":
            continue
        found = parsed_rows([] if item is None else [item], [DRAIN_ITEM_PREFIX]).drains
        table = BROKEN if what == "reads nothing" else rows(drains=found)
        actions = decide(snapshot(worker, rows=table, now=now))
        if any(isinstance(each, CompleteHook | TerminateRetained) for each in actions):
            break
        if any(isinstance(each, Heartbeat) for each in actions):
            extended = now
        for each in actions:
            if isinstance(each, RequestDrain) and what == "works" and item is None:
                item = each.drain.item()
        assert any(isinstance(each, Heartbeat | RequestDrain | Wait) for each in actions)
    else:
        pytest.fail(f"it is held still: {item}")
    # A retained one has no hook, and waits for the table as long as that cannot be read or written.
    most = DRAIN_SECONDS + 2 * GRACE_SECONDS + (HEARTBEAT_SECONDS if worker is WORKER else failing)
    assert now - began <= most + PASS_SECONDS

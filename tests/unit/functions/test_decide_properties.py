"""What holds of the decisions for every snapshot."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from coordination.conditions import Condition
from coordination.drains import DRAIN_SECONDS, Drain, DrainOutcome, DrainState
from coordination.instances import GroupInstance, Groups
from coordination.launches import Launches, LaunchFailure
from coordination.members import Member, MemberState
from coordination.names import WORKER_ROLE, ReplacementState
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import Operation, OperationKind, OperationOutcome, OperationState
from coordination.outcomes import Known, NoTable, Reading, Unknown
from coordination.record import ClusterRecord, Phase
from coordination.release_grants import ReleaseGrant
from coordination.replacements import Replacement
from coordination.rows import Rows, understood
from coordination.stacks import DELETING_STATES, SETTLED_STATES
from coordination.timers import Timer
from functions.reconcile.actions import (
    AcceptReplacement,
    Action,
    AnswerTeardown,
    ClearCondition,
    ClearDrain,
    ClearOperation,
    CompleteHook,
    DismissTeardown,
    EndInstance,
    Heartbeat,
    ProtectTable,
    RequestDrain,
    RequestOperation,
    SetCondition,
    SetPhaseDeleting,
    StartTimer,
    StopTimer,
    TerminateRetained,
    Wait,
)
from functions.reconcile.decide import decide
from functions.reconcile.snapshot import Snapshot
from tests.unit.functions.harness import BROKEN, CLUSTER_ID, NOW, SLOTS, STARTED, teardown

IDS = ["i-1", "i-2", "i-3"]
STATES = ["Pending:Wait", "InService", "Terminating:Wait", "Terminating:Proceed", "Terminating:Retained"]

unknown = st.sampled_from([BROKEN, NoTable("no table")])
instances = st.lists(
    st.builds(
        GroupInstance,
        st.sampled_from(IDS),
        st.sampled_from(["group", "slot0"]),
        st.sampled_from(["control-plane", "worker", ""]),
        st.sampled_from(STATES),
    ),
    max_size=3,
    unique_by=lambda one: one.instance_id,
)
suspended = st.sampled_from([frozenset(), frozenset({"HealthCheck"}), frozenset({"HealthCheck", "Launch"})])
groups = st.builds(
    lambda found, processes: Known(
        Groups(
            tuple(sorted(found, key=lambda one: one.instance_id)),
            (replace(SLOTS[0], suspended=processes), *SLOTS[1:]),
        )
    ),
    instances,
    suspended,
)
records = st.builds(
    ClusterRecord,
    st.sampled_from([CLUSTER_ID, "another"]),
    st.sampled_from(list(Phase)),
    st.integers(0, 2),
    row_version=st.integers(0, 1),
)
members = st.builds(Member, st.just("i-x"), st.integers(0, 2), st.sampled_from(list(MemberState)))
conditions = st.builds(
    Condition,
    st.builds("{}/{}".format, st.sampled_from(["TerminationHeld", "RemovalWaits"]), st.sampled_from(IDS))
    | st.sampled_from(["SlotEmpty/slot-0", "LaunchLoop/slot-0", "ProcessesSuspended/slot-0"]),
    st.sampled_from(["old", "older"]),
    st.just("a step"),
    st.just(1),
)
seen_members = st.builds(
    SeenMember,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["", *IDS]),
    st.booleans(),
    st.sampled_from(["", "silent"]),
)
observations = st.builds(
    ClusterObservation,
    st.sampled_from([NOW - 1, NOW - 500]),
    st.just("i-9"),
    st.integers(0, 2),
    members=st.none() | st.lists(seen_members, max_size=3, unique_by=lambda each: each.etcd_member_id).map(tuple),
)
operations = st.builds(
    Operation,
    st.just("op-1"),
    st.sampled_from(list(OperationKind)),
    st.sampled_from(["", *IDS]),
    st.sampled_from(["", "a"]),
    st.integers(0, 2),
    st.sampled_from(list(OperationState)),
    st.sampled_from([NOW - 1, NOW - 900]),
    outcome=st.none() | st.sampled_from(list(OperationOutcome)),
    ended_at=st.none() | st.sampled_from([NOW - 1, NOW - 900]),
)
launch_failures = st.builds(LaunchFailure, st.sampled_from(["no room", "no key"]), st.booleans(), st.booleans())
launches = st.lists(launch_failures, max_size=4).map(lambda found: Known(Launches(tuple(found)))) | st.just(BROKEN)
slot_names = st.sampled_from([group.name for group in SLOTS])
timer_names = st.sampled_from(["ProcessesSuspended", "SlotEmpty/slot-0", "SlotEmpty/slot-9"])
timers = st.dictionaries(timer_names, st.sampled_from([NOW - 1, NOW - 1800])).map(
    lambda found: {name: Known(Timer(name, since)) for name, since in found.items()}
)
release_grants = st.builds(ReleaseGrant, st.sampled_from(IDS), st.integers(0, 2), st.integers(0, 1), st.just("i-9"))
drains = st.builds(
    Drain,
    st.just("i-x"),
    st.just(DrainState.REQUESTED),
    st.sampled_from([NOW - 1, NOW - 900, NOW + 900]),
    st.sampled_from([NOW + DRAIN_SECONDS, NOW - 1]),
    outcome=st.none() | st.sampled_from(list(DrainOutcome)),
)
replacements = st.builds(
    Replacement,
    st.just("a"),
    st.sampled_from(["0", "1", "9"]),
    st.sampled_from(list(ReplacementState)),
    st.sampled_from(IDS),
    accepted_at=st.none() | st.sampled_from([NOW - 1, NOW - 900]),
    ended_at=st.none() | st.sampled_from([NOW - 1, NOW - 7200]),
)
teardowns = st.one_of(st.none(), st.builds(teardown, st.sampled_from([NOW - 1, NOW + 600])))
table_rows = st.builds(
    Rows,
    record=st.one_of(st.none().map(Known), records.map(Known), st.just(BROKEN)),
    members=st.dictionaries(st.sampled_from(IDS), st.one_of(members.map(Known), st.just(BROKEN)), max_size=3).map(
        lambda found: {
            name: Known(replace(each.value, instance_id=name)) if isinstance(each, Known) else each
            for name, each in found.items()
        }
    ),
    conditions=st.lists(conditions, max_size=3).map(
        lambda found: {"TerminationHeld/i-0": BROKEN, **{one.name: Known(one) for one in found}}
    ),
    start=st.sampled_from([Known(None), STARTED, BROKEN]),
    timers=timers.map(lambda found: {"SlotEmpty/slot-1": BROKEN, **found}) | timers,
    teardown=st.one_of(teardowns.map(Known), st.just(BROKEN)),
    observation=st.one_of(st.none() | observations).map(Known) | st.just(BROKEN),
    operation=st.one_of(st.none() | operations).map(Known) | st.just(BROKEN),
    release_grants=st.lists(release_grants, max_size=2).map(
        lambda found: {"i-1": BROKEN, **{one.instance_id: Known(one) for one in found}}
    ),
    drains=st.dictionaries(st.sampled_from(IDS), drains.map(Known) | st.just(BROKEN), max_size=2).map(
        lambda found: {
            name: Known(replace(each.value, instance_id=name)) if isinstance(each, Known) else each
            for name, each in found.items()
        }
    ),
    replacements=st.dictionaries(
        st.sampled_from(["a", "b"]), replacements.map(Known) | st.just(BROKEN), max_size=2
    ).map(
        lambda found: {
            name: Known(replace(each.value, request_id=name)) if isinstance(each, Known) else each
            for name, each in found.items()
        }
    ),
)
snapshots = st.builds(
    Snapshot,
    cluster_id=st.just(CLUSTER_ID),
    now=st.just(NOW),
    lease=st.one_of(st.just(Known(1)), unknown),
    groups=st.one_of(groups, st.just(BROKEN)),
    states=st.one_of(
        st.dictionaries(st.sampled_from(IDS), st.sampled_from([None, "running", "terminated"])).map(Known),
        st.just(BROKEN),
    ),
    rows=st.one_of(table_rows.map(Known), unknown),
    root_status=st.one_of(
        st.sampled_from(sorted(DELETING_STATES | SETTLED_STATES | {"UPDATE_IN_PROGRESS"})).map(Known), st.just(BROKEN)
    ),
    table_protected=st.sampled_from([None, Known(True), Known(False), BROKEN]),
    launches=st.dictionaries(slot_names, launches, max_size=3),
    request=teardowns,
)
every = settings(max_examples=200, deadline=None)


def phase_is_deleting(snapshot: Snapshot) -> bool:
    """Whether the table of `snapshot` says so."""
    if not isinstance(snapshot.rows, Known) or not isinstance(snapshot.rows.value.record, Known):
        return False
    record = snapshot.rows.value.record.value
    return record is not None and record.phase is Phase.DELETING


def completed(actions: list[Action]) -> set[str]:
    return {action.instance.instance_id for action in actions if isinstance(action, CompleteHook | TerminateRetained)}


@every
@given(snapshots)
def test_the_same_snapshot_gives_the_same_actions(snapshot: Snapshot) -> None:
    assert decide(snapshot) == decide(replace(snapshot))


@every
@given(snapshots)
def test_a_member_of_this_epoch_only_goes_when_it_is_granted_release_or_the_phase_is_deleting(
    snapshot: Snapshot,
) -> None:
    if phase_is_deleting(snapshot) or not isinstance(snapshot.rows, Known):
        return
    found = snapshot.rows.value
    listed = snapshot.groups.value.instances if isinstance(snapshot.groups, Known) else ()
    workers = {each.instance_id for each in listed if each.role == WORKER_ROLE}
    for instance_id in completed(decide(snapshot)):
        if not isinstance(found.record, Known):
            # A worker is no member; it goes at once where its drain cannot be understood.
            assert instance_id in workers
            continue
        epoch = found.record.value.epoch if found.record.value else 0
        row = found.members.get(instance_id)
        if row is None or (isinstance(row, Known) and row.value.state is MemberState.REMOVED):
            continue
        assert isinstance(row, Known)
        if row.value.epoch >= epoch:
            # Nobody else has a row of this epoch, and none was written since.
            assert understood(found.release_grants)[instance_id].holds(found.record.value)
            of_epoch = [
                each for each in found.members.values() if isinstance(each, Unknown) or each.value.epoch >= epoch
            ]
            assert of_epoch == [row]


@every
@given(snapshots)
def test_nothing_goes_on_a_table_that_could_not_be_read(snapshot: Snapshot) -> None:
    if type(snapshot.rows) is Unknown:
        assert not completed(decide(snapshot))


@every
@given(snapshots)
def test_nothing_goes_while_another_pass_may_run_unless_the_cluster_is_deleted(snapshot: Snapshot) -> None:
    if isinstance(snapshot.lease, Unknown) and not phase_is_deleting(snapshot) and isinstance(snapshot.rows, Known):
        assert not completed(decide(snapshot))


@every
@given(snapshots)
def test_only_waiting_instances_are_answered_and_each_exactly_once(snapshot: Snapshot) -> None:
    answered = [one.instance for one in decide(snapshot) if isinstance(one, CompleteHook | Heartbeat)]
    assert all(one.waits_to_terminate or one.waits_to_launch for one in answered)
    if isinstance(snapshot.groups, Known):
        terminating = [one.instance_id for one in snapshot.groups.value.instances if one.waits_to_terminate]
        # A worker's hook is not extended for a drain that is not stored.
        workers = {one.instance_id for one in snapshot.groups.value.instances if one.role == WORKER_ROLE}
        assert sorted({one.instance_id for one in answered if one.waits_to_terminate} | workers & set(terminating)) == (
            terminating
        )
        assert len({one.instance_id for one in answered}) == len(answered)


@every
@given(snapshots)
def test_a_launching_instance_is_answered_only_in_a_deletion_that_is_stored(snapshot: Snapshot) -> None:
    if any(one.instance.waits_to_launch for one in decide(snapshot) if isinstance(one, CompleteHook | Heartbeat)):
        assert phase_is_deleting(snapshot) or isinstance(snapshot.rows, NoTable)


@every
@given(snapshots)
def test_only_retained_instances_are_terminated(snapshot: Snapshot) -> None:
    ended = [action.instance for action in decide(snapshot) if isinstance(action, TerminateRetained)]
    assert all(each.is_retained for each in ended)


@every
@given(snapshots)
def test_one_operation_at_most_is_asked_for_and_none_beside_another(snapshot: Snapshot) -> None:
    actions = decide(snapshot)
    asked = [action for action in actions if isinstance(action, RequestOperation)]
    assert len(asked) <= 1
    if asked:
        assert isinstance(snapshot.rows, Known)
        assert isinstance(snapshot.rows.value.operation, Known)
        present = snapshot.rows.value.operation.value
        cleared = [action.operation for action in actions if isinstance(action, ClearOperation)]
        assert present is None or cleared == [present]
        assert asked[0].operation != present


@every
@given(snapshots)
def test_an_instance_is_ended_for_somebody_who_asks_only_where_it_alone_serves_its_slot(snapshot: Snapshot) -> None:
    ended = [action for action in decide(snapshot) if isinstance(action, AcceptReplacement)]
    assert len(ended) <= 1
    for action in ended:
        assert isinstance(snapshot.groups, Known)
        (alone,) = [each for each in snapshot.groups.value.instances if each.group == action.instance.group]
        assert alone.is_in_service
        assert snapshot.root_status in {Known(each) for each in SETTLED_STATES}
        assert not [action for action in decide(snapshot) if isinstance(action, RequestOperation | EndInstance)]


@every
@given(snapshots)
def test_a_table_is_never_protected_in_a_deletion(snapshot: Snapshot) -> None:
    actions = decide(snapshot)
    if any(isinstance(action, ProtectTable) for action in actions):
        assert isinstance(snapshot.rows, Known)
        assert not phase_is_deleting(snapshot)
        assert not any(isinstance(action, SetPhaseDeleting) for action in actions)


@every
@given(snapshots)
def test_cloudformation_is_always_answered_when_time_is_up(snapshot: Snapshot) -> None:
    if snapshot.request is not None and snapshot.now >= snapshot.request.answer_by:
        answers = [action for action in decide(snapshot) if isinstance(action, AnswerTeardown | DismissTeardown)]
        assert [answer.teardown for answer in answers] == [snapshot.request]


@every
@given(snapshots)
def test_a_request_to_delete_decides_nothing_but_its_answer(snapshot: Snapshot) -> None:
    without = replace(snapshot, request=None)
    if isinstance(snapshot.rows, Known):
        without = replace(without, rows=Known(replace(snapshot.rows.value, teardown=Known(None))))
    name = teardown().physical_id
    others = [
        action
        for action in decide(snapshot)
        if not isinstance(action, AnswerTeardown | DismissTeardown)
        and not (isinstance(action, Wait) and action.subject == name)
    ]
    assert others == decide(without)


@every
@given(snapshots)
def test_the_phase_turns_to_deleting_only_where_the_root_stack_is_being_deleted(snapshot: Snapshot) -> None:
    if any(isinstance(action, SetPhaseDeleting) for action in decide(snapshot)):
        assert isinstance(snapshot.root_status, Known)
        assert snapshot.root_status.value in DELETING_STATES


@every
@given(snapshots)
def test_two_rounds_leave_nothing_to_write(snapshot: Snapshot) -> None:
    """Two, since conditions are only cleared once the phase of a deletion is stored."""
    if not isinstance(snapshot.rows, Known):
        return
    for _ in range(2):
        snapshot = stored(snapshot, decide(snapshot))
    writes = (
        SetCondition
        | ClearCondition
        | SetPhaseDeleting
        | ProtectTable
        | RequestDrain
        | ClearDrain
        | StartTimer
        | StopTimer
    )
    assert not [action for action in decide(snapshot) if isinstance(action, writes)]


def stored(snapshot: Snapshot, actions: list[Action]) -> Snapshot:
    """`snapshot` after the writes of `actions`."""
    if not isinstance(snapshot.rows, Known):
        return snapshot
    rows = snapshot.rows.value
    conditions: dict[str, Reading[Condition]] = dict(rows.conditions)
    drains: dict[str, Reading[Drain]] = dict(rows.drains)
    timers: dict[str, Reading[Timer]] = dict(rows.timers)
    for action in actions:
        match action:
            case SetCondition(condition=condition):
                conditions[condition.name] = Known(condition)
            case ClearCondition(condition=condition):
                conditions.pop(condition.name, None)
            case RequestDrain(drain=wanted):
                drains[wanted.instance_id] = Known(wanted)
            case ClearDrain(instance_id=name):
                del drains[name]
            case StartTimer(timer=timer):
                timers[timer.name] = Known(timer)
            case StopTimer(timer=timer):
                timers.pop(timer.name)
            case SetPhaseDeleting():
                rows = replace(rows, record=Known(ClusterRecord(CLUSTER_ID, Phase.DELETING, 1)))
            case ProtectTable():
                snapshot = replace(snapshot, table_protected=Known(True))
    return replace(snapshot, rows=Known(replace(rows, conditions=conditions, drains=drains, timers=timers)))

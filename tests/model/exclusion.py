"""The exclusion model: who joins, restarts, backs up and removes at the same time, each paused between look and write.

The project's own contenders look, and their write is a step of its own, carried out any time later; so are the
function's request and what agents write. A holder may die, and is seen to stand still then; one that lives renews.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias

from coordination import exclusion, node_leases, operations
from coordination.exclusion import LEASES, Activity, Taken
from coordination.names import CLUSTER_ITEM, LEASE_ITEM_PREFIX, OPERATION_ITEM, lease_item
from coordination.node_leases import LeaseName, node_lease
from coordination.operations import DOUBT_SECONDS, Operation, OperationKind, OperationOutcome, OperationState, operation
from coordination.outcomes import Item, Known, Unknown
from coordination.writes import Transaction, Update, update
from tests.model.explorer import Step
from tests.model.membership_facts import EPOCH, NOW, RECORD
from tests.model.table import EMPTY, Table, carry_out, get, without
from userdata.leases.keeper import Contender
from userdata.leases.others import Others

ALONE = "no restart goes on beside a join, a removal, a backup or another restart"
GATE = "nobody begins to join while there is an operation"
CALL = "no member is removed while a backup goes on"
_LEASE = 60.0
_MINUTES = {False: NOW, True: NOW + DOUBT_SECONDS}
IDLE, HOLDS, ENDED, DEAD = "idle", "holds", "ended", "dead"
Pending: TypeAlias = Update | Transaction | None


class Actor(NamedTuple):
    """Somebody who wants a lease once. `pending` is the write that it has decided on and not sent yet."""

    activity: Activity
    owner: str
    phase: str = IDLE
    pending: Pending = None


class State(NamedTuple):
    """Everything."""

    table: Table
    actors: tuple[Actor, ...]
    removed: bool = False
    """Whether etcd has removed the member, or nobody asks for it."""
    checked: bool = False
    """Whether an agent has checked the removal, and is about to send it."""
    minute: bool = False
    """Whether the minute after the operation's end is over."""
    deaths: int = 0
    withdrawals: int = 0
    harm: tuple[str, ...] = ()

    @property
    def operation(self) -> Operation | None:
        """The one that stands there."""
        item = get(self.table, OPERATION_ITEM)
        return None if item is None else operation(item)

    @property
    def now(self) -> int:
        """Seconds since 1970."""
        return _MINUTES[self.minute]

    def active(self, activity: Activity) -> int:
        """How many are at it, and live."""
        return sum(each.phase == HOLDS and each.activity is activity for each in self.actors)

    @property
    def removes(self) -> bool:
        """Whether a removal goes on, or may be carried out still."""
        found = self.operation
        return found is not None and (found.outcome is None or found.is_in_doubt(self.now))


class Exclusion:
    """`wanted` are the activities that are begun, each by an instance of its own; with REMOVAL a member is removed."""

    def __init__(self, *wanted: Activity, deaths: int = 0, withdrawals: int = 0) -> None:
        self._wanted = wanted
        self._deaths, self._withdrawals = deaths, withdrawals
        self._decided = cache(_decided)

    @property
    def invariants(self) -> Mapping[str, Callable[[State], bool]]:
        """What must hold in every state."""
        return {what: partial(_harmless, what) for what in (ALONE, GATE, CALL)}

    def initial(self) -> State:
        """Nobody has begun."""
        table = carry_out(EMPTY, update(CLUSTER_ITEM, RECORD.fields(), {}))
        assert table is not None
        names = [each for each in self._wanted if each in LEASES]
        actors = tuple(Actor(each, f"i-{number}") for number, each in enumerate(names))
        removed = Activity.REMOVAL not in self._wanted
        return State(table, actors, removed, deaths=self._deaths, withdrawals=self._withdrawals)

    def parts(self, state: State) -> tuple[Hashable, ...]:
        """The state as a flat tuple."""
        return (state,)

    def whole(self, parts: tuple[Hashable, ...]) -> State:
        """The state that `parts` was made of."""
        (state,) = parts
        assert isinstance(state, State)
        return state

    def is_good(self, state: State) -> bool:
        """Everybody who lives has had its turn."""
        return state.removed and state.operation is None and all(each.phase in (ENDED, DEAD) for each in state.actors)

    def steps(self, state: State) -> Iterator[Step[State]]:
        """Everything that can happen next."""
        for number, actor in enumerate(state.actors):
            yield from self._of_actor(state, number, actor)
        yield from _of_function(state)
        yield from _of_agents(state)

    def _of_actor(self, state: State, number: int, actor: Actor) -> Iterator[Step[State]]:
        name = f"{actor.owner} ({actor.activity})"

        def with_actor(after: State, **changes: Any) -> State:
            changed = actor._replace(pending=None, **changes)
            return after._replace(actors=(*after.actors[:number], changed, *after.actors[number + 1 :]))

        if actor.phase == IDLE and actor.pending is None:
            alive = frozenset(each.owner for each in state.actors if each.phase != DEAD)
            write = self._decided(state.table, actor.activity, actor.owner, alive, state.now)
            if write is not None:
                yield Step(f"{name} looks, and may begin", state._replace(actors=_put(state, number, write)))
        elif actor.phase == IDLE:
            assert actor.pending is not None
            table = carry_out(state.table, actor.pending)
            if table is None:
                yield Step(f"{name} is refused", with_actor(state))
            else:
                begun = with_actor(state._replace(table=table), phase=HOLDS)
                yield Step(f"{name} begins", _judged(begun, actor.activity))
        elif actor.phase == HOLDS:
            lease = node_lease(_present(get(state.table, lease_item(LEASES[actor.activity]))))
            if lease.owner == actor.owner:
                released = carry_out(state.table, node_leases.release(lease))
                assert released is not None
                yield Step(f"{name} ends", with_actor(state._replace(table=released), phase=ENDED))
            if state.deaths:
                dead = with_actor(state._replace(deaths=state.deaths - 1), phase=DEAD)
                yield Step(f"{name} dies", dead, fault=True)


def _put(state: State, number: int, write: Pending) -> tuple[Actor, ...]:
    return tuple(each._replace(pending=write) if at == number else each for at, each in enumerate(state.actors))


def _judged(state: State, begun: Activity) -> State:
    harm = set(state.harm)
    others = state.removes or state.active(Activity.JOIN) or state.active(Activity.BACKUP)
    if state.active(Activity.RESTART) > 1 or (state.active(Activity.RESTART) and others):
        harm.add(ALONE)
    if begun is Activity.JOIN and state.operation is not None:
        harm.add(GATE)
    return state._replace(harm=tuple(sorted(harm)))


def _of_function(state: State) -> Iterator[Step[State]]:
    found = state.operation
    if found is None:
        wanted = Operation("op", OperationKind.REMOVE, "i-9", "9", EPOCH, OperationState.REQUESTED, NOW)
        table = None if state.removed else carry_out(state.table, operations.request(wanted))
        if table is not None:
            asked = state._replace(table=table, minute=False)
            yield Step("the function asks for the removal", _judged(asked, Activity.REMOVAL))
        return
    if found.outcome is None and state.withdrawals:
        ended = _write(state, operations.end(found, OperationOutcome.WITHDRAWN, "", NOW))
        yield Step("the function withdraws it", ended._replace(withdrawals=state.withdrawals - 1), fault=True)
    if found.outcome is not None and not state.minute:
        # An agent sends nothing later than ten seconds after its check.
        yield Step("a minute passes", state._replace(minute=True, checked=False))
    if found.outcome is not None and not found.is_in_doubt(state.now):
        yield Step("the function deletes it", state._replace(table=without(state.table, OPERATION_ITEM), minute=False))


def _of_agents(state: State) -> Iterator[Step[State]]:
    found = state.operation
    if found is not None and found.outcome is None:
        if found.state is OperationState.REQUESTED:
            yield Step("an agent accepts it", _write(state, operations.accept(found, "i-8", NOW, 300)[0]))
        elif state.removed:
            yield Step("an agent ends it", _write(state, operations.end(found, OperationOutcome.DONE, "", NOW)))
        elif not state.checked:
            yield Step("an agent has checked it", state._replace(checked=True))
    if state.checked:
        yield from _called(state)
    for name in LeaseName:
        item = get(state.table, lease_item(name))
        dead = {each.owner for each in state.actors if each.phase == DEAD}
        # The one lease of which the function asks whether it is free.
        if name is LeaseName.RESTART and item is not None and node_lease(item).owner in dead:
            yield Step(f"an agent releases lease#{name}", _write(state, node_leases.release_still(node_lease(item))))


def _called(state: State) -> Iterator[Step[State]]:
    item = get(state.table, lease_item(LeaseName.BACKUP))
    lease = None if item is None else node_lease(item)
    dead = {each.owner for each in state.actors if each.phase == DEAD}
    stands = exclusion.of_lease(Activity.BACKUP, Known(lease), still=lease is not None and lease.owner in dead)
    if isinstance(exclusion.checks(Activity.CALL, {Activity.BACKUP: stands}), Taken):
        yield Step("the agent finds a backup going on", state._replace(checked=False))
        return
    harm = set(state.harm)
    if state.active(Activity.BACKUP):
        harm.add(CALL)
    if state.active(Activity.RESTART):
        harm.add(ALONE)
    yield Step("etcd removes the member", state._replace(checked=False, removed=True, harm=tuple(sorted(harm))))


def _write(state: State, write: Update) -> State:
    table = carry_out(state.table, write)
    assert table is not None
    return state._replace(table=table)


def _harmless(what: str, state: State) -> bool:
    return what not in state.harm


def _decided(table: Table, activity: Activity, owner: str, alive: frozenset[str], now: int) -> Pending:
    """The write by which a contender begins, after it has looked twice, a lease apart; None where it has to wait."""
    ports = _Ports(table, alive)
    clock = [0.0]
    others = Others(ports, activity, _LEASE, lambda: clock[0], lambda: now)
    contender = Contender(ports, LEASES[activity], owner, _LEASE, lambda: clock[0], others)
    contender.try_once()
    if ports.sent is None:
        clock[0], ports.renewals = _LEASE, 1
        contender.try_once()
    return ports.sent


class _Ports:
    """The table, as a contender asks it; what it writes is kept, and not carried out."""

    def __init__(self, table: Table, alive: frozenset[str]) -> None:
        self._table, self._alive = table, alive
        self.renewals = 0
        self.sent: Pending = None

    def get(self, item_id: str) -> Known[Item | None]:
        item = get(self._table, item_id)
        if item is not None and item_id.startswith(LEASE_ITEM_PREFIX) and item.get("Owner") in self._alive:
            return Known({**item, "Counter": node_lease(item).counter + self.renewals})
        return Known(item)

    def apply(self, write: Update) -> Unknown:
        return self._send(write)

    def transact(self, write: Transaction) -> Unknown:
        return self._send(write)

    def items(self, *_: Any) -> Any:
        raise NotImplementedError

    put = update = delete = items

    def _send(self, write: Pending) -> Unknown:
        self.sent = write
        return Unknown("it was not sent yet")


def _present(item: Item | None) -> Item:
    assert item is not None
    return item

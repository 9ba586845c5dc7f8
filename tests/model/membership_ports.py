"""One run of the task that carries out operations, on ports made of a state of the membership model.

The run is cut off before its second effect: the agent may die there, lose the lease or the reply, and the next one, of
whichever agent, starts from what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple, TypeAlias

from coordination.exclusion import Activity
from coordination.members import MemberState, member
from coordination.names import OPERATION_ITEM, member_item
from coordination.node_leases import LeaseName, take
from coordination.operations import OperationState, operation
from coordination.outcomes import Conflict, Done, Item, Known, NoOp, Reading, Refused
from coordination.writes import Transaction, Update, as_item
from tests.model import membership_facts as facts
from tests.model.membership_facts import Times
from tests.model.membership_state import REMOVED, UNLISTED, VOTER, Node, Operation, Position, State
from tests.model.table import Table, carry_out, get
from userdata.agent.removal.task import Removal, RemovalContext
from userdata.config.pace import Pace
from userdata.etcd.refusals import EtcdRefused, Refusal
from userdata.kube.drain import Drained
from userdata.leases.others import Others
from userdata.logs.lines import StageFailed


class Written(NamedTuple):
    """A run has stored the operation, and the target's row, as they are now; and whether it took `lease#join`."""

    operation: Operation
    row: str
    under_lease: bool


class Removes(NamedTuple):
    """A run has sent the removal of the member that stands there."""

    at: Position


Effect: TypeAlias = Written | Removes | None


def effect(state: State, times: Times, join_held: bool) -> Effect:
    """What a run does first; None where it does nothing. `join_held` says that a joiner at work holds `lease#join`."""
    ports = _Ports(state, times, join_held=join_held)
    target = next(at for at, node in state.nodes() if node.target)
    others = [at for at, node in state.nodes() if node.answers and at != target]
    acting = facts.AGENT if others or not state.at(target).answers else facts.name(target)
    context = RemovalContext(
        instance_id=acting,
        epoch=facts.EPOCH,
        slots=len(state.groups),
        pace=Pace(),
        table=ports,
        leadership=ports,
        join_lease=ports.join_lease,
        beside_call=Others(ports, Activity.CALL, 60.0, lambda: 0.0),
        look=lambda _: Known(facts.view(state)),
        own=ports,  # type: ignore[arg-type]
        at=lambda _: ports,  # type: ignore[arg-type,return-value]
        instances=lambda: Known(facts.instances(state)),
        states=lambda names: Known(facts.states(state, names)),
        drain=lambda *_: Drained(),
        beat=lambda: None,
        wall=lambda: float(facts.NOW),
        steady=lambda: 0.0,
    )
    with suppress(_CutError, StageFailed):
        Removal(context).run()
    return ports.effect


def refuses(state: State, node: Node) -> bool:
    """Whether etcd does, by its strict-reconfig-check, or for want of a majority or of another voter."""
    if not state.has_quorum or (node.etcd == VOTER and state.voters == 1):
        return True
    return node.answers and state.answering - 1 < 1 + (state.voters - 1) // 2


class _CutError(Exception):
    """The run is cut off before its second effect."""


class _Ports:
    """The table, etcd and the leases of one run."""

    def __init__(self, state: State, times: Times, *, join_held: bool) -> None:
        self._state = state
        self._times = times
        self._table: Table = facts.table(state, times)
        self._join_held = join_held
        self._took_lease = False
        self.effect: Effect = None

    def get(self, item_id: str) -> Reading[Item | None]:
        return Known(get(self._table, item_id))

    def items(self, prefixes: Sequence[str]) -> Reading[tuple[Item, ...]]:
        stored = facts.rows(self._state, self._times).values()
        return Known(
            tuple(as_item(row.item_id, row.fields()) for row in stored if row.item_id.startswith(tuple(prefixes)))
        )

    def put(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    update = delete = put

    def apply(self, update: Update) -> Done | Conflict:
        return Done() if self._write(update) else Conflict(get(self._table, update.item_id))

    def transact(self, transaction: Transaction) -> Done | Refused:
        return Done() if self._write(transaction) else Refused({})

    def remove(self, member_id: int) -> Done | NoOp | EtcdRefused:
        at = facts.position_of_number(f"{member_id:x}")
        node = self._state.at(at)
        if node.etcd == UNLISTED:
            return NoOp("etcd does not list it")
        if refuses(self._state, node):
            return EtcdRefused(Refusal.UNHEALTHY)
        self._first()
        self.effect = Removes(at)
        return Done()

    def move_leader(self, _: int) -> Done:
        return Done()

    def require(self) -> None:
        """An agent that has lost the lease ends its run, which is one more run that is cut off."""

    def stand_aside(self) -> None:
        raise AssertionError("the target acts beside others")

    def join_lease(self) -> AbstractContextManager[Any]:
        """`lease#join`, from a holder that stands still, if there is one."""
        if self._join_held:
            raise StageFailed("a joiner holds the lease")
        holding = take(LeaseName.JOIN, None, facts.AGENT)
        self._table = carry_out(self._table, holding.write) or self._table
        self._took_lease = True
        return nullcontext(holding.lease)

    def _first(self) -> None:
        if self.effect is not None:
            raise _CutError

    def _write(self, write: Update | Transaction) -> bool:
        after = carry_out(self._table, write)
        if after is None:
            return False
        self._first()
        self._table = after
        self.effect = self._written()
        return True

    def _written(self) -> Written:
        stored = operation(_present(get(self._table, OPERATION_ITEM)))
        at = next(at for at, node in self._state.nodes() if node.target)
        row = self._state.at(at).row
        item = get(self._table, member_item(facts.name(at)))
        if item is not None and member(item).state is MemberState.REMOVED:
            row = REMOVED
        outcome = "" if stored.outcome is None else stored.outcome.value
        accepted = stored.state is OperationState.ACCEPTED
        named = bool(stored.target_instance)
        written = Operation(stored.kind, named, accepted, outcome, alone=stored.by_etcd_alone)
        return Written(written, row, self._took_lease)


def _present(item: Mapping[str, object] | None) -> Item:
    assert item is not None
    return item

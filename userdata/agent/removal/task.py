"""The task that carries out an operation: accept, drain, move leadership, check again, remove, row and result.

Each run goes as far as it can without waiting and leaves everything else to the next one, so that another agent may go
on at any step. Nothing is remembered but in the table. The only step that cannot be taken back is sent right after a
check, and never repeated without a new one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from coordination import operations
from coordination.exclusion import Taken
from coordination.fields import parsed
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState, member
from coordination.names import CLUSTER_ITEM, MEMBER_ITEM_PREFIX, OPERATION_ITEM, member_item
from coordination.node_leases import NodeLease
from coordination.operations import CALL_SECONDS, Operation, OperationOutcome, OperationState, operation
from coordination.outcomes import Conflict, Done, Known, Reading, Refused, Unknown
from coordination.ports import Table
from coordination.record import ClusterRecord, cluster_record
from coordination.rows import all_of, read
from coordination.termination import TERMINATED, States
from userdata.agent.observe.members import member_of
from userdata.agent.removal.check import Allowed, NotListed, Surroundings, Verdict, Veto, check, successor
from userdata.agent.sight import StandsAside
from userdata.agent.tasks import Task
from userdata.config.pace import Pace
from userdata.etcd.client import Etcd
from userdata.etcd.model import EtcdMember, hexadecimal
from userdata.etcd.refusals import EtcdRefused
from userdata.etcd.view import At, EtcdView, address
from userdata.kube.drain import Drained, Step, Waiting
from userdata.leases.others import Others
from userdata.logs.lines import StageFailed

Value = TypeVar("Value")

PERIOD_SECONDS = 2.0
"""A replacement waits for this look, which reads a single item where there is nothing to do (docs/costs.md)."""
MOST_ASIDE = 2
"""How often the agent of the target stands aside for the same operation: other agents may all be gone."""
_LEADER_SECONDS = 60
"""How long after the end of a drain a leader that cannot be moved is waited for; then it is removed as it is, and the
others elect one."""


class AgentLease(StandsAside, Protocol):
    """`lease#agent`, which a removal needs to the end."""

    def require(self) -> None:
        """Raises StageFailed where this node does not hold it."""


@dataclass(frozen=True)
class RemovalContext:
    """What the task needs of its node. Callables that ask never raise; times are in seconds since 1970."""

    instance_id: str
    epoch: int
    """Of this node's etcd data."""
    slots: int
    pace: Pace
    table: Table
    leadership: AgentLease
    join_lease: Callable[[], AbstractContextManager[NodeLease]]
    """`lease#join` while it lasts; raises StageFailed."""
    beside_call: Others
    """What must not go on when a member is removed."""
    look: Callable[[Collection[str]], Reading[EtcdView]]
    """At etcd, without asking the members of these instances."""
    own: Etcd
    """The member on this node."""
    at: At
    instances: Callable[[], Reading[Collection[GroupInstance]]]
    states: States
    drain: Callable[[str, bool], Step]
    """One step of a node's drain, with or without force (userdata.kube.drain)."""
    beat: Callable[[], object]
    """Says that the task moves."""
    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class _Look:
    """What a check was made of. `began` is on the steady clock, read before the operation and then etcd were read."""

    began: float
    view: EtcdView
    around: Surroundings
    verdict: Verdict


class Removal:
    """Carries out the operation that stands in the table, if there is one."""

    def __init__(self, context: RemovalContext) -> None:
        self._context = context
        self._aside: tuple[str, int] = ("", 0)
        """For which operation this node has stood aside, and how often."""

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The task, of the leader alone."""
        return Task("removal", period_seconds, self.run, leader_only=True, urgent=True)

    def run(self) -> str:
        """Go on with the operation; says what was done. Raises StageFailed where it has to be tried again."""
        found = _known(parsed(self._context.table.get(OPERATION_ITEM), operation))
        if found is None or found.outcome is not None:
            return ""
        if found.epoch > self._context.epoch:
            raise StageFailed(f"the etcd here is of epoch {self._context.epoch}, and cannot judge: {found}")
        if found.epoch < self._context.epoch:
            return self._end(found, OperationOutcome.VETOED, Veto.OTHER_EPOCH.value)
        look = self._look(found)
        if self._is_target(found) and _others(look.view, found.target_instance) and self._stands_aside(found):
            return f"stands aside, so that another agent carries out: {found}"
        match look.verdict:
            case NotListed():
                return self._finish(found, look.around.row)
            case Allowed():
                return self._go_on(self._accepted(found), look, look.verdict)
            case objection:
                return self._end(found, OperationOutcome.VETOED, objection.value)

    def _is_target(self, found: Operation) -> bool:
        return found.target_instance == self._context.instance_id

    def _stands_aside(self, found: Operation) -> bool:
        """Whoever is removed should not be the one to do it, for its etcd stops in the middle, unless no other one can.

        Each time the others have had a whole lease to take over.
        """
        operation_id, times = self._aside
        times = times + 1 if operation_id == found.operation_id else 1
        if times > MOST_ASIDE:
            return False
        self._aside = (found.operation_id, times)
        self._context.leadership.stand_aside()
        return True

    def _look(self, found: Operation) -> _Look:
        """Read groups, rows and then etcd, and judge.

        Raises StageFailed where any of it is unknown, and where the operation is not as it was `found`: the function
        waits for nobody who has begun a check after it withdrew one.

        The groups come before the clock. CALL_SECONDS bounds how old the operation and etcd's answers may be: by them
        the function counts an operation as ended, and by them alone the quorum is judged. Of the groups the check
        takes whether the target leaves, which nothing turns back but a person who puts it into service at this very
        moment, and that is no danger to the quorum. So however slowly Auto Scaling and EC2 answer, a removal is sent.
        """
        context = self._context
        instances = _known(context.instances())
        elsewhere = {found.target_instance} - {each.instance_id for each in instances} - {""}
        asked = context.states({found.target_instance}) if found.target_instance else Known({})
        states = _known(asked) if elsewhere else {}
        context.beat()
        began = context.steady()
        if _known(parsed(context.table.get(OPERATION_ITEM), operation)) != found:
            raise StageFailed("somebody else has changed the operation since")
        record = _known(parsed(context.table.get(CLUSTER_ITEM), cluster_record))
        row = self._row(found.target_instance)
        view = _known(context.look(_gone(asked)))
        context.beat()
        if record is None or not _is_etcd_of(record, view, context.epoch):
            raise StageFailed(f"the etcd here is {hexadecimal(view.listed.cluster_id)}, and not the record's")
        if not found.target_instance:
            row = self._row_of_member(found.target_member_id, view)
        around = Surroundings(row, instances, states, context.slots, int(context.wall()))
        return _Look(began, view, around, check(found, view, around))

    def _row(self, instance_id: str) -> Member | None:
        if not instance_id:
            return None
        return _known(parsed(self._context.table.get(member_item(instance_id)), member))

    def _row_of_member(self, member_id: str, view: EtcdView) -> Member | None:
        """The row of a member whose instance the function did not know.

        Read after the list: a joiner writes its row before etcd hears of it, and its id into it only later.
        """
        stored = _known(read(self._context.table, (MEMBER_ITEM_PREFIX,)))
        for row in _known(all_of(stored.members)):
            listed = member_of(row, view.listed) if row.epoch == self._context.epoch else None
            if listed is not None and hexadecimal(listed.member_id) == member_id:
                return row
        return None

    def _accepted(self, found: Operation) -> Operation:
        if found.state is OperationState.ACCEPTED and found.accepted_by == self._context.instance_id:
            return found
        write, accepted = operations.accept(
            found, self._context.instance_id, int(self._context.wall()), self._context.pace.drain
        )
        outcome = self._context.table.apply(write)
        if isinstance(outcome, Conflict):
            raise StageFailed("somebody else has changed the operation since")
        if isinstance(outcome, Unknown):
            raise StageFailed(f"whether the operation was accepted is unknown: {outcome.reason}")
        return accepted

    def _go_on(self, accepted: Operation, look: _Look, allowed: Allowed) -> str:
        """From an operation that was accepted. A voter that is silent has no clients, and nothing that a drain ends."""
        if allowed.serves and not self._is_drained(accepted, look.around.row):
            return ""
        if allowed.leads:
            self._move_leadership(accepted, look, allowed.member)
        again = self._look(accepted)
        match again.verdict:
            case NotListed():
                return self._finish(accepted, again.around.row)
            case Allowed(serves=True) if not allowed.serves:
                # It woke, and its clients and pods with it: the next run drains it.
                return ""
            case Allowed(member=target):
                return self._remove(accepted, again, target)
            case objection:
                return self._end(accepted, OperationOutcome.VETOED, objection.value)

    def _is_drained(self, accepted: Operation, row: Member | None) -> bool:
        """Whether pods and clients have left the target, or have had all the time that they get."""
        now = self._context.wall()
        late = accepted.drain_until is not None and now >= accepted.drain_until
        step = self._context.drain(accepted.target_instance, late)
        self._context.beat()
        if late:
            return True
        if isinstance(step, Waiting):
            return False
        if not isinstance(step, Drained):
            raise StageFailed(f"{accepted.target_instance} cannot be drained: {step.reason}")
        return row is None or (since := row.leaves_since()) is None or now - since >= self._context.pace.clients

    def _move_leadership(self, accepted: Operation, look: _Look, target: EtcdMember) -> None:
        """Have another voter lead, so that no write waits for an election."""
        heir = successor(look.view, target, look.around.instances)
        moved = None if heir is None else self._context.at(address(target)).move_leader(heir.member_id)
        if isinstance(moved, Done):
            return
        if accepted.drain_until is not None and self._context.wall() >= accepted.drain_until + _LEADER_SECONDS:
            return
        why = "no other voter serves" if moved is None else moved.reason
        raise StageFailed(f"etcd's leadership does not leave {accepted.target_instance}: {why}")

    def _remove(self, accepted: Operation, look: _Look, target: EtcdMember) -> str:
        self._context.leadership.require()
        beside = self._context.beside_call.look()
        if isinstance(beside, Taken):
            raise StageFailed(f"the removal waits: {beside.reason}")
        # The function takes an operation that it withdrew for ended once this time has passed.
        if (took := self._context.steady() - look.began) > CALL_SECONDS:
            raise StageFailed(f"the check took {took:.0f} s, and what it says is too old to remove a member by")
        outcome = self._asked(accepted, look.view).remove(target.member_id)
        if isinstance(outcome, EtcdRefused):
            return self._end(accepted, OperationOutcome.VETOED, f"etcd refuses: {outcome.reason}")
        if isinstance(outcome, Unknown):
            raise StageFailed(f"whether {accepted.target_instance} was removed is unknown: {outcome.reason}")
        return self._finish(accepted, look.around.row)

    def _asked(self, accepted: Operation, view: EtcdView) -> Etcd:
        """The member that is told to remove the target: one that stays, since the target's stops in the middle."""
        others = _others(view, accepted.target_instance) if self._is_target(accepted) else ()
        return self._context.at(address(others[0])) if others else self._context.own

    def _finish(self, found: Operation, row: Member | None) -> str:
        """Make the row of a target that is not listed say so, and end the operation with it."""
        reason = f"etcd does not list {found.target_member_id or found.target_instance}"
        if row is None or row.state is MemberState.REMOVED:
            return self._end(found, OperationOutcome.DONE, reason)
        if row.state is MemberState.VOTER:
            return self._finished(found, row, reason)
        # Its joiner may be about to add it, unless nobody joins at all.
        with self._context.join_lease() as lease:
            again = self._look(found)
            if not isinstance(again.verdict, NotListed):
                raise StageFailed(f"{found.target_instance} was added meanwhile")
            if again.around.row is None or again.around.row.state is MemberState.REMOVED:
                return self._end(found, OperationOutcome.DONE, reason)
            return self._finished(found, again.around.row, reason, lease)

    def _finished(self, found: Operation, row: Member, reason: str, under: NodeLease | None = None) -> str:
        outcome = self._context.table.transact(operations.finish(found, row, reason, int(self._context.wall()), under))
        if isinstance(outcome, Refused):
            raise StageFailed("the operation or its target's row has changed since")
        if isinstance(outcome, Unknown):
            raise StageFailed(f"whether the operation has ended is unknown: {outcome.reason}")
        return f"{found.kind} of {found.target_instance}: {reason}"

    def _end(self, found: Operation, outcome: OperationOutcome, reason: str) -> str:
        written = self._context.table.apply(operations.end(found, outcome, reason, int(self._context.wall())))
        if isinstance(written, Unknown):
            raise StageFailed(f"whether the operation has ended is unknown: {written.reason}")
        if isinstance(written, Conflict):
            return ""
        return f"{found.kind} of {found.target_instance or found.target_member_id} is {outcome}: {reason}"


def _others(view: EtcdView, instance_id: str) -> tuple[EtcdMember, ...]:
    """The voters that serve, without the one of this instance."""
    return tuple(voter for voter in view.well if voter.name != instance_id)


def _is_etcd_of(record: ClusterRecord, view: EtcdView, epoch: int) -> bool:
    return record.epoch == epoch and hexadecimal(view.listed.cluster_id) == record.etcd_cluster_id


def _gone(states: Reading[Mapping[str, str | None]]) -> Collection[str]:
    """The instances that EC2 calls terminated. A member of another one has its time to answer."""
    return () if isinstance(states, Unknown) else [name for name, state in states.value.items() if state == TERMINATED]


def _known(reading: Reading[Value]) -> Value:
    """What was read. Raises StageFailed where that is unknown."""
    if isinstance(reading, Unknown):
        raise StageFailed(reading.reason)
    return reading.value

"""A cluster around the task that carries out operations: etcd, table and leases, which tests break one by one.

etcd is a stand-in that keeps its own rule of quorum. Table, rows and operation are the project's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from coordination import node_leases
from coordination.exclusion import Activity
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState, member
from coordination.names import OPERATION_ITEM, member_item
from coordination.node_leases import LeaseName, NodeLease
from coordination.operations import Operation, OperationKind, OperationState, operation
from coordination.outcomes import Done, Item, Known, NoOp, Reading, Unknown
from tests.unit.userdata.agent.looks import ETCD_CLUSTER, NOW, RECORD, etcd_member, listed, row
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.agent.removal.task import Removal, RemovalContext
from userdata.config.pace import Pace
from userdata.etcd.client import Etcd
from userdata.etcd.model import EtcdMember, Health, MemberKind, Status
from userdata.etcd.refusals import EtcdRefused, Refusal
from userdata.etcd.view import EtcdView, MemberAnswer, MemberView
from userdata.kube.drain import Drained, PodLeft, Step, Waiting, Why
from userdata.leases.keeper import Busy, Contender
from userdata.leases.others import Others
from userdata.logs.lines import StageFailed

FULL = Waiting((PodLeft("default", "web", Why.BUDGET, "web needs 1"),))
REQUESTED = Operation("op-1", OperationKind.REMOVE, "i-1", "10", 2, OperationState.REQUESTED, NOW)
PACE = Pace()


class Died(BaseException):
    """The agent's program ends here."""


def die() -> None:
    """Ends the program that does what it is called for."""
    raise Died


class World:
    """Instances `i-1`, `i-2` …, each with the voter of etcd whose id is `<number>0`; `i-1` has been asked to leave.

    Names of steps are `apply operation`, `transact …`, `drain`, `move`, `remove`, `look`, and before it `groups`.
    """

    def __init__(self, slots: int = 3) -> None:
        self.slots = slots
        self.members = {number: etcd_member(number) for number in range(1, slots + 1)}
        self.silent: set[int] = set()
        self.leader = 2
        self.now = 0.0
        """Seconds since NOW, of every clock."""
        self.lease: int | None = 2
        """Whose agent leads."""
        self.stood_aside: list[int] = []
        self.places = dict.fromkeys(self.members, "InService") | {1: "Terminating:Wait"}
        self.states: dict[str, str | None] = {}
        self.groups_broken: Unknown | None = None
        self.states_broken: Unknown | None = None
        self.unasked: set[str] = set()
        """Whom the last look at etcd left out."""
        self.pods: Step = Drained()
        self.drains: list[tuple[str, bool]] = []
        self.calls: list[str] = []
        """What was asked of etcd that changes something, and of drains, in order."""
        self.removed: list[tuple[int, str]] = []
        """Members with the operation that stood when they were removed."""
        self.told_to_remove: list[int] = []
        """Whose etcd was told, in order."""
        self.wrong: list[str] = []
        """What must never happen, and did."""
        self.after: dict[str, Callable[[], None]] = {}
        """What happens once a step was done, before its answer."""
        self.before: dict[str, Callable[[], None]] = {}
        self.refuses: EtcdRefused | None = None
        self.lost: set[str] = set()
        """Steps of etcd whose answers are lost."""
        self.table = MemoryTable(RECORD.item(), REQUESTED.item())
        for number in self.members:
            self.table.store(row(number).item())
        self.table.store(replace(row(1), hook_since=NOW - 600).item())
        self.table.changed = self._after_a_write

    # what a test says

    def agent(self, number: int) -> Removal:
        """The task of the agent on an instance, as after its start."""
        name = f"i-{number}"
        contender = Contender(self.table, LeaseName.JOIN, name, 60.0, lambda: self.now)
        return Removal(
            RemovalContext(
                instance_id=name,
                epoch=2,
                slots=self.slots,
                pace=PACE,
                table=self.table,
                leadership=_Leadership(self, number),
                join_lease=lambda: self._join_lease(contender),
                beside_call=Others(self.table, Activity.CALL, 60.0, lambda: self.now),
                look=lambda gone: self.look(number, gone),
                own=cast(Etcd, _Member(self, number)),
                at=lambda address: cast(Etcd, _Member(self, int(address.rpartition(".")[2]))),
                instances=self._groups,
                states=lambda asked: self.states_broken or Known({name: self.states.get(name) for name in asked}),
                drain=self._drain,
                beat=lambda: None,
                wall=lambda: NOW + self.now,
                steady=lambda: self.now,
            )
        )

    def run(self, number: int = 2) -> str:
        """One run of an agent's task: what it says, `failed: …`, or that it died."""
        self.lease = number
        try:
            return self.agent(number).run()
        except StageFailed as failed:
            return f"failed: {failed}"
        except Died:
            return "died"

    def ask(self, **changes: Any) -> Operation:
        """Put another operation there."""
        asked = replace(REQUESTED, **changes)
        self.put(OPERATION_ITEM, asked.item())
        return asked

    def put(self, item_id: str, item: Item) -> None:
        """Somebody else's doing, which is no step of the task."""
        changed, self.table.changed = self.table.changed, _nothing
        self.table.remove(item_id)
        self.table.store(item)
        self.table.changed = changed

    @property
    def operation(self) -> Operation:
        item = self.table.stored(OPERATION_ITEM)
        assert item is not None
        return operation(item)

    @property
    def outcome(self) -> str | None:
        return self.operation.outcome

    def row(self, number: int = 1) -> Member:
        item = self.table.stored(member_item(f"i-{number}"))
        assert item is not None
        return member(item)

    def store(self, number: int, **changes: Any) -> None:
        self.put(member_item(f"i-{number}"), replace(row(number), **changes).item())

    def add_learner(self, number: int, *, name: str | None = None) -> None:
        """A joiner's member and row, whose etcd has started unless its name is empty."""
        self.members[number] = etcd_member(number, learner=True, name=name)
        self.store(number, state=MemberState.JOINING, etcd_member_id="")
        self.places[number] = "Pending:Wait"

    def ids(self) -> set[int]:
        """The numbers of the members that etcd lists."""
        return set(self.members)

    # what agents see and do

    @property
    def instances(self) -> tuple[GroupInstance, ...]:
        return tuple(
            GroupInstance(f"i-{number}", f"slot{number}", "control-plane", state, str(number))
            for number, state in self.places.items()
        )

    def _groups(self) -> Reading[tuple[GroupInstance, ...]]:
        self._before("groups")
        return self.groups_broken or Known(self.instances)

    @property
    def voters(self) -> set[int]:
        return {number for number, each in self.members.items() if not each.is_learner}

    @property
    def answering(self) -> set[int]:
        return {number for number in self.voters - self.silent if self.members[number].name}

    def has_quorum(self) -> bool:
        return len(self.answering) > len(self.voters) // 2

    def look(self, number: int, gone: Collection[str] = ()) -> Reading[EtcdView]:
        self._before("look")
        self.unasked = set(gone)
        if number in self.silent or number not in self.members or not self.has_quorum():
            return Unknown("member list: no answer")
        members = sorted(self.members.values(), key=lambda each: each.member_id)
        view = EtcdView(listed(*members), tuple(MemberView(each, self._answer(each)) for each in members), Known(()))
        self._after("look")
        return Known(view)

    def _answer(self, asked: EtcdMember) -> MemberAnswer:
        if _number(asked) in self.silent or asked.kind is MemberKind.UNSTARTED:
            return MemberAnswer(Unknown("silent"), Unknown("silent"))
        status = Status(
            ETCD_CLUSTER, asked.member_id, int(f"{self.leader}0", 16), asked.is_learner, "3.6", 1, 1, 7, 7, ()
        )
        return MemberAnswer(Known(status), Known(Health(not asked.is_learner)))

    def remove(self, asked: int, member_id: int) -> Done | NoOp | EtcdRefused | Unknown:
        """etcd's own removal, with what the project promises of it."""
        self._before("remove")
        number = next((each for each, found in self.members.items() if found.member_id == member_id), None)
        if asked not in self.answering or not self.has_quorum():
            return Unknown("member remove: no answer")
        if number is None:
            return NoOp("there is no such member")
        if self.refuses is not None:
            return self.refuses
        left, staying = self.voters - {number}, self.answering - {number}
        if number in self.voters and len(staying) <= len(left) // 2:
            return EtcdRefused(Refusal.NOT_ENOUGH_STARTED)
        self._judge(number, staying)
        self.calls.append(f"remove {number}")
        self.told_to_remove.append(asked)
        self.removed.append((number, self.operation.operation_id))
        del self.members[number]
        self._after("remove")
        return Unknown("member remove: the answer was lost") if "remove" in self.lost else Done()

    def _judge(self, number: int, staying: set[int]) -> None:
        stands = self.operation
        if (stands.target_member_id or f"{number}0") != f"{number}0":
            self.wrong.append(f"{number} is not the target")
        if number in self.answering and not stands.by_etcd_alone and len(staying) < self.slots // 2 + 1:
            self.wrong.append(f"without {number} too few answer")

    def move(self, asked: int, target_id: int) -> Done | EtcdRefused | Unknown:
        self._before("move")
        if asked != self.leader:
            return EtcdRefused(Refusal.NOT_LEADER)
        if "never move" in self.lost:
            return Unknown("move leader: no answer")
        heirs = [number for number, each in self.members.items() if each.member_id == target_id]
        if not heirs:
            # It was removed while the agent was paused (etcd's server/etcdserver/server.go, MoveLeader).
            return EtcdRefused(Refusal.BAD_TRANSFEREE)
        (self.leader,) = heirs
        self.calls.append(f"move {asked} to {self.leader}")
        self._after("move")
        return Unknown("move leader: the answer was lost") if "move" in self.lost else Done()

    def _drain(self, name: str, force: bool) -> Step:
        self._before("drain")
        self.calls.append(f"drain {name}{' by force' if force else ''}")
        self._after("drain")
        return self.pods

    @contextmanager
    def _join_lease(self, contender: Contender) -> Iterator[NodeLease]:
        tried = contender.try_once()
        if isinstance(tried, Busy):
            raise StageFailed(tried.reason)
        try:
            yield tried
        finally:
            self.table.apply(node_leases.release(tried))

    def _before(self, step: str) -> None:
        self.before.get(step, _nothing)()

    def _after_a_write(self) -> None:
        # What a test does then is no step of the task.
        self.table.changed = _nothing
        try:
            self._after(self.table.calls[-1] if self.table.calls else "")
        finally:
            self.table.changed = self._after_a_write

    def _after(self, step: str) -> None:
        self.after.get(step, _nothing)()


class _Leadership:
    """`lease#agent` of one agent."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number

    def require(self) -> None:
        if self._world.lease != self._number:
            raise StageFailed("the lease agent is not this node's any more")

    def stand_aside(self) -> None:
        self._world.stood_aside.append(self._number)
        self._world.lease = None


class _Member:
    """The member of one instance, as far as the task asks it."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number

    def remove(self, member_id: int) -> object:
        return self._world.remove(self._number, member_id)

    def move_leader(self, target_id: int) -> object:
        return self._world.move(self._number, target_id)


def lost_once(step: str) -> Callable[[str], Fate]:
    """The next call of the table of this name is carried out, and its answer is lost."""
    return _once(step, Fate.LOST)


def failed_once(step: str) -> Callable[[str], Fate]:
    """The next call of the table of this name is not carried out, and nobody can tell."""
    return _once(step, Fate.FAILED)


def _once(step: str, fate: Fate) -> Callable[[str], Fate]:
    left = [step]

    def of(call: str) -> Fate:
        if call in left:
            left.remove(call)
            return fate
        return Fate.ANSWERED

    return of


def _number(asked: EtcdMember) -> int:
    return asked.member_id // 16


def _nothing() -> None:
    pass

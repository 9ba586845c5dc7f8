"""A leaving voter and a leaving worker go however one call of the function is disturbed, at whichever of its requests.
A request to delete the cluster comes to what the root stack's status says.

Every request that passes send is disturbed once, in each way. Passes go on meanwhile, as the schedule has them, and an
agent does what it is asked for.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from enum import Enum
from typing import Any

import pytest

from coordination import drains, operations
from coordination.drains import DrainOutcome, drain
from coordination.instances import GroupInstance
from coordination.members import Member, MemberState, member
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import Operation, operation
from coordination.outcomes import Done, Unknown
from functions.reconcile.handler import PassFailed, respond
from functions.reconcile.ports import Ports
from tests.unit.functions.asked import AskedCluster
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import NOW, SETTINGS, FunctionHarness, function_harness

# Some two hundred clusters, each from its first request to its last.
pytestmark = pytest.mark.slow

VOTERS = ("i-0", "i-1", "i-2")
LEAVING, WORKER = "i-1", "i-w"
PASSES = 30
LEASE_SECONDS = 130
"""Until the lease of a call that was killed is free: twice its time-out, and more."""


class Trouble(Enum):
    """What happens to one request."""

    REFUSED = "it is not carried out, and the answer is an error"
    UNANSWERED = "it is carried out, and no answer comes"
    KILLED = "the function dies before it"
    KILLED_AFTER = "the function dies after it"


class Killed(BaseException):
    """The process is gone: nothing of the function runs any more."""


class Disturbed:
    """Ports whose requests are counted; the one of number `at` has a trouble. -1 is none's."""

    def __init__(self, at: int = -1, trouble: Trouble = Trouble.REFUSED) -> None:
        self.sent = 0
        self._at = at
        self._trouble = trouble

    def around(self, port: object) -> Any:
        """The same port, disturbed."""
        return _Port(port, self)

    def ask(self, call: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Send one request."""
        self.sent += 1
        if self.sent - 1 != self._at:
            return call(*arguments, **named)
        if self._trouble is Trouble.KILLED:
            raise Killed
        if self._trouble is Trouble.REFUSED:
            return Unknown("drawn")
        call(*arguments, **named)
        if self._trouble is Trouble.KILLED_AFTER:
            raise Killed
        return Unknown("drawn")


class _Port:
    def __init__(self, port: object, disturbed: Disturbed) -> None:
        self._port = port
        self._disturbed = disturbed

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)
        return lambda *arguments, **named: self._disturbed.ask(call, arguments, named)


class World:
    """A cluster of three voters with a successor of the one that leaves, and one worker that leaves."""

    def __init__(self, there: FunctionHarness, disturbed: Disturbed) -> None:
        self.there = there
        self.disturbed = disturbed
        self.members = {name: f"{number}0" for number, name in enumerate((*VOTERS, "i-new"))}
        for name in self.members:
            row = Member(name, 1, MemberState.VOTER, name[-1], etcd_member_id=self.members[name], created_at=NOW - 9000)
            there.table.put(row.item(), {})
        self.observe()

    def observe(self) -> None:
        """What the leading agent stores of each look."""
        seen = tuple(SeenMember(known_as, name, False, "") for name, known_as in self.members.items())
        self.there.table.put(ClusterObservation(int(self.there.moment), "i-0", 1, members=seen).item(), {})

    def call(self) -> None:
        """The schedule's next call of the function; Lambda repeats none that failed before the schedule does."""
        there, around = self.there, self.disturbed.around
        ports = replace(
            there.ports(),
            table=around(there.table),
            groups=around(there.groups),
            sizes=around(there.groups),
            targets=around(there.groups),
            root=around(there.root),
        )
        with contextlib.suppress(PassFailed, Killed):
            respond(SCHEDULE, SETTINGS, lambda: ports)

    def agent(self) -> None:
        """The leading agent carries out what there is."""
        now = int(self.there.moment)
        found = self._stored("operation")
        if found is not None and operation(found).outcome is None:
            self._remove(operation(found), now)
        asked = self._stored(f"drain#{WORKER}")
        if asked is not None and drain(asked).outcome is None:
            assert self.there.table.apply(drains.done(drain(asked), DrainOutcome.DRAINED, "i-0", now)) == Done()
        self.observe()

    def _remove(self, asked: Operation, now: int) -> None:
        assert asked.target_instance == LEAVING, "somebody else is to be removed"
        write, accepted = operations.accept(asked, "i-0", now, 300)
        assert self.there.table.apply(write) == Done()
        self.members.pop(LEAVING, None)
        row = member(self.there.item(f"member#{LEAVING}"))
        assert self.there.table.transact(operations.finish(accepted, row, "", now)) == Done()

    def _stored(self, key: str) -> Any:
        return self.there.item(key)


def slotted(name: str, slot: str, state: str = "InService") -> GroupInstance:
    return GroupInstance(name, f"slot{slot}", "control-plane", state, slot)


def play(disturbed: Disturbed) -> tuple[World, int]:
    """Passes until all that leaves may go and nothing is left over; how many there were."""
    leaving = slotted(LEAVING, "1", "Terminating:Wait")
    others = [slotted(name, name[-1]) for name in ("i-0", "i-2")]
    came = slotted("i-new", "1")
    worker = GroupInstance(WORKER, "pool", "worker", "Terminating:Wait")
    with function_harness(leaving, *others, came, worker) as there:
        world = World(there, disturbed)
        for number in range(PASSES):
            world.call()
            world.agent()
            there.moment += LEASE_SECONDS if number % 3 == 2 else 10
            if is_over(there):
                return world, number
    pytest.fail(f"after {PASSES} passes: {there.groups.by_id}")


def is_over(there: FunctionHarness) -> bool:
    """Whether both hooks were completed, the row says removed, and no operation, drain or condition is left."""
    states = {name: each.lifecycle_state for name, each in there.groups.by_id.items()}
    left = [key for key in there.stored_keys() if key.partition("#")[0] in ("operation", "drain", "condition")]
    gone = states[LEAVING] == states[WORKER] == "Terminating:Proceed"
    return gone and not left and member(there.item(f"member#{LEAVING}")).state is MemberState.REMOVED


@pytest.fixture(scope="module")
def undisturbed() -> int:
    """How many requests it takes."""
    disturbed = Disturbed()
    play(disturbed)
    return disturbed.sent


@pytest.mark.parametrize("trouble", Trouble)
def test_whichever_request_of_the_function_is_disturbed_both_go_and_nobody_else(
    undisturbed: int, trouble: Trouble
) -> None:
    assert undisturbed > 20
    for number in range(undisturbed):
        world, _ = play(Disturbed(number, trouble))
        ended = {name for call, name in world.there.groups.calls if call in ("end", "end surplus", "terminate")}
        assert not ended, f"request {number}: {ended} were ended"
        serving = [each for each in world.there.groups.by_id.values() if each.lifecycle_state == "InService"]
        assert {each.instance_id for each in serving} == {"i-0", "i-2", "i-new"}, f"request {number}"


def ask(disturbed: Disturbed, status: str, unknown: int) -> AskedCluster:
    """A cluster that was asked to be deleted, after passes until the request is gone. The status of its root stack
    cannot be read for so many times."""
    cluster = AskedCluster(status)
    cluster.root.first = [Unknown("drawn")] * unknown

    def change(ports: Ports) -> Ports:
        around = disturbed.around
        return replace(
            ports,
            table=around(ports.table),
            groups=around(ports.groups),
            root=around(ports.root),
            send=lambda *sent: disturbed.ask(ports.send, sent, {}),
        )

    def call(event: object) -> bool:
        with contextlib.suppress(Killed):
            return cluster.call(event, change)
        return False

    # Lambda repeats a call that failed, twice.
    for _ in range(3):
        if call(cluster.request(1)):
            break
        cluster.moment += 60
    for _ in range(5):
        cluster.moment += LEASE_SECONDS
        call(SCHEDULE)
        if not cluster.is_asked and not cluster.root.first:
            break
    return cluster


@pytest.mark.parametrize("unknown", [0, 2], ids=["known at once", "unknown at first"])
@pytest.mark.parametrize(("status", "phase"), [("DELETE_IN_PROGRESS", "deleting"), ("UPDATE_COMPLETE", "ready")])
@pytest.mark.parametrize("trouble", Trouble)
def test_whichever_request_of_the_function_is_disturbed_the_root_stack_says_what_becomes_of_a_request_to_delete(
    trouble: Trouble, status: str, phase: str, unknown: int
) -> None:
    undisturbed = Disturbed()
    ask(undisturbed, status, unknown)
    assert undisturbed.sent > 5
    for number in range(undisturbed.sent):
        cluster = ask(Disturbed(number, trouble), status, unknown)
        said = f"request {number}"
        assert (cluster.phase, cluster.voter_is_held, cluster.is_asked) == (phase, phase == "ready", False), said
        # One that is dismissed is forgotten before it is answered: a pass that dies between does not answer it.
        assert cluster.answers or phase == "ready", said

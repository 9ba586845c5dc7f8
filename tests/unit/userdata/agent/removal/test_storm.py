"""Agents that die, pause, are overtaken and lose answers while members fall silent and wake, in every order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from coordination.names import OPERATION_ITEM
from coordination.operations import DOUBT_SECONDS, LONGEST_SECONDS, OperationKind, OperationOutcome
from tests.unit.userdata.agent.looks import NOW
from tests.unit.userdata.agent.removal.world import FULL, World, die, failed_once, lost_once
from userdata.kube.drain import Drained

FINISH = "transact member#{} operation"
ACCEPT = "apply operation"
STEPS = st.sampled_from([ACCEPT, "drain", "move", "look"])
"""Between the clock and the call, at `remove`, an agent may die; that it is paused there is excused."""
NUMBERS = st.integers(1, 5)


class Storm(RuleBasedStateMachine):
    """Rules that name an instance take the next one that is a member."""

    @initialize(slots=st.sampled_from([3, 5]), leader=NUMBERS)
    def begin(self, slots: int, leader: int) -> None:
        self.world = World(slots)
        self.world.leader = self._member(leader)
        self.asked = 1

    def _member(self, number: int) -> int:
        ids = sorted(self.world.ids())
        return ids[number % len(ids)]

    @rule(number=NUMBERS)
    def run(self, number: int) -> None:
        """An agent that has the lease has its turn."""
        self.world.run(self._member(number))

    @rule(step=STEPS | st.just("remove"), other=NUMBERS)
    def dies(self, step: str, other: int) -> None:
        """The next agent that gets so far dies, right after the step."""
        self.world.after[step] = self._once(step, die)

    @rule()
    def dies_before_the_call(self) -> None:
        self.world.before["remove"] = die

    @rule(step=STEPS, other=NUMBERS, seconds=st.sampled_from([5.0, 61.0, 700.0]))
    def is_overtaken(self, step: str, other: int, seconds: float) -> None:
        """The next agent that gets so far is paused, and another one with the lease has its turn meanwhile."""

        def overtake() -> None:
            self.world.now += seconds
            self._withdraw_what_is_overdue()
            if seconds > LONGEST_SECONDS:
                self.world.now += DOUBT_SECONDS
            if self._may_ask():
                self.asks(other)
            self.world.run(self._member(other + 1))

        self.world.after[step] = self._once(step, overtake)

    @rule(step=st.sampled_from(["move", "remove"]))
    def loses_an_answer_of_etcd(self, step: str) -> None:
        self.world.lost.add(step)
        self.world.after[step] = self._once(step, lambda: None)

    @rule(fate=st.sampled_from([lost_once, failed_once]), finishing=st.booleans())
    def loses_an_answer_of_the_table(self, fate: Callable[..., Callable[[str], object]], finishing: bool) -> None:
        target = self.world.operation.target_instance if self._stands() else "i-1"
        self.world.table.fate = fate(FINISH.format(target) if finishing else ACCEPT)  # type: ignore[assignment]

    @rule(number=NUMBERS, silent=st.booleans())
    def falls_silent_or_wakes(self, number: int, silent: bool) -> None:
        found = self._member(number)
        (self.world.silent.add if silent else self.world.silent.discard)(found)

    @rule(full=st.booleans())
    def pods_come_and_go(self, full: bool) -> None:
        self.world.pods = FULL if full else Drained()

    @rule(seconds=st.sampled_from([5.0, 60.0, 300.0, 601.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self._withdraw_what_is_overdue()

    @precondition(lambda self: self._may_ask())
    @rule(number=NUMBERS)
    def asks(self, number: int) -> None:
        """The function asks for the next removal, as it may: what is before has ended, and nobody acts on it still."""
        found = self._member(number)
        self.asked += 1
        self.world.places[found] = "Terminating:Wait"
        self.world.ask(
            operation_id=f"op-{self.asked}",
            kind=OperationKind.REMOVE,
            target_instance=f"i-{found}",
            target_member_id=f"{found}0",
            requested_at=int(NOW + self.world.now),
        )

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert self.world.wrong == []
        ids = [operation_id for _, operation_id in self.world.removed]
        assert len(ids) == len(set(ids))
        assert len(self.world.ids()) >= self.world.slots // 2 + 1

    def teardown(self) -> None:
        """Once everybody is well, the operation ends."""
        world = self.world
        world.before.clear()
        world.after.clear()
        world.lost.clear()
        world.silent.clear()
        world.pods = Drained()
        if not self._stands():
            return
        target = int(world.operation.target_instance.removeprefix("i-"))
        others = sorted(world.ids() - {target})
        for _ in range(4):
            world.run(others[0])
        assert world.operation.outcome is not None
        assert world.operation.outcome is not OperationOutcome.DONE or target not in world.ids()

    def _stands(self) -> bool:
        return self.world.table.stored(OPERATION_ITEM) is not None

    def _may_ask(self) -> bool:
        found, now = self.world.operation, int(NOW + self.world.now)
        return found.outcome is not None and not found.is_in_doubt(now)

    def _withdraw_what_is_overdue(self) -> None:
        found, now = self.world.operation, int(NOW + self.world.now)
        if found.is_overdue(now):
            ended = replace(found, outcome=OperationOutcome.WITHDRAWN, ended_at=now)
            self.world.put(OPERATION_ITEM, ended.item())

    def _once(self, step: str, then: Callable[[], None]) -> Callable[[], None]:
        def happen() -> None:
            del self.world.after[step]
            then()
            self.world.lost.discard(step)

        return happen


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)

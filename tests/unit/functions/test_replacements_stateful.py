"""Runbooks that ask for replacements, give up and are cut off, while Auto Scaling, table, stack and members do as they
like. etcd, agents and launches are played in a few lines; the requests and the passes are the project's own."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from coordination.instances import GroupInstance
from coordination.members import Member, MemberState, member
from coordination.names import (
    OBSERVATION_ITEM,
    OPERATION_ITEM,
    REPLACEMENT_ITEM_PREFIX,
    ReplacementState,
    member_item,
)
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.operations import OperationOutcome, operation
from coordination.outcomes import Known, Request, Unknown
from coordination.replacements import KEPT_SECONDS, Replacement, replacement
from functions.reconcile.replacements import END_SECONDS
from tests.unit.functions.asked import AskedCluster
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import BROKEN, SLOTS, FakeGroups, instance
from tests.unit.userdata.tables import Fate

REST, UPDATING = "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS"
REPLACED, REFUSED = ReplacementState.REPLACED, ReplacementState.REFUSED
NUMBERS = st.integers(0, 2)
LATER = st.sampled_from([5.0, 61.0, 301.0, 3700.0])
TAKEN = st.sampled_from([(False, False), (True, False), (True, True)])
"""Whether Auto Scaling takes a termination, and says so."""


class Groups(FakeGroups):
    """Auto Scaling, which may not take a termination, or lose its answer."""

    def __init__(self, world: Replacements) -> None:
        super().__init__(*(instance(f"i-{slot}", "InService", group=f"slot{slot}") for slot in range(3)))
        self.world = world
        self.takes = True
        self.answers = True

    def terminate(self, instance: GroupInstance) -> Request:
        self.world.judge(instance)
        if not self.takes:
            return BROKEN
        done = super().terminate(instance)
        return done if self.answers else Unknown("the answer was lost")


class Replacements(RuleBasedStateMachine):
    """Three slots, each with a voter; who is asked for is the instance of a slot."""

    @initialize()
    def begin(self) -> None:
        self.cluster = AskedCluster(REST)
        self.groups = self.cluster.groups = Groups(self)
        self.members: dict[str, bool] = {}
        """etcd's list: whether each answers."""
        self.launched = self.asked = 2
        self.sees = True
        self.failing: list[Fate] = []
        self.wrong: list[str] = []
        self.cluster.table.remove(member_item("i-1"))
        self.cluster.table.fate = self._fate
        for name in self.groups.by_id:
            self._becomes_a_member(name)

    # runbooks

    @rule(slot=st.integers(0, 3))
    def asks(self, slot: int) -> None:
        self.asked += 1
        self.cluster.table.store(Replacement(f"a{self.asked}", str(slot), ReplacementState.REQUESTED).item())

    @rule(at=NUMBERS)
    def withdraws(self, at: int) -> None:
        """As after five minutes; the runbook takes back what nobody has taken alone."""
        self._delete(at, ReplacementState.REQUESTED)

    @rule(at=NUMBERS)
    def fetches_its_answer(self, at: int) -> None:
        self._delete(at, REPLACED, REFUSED)

    def _delete(self, at: int, *states: ReplacementState) -> None:
        found = [each for each in self._requests() if each.state in states]
        if found:
            self.cluster.table.remove(found[at % len(found)].item_id)

    # the function, and what is around it

    @rule(fates=st.lists(st.sampled_from([Fate.LOST, Fate.FAILED]), max_size=2), slot=NUMBERS, taken=TAKEN, later=LATER)
    def somebody_asks_and_the_pass_meets_faults(
        self, fates: list[Fate], slot: int, taken: tuple[bool, bool], later: float
    ) -> None:
        """The next pass, some time later, meets none."""
        self.asks(slot)
        self.failing, (self.groups.takes, self.groups.answers) = fates, taken
        self.a_pass()
        self.failing, self.groups.takes, self.groups.answers = [], True, True
        self.cluster.moment += later
        self.a_pass()

    @rule()
    def a_pass(self) -> None:
        if self.sees:
            self._looks()
        self.cluster.call(SCHEDULE)

    @rule(seconds=LATER)
    def time_passes(self, seconds: float) -> None:
        self.cluster.moment += seconds

    @rule(updating=st.booleans())
    def an_update_begins_or_ends(self, updating: bool) -> None:
        self.cluster.root.state = Known(UPDATING if updating else REST)

    @rule(sees=st.booleans())
    def agents_lead_or_do_not(self, sees: bool) -> None:
        self.sees = sees

    @rule(at=NUMBERS, answers=st.booleans())
    def a_member_falls_silent_or_wakes(self, at: int, answers: bool) -> None:
        names = sorted(self.members)
        if answers or all(self.members.values()):
            self.members[names[at % len(names)]] = answers

    @rule()
    def an_agent_ends_the_operation(self) -> None:
        item = self.cluster.table.stored(OPERATION_ITEM)
        if item is None or operation(item).outcome is not None:
            return
        target = operation(item).target_instance
        well = [name for name, answers in self.members.items() if answers and name != target]
        outcome = OperationOutcome.DONE if len(well) >= 2 else OperationOutcome.VETOED
        if outcome is OperationOutcome.DONE:
            self.members.pop(target, None)
            row = member(self.cluster.table.stored(member_item(target)) or {})
            self.cluster.table.store(replace(row, state=MemberState.REMOVED).item())
        now = int(self.cluster.moment)
        self.cluster.table.store(replace(operation(item), outcome=outcome, ended_at=now).item())

    @rule()
    def instances_come_and_go(self) -> None:
        """One that was let go ends, a slot without another one gets one, and that joins where it may."""
        for name, each in list(self.groups.by_id.items()):
            if each.lifecycle_state == "Terminating:Proceed":
                del self.groups.by_id[name]
                self.groups.in_ec2[name] = "terminated"
            elif each.is_launching and len(self.members) <= 3 and self.cluster.table.stored(OPERATION_ITEM) is None:
                self._becomes_a_member(name)
                self.groups.by_id[name] = replace(each, lifecycle_state="InService")
        for group in SLOTS:
            active = [each for each in self.groups.by_id.values() if each.group == group.name and not each.is_leaving]
            if not active:
                self.launched += 1
                new = instance(f"i-{self.launched}", "Pending:Wait", group=group.name)
                self.groups.by_id[new.instance_id] = new

    # what must hold

    def judge(self, ended: GroupInstance) -> None:
        """Right before an instance is terminated for a request; the function ends silent members as well."""
        running = [each for each in self._requests() if each.state is ReplacementState.ACCEPTED]
        mine = [each for each in running if each.instance_id == ended.instance_id]
        if not mine:
            return
        if len(running) != 1:
            self.wrong.append(f"{len(running)} replacements at a time")
        if mine[0].accepted_at is None or self.cluster.moment - mine[0].accepted_at >= END_SECONDS:
            self.wrong.append(f"{ended.instance_id} is ended long after that was asked for")
        if any(not each.is_in_service for each in self.groups.by_id.values()) or len(self.groups.by_id) != 3:
            self.wrong.append(f"{ended.instance_id} is ended while a slot is not at rest")
        if self.cluster.root.state != Known(REST):
            self.wrong.append(f"{ended.instance_id} is ended during an update")
        if self.sees and not all(self.members.values()):
            self.wrong.append(f"{ended.instance_id} is ended beside a silent member")

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert self.wrong == []
        for each in self._requests():
            if each.state is REPLACED:
                assert each.instance_id not in self.members
                assert each.successor not in ("", each.instance_id)
            assert (each.ended_at is not None) == (each.state in (REPLACED, REFUSED))

    def teardown(self) -> None:
        """Once everybody is well every request has its answer, every slot its voter, and then no request is left."""
        self.cluster.root.state, self.sees = Known(REST), True
        for _ in range(60):
            self.members = dict.fromkeys(self.members, True)
            self.cluster.moment += 61
            self.a_pass()
            self.an_agent_ends_the_operation()
            self.instances_come_and_go()
            if self._is_settled():
                break
        assert all(each.ended_at is not None for each in self._requests())
        assert {each.group for each in self.groups.by_id.values() if each.is_in_service} == {g.name for g in SLOTS}
        assert set(self.groups.by_id) == set(self.members)
        self.cluster.moment += KEPT_SECONDS
        self.a_pass()
        assert self._requests() == []
        assert self.wrong == []

    def _is_settled(self) -> bool:
        serving = {name for name, each in self.groups.by_id.items() if each.is_in_service}
        answered = all(each.ended_at is not None for each in self._requests())
        return answered and len(serving) == len(SLOTS) and serving == set(self.groups.by_id) == set(self.members)

    def _requests(self) -> list[Replacement]:
        keys = [key for key in self.cluster.table.keys if key.startswith(REPLACEMENT_ITEM_PREFIX)]
        items = [self.cluster.table.stored(key) for key in sorted(keys)]
        return [replacement(item) for item in items if item is not None]

    def _becomes_a_member(self, name: str) -> None:
        self.members[name] = True
        slot = self.groups.by_id[name].slot
        row = Member(name, 1, MemberState.VOTER, slot, etcd_member_id=f"e{name}", created_at=int(self.cluster.moment))
        self.cluster.table.store(row.item())

    def _looks(self) -> None:
        """The leading agent publishes what it sees."""
        now = int(self.cluster.moment)
        members = tuple(
            SeenMember(f"e{name}", name, False, "" if answers else "no answer")
            for name, answers in sorted(self.members.items())
        )
        self.cluster.table.remove(OBSERVATION_ITEM)
        self.cluster.table.store(ClusterObservation(now, "i-0", 1, members=members).item())

    def _fate(self, call: str) -> Fate:
        if self.failing and call.startswith(("apply ", "update ")) and REPLACEMENT_ITEM_PREFIX in call:
            return self.failing.pop()
        return Fate.ANSWERED


TestReplacements = Replacements.TestCase
TestReplacements.settings = settings(max_examples=200, stateful_step_count=15, deadline=None)

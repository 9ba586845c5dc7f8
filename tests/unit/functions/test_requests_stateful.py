"""Requests to delete the cluster, CloudFormation's and anybody's, while root stack, AWS and table do as they like."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from coordination.outcomes import Known, Reading
from coordination.stacks import DELETING_STATES
from tests.unit.functions.asked import AskedCluster
from tests.unit.functions.events import SCHEDULE
from tests.unit.functions.harness import BROKEN, FakeRoot
from tests.unit.userdata.tables import Fate

# What follows on a status of the root stack; one that was deleted stays so.
NEXT = {
    "CREATE_IN_PROGRESS": ("CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"),
    "CREATE_FAILED": ("ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
    "CREATE_COMPLETE": ("UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
    "UPDATE_IN_PROGRESS": ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": ("UPDATE_COMPLETE",),
    "UPDATE_COMPLETE": ("UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
    "UPDATE_ROLLBACK_IN_PROGRESS": ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"),
    "UPDATE_ROLLBACK_FAILED": ("UPDATE_ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": ("UPDATE_ROLLBACK_COMPLETE",),
    "UPDATE_ROLLBACK_COMPLETE": ("UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
    "ROLLBACK_IN_PROGRESS": ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"),
    "ROLLBACK_FAILED": ("DELETE_IN_PROGRESS",),
    "ROLLBACK_COMPLETE": ("DELETE_IN_PROGRESS",),
    "DELETE_IN_PROGRESS": ("DELETE_FAILED", "DELETE_COMPLETE"),
    "DELETE_FAILED": ("DELETE_IN_PROGRESS",),
    "DELETE_COMPLETE": (),
}
FATES = st.sampled_from([Fate.LOST, Fate.FAILED])


class Root(FakeRoot):
    """The root stack, and what the function has read of it."""

    def __init__(self, status: str) -> None:
        super().__init__(Known(status))
        self.is_ = status
        self.broken = False
        self.was_read_as: set[str] = set()

    def status(self) -> Reading[str]:
        if self.broken:
            return BROKEN
        self.was_read_as.add(self.is_)
        return Known(self.is_)


class Requests(RuleBasedStateMachine):
    """A ready cluster, of which a hook holds a voter."""

    @initialize(status=st.sampled_from(["CREATE_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_IN_PROGRESS"]))
    def begin(self, status: str) -> None:
        self.cluster = AskedCluster(status)
        self.cluster.root = self.root = Root(status)
        self.cluster.table.fate = self._fate
        self.asked = 0
        self.failing: list[Fate] = []

    def _fate(self, call: str) -> Fate:
        if self.failing and not call.startswith(("get ", "items ")):
            return self.failing.pop()
        return Fate.ANSWERED

    def _ask(self, reachable: bool) -> None:
        self.asked += 1
        request = self.cluster.request(self.asked)
        if not reachable:
            self.cluster.unreachable.add(str(request["ResponseURL"]))
        self.cluster.call(request)

    @rule(reachable=st.booleans())
    def somebody_sends_a_request(self, reachable: bool) -> None:
        self._ask(reachable)

    @precondition(lambda self: self.root.is_ in ("DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"))
    @rule()
    def cloudformation_sends_a_request(self) -> None:
        self._ask(reachable=True)

    @rule()
    def the_schedule_comes(self) -> None:
        self.cluster.call(SCHEDULE)

    @rule(number=st.integers(0, 3))
    def the_root_stack_goes_on(self, number: int) -> None:
        following = NEXT[self.root.is_]
        if following:
            self.root.is_ = following[number % len(following)]

    @rule(broken=st.booleans())
    def its_status_cannot_be_read_or_can_again(self, broken: bool) -> None:
        self.root.broken = broken

    @rule(fates=st.lists(FATES, min_size=1, max_size=3))
    def writes_get_lost(self, fates: list[Fate]) -> None:
        self.failing = fates

    @rule(seconds=st.sampled_from([10, 130, 700]))
    def time_passes(self, seconds: int) -> None:
        self.cluster.moment += seconds

    @invariant()
    def the_phase_is_deleting_only_where_the_root_stack_was_read_as_one_that_is_being_deleted(self) -> None:
        if self.cluster.phase != "ready":
            assert self.root.was_read_as & DELETING_STATES

    @invariant()
    def the_voter_is_held_until_the_phase_is_deleting(self) -> None:
        if self.cluster.phase == "ready":
            assert self.cluster.voter_is_held
            assert {call for call, _ in self.cluster.groups.calls} <= {"heartbeat"}

    def teardown(self) -> None:
        """Once everything can be read and written again, no request is left, and the root stack alone has decided."""
        if not hasattr(self, "cluster"):
            return
        self.root.broken, self.failing = False, []
        deleting = self.root.is_ in DELETING_STATES
        if deleting:
            self.cluster.unreachable.clear()
        self.cluster.moment += 130
        for _ in range(2):
            self.cluster.call(SCHEDULE)
        assert not self.cluster.is_asked
        assert self.cluster.phase == ("deleting" if deleting else "ready")
        assert self.cluster.voter_is_held != deleting


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

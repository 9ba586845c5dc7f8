"""A cluster that is asked to be deleted, in memory: a ready one of which a hook holds a voter."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coordination.members import Member, MemberState
from coordination.names import CLUSTER_ITEM, TEARDOWN_ITEM
from coordination.outcomes import Done, Known, Reading, Unknown, Write
from coordination.record import ClusterRecord, Phase
from functions.reconcile.handler import PassFailed, respond
from functions.reconcile.ports import Ports
from tests.unit.functions.events import custom_resource
from tests.unit.functions.harness import CLUSTER_ID, NOW, SETTINGS, FakeGroups, FakeRoot, instance
from tests.unit.userdata.tables import MemoryTable

VOTER = "i-1"


class ProtectedTable(MemoryTable):
    """The table, with what only the function asks of it."""

    def update(
        self,
        item_id: str,
        changes: Mapping[str, object],
        expected: Mapping[str, object],
        defaults: Mapping[str, object] = {},
    ) -> Write:
        present = self.stored(item_id) or {}
        missing = {name: value for name, value in defaults.items() if name not in present}
        return super().update(item_id, {**missing, **changes}, expected)

    def deletion_protection(self) -> Reading[bool]:
        return Known(True)

    def protect(self) -> Done | Unknown:
        return Done()


class AskedCluster:
    """The cluster and its root stack. `unreachable` are addresses that take no answer."""

    def __init__(self, status: str) -> None:
        self.moment = float(NOW)
        self.root = FakeRoot(Known(status))
        self.groups = FakeGroups(instance(VOTER))
        ready = ClusterRecord(CLUSTER_ID, Phase.READY, 1, VOTER, 4, 1, "cdf818194e3a8c32", 3)
        self.table = ProtectedTable(ready.item(), Member(VOTER, 1, MemberState.VOTER).item())
        self.answers: list[str] = []
        self.unreachable: set[str] = set()

    def call(self, event: object, change: Callable[[Ports], Ports] = lambda ports: ports) -> bool:
        """Call the function; whether it did not fail."""
        ports = Ports(
            table=self.table,
            groups=self.groups,
            sizes=self.groups,
            targets=self.groups,
            root=self.root,
            send=self._send,
            clock=lambda: self.moment,
            seconds_left=lambda: 60.0,
            pause=self._pause,
        )
        try:
            respond(event, SETTINGS, lambda: change(ports))
        except PassFailed:
            return False
        return True

    @staticmethod
    def request(number: int) -> dict[str, object]:
        """A request to delete the cluster, CloudFormation's or anybody's."""
        url = f"https://answers.example/{number}"
        return custom_resource("Delete", ResponseURL=url, RequestId=f"request-{number}")

    @property
    def phase(self) -> str:
        """What the record says."""
        return str((self.table.stored(CLUSTER_ITEM) or {})["Phase"])

    @property
    def is_asked(self) -> bool:
        """Whether a request is stored."""
        return self.table.stored(TEARDOWN_ITEM) is not None

    @property
    def voter_is_held(self) -> bool:
        """Whether the hook of the voter was not completed."""
        return self.groups.by_id[VOTER].lifecycle_state == "Terminating:Wait"

    def _send(self, url: str, _: bytes) -> Done | Unknown:
        if url in self.unreachable:
            return Unknown("PUT: nobody is there")
        self.answers.append(url)
        return Done()

    def _pause(self, seconds: float) -> None:
        self.moment += seconds

"""Makes way for an agent that sees more: a leader whose own etcd is cut off or dead can remove nobody, itself included.

It goes on renewing its lease, for the table answers it. Where no other member sees a majority either, it stays.
"""

from __future__ import annotations

from typing import Protocol

from coordination.members import MemberState
from coordination.names import MEMBER_ITEM_PREFIX
from coordination.outcomes import Known, Unknown
from coordination.ports import TableReader
from coordination.rows import read, understood
from userdata.agent.tasks import Task
from userdata.etcd.client import Etcd
from userdata.etcd.view import At
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 10.0
LOOKS = 3
"""So many in a row without an answer are no restart of etcd, and no election."""


class StandsAside(Protocol):
    """`lease#agent` (userdata.leases.holder.LeaseHolder)."""

    def stand_aside(self) -> None:
        """Let another node take it first."""


class Sight:
    """Of the node's `own` member; `at` is who listens at an address, and `epoch` that of the etcd data here."""

    def __init__(
        self, instance_id: str, epoch: int, table: TableReader, own: Etcd, at: At, leadership: StandsAside
    ) -> None:
        self._instance_id = instance_id
        self._epoch = epoch
        self._table = table
        self._own = own
        self._at = at
        self._leadership = leadership
        self._missed = 0

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The leader's task."""
        return Task("sight", period_seconds, self.run, leader_only=True, urgent=True)

    def run(self) -> str:
        """Look once. Raises StageFailed where the members' rows cannot be read."""
        if _sees(self._own):
            self._missed = 0
            return ""
        self._missed += 1
        if self._missed < LOOKS:
            return ""
        for name, address in self._others():
            if _sees(self._at(address)):
                self._leadership.stand_aside()
                self._missed = 0
                return f"stands aside: etcd here sees no majority, and that of {name} does"
        return ""

    def _others(self) -> list[tuple[str, str]]:
        """Instances and addresses of the voters of this epoch or a later one."""
        found = read(self._table, (MEMBER_ITEM_PREFIX,))
        if isinstance(found, Unknown):
            raise StageFailed(found.reason)
        rows = understood(found.value.members).values()
        return [
            (row.instance_id, row.address)
            for row in rows
            if row.instance_id != self._instance_id
            and row.state is MemberState.VOTER
            and row.epoch >= self._epoch
            and row.address
        ]


def _sees(member: Etcd) -> bool:
    """Whether a member answers with a majority behind it."""
    return isinstance(member.members(), Known)

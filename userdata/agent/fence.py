"""Defence in depth: a node whose epoch has passed stops what it runs. The boot table, before it, starts nothing."""

from __future__ import annotations

from collections.abc import Callable

from coordination.fields import parsed
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Unknown
from coordination.ports import TableReader
from coordination.record import ClusterRecord, cluster_record
from userdata.agent.tasks import Task
from userdata.host.etcd_disk import DataOwner
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 10.0


def why_stop(record: ClusterRecord | None, identity: DataOwner) -> str | None:
    """Why this node must not run kubelet and etcd any more; None while it may.

    That there is no record is no reason: nothing deletes it, so the table was lost, and the members still serve. Nor is
    a deletion: until its instances go, the cluster serves whoever empties it.
    """
    if record is None:
        return None
    if record.cluster_id != identity.node.cluster_id:
        return f"the table belongs to the cluster {record.cluster_id}"
    if record.epoch > identity.epoch:
        return f"epoch {record.epoch} has begun, and this node's etcd data is of epoch {identity.epoch}"
    return None


class SelfFence:
    """`stop` stops kubelet and etcd, raises StageFailed where it cannot, and may be repeated."""

    def __init__(self, table: TableReader, identity: DataOwner, stop: Callable[[], None]) -> None:
        self._table = table
        self._identity = identity
        self._stop = stop
        self._stopped = ""

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The task; every node stops itself."""
        return Task("fence", period_seconds, self.run, leader_only=False)

    def run(self) -> str:
        """Look, and stop if it must be. Raises StageFailed where the record is unknown: then everything goes on."""
        reading = parsed(self._table.get(CLUSTER_ITEM), cluster_record)
        if isinstance(reading, Unknown):
            raise StageFailed(f"whether this node may go on is unknown: {reading.reason}")
        why = why_stop(reading.value, self._identity)
        if why is None:
            return ""
        # Again at every look: nothing else may have started them meanwhile.
        try:
            self._stop()
        except StageFailed as failed:
            raise StageFailed(f"kubelet and etcd have to stop, since {why}, and did not: {failed}") from failed
        if why == self._stopped:
            return ""
        self._stopped = why
        return f"stopped kubelet and etcd: {why}"

"""The tasks of looking: the leader's look at the cluster, and every node's own look at its certificates.

One look serves member rows, the observation and conditions, so that a cluster is asked once. What cannot be seen is
left as it is, and told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from coordination.ports import Table
from userdata.agent.observe import conditions, measures
from userdata.agent.observe.apply import apply
from userdata.agent.observe.conditions import Kind, Lasting, Wanted
from userdata.agent.observe.decide import decide
from userdata.agent.observe.gather import ObservationSources, gather
from userdata.agent.observe.own_condition import keep
from userdata.agent.tasks import Task
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 30.0


@dataclass
class Observer:
    """Looks at what `sources` show, and writes to `table`; `measured` takes the lines of a look's metrics."""

    sources: ObservationSources
    table: Table
    cluster_uuid: str = ""
    measured: Callable[[str], object] = lambda _: None
    _lasting: Lasting = field(default_factory=Lasting)

    def tasks(self, period_seconds: float = PERIOD_SECONDS) -> tuple[Task, Task]:
        """The leader's task, and the one that every node has."""
        return (
            # One row or member that stays unreadable makes every look a failure, and no look may come later for it.
            Task("observe", period_seconds, self.observe, leader_only=True, urgent=True),
            Task("expiry", 10 * period_seconds, self.look_at_certificates, leader_only=False),
        )

    def observe(self) -> str:
        """Look once. Raises StageFailed with all that could not be seen or written, after doing the rest."""
        snapshot = gather(self.sources)
        if snapshot is None:
            return ""
        for line in measures.lines(self.cluster_uuid, snapshot):
            self.measured(line)
        applied = apply(decide(snapshot, self._lasting), self.table)
        if troubles := [*snapshot.unknown(), *applied.troubles]:
            raise StageFailed("; ".join([*applied.told, *troubles]))
        return "; ".join(applied.told)

    def look_at_certificates(self) -> str:
        """Set or clear this node's own condition. Raises StageFailed."""
        source = self.sources
        now = source.wall()
        wanted = conditions.of_certificates(source.instance_id, source.certificates(), datetime.fromtimestamp(now, UTC))
        own = Wanted(Kind.CERTIFICATE_EXPIRING, source.instance_id, "", "").name
        return keep(self.table, own, wanted, int(now))

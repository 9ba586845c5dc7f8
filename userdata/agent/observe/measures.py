"""What the leading agent's look tells CloudWatch. Pure."""

from __future__ import annotations

from coordination import metrics
from coordination.metrics import Metric, Unit, Values
from coordination.names import MetricName
from coordination.outcomes import Known
from userdata.agent.observe.snapshot import Snapshot
from userdata.etcd.view import EtcdView

VOTERS = Metric(MetricName.VOTERS, Unit.COUNT)
ANSWERING = Metric(MetricName.VOTERS_ANSWERING, Unit.COUNT)
SILENT = Metric(MetricName.VOTERS_SILENT, Unit.COUNT)
LEARNERS = Metric(MetricName.LEARNERS, Unit.COUNT)
DATABASE = Metric(MetricName.DATABASE_SIZE, Unit.BYTES)
LOOK_INTERVAL = Metric(MetricName.LOOK_INTERVAL, Unit.SECONDS)

ALL = (VOTERS, ANSWERING, SILENT, LEARNERS, DATABASE, LOOK_INTERVAL)


def lines(cluster_uuid: str, snapshot: Snapshot) -> list[str]:
    """The lines of one look, for the agent's log."""
    last = snapshot.table.last
    view = snapshot.view.value if isinstance(snapshot.view, Known) else None
    since = None if last is None else max(0.0, snapshot.now - last.observed_at)
    return metrics.lines(cluster_uuid, snapshot.now, {**({} if view is None else _of_etcd(view)), LOOK_INTERVAL: since})


def _of_etcd(view: EtcdView) -> Values:
    voters, answering = len(view.listed.voters), len(view.well)
    return {
        VOTERS: voters,
        ANSWERING: answering,
        SILENT: voters - answering,
        LEARNERS: len(view.listed.members) - voters,
        DATABASE: view.size_bytes,
    }

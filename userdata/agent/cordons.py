"""Takes back the cordon of a drain that has ended, where the drained instance is in service all the same.

A removal may be vetoed after its drain: the instance stood by, say, and a person has brought it back. A cordon that no
drain here has made is a person's, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from coordination.fields import parsed
from coordination.instances import GroupInstance
from coordination.names import OPERATION_ITEM
from coordination.operations import Operation, operation
from coordination.outcomes import Done, Known, Reading, Unknown
from coordination.ports import Table
from userdata.agent.tasks import Task
from userdata.kube.client import Api
from userdata.kube.drain import is_cordoned_by_a_drain, uncordon
from userdata.kube.outcomes import ApiConflict, NotFound
from userdata.kube.resources import NODES
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 30.0


class Cordons:
    """`instances` are those of all groups; `beat` says that the task moves."""

    def __init__(
        self,
        api: Api,
        table: Table,
        instances: Callable[[], Reading[Collection[GroupInstance]]],
        beat: Callable[[], object],
    ) -> None:
        self._api = api
        self._table = table
        self._instances = instances
        self._beat = beat

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The leader's task."""
        return Task("cordons", period_seconds, self.run, leader_only=True)

    def run(self) -> str:
        """Look once. Raises StageFailed with what could not be seen or taken back, after doing the rest."""
        listed = self._api.list(NODES)
        if not isinstance(listed, Known):
            raise StageFailed(listed.reason)
        marked = {str(node["metadata"]["name"]): node for node in listed.value if is_cordoned_by_a_drain(node)}
        if not marked:
            return ""
        # After the Nodes: what began to drain one of them is seen, or has ended.
        standing = parsed(self._table.get(OPERATION_ITEM), operation)
        instances = self._instances()
        if isinstance(standing, Unknown):
            raise StageFailed(standing.reason)
        if isinstance(instances, Unknown):
            raise StageFailed(instances.reason)
        done, troubles = [], []
        for name in _ended(marked, standing.value, instances.value):
            outcome = uncordon(self._api, marked[name])
            self._beat()
            if isinstance(outcome, Done):
                done.append(name)
            elif not isinstance(outcome, NotFound | ApiConflict):
                # One that has changed since is looked at again in the next run.
                troubles.append(outcome.reason)
        said = [f"uncordoned what serves after its drain: {', '.join(done)}"] if done else []
        if troubles:
            raise StageFailed("; ".join([*said, *troubles]))
        return "; ".join(said)


def _ended(marked: Collection[str], standing: Operation | None, instances: Collection[GroupInstance]) -> list[str]:
    """The Nodes of instances in service that nothing drains any more. One that leaves stays cordoned."""
    drained = standing.target_instance if standing is not None and standing.outcome is None else ""
    serving = {each.instance_id for each in instances if each.is_in_service}
    return sorted(name for name in marked if name in serving and name != drained)

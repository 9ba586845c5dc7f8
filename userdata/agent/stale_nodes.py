"""Deletes the Node objects of terminated instances, so that what ran there may start elsewhere.

There is no cloud controller. The Pods of a StatefulSet, and volumes, stay bound to a Node for as long as it exists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from coordination.outcomes import Done, Known, NoOp
from coordination.termination import States, is_gone
from userdata.agent.tasks import Task
from userdata.kube.client import Api
from userdata.kube.drain import delete_node
from userdata.kube.nodes import why_not_ready
from userdata.kube.resources import NODES, Object, created
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 30.0


class StaleNodes:
    """`states` gives EC2's words for instances (coordination.adapters.instances); `beat` says that the task moves.

    `wall` is in seconds since 1970.
    """

    def __init__(
        self, api: Api, states: States, beat: Callable[[], object], wall: Callable[[], float] = time.time
    ) -> None:
        self._api = api
        self._states = states
        self._beat = beat
        self._wall = wall
        self._not_found_since: dict[str, int] = {}
        """By the names of Nodes, since when this agent has seen that EC2 does not know their instances."""

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The leader's task."""
        return Task("stale-nodes", period_seconds, self.run, leader_only=True)

    def run(self) -> str:
        """Look once. Raises StageFailed with what could not be seen or deleted, after doing the rest."""
        listed = self._api.list(NODES)
        if not isinstance(listed, Known):
            raise StageFailed(listed.reason)
        found = self._states([str(node["metadata"]["name"]) for node in listed.value])
        if not isinstance(found, Known):
            raise StageFailed(found.reason)
        deleted, troubles = [], []
        for name in self._stale(listed.value, found.value):
            outcome = delete_node(self._api, name)
            self._beat()
            if isinstance(outcome, Done):
                deleted.append(name)
            elif not isinstance(outcome, NoOp):
                troubles.append(outcome.reason)
        said = [f"deleted the Nodes of terminated instances: {', '.join(deleted)}"] if deleted else []
        if troubles:
            raise StageFailed("; ".join([*said, *troubles]))
        return "; ".join(said)

    def _stale(self, nodes: Iterable[Object], states: Mapping[str, str | None]) -> list[str]:
        """The names of Nodes whose instances are gone for good.

        EC2 shows a terminated instance for about an hour, so one that it does not know is judged as everywhere
        (coordination.termination), by its Node's age; and its kubelet must be silent, too.
        """
        now = int(self._wall())
        by_name = {str(node["metadata"]["name"]): node for node in nodes}
        unknown = [name for name in by_name if name in states and states[name] is None]
        self._not_found_since = {name: self._not_found_since.get(name, now) for name in unknown}
        return [
            name
            for name, node in by_name.items()
            if name in states
            and is_gone(states[name], int(created(node)), self._not_found_since.get(name), now)
            and (states[name] is not None or why_not_ready(node))
        ]

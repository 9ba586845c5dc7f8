"""Deletes the Node objects of terminated instances, so that what ran there may start elsewhere.

There is no cloud controller. The Pods of a StatefulSet, and volumes, stay bound to a Node for as long as it exists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

from coordination.outcomes import Done, Known, NoOp, Reading
from coordination.termination import TERMINATED, YOUNG_SECONDS
from userdata.agent.tasks import Task
from userdata.kube.client import Api
from userdata.kube.drain import delete_node
from userdata.kube.nodes import why_not_ready
from userdata.kube.resources import NODES, Object
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 30.0

States = Callable[[Collection[str]], Reading[Mapping[str, str | None]]]


def task(api: Api, states: States, period_seconds: float = PERIOD_SECONDS) -> Task:
    """The leader's task. `states` gives EC2's words for instances (coordination.adapters.instances)."""
    return Task("stale-nodes", period_seconds, lambda: run(api, states), leader_only=True)


def run(api: Api, states: States, wall: Callable[[], float] = time.time) -> str:
    """Look once. Raises StageFailed with what could not be seen or deleted, after doing the rest."""
    listed = api.list(NODES)
    if not isinstance(listed, Known):
        raise StageFailed(listed.reason)
    found = states([str(node["metadata"]["name"]) for node in listed.value])
    if not isinstance(found, Known):
        raise StageFailed(found.reason)
    deleted, troubles = [], []
    for name in stale(listed.value, found.value, wall()):
        outcome = delete_node(api, name)
        if isinstance(outcome, Done):
            deleted.append(name)
        elif not isinstance(outcome, NoOp):
            troubles.append(outcome.reason)
    said = [f"deleted the Nodes of terminated instances: {', '.join(deleted)}"] if deleted else []
    if troubles:
        raise StageFailed("; ".join([*said, *troubles]))
    return "; ".join(said)


def stale(nodes: Sequence[Object], states: Mapping[str, str | None], now: float) -> Iterator[str]:
    """The names of Nodes whose instances are gone for good. `now` is in seconds since 1970.

    EC2 shows a terminated instance for about an hour. One that it does not know any more is gone where its Node is
    older than that, and not Ready.
    """
    for node in nodes:
        name = str(node["metadata"]["name"])
        state = states.get(name)
        if state == TERMINATED or (state is None and _is_old(node, now) and why_not_ready(node)):
            yield name


def _is_old(node: Object, now: float) -> bool:
    created = datetime.fromisoformat(str(node["metadata"]["creationTimestamp"]))
    return now - created.timestamp() > YOUNG_SECONDS

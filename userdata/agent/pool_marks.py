"""Marks the Nodes of workers with their pools, by the word of Auto Scaling: what a node says of itself is its own word.

A kubelet may change the labels that it registers with at any time, but none below `node-restriction.kubernetes.io/`,
and no taint once its Node exists (the NodeRestriction admission plugin). So whoever wants Pods on one pool alone
selects by POOL_LABEL, and a Node that was registered without its pool's taints gets them.

Whoever has the certificate of a node whose instance has ended may make its Node again, and say that it is Ready. EC2
forgets a terminated instance after about an hour; nothing is scheduled onto a Node of which it knows no instance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from coordination.instances import Groups
from coordination.names import POOL_LABEL
from coordination.outcomes import Done, Known, Reading, Unknown
from coordination.termination import TERMINATED, States
from userdata.agent.tasks import Task
from userdata.config.settings import InvalidSettings, PoolSettings
from userdata.kube.client import Api
from userdata.kube.outcomes import ApiConflict, NotFound
from userdata.kube.resources import NODES, Object, created
from userdata.kubeadm.node import Taint
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 10.0
"""A Pod that selects a new node by its pool waits for so long, and for a pass of the approvals."""
NEW_SECONDS = 600.0
"""Of a Node that is older its taints are left alone: it may have been launched with other settings of its pool, and a
person may have taken one away. While no agent leads for so long, a Node that lacks one keeps lacking it."""


NO_INSTANCE = Taint("holdfast/no-instance", "NoSchedule", "")
"""Of a Node of which neither a group nor EC2 has an instance that lives."""


class PoolMarks:
    """`settings` reads those of a pool, `states` gives EC2's words for instances. `wall` is in seconds since 1970."""

    def __init__(
        self,
        api: Api,
        groups: Callable[[], Reading[Groups]],
        settings: Callable[[str], Reading[PoolSettings] | InvalidSettings],
        states: States,
        beat: Callable[[], object],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._groups = groups
        self._settings = settings
        self._states = states
        self._beat = beat
        self._wall = wall

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The leader's task."""
        return Task("pool-marks", period_seconds, self.run, leader_only=True)

    def run(self) -> str:
        """Look once. Raises StageFailed with what could not be seen or marked, after doing the rest."""
        listed, groups = self._api.list(NODES), self._groups()
        if not isinstance(listed, Known):
            raise StageFailed(listed.reason)
        if isinstance(groups, Unknown):
            raise StageFailed(groups.reason)
        pools = pools_of(groups.value)
        ended = self._ended(listed.value, {each.instance_id for each in groups.value.instances})
        taints: dict[str, Sequence[Taint]] = {}
        done, troubles = [], []
        for node in listed.value:
            name = str(node["metadata"]["name"])
            pool = pools.get(name, "")
            try:
                wanted = self._taints(pool, taints) if pool and self._is_new(node) else ended.get(name, ())
            except StageFailed as failed:
                troubles.append(str(failed))
                continue
            changes = marks(node, pool, wanted, lives=name not in ended)
            if changes is None:
                continue
            outcome = self._api.merge(NODES, name, changes)
            self._beat()
            if isinstance(outcome, Done):
                done.append(f"{name} as {pool or 'of no pool'}")
            elif not isinstance(outcome, NotFound | ApiConflict):
                # One that has changed since is looked at again in the next run.
                troubles.append(outcome.reason)
        said = [f"marked {', '.join(done)}"] if done else []
        if troubles:
            raise StageFailed("; ".join([*said, *troubles]))
        return "; ".join(said)

    def _ended(self, nodes: Sequence[Object], in_groups: Collection[str]) -> Mapping[str, Sequence[Taint]]:
        """The Nodes of instances that no group has, and EC2 does not know any more, with their taint. StageFailed."""
        strangers = {str(node["metadata"]["name"]) for node in nodes} - {*in_groups}
        found = self._states(strangers) if strangers else Known({})
        if isinstance(found, Unknown):
            raise StageFailed(found.reason)
        return {name: (NO_INSTANCE,) for name, state in found.value.items() if state in (None, TERMINATED)}

    def _is_new(self, node: Object) -> bool:
        return self._wall() - created(node) < NEW_SECONDS

    def _taints(self, pool: str, known: dict[str, Sequence[Taint]]) -> Sequence[Taint]:
        if pool not in known:
            found = self._settings(pool)
            if isinstance(found, InvalidSettings):
                raise StageFailed("; ".join(found.problems))
            if isinstance(found, Unknown):
                raise StageFailed(found.reason)
            known[pool] = found.value.taints
        return known[pool]


def pools_of(groups: Groups) -> Mapping[str, str]:
    """The pool of each worker."""
    by_group = {group.name: group.pool for group in groups.pools}
    return {each.instance_id: by_group[each.group] for each in groups.instances if each.group in by_group}


def marks(node: Object, pool: str, taints: Sequence[Taint], *, lives: bool = True) -> Object | None:
    """What to change of a Node as it was read, so that it says its pool and has these taints; None for nothing.

    Taints that it has besides stay, but for NO_INSTANCE where its instance `lives`; and so does one of the same key and
    effect with another value.
    """
    head, spec = node["metadata"], node.get("spec") or {}
    before = [dict(each) for each in spec.get("taints") or ()]
    there = [each for each in before if not lives or each["key"] != NO_INSTANCE.key]
    known = {(each["key"], each["effect"]) for each in there}
    missing = [each for each in taints if (each.key, each.effect) not in known]
    changes: dict[str, Any] = {}
    if (head.get("labels") or {}).get(POOL_LABEL, "") != pool:
        changes["metadata"] = {"labels": {POOL_LABEL: pool or None}}
    if missing or there != before:
        added = [{"key": each.key, "effect": each.effect, "value": each.value} for each in missing]
        changes["spec"] = {"taints": [*there, *added]}
    if not changes:
        return None
    # Taints are one list: whoever changes one at the same time is not to be overwritten.
    metadata = {**changes.get("metadata", {}), "resourceVersion": head["resourceVersion"]}
    return {**changes, "metadata": metadata}

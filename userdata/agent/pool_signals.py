"""The signals of workers: the leading agent tells a pool's stack of each new node that is Ready.

The stack waits for them during an update alone, and counts whoever is told of: told of an older node, it would go on
without the new one. So nobody is told of an instance of another version of its group's launch template, nor twice of
one: a rollback waits for instances of the version that an earlier one has launched, too. What was told stands on the
Node, for whoever leads next. A worker has no right to signal: IAM could not tell the workers of one pool from those of
another, so each could fake or fail the update of every pool.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from coordination.instances import Groups
from coordination.names import SIGNALLED_LABEL
from coordination.outcomes import Done, Known, Reading, Request, Unknown
from userdata.agent.pool_marks import pools_of
from userdata.agent.tasks import Task
from userdata.config.settings import InvalidSettings, PoolSettings
from userdata.kube.client import Api
from userdata.kube.nodes import why_not_ready
from userdata.kube.outcomes import NotFound
from userdata.kube.resources import NODES, Object, created
from userdata.logs.lines import StageFailed

PERIOD_SECONDS = 10.0
OLD_SECONDS = 3600.0
"""Nobody is told of a Node that is older: no stack waits for an instance for longer (SIGNAL_TIMEOUT of
generator/compute.py)."""
AT_ONCE = 50
"""Of so many nodes at most a run tells: two calls take a quarter of a second, and others wait in the same loop."""


class PoolSignals:
    """`settings` reads those of a pool, `signal(stack, resource, instance)` tells a stack. `wall` is in seconds since
    1970."""

    def __init__(
        self,
        api: Api,
        groups: Callable[[], Reading[Groups]],
        settings: Callable[[str], Reading[PoolSettings] | InvalidSettings],
        signal: Callable[[str, str, str], Request],
        beat: Callable[[], object],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._groups = groups
        self._settings = settings
        self._signal = signal
        self._beat = beat
        self._wall = wall
        self._over: set[str] = set()

    def task(self, period_seconds: float = PERIOD_SECONDS) -> Task:
        """The leader's task."""
        return Task("pool-signals", period_seconds, self.run, leader_only=True)

    def run(self) -> str:
        """Tell of those that are Ready now and were not told of. Raises StageFailed, after doing the rest.

        A pool whose stack cannot be told is left for the next run, and holds up no other.
        """
        groups = self._groups()
        if isinstance(groups, Unknown):
            raise StageFailed(groups.reason)
        pools = pools_of(groups.value)
        self._over &= pools.keys()
        if not pools.keys() - self._over:
            return ""
        listed = self._api.list(NODES)
        if not isinstance(listed, Known):
            raise StageFailed(listed.reason)
        current = {each.instance_id for each in groups.value.instances if each.is_current}
        told: list[str] = []
        read: dict[str, Reading[PoolSettings] | InvalidSettings] = {}
        troubles: dict[str, str] = {}
        left = AT_ONCE
        for node in listed.value:
            name = str(node["metadata"]["name"])
            pool = pools.get(name)
            if pool is None or pool in troubles or name in self._over:
                continue
            if self._is_over(node):
                self._over.add(name)
            elif left > 0 and name in current and why_not_ready(node) is None:
                left -= 1
                read[pool] = read[pool] if pool in read else self._settings(pool)
                outcome = self._tell(read[pool], name)
                self._beat()
                if isinstance(outcome, Unknown):
                    troubles[pool] = outcome.reason
                    continue
                told += [name] if isinstance(outcome, Done) else []
                # NoOp: the stack does not wait. Where it will, it is for instances that are launched after that.
                marked = self._api.merge(NODES, name, {"metadata": {"labels": {SIGNALLED_LABEL: "true"}}})
                if isinstance(marked, Done | NotFound):
                    self._over.add(name)
                else:
                    # CloudFormation counts an instance once, so it may be told of again in the next run.
                    troubles[pool] = marked.reason
        said = f"told of {', '.join(told)}" if told else ""
        if troubles:
            raise StageFailed("; ".join([*([said] if said else []), *troubles.values()]))
        return said

    def _is_over(self, node: Object) -> bool:
        signalled = SIGNALLED_LABEL in (node["metadata"].get("labels") or {})
        return signalled or self._wall() - created(node) > OLD_SECONDS

    def _tell(self, found: Reading[PoolSettings] | InvalidSettings, instance_id: str) -> Request:
        if isinstance(found, InvalidSettings):
            return Unknown("; ".join(found.problems))
        if isinstance(found, Unknown):
            return found
        return self._signal(found.value.stack, found.value.group, instance_id)

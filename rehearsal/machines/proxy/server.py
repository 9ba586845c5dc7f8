"""The balancer itself: it listens at its nodes and carries each connection to one of the targets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
import socket
from collections import defaultdict
from collections.abc import Callable

from rehearsal.machines.proxy.choice import candidates, to_reset
from rehearsal.machines.proxy.flows import carry
from rehearsal.machines.proxy.monitor import Monitor
from rehearsal.machines.proxy.plan import Finding, Group, Listener, Plan, Target, Zone
from rehearsal.machines.proxy.sockets import listening, outgoing, reset

LOG = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
"""How long a target may take to accept. The real balancer lets the client try again for as long as it likes."""
AGAIN_SECONDS = 1.0
"""How long to wait before what failed on this computer is tried again."""

Key = tuple[str, tuple[str, int]]
"""A target group and a target's key."""


class Balancer:
    """One balancer, inside a running event loop."""

    def __init__(self, tell: Callable[[Finding], None]) -> None:
        self._tell = tell
        self._monitor = Monitor(self._found)
        self._plan = Plan()
        self._listening: dict[tuple[Zone, int], asyncio.Task[None]] = {}
        self._carrying: defaultdict[Key, set[asyncio.Task[None]]] = defaultdict(set)
        self._starting: set[asyncio.Task[None]] = set()

    def apply(self, plan: Plan) -> None:
        """Do what this plan says from now on."""
        before, self._plan = self._plan, plan
        self._monitor.apply(plan)
        wanted = {(zone, listener.port) for zone in plan.zones for listener in plan.listeners}
        for place in self._listening.keys() - wanted:
            self._listening.pop(place).cancel()
        for place in wanted - self._listening.keys():
            self._listening[place] = asyncio.ensure_future(self._listen(*place))
        present = {(group.arn, target.key) for group in plan.groups for target in group.targets}
        for group in before.groups:
            for target in group.targets if group.cut_drained else ():
                if (group.arn, target.key) not in present:
                    self._cut(group, target)

    async def close(self) -> None:
        """End all connections and checks."""
        carrying = [task for tasks in self._carrying.values() for task in tasks]
        ended = [*self._listening.values(), *self._starting, *carrying]
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        await self._monitor.close()

    def _found(self, finding: Finding) -> None:
        self._tell(finding)
        for group in self._plan.groups:
            for target in to_reset(group, functools.partial(self._monitor.state, group)):
                self._cut(group, target)

    def _cut(self, group: Group, target: Target) -> None:
        for task in self._carrying.get((group.arn, target.key), ()):
            task.cancel()

    async def _listen(self, zone: Zone, port: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                with contextlib.closing(listening(zone, port)) as bound:
                    while True:
                        client, _ = await loop.sock_accept(bound)
                        self._start(client, zone, port)
            except OSError as error:
                LOG.warning("the balancer does not listen at %s:%s: %s", zone.address, port, error)
                await asyncio.sleep(AGAIN_SECONDS)

    def _start(self, client: socket.socket, zone: Zone, port: int) -> None:
        task = asyncio.ensure_future(self._serve(client, zone, port))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _serve(self, client: socket.socket, zone: Zone, port: int) -> None:
        chosen = self._choose(zone, port)
        if chosen is None:
            reset(client)
            return
        listener, group, target = chosen
        key = (group.arn, target.key)
        task = asyncio.current_task()
        assert task is not None
        self._starting.discard(task)
        self._carrying[key].add(task)
        try:
            await self._connect(client, zone, target, listener.idle_seconds)
        finally:
            self._carrying[key].discard(task)
            if not self._carrying[key]:
                del self._carrying[key]

    def _choose(self, zone: Zone, port: int) -> tuple[Listener, Group, Target] | None:
        listener = next((each for each in self._plan.listeners if each.port == port), None)
        group = next((each for each in self._plan.groups if listener and each.arn == listener.group), None)
        if listener is None or group is None:
            return None
        targets = candidates(group, zone.name, functools.partial(self._monitor.state, group))
        return (listener, group, random.choice(targets)) if targets else None

    @staticmethod
    async def _connect(client: socket.socket, zone: Zone, target: Target, idle_seconds: float) -> None:
        upstream = None
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream = outgoing(zone)
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(upstream, (target.address, target.port))
        except BaseException as error:
            reset(client)
            if upstream is not None:
                upstream.close()
            if isinstance(error, OSError):
                return
            raise
        await carry(client, upstream, idle_seconds)

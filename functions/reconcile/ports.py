"""What a pass needs of the world; coordination's adapters and `answers` provide it, tests something else."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from coordination.instances import GroupInstance, Groups, SlotGroup
from coordination.launches import Launches
from coordination.outcomes import Done, Reading, Request, Unknown
from coordination.ports import Table


class ProtectedTable(Table, Protocol):
    """The cluster table, and its protection against deletion (coordination.adapters.table)."""

    def deletion_protection(self) -> Reading[bool]: ...

    def protect(self) -> Done | Unknown: ...


class ClusterGroups(Protocol):
    """coordination.adapters.instances.ClusterGroups."""

    def groups(self) -> Reading[Groups]: ...

    def states(self, instance_ids: Collection[str]) -> Reading[Mapping[str, str | None]]: ...

    def complete(self, instance: GroupInstance) -> Request: ...

    def heartbeat(self, instance: GroupInstance) -> Request: ...

    def terminate(self, instance: GroupInstance) -> Request: ...

    def terminate_surplus(self, instance: GroupInstance) -> Request: ...

    def terminate_retained(self, instance: GroupInstance) -> Request: ...

    def launches(self, group: str) -> Reading[Launches]: ...

    def resume(self, group: str, processes: Collection[str]) -> Request: ...


class Sizes(Protocol):
    """coordination.adapters.sizes.SlotSizes."""

    def start(self, group: SlotGroup) -> Request: ...


class Targets(Protocol):
    """coordination.adapters.targets.ApiTargets."""

    def register(self, instance: GroupInstance, group: SlotGroup) -> Request: ...

    def deregister(self, instance: GroupInstance, group: SlotGroup) -> Request: ...


class Root(Protocol):
    """coordination.adapters.stacks.RootStack."""

    def status(self) -> Reading[str]: ...

    def resource_states(self, stack_id: str) -> Reading[Mapping[str, str]]: ...


@dataclass(frozen=True)
class Ports:
    """`send` puts a body to the address at which CloudFormation waits; `clock` gives seconds since 1970;
    `seconds_left` says how long this call of the function may still take, `pause` lets so many seconds pass, `calls`
    says how many requests to AWS were sent, None where nobody counts them."""

    table: ProtectedTable
    groups: ClusterGroups
    sizes: Sizes
    targets: Targets
    root: Root
    send: Callable[[str, bytes], Done | Unknown]
    clock: Callable[[], float]
    seconds_left: Callable[[], float]
    calls: Callable[[], int] | None = None
    pause: Callable[[float], None] = time.sleep

"""Instances and slots as Auto Scaling sees them."""

from __future__ import annotations

from dataclasses import dataclass

# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
_HELD_BY_LAUNCHING_HOOK = "Pending:Wait"
_HELD_BY_TERMINATING_HOOK = "Terminating:Wait"
_LAUNCHING = frozenset({"Pending", _HELD_BY_LAUNCHING_HOOK, "Pending:Proceed"})
_LEAVING = frozenset({"Terminating", _HELD_BY_TERMINATING_HOOK, "Terminating:Proceed"})
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/manage-retained-instances.html
_RETAINED = "Terminating:Retained"
_IN_SERVICE = "InService"


@dataclass(frozen=True)
class GroupInstance:
    """`role` and `slot` are the values of the group's tags, empty where it has none; a pool has no slot."""

    instance_id: str
    group: str
    role: str
    lifecycle_state: str
    slot: str = ""
    is_current: bool = True
    """Whether it was launched from the version of the launch template that its group launches from now."""

    @property
    def waits_to_launch(self) -> bool:
        """Whether a launching hook holds it."""
        return self.lifecycle_state == _HELD_BY_LAUNCHING_HOOK

    @property
    def waits_to_terminate(self) -> bool:
        """Whether a terminating hook holds it."""
        return self.lifecycle_state == _HELD_BY_TERMINATING_HOOK

    @property
    def is_in_service(self) -> bool:
        """Whether its group counts on it."""
        return self.lifecycle_state == _IN_SERVICE

    @property
    def is_launching(self) -> bool:
        """Whether it has not come into service yet: if it never does, its launch hook ends it."""
        return self.lifecycle_state in _LAUNCHING

    @property
    def is_leaving(self) -> bool:
        """Whether it will be terminated, and nothing brings it back into service."""
        return self.lifecycle_state in _LEAVING

    @property
    def is_retained(self) -> bool:
        """Whether its hook was abandoned: it runs, is billed, and stays until somebody terminates it."""
        return self.lifecycle_state == _RETAINED


@dataclass(frozen=True)
class SlotGroup:
    """The group of one control-plane slot."""

    name: str
    slot: str
    min_size: int
    desired: int
    max_size: int
    suspended: frozenset[str] = frozenset()
    """The names of its suspended processes."""
    target_groups: tuple[str, ...] = ()
    """The ARNs of those that its instances are registered with."""
    stack_id: str = ""
    """The stack that holds it, and its logical id there; empty where its tags do not say."""
    logical_id: str = ""

    @property
    def is_held_at_two(self) -> bool:
        """Whether Auto Scaling would refuse to lower its desired capacity from two to one."""
        return self.desired == 2 and self.min_size >= 2


@dataclass(frozen=True)
class PoolGroup:
    """The group of a pool of workers."""

    name: str
    pool: str
    suspended: frozenset[str] = frozenset()
    """The names of its suspended processes."""
    min_size: int = 0
    desired: int = 0
    max_size: int = 0


@dataclass(frozen=True)
class Groups:
    """What one look at all groups of the cluster has shown."""

    instances: tuple[GroupInstance, ...]
    """Ordered by their ids; of slots and pools."""
    slots: tuple[SlotGroup, ...]
    """Ordered by slot."""
    pools: tuple[PoolGroup, ...] = ()
    """Ordered by pool."""

    @property
    def every(self) -> tuple[SlotGroup | PoolGroup, ...]:
        """Slots, then pools."""
        return (*self.slots, *self.pools)

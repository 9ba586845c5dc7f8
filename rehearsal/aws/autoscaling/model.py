"""What an Auto Scaling group consists of: members, lifecycle hooks, tags and settings."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

PROCESSES = (
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
)
"""The scaling processes that can be suspended (API reference of SuspendProcesses)."""


class State(StrEnum):
    """The lifecycle states of a group's instance that this service plays (API shape `LifecycleState`)."""

    PENDING = "Pending"
    PENDING_WAIT = "Pending:Wait"
    PENDING_PROCEED = "Pending:Proceed"
    IN_SERVICE = "InService"
    TERMINATING = "Terminating"
    TERMINATING_WAIT = "Terminating:Wait"
    TERMINATING_PROCEED = "Terminating:Proceed"
    TERMINATING_RETAINED = "Terminating:Retained"
    TERMINATED = "Terminated"
    DETACHING = "Detaching"
    DETACHED = "Detached"
    ENTERING_STANDBY = "EnteringStandby"
    STANDBY = "Standby"


LAUNCHING_STATES = frozenset({State.PENDING, State.PENDING_WAIT, State.PENDING_PROCEED})
"""An instance on its way into service."""
CAPACITY_STATES = LAUNCHING_STATES | {State.IN_SERVICE}
"""What counts towards the desired capacity: not standby, not leaving, not retained."""
LEAVING_STATES = frozenset({State.TERMINATING, State.TERMINATING_WAIT, State.TERMINATING_PROCEED, State.DETACHING})
"""On the way out; still the group's until the worker is done with it."""


class Transition(StrEnum):
    """When a lifecycle hook holds an instance."""

    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Result(StrEnum):
    """How a lifecycle action ends."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


@dataclass(frozen=True)
class Tag:
    """A tag of the group, passed on to its instances when `propagate_at_launch`."""

    key: str
    value: str
    propagate_at_launch: bool


@dataclass(frozen=True)
class Hook:
    """A lifecycle hook: how long an instance waits at a transition, and what happens when nobody answers."""

    name: str
    transition: Transition
    heartbeat_timeout_seconds: int = 3600
    default_result: Result = Result.ABANDON
    notification_metadata: str | None = None
    notification_target_arn: str | None = None
    role_arn: str | None = None

    @property
    def global_timeout_seconds(self) -> int:
        """The longest wait, however often a heartbeat comes: 48 hours or 100 heartbeats, whichever is less."""
        return min(48 * 3600, 100 * self.heartbeat_timeout_seconds)


@dataclass
class LifecycleAction:
    """One instance waiting at one hook. Deadlines are readings of the clock's `monotonic()`."""

    token: str
    hook: Hook
    heartbeat_deadline: float
    global_deadline: float

    @property
    def deadline(self) -> float:
        return min(self.heartbeat_deadline, self.global_deadline)


@dataclass(frozen=True)
class TemplateVersion:
    """A launch template's version, as an instance was started from it."""

    template_id: str
    template_name: str
    version: str


@dataclass
class Activity:
    """A scaling activity: one launch or termination, with its cause and how it went."""

    activity_id: str
    group_name: str
    group_arn: str
    description: str
    cause: str
    start_time: datetime
    details: dict[str, str]
    status_code: str
    progress: int
    status_message: str | None = None
    end_time: datetime | None = None


@dataclass
class Member:
    """An instance of a group. The worker alone moves it from state to state."""

    instance_id: str
    instance_type: str
    availability_zone: str
    subnet_id: str
    template: TemplateVersion | None
    state: State
    joined_at: datetime
    protected_from_scale_in: bool = False
    healthy: bool = True
    in_service_since: float | None = None
    launch: Activity | None = None
    termination: Activity | None = None
    actions: dict[str, LifecycleAction] = field(default_factory=dict)
    outcome: Result | None = None
    abandoned: str = ""
    health_reason: str = ""
    launch_failure: str = ""
    """Why EC2 gave the instance up before it was in service."""
    replaces: str | None = None
    impaired_since: float | None = None
    """From when on every look at its status check in EC2 has found it failing."""

    @property
    def counts(self) -> bool:
        """Whether the instance counts towards the desired capacity."""
        return self.state in CAPACITY_STATES

    def served_seconds(self, now: float) -> float:
        """How long it has been in service; 0 for one that never was."""
        return now - (now if self.in_service_since is None else self.in_service_since)


@dataclass
class Group:
    """An Auto Scaling group as its API shows it, plus what the worker needs to remember between two passes."""

    name: str
    arn: str
    min_size: int
    max_size: int
    desired_capacity: int
    launch_template: dict[str, str]
    subnets: dict[str, str]
    created_at: datetime
    settings: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    target_group_arns: list[str] = field(default_factory=list)
    suspended: dict[str, str] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)
    capacity_cause: str = ""
    deleting: bool = False
    starting: int = 0
    failed_launches: int = 0
    launch_not_before: float = 0.0

    @property
    def capacity(self) -> int:
        """How many instances count towards the desired capacity now."""
        return sum(member.counts for member in self.members.values())

    @property
    def grace_seconds(self) -> int:
        """How long an instance is in service before its health counts (HealthCheckGracePeriod)."""
        return int(self.settings.get("HealthCheckGracePeriod") or 0)

    @property
    def retains_abandoned(self) -> bool:
        """Whether an abandoned termination keeps the instance (InstanceLifecyclePolicy)."""
        policy = self.settings.get("InstanceLifecyclePolicy") or {}
        return bool((policy.get("RetentionTriggers") or {}).get("TerminateHookAbandon") == "retain")

    def runs(self, process: str) -> bool:
        """Whether a scaling process is not suspended."""
        return process not in self.suspended

    def hooks_at(self, transition: Transition) -> list[Hook]:
        return [hook for hook in self.hooks.values() if hook.transition is transition]


def new_token() -> str:
    """An identifier for a lifecycle action or an activity."""
    return str(uuid.uuid4())

"""Which instances EC2 says are not well. They are marked here; the worker replaces them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from rehearsal.aws.autoscaling.launching import Machines
from rehearsal.aws.autoscaling.model import LAUNCHING_STATES, Group, Member, State
from rehearsal.aws.clock import Clock

STOPPED_STATES = frozenset({"stopping", "stopped", "shutting-down", "terminated"})
"""EC2 states that make an instance unhealthy at once, also within the grace period."""
IMPAIRED_SECONDS = 60.0
"""How long a status check has to go on failing until its instance is unhealthy. AWS waits "a few minutes", which a
rehearsal should not (https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html)."""


@dataclass
class Health:
    """The health checks of a region's groups, of the type EC2."""

    lock: threading.RLock
    clock: Clock
    machines: Machines

    def check(self, groups: Iterable[Group]) -> None:
        """Mark whom EC2 no longer runs, then whose status check fails; raises when EC2 cannot be asked."""
        checked = list(groups)
        self._check_states(checked)
        self._check_status(checked)

    def _check_states(self, groups: list[Group]) -> None:
        with self.lock:
            watched = [m for group in groups if group.runs("HealthCheck") for m in group.members.values() if m.counts]
        states = self.machines.states(member.instance_id for member in watched)
        ended = [member for member in watched if states.get(member.instance_id) in STOPPED_STATES and member.healthy]
        reasons = {
            member.instance_id: self.machines.end_reason(member.instance_id)
            for member in ended
            if member.state in LAUNCHING_STATES
        }
        with self.lock:
            for member in ended:
                member.healthy = False
                member.health_reason = "in response to an EC2 health check indicating it has been terminated or stopped"
                if member.instance_id in reasons:
                    member.launch_failure = (
                        "Instance became unhealthy while waiting for instance to be in InService state. "
                        f"Termination Reason: {reasons[member.instance_id]}"
                    )

    def _check_status(self, groups: list[Group]) -> None:
        with self.lock:
            watched = [m.instance_id for group in groups for m in group.members.values() if _is_checked(group, m)]
        impaired = self.machines.impaired(watched)
        now = self.clock.monotonic()
        with self.lock:
            for group in groups:
                for member in group.members.values():
                    # What was not looked at all the time has not failed all the time: a suspension begins anew.
                    if member.instance_id not in impaired or not _is_checked(group, member):
                        member.impaired_since = None
                        continue
                    if member.impaired_since is None:
                        member.impaired_since = now
                    spared = member.served_seconds(now) < group.grace_seconds
                    if now - member.impaired_since >= IMPAIRED_SECONDS and not spared and member.healthy:
                        member.healthy = False
                        member.health_reason = "in response to an EC2 instance status checks failure"


def _is_checked(group: Group, member: Member) -> bool:
    """Whether a failing status check counts: only in service. What a launch hook holds is the hook's to end."""
    return group.runs("HealthCheck") and member.state is State.IN_SERVICE

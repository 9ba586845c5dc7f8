"""The groups of one region, and the thread that brings them to what was asked for.

Requests only change what is wanted; this thread alone starts, moves and ends instances, so a group has one mover.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from rehearsal.aws.autoscaling import hooks, notices, planning
from rehearsal.aws.autoscaling.activities import ActivityLog, timestamp
from rehearsal.aws.autoscaling.balancing import TargetGroups
from rehearsal.aws.autoscaling.health import Health
from rehearsal.aws.autoscaling.launching import GROUP_NAME_TAG, LaunchFailed, Machines, Start
from rehearsal.aws.autoscaling.model import LEAVING_STATES, Group, Member, State
from rehearsal.aws.autoscaling.moves import Moves, Publish
from rehearsal.aws.clock import Clock

LOG = logging.getLogger(__name__)

HEALTH_CHECK_SECONDS = 5
"""How often instances are looked at. EC2's own checks take a minute; a rehearsal should not wait for that."""
ENDING_CHECK_SECONDS = 0.5
"""How often an instance that shuts down is looked at."""


class Scaling:
    """The Auto Scaling groups of one region."""

    def __init__(self, clock: Clock, machines: Machines, targets: TargetGroups, publish: Publish) -> None:
        self.new_role = ""
        """The ARN of the service-linked role, as long as it was made but cannot be used yet."""
        self.lock = threading.RLock()
        self.clock = clock
        self.machines = machines
        self.groups: dict[str, Group] = {}
        self.log = ActivityLog()
        self.moves = Moves(self.lock, clock, machines, targets, self.log, publish)
        self.health = Health(self.lock, clock, machines)
        self._publish = publish
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._cancel_alarm: Callable[[], None] | None = None
        self._health_due = 0.0
        self._broken_until: dict[str, float] = {}

    def wake(self) -> None:
        """Have the groups looked at now. The thread starts with the first call."""
        with self.lock:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="autoscaling", daemon=True)
                self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """End the thread; instances stay as they are."""
        self._stopping = True
        self._wake.set()
        if self._cancel_alarm is not None:
            self._cancel_alarm()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def settle(self) -> None:
        """Take every group as far as it goes now; what is left waits for a hook, a deadline or a request."""
        with self.lock:
            groups = list(self.groups.values())
        now = self.clock.monotonic()
        if now >= self._health_due:
            self._health_due = now + HEALTH_CHECK_SECONDS
            try:
                self.health.check(groups)
            except Exception:
                LOG.exception("the health of the instances is unknown; they stay as they are")
        for group in groups:
            if self._broken_until.get(group.arn, 0.0) > now:
                continue
            try:
                while not self._stopping and self._pass(group):
                    pass
                self._broken_until.pop(group.arn, None)
            except Exception:
                # One group's trouble must not stop the others, nor be repeated without a pause.
                self._broken_until[group.arn] = now + HEALTH_CHECK_SECONDS
                LOG.exception("group %s could not be brought further", group.name)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            self.settle()
            self._set_alarm()
            self._wake.wait()

    def _set_alarm(self) -> None:
        """Wake up for whatever is due next."""
        with self.lock:
            due = [moment for group in self.groups.values() for moment in self._due(group)]
        if self._cancel_alarm is not None:
            self._cancel_alarm()
            self._cancel_alarm = None
        if due and not self._stopping:
            seconds = max(0.0, min(due) - self.clock.monotonic())
            self._cancel_alarm = self.clock.timer(seconds, self._wake.set)

    def _due(self, group: Group) -> list[float]:
        """When a group has to be looked at again: for its health, a hook's deadline, or another launch attempt."""
        due = [self._health_due]
        deadline = hooks.next_deadline(group.members.values())
        if deadline is not None:
            due.append(deadline)
        if planning.missing(group):
            due.append(group.launch_not_before)
        if any(member.state is State.TERMINATING_PROCEED for member in group.members.values()):
            due.append(self.clock.monotonic() + ENDING_CHECK_SECONDS)
        return [max(moment, self._broken_until.get(group.arn, 0.0)) for moment in due]

    def _pass(self, group: Group) -> bool:
        """Do one round of what the group needs; True when something changed and another round is worth it."""
        with self.lock:
            for member in group.members.values():
                hooks.expire(member, self.clock.monotonic())
            self._retire(group)
            members = list(group.members.values())
        moved = [member for member in members if self.moves.step(group, member)]
        launched = self._launch(group)
        with self.lock:
            if group.deleting and not group.members and self.groups.get(group.name) is group:
                del self.groups[group.name]
        return bool(moved) or launched

    def _retire(self, group: Group) -> None:
        if group.deleting:
            for member in group.members.values():
                if member.state not in LEAVING_STATES:
                    self.moves.retire(group, member, "in response to a user request")
            return
        now = self.clock.monotonic()
        due = planning.past_lifetime(group, lambda member: member.served_seconds(now)) + planning.surplus(group)
        if not planning.launches_before_terminating(group):
            due += planning.unhealthy(group)
        for retirement in due:
            if retirement.member.state not in LEAVING_STATES:
                group.capacity_cause = (
                    f"At {timestamp(self.clock.now())} an instance was launched in response to an unhealthy instance "
                    "needing to be replaced."
                    if not retirement.member.healthy
                    else group.capacity_cause
                )
                self.moves.retire(group, retirement.member, retirement.reason)

    def _launch(self, group: Group) -> bool:
        """Start one instance if the group lacks one and may try now."""
        with self.lock:
            replaces = self._replaced_first(group)
            if not (planning.missing(group) or replaces) or self.clock.monotonic() < group.launch_not_before:
                return False
            subnet_id = planning.subnet_for_launch(group)
            activity = self.log.launching(group, self.clock.now(), subnet_id, group.capacity_cause)
            tags = {tag.key: tag.value for tag in group.tags.values() if tag.propagate_at_launch}
            tags[GROUP_NAME_TAG] = group.name
            request = Start(dict(group.launch_template), subnet_id, tags, activity.activity_id)
            group.starting += 1
        try:
            self._use_role(group)
            started = self.machines.start(request)
        except LaunchFailed as failure:
            with self.lock:
                group.starting -= 1
                group.failed_launches += 1
                wait_seconds = planning.launch_retry_seconds(group.failed_launches)
                group.launch_not_before = self.clock.monotonic() + wait_seconds
                now = self.clock.now()
                self.log.finish(activity, now, "Failed", str(failure))
            detail_type, detail = notices.scaling_result(activity, "", True, False)
            self._publish(detail_type, detail, [group.arn])
            return False
        with self.lock:
            group.starting -= 1
            group.failed_launches = 0
            group.launch_not_before = 0.0
            activity.description = f"Launching a new EC2 instance: {started.instance_id}"
            group.members[started.instance_id] = Member(
                instance_id=started.instance_id,
                instance_type=started.instance_type,
                availability_zone=group.subnets[subnet_id],
                subnet_id=subnet_id,
                template=started.template,
                state=State.PENDING,
                joined_at=self.clock.now(),
                protected_from_scale_in=bool(group.settings.get("NewInstancesProtectedFromScaleIn")),
                launch=activity,
                replaces=replaces,
            )
        return True

    def _use_role(self, group: Group) -> None:
        """Raises LaunchFailed for the first launch after the service-linked role was made: it can be used later.

        The text is what an account without the role got for its first group with a load balancer
        (https://github.com/pelias-deprecated/kubernetes/issues/32).
        """
        with self.lock:
            refusing, self.new_role = self.new_role, ""
        if refusing:
            validating = " Validating load balancer configuration failed." if group.target_group_arns else ""
            raise LaunchFailed(f"Access denied when attempting to assume role {refusing}.{validating}")

    def _replaced_first(self, group: Group) -> str | None:
        """The unhealthy instance whose replacement is to be started before it goes, where the policy says so."""
        if not planning.launches_before_terminating(group) or not group.runs("Launch"):
            return None
        taken = {member.replaces for member in group.members.values()}
        for retirement in planning.unhealthy(group):
            if retirement.member.instance_id not in taken and planning.surge_room(group):
                return retirement.member.instance_id
        return None


def user_request(now: datetime, what: str) -> str:
    """The cause of a change that a caller asked for."""
    return f"At {timestamp(now)} a user request {what}."

"""One step of one instance through its lifecycle states, with the calls that the step needs.

A move looks at the member under the lock, calls other services without it, and looks again before it writes: a
request may have changed the member in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal.aws.autoscaling import hooks, notices
from rehearsal.aws.autoscaling.activities import ActivityLog
from rehearsal.aws.autoscaling.balancing import TargetGroups
from rehearsal.aws.autoscaling.launching import Machines
from rehearsal.aws.autoscaling.model import Group, Member, Result, State, Transition
from rehearsal.aws.clock import Clock

ENDING_STATES = frozenset({"shutting-down", "terminated"})
"""EC2 states of an instance whose termination is under way."""
Publish = Callable[[str, dict[str, Any], list[str]], None]
"""Sends an event: detail-type, detail, resources."""


@dataclass
class Moves:
    """The moves of a region's instances."""

    lock: threading.RLock
    clock: Clock
    machines: Machines
    targets: TargetGroups
    log: ActivityLog
    publish: Publish

    def step(self, group: Group, member: Member) -> bool:
        """Take the member one state further; False when it has nothing to do but wait."""
        move = {
            State.PENDING: self._enter_launch_hooks,
            State.PENDING_WAIT: self._leave_launch_hooks,
            State.PENDING_PROCEED: self._go_into_service,
            State.TERMINATING: self._enter_termination_hooks,
            State.TERMINATING_WAIT: self._leave_termination_hooks,
            State.TERMINATING_PROCEED: self._end,
            State.ENTERING_STANDBY: self._stand_by,
            State.DETACHING: self._detach,
        }.get(member.state)
        return move is not None and move(group, member)

    def retire(self, group: Group, member: Member, reason: str) -> None:
        """Begin an instance's termination; the caller holds the lock. The reason starts with "in response to"."""
        now = self.clock.now()
        if member.launch is not None and member.launch.end_time is None:
            if member.launch_failure:
                self.log.finish(member.launch, now, "Failed", member.launch_failure)
                self._announce(group, notices.scaling_result(member.launch, member.instance_id, True, False))
            else:
                self.log.finish(member.launch, now, "Cancelled", "The instance was taken out before it was in service.")
        member.actions.clear()
        member.outcome = None
        member.state = State.TERMINATING
        member.termination = self.log.terminating(
            group, now, (member.instance_id, member.subnet_id, member.availability_zone), reason
        )

    def _enter_launch_hooks(self, group: Group, member: Member) -> bool:
        with self.lock:
            if member.state is State.PENDING:
                self._enter_hooks(group, member, Transition.LAUNCHING, State.PENDING_WAIT, State.PENDING_PROCEED)
        return True

    def _leave_launch_hooks(self, group: Group, member: Member) -> bool:
        with self.lock:
            if member.state is not State.PENDING_WAIT or member.outcome is None:
                return False
            if member.outcome is Result.CONTINUE:
                member.state = State.PENDING_PROCEED
                return True
            if member.launch is not None:
                message = f"Instance failed to complete user's Lifecycle Action: {member.abandoned}"
                self.log.finish(member.launch, self.clock.now(), "Cancelled", message)
                self._announce(group, notices.scaling_result(member.launch, member.instance_id, True, False))
            self.retire(group, member, "in response to an abandoned lifecycle action of its launch")
            return True

    def _go_into_service(self, group: Group, member: Member) -> bool:
        # One that boots is looked at again with the next health check.
        if self._state(member) == "pending":
            return False
        if group.runs("AddToLoadBalancer"):
            self.targets.register(group.target_group_arns, member.instance_id)
        with self.lock:
            if member.state is not State.PENDING_PROCEED:
                return True
            member.state = State.IN_SERVICE
            member.in_service_since = self.clock.monotonic()
            if member.launch is not None:
                self.log.finish(member.launch, self.clock.now(), "Successful")
                self._announce(group, notices.scaling_result(member.launch, member.instance_id, True, True))
            replaced = group.members.get(member.replaces or "")
            if replaced is not None and replaced.counts:
                self.retire(group, replaced, replaced.health_reason)
        return True

    def _enter_termination_hooks(self, group: Group, member: Member) -> bool:
        self.targets.deregister(group.target_group_arns, member.instance_id)
        with self.lock:
            # A forced deletion does not wait for hooks (API reference of DeleteAutoScalingGroup, ForceDelete).
            if group.deleting:
                member.state = State.TERMINATING_PROCEED
            else:
                wait, proceed = State.TERMINATING_WAIT, State.TERMINATING_PROCEED
                self._enter_hooks(group, member, Transition.TERMINATING, wait, proceed)
        return True

    def _leave_termination_hooks(self, group: Group, member: Member) -> bool:
        with self.lock:
            if group.deleting:
                member.actions.clear()
                member.state = State.TERMINATING_PROCEED
                return True
            if member.state is not State.TERMINATING_WAIT or member.outcome is None:
                return False
            if member.outcome is Result.ABANDON and group.retains_abandoned:
                member.state = State.TERMINATING_RETAINED
                if member.termination is not None:
                    self.log.finish(member.termination, self.clock.now(), "Cancelled", member.abandoned)
            else:
                member.state = State.TERMINATING_PROCEED
            return True

    def _end(self, group: Group, member: Member) -> bool:
        if self._state(member) not in ENDING_STATES:
            self.machines.terminate(member.instance_id)
        # A group keeps an instance, and so its network, until EC2 has ended it.
        if self._state(member) != "terminated":
            return False
        with self.lock:
            member.state = State.TERMINATED
            group.members.pop(member.instance_id, None)
            if member.termination is not None:
                self.log.finish(member.termination, self.clock.now(), "Successful")
                self._announce(group, notices.scaling_result(member.termination, member.instance_id, False, True))
        return True

    def _state(self, member: Member) -> str:
        """The instance's state in EC2."""
        return self.machines.states([member.instance_id])[member.instance_id]

    def _stand_by(self, group: Group, member: Member) -> bool:
        self.targets.deregister(group.target_group_arns, member.instance_id)
        with self.lock:
            if member.state is State.ENTERING_STANDBY:
                member.state = State.STANDBY
        return True

    def _detach(self, group: Group, member: Member) -> bool:
        self.targets.deregister(group.target_group_arns, member.instance_id)
        self.machines.disown(member.instance_id)
        with self.lock:
            member.state = State.DETACHED
            group.members.pop(member.instance_id, None)
        return True

    def _enter_hooks(self, group: Group, member: Member, transition: Transition, wait: State, proceed: State) -> None:
        waiting = hooks.begin(member, group.hooks_at(transition), self.clock.monotonic())
        member.state = wait if waiting else proceed
        activity = member.launch if transition is Transition.LAUNCHING else member.termination
        if waiting and activity is not None:
            self.log.waiting(activity, transition is Transition.TERMINATING)
        for action in waiting:
            self._announce(group, notices.lifecycle_action(group, member.instance_id, action))

    def _announce(self, group: Group, notice: notices.Notice) -> None:
        detail_type, detail = notice
        resources = [group.arn]
        if not detail_type.endswith("Lifecycle Action"):
            partition, region, account = group.arn.split(":")[1], group.arn.split(":")[3], group.arn.split(":")[4]
            resources.append(f"arn:{partition}:ec2:{region}:{account}:instance/{detail['EC2InstanceId']}")
        self.publish(detail_type, detail, resources)

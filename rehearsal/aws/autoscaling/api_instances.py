"""The operations on single instances: health, protection, standby, attach, detach, terminate."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.autoscaling import activities, views
from rehearsal.aws.autoscaling.api_base import AutoScalingBase, page
from rehearsal.aws.autoscaling.launching import GROUP_NAME_TAG
from rehearsal.aws.autoscaling.model import LEAVING_STATES, Group, Member, State
from rehearsal.aws.autoscaling.requests import invalid, refuse_unknown
from rehearsal.aws.autoscaling.worker import Scaling, user_request
from rehearsal.aws.protocol import RequestContext, ServiceError


class InstanceOperations(AutoScalingBase):
    """Instances of groups."""

    def describe_auto_scaling_instances(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        wanted = request.get("InstanceIds") or []
        with scaling.lock:
            found = [
                views.instance_details(group, member)
                for group in scaling.groups.values()
                for member in group.members.values()
                if not wanted or member.instance_id in wanted
            ]
        shown, following = page(found, request, 50)
        return {"AutoScalingInstances": shown, **following}

    def terminate_instance_in_auto_scaling_group(
        self, context: RequestContext, request: dict[str, Any]
    ) -> dict[str, Any]:
        refuse_unknown(request, {"InstanceId", "ShouldDecrementDesiredCapacity"})
        scaling = self.scaling(context)
        with scaling.lock:
            group, member = self.member(scaling, request["InstanceId"])
            if member.state in LEAVING_STATES:
                raise ServiceError(
                    "ScalingActivityInProgress",
                    f"The instance {member.instance_id} is already being taken out: it is in {member.state}.",
                    400,
                )
            decrement = request["ShouldDecrementDesiredCapacity"]
            if decrement and member.state is State.TERMINATING_RETAINED:
                raise invalid(
                    f"The instance {member.instance_id} is retained and does not count towards the desired capacity; "
                    "ShouldDecrementDesiredCapacity must be false"
                )
            if decrement:
                self._decrement(group, 1, "Terminating instance without replacement")
            scaling.moves.retire(group, member, "in response to a user request")
            group.capacity_cause = user_request(scaling.clock.now(), "terminated an instance of the group")
            assert member.termination is not None
            activity = activities.wire(member.termination)
        scaling.wake()
        return {"Activity": activity}

    def set_instance_health(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        status = request["HealthStatus"]
        if status not in ("Healthy", "Unhealthy"):
            raise invalid(f"HealthStatus is {status!r}; allowed: Healthy, Unhealthy")
        with scaling.lock:
            group, member = self.member(scaling, request["InstanceId"])
            spared = member.served_seconds(scaling.clock.monotonic()) < group.grace_seconds
            respected = request.get("ShouldRespectGracePeriod") is not False and spared
            if status == "Healthy" or not respected:
                member.healthy = status == "Healthy"
                member.health_reason = "in response to a user health-check"
        scaling.wake()
        return {}

    def set_instance_protection(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            chosen = self.members(group, request["InstanceIds"])
            for member in chosen:
                if member.state not in (State.IN_SERVICE, State.ENTERING_STANDBY, State.STANDBY):
                    raise invalid(
                        f"The instance {member.instance_id} is not in InService or EnteringStandby or Standby."
                    )
            for member in chosen:
                member.protected_from_scale_in = request["ProtectedFromScaleIn"]
        scaling.wake()
        return {}

    def enter_standby(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            chosen = self.members(group, request.get("InstanceIds") or ())
            self._require(chosen, State.IN_SERVICE)
            if request["ShouldDecrementDesiredCapacity"]:
                self._decrement(group, len(chosen), "Moving instances to standby without replacement")
            result = self._move(scaling, group, chosen, State.ENTERING_STANDBY, "Moving EC2 instance to Standby")
        scaling.wake()
        return {"Activities": result}

    def exit_standby(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            self._require_launch(group)
            chosen = self.members(group, request.get("InstanceIds") or ())
            self._require(chosen, State.STANDBY)
            self._increment(group, len(chosen))
            result = self._move(scaling, group, chosen, State.PENDING, "Moving EC2 instance out of Standby")
        scaling.wake()
        return {"Activities": result}

    def detach_instances(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            chosen = self.members(group, request.get("InstanceIds") or ())
            self._require(chosen, State.IN_SERVICE, State.STANDBY, State.TERMINATING_RETAINED)
            counting = sum(member.counts for member in chosen)
            if request["ShouldDecrementDesiredCapacity"]:
                self._decrement(group, counting, "Detaching instances without replacement")
            result = self._move(scaling, group, chosen, State.DETACHING, "Detaching EC2 instance")
        scaling.wake()
        return {"Activities": result}

    def attach_instances(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        instance_ids = request.get("InstanceIds") or []
        try:
            pages = self.client("ec2", context.region).describe_instances(InstanceIds=instance_ids)["Reservations"]
        except ClientError as error:
            raise invalid(f"Invalid Instance ID(s): {error.response['Error']['Message']}") from error
        instances = [instance for reservation in pages for instance in reservation["Instances"]]
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            self._require_launch(group)
            for instance in instances:
                self._require_attachable(scaling, group, instance)
            self._increment(group, len(instances))
            now = scaling.clock.now()
            for instance in instances:
                group.members[instance["InstanceId"]] = Member(
                    instance_id=instance["InstanceId"],
                    instance_type=instance["InstanceType"],
                    availability_zone=instance["Placement"]["AvailabilityZone"],
                    subnet_id=instance["SubnetId"],
                    template=None,
                    state=State.PENDING,
                    joined_at=now,
                    protected_from_scale_in=bool(group.settings.get("NewInstancesProtectedFromScaleIn")),
                    launch=scaling.log.moving(
                        group,
                        now,
                        f"Attaching an existing EC2 instance: {instance['InstanceId']}",
                        "an instance was attached in response to a user request",
                    ),
                )
            tags = {tag.key: tag.value for tag in group.tags.values() if tag.propagate_at_launch}
        for instance_id in instance_ids:
            scaling.machines.adopt(instance_id, {**tags, GROUP_NAME_TAG: group.name})
        scaling.wake()
        return {}

    def _require_attachable(self, scaling: Scaling, group: Group, instance: dict[str, Any]) -> None:
        instance_id = instance["InstanceId"]
        if instance["State"]["Name"] != "running":
            raise invalid(f"Instance {instance_id} is not in correct state: it is {instance['State']['Name']}")
        if any(instance_id in other.members for other in scaling.groups.values()):
            raise invalid(f"Instance {instance_id} is already part of an Auto Scaling group")
        if instance["Placement"]["AvailabilityZone"] not in group.subnets.values():
            raise invalid(f"Instance {instance_id} is not in a zone of Auto Scaling group {group.name}")

    def _require_launch(self, group: Group) -> None:
        if not group.runs("Launch"):
            raise invalid(f"Launch process is suspended for Auto Scaling group {group.name}")

    def _require(self, members: list[Member], *states: State) -> None:
        for member in members:
            if member.state not in states:
                raise invalid(f"The instance {member.instance_id} is not in {' or '.join(states)}.")

    def _move(
        self, scaling: Scaling, group: Group, members: list[Member], state: State, description: str
    ) -> list[dict[str, Any]]:
        """Send instances on their way and return the activities of it."""
        now = scaling.clock.now()
        shown = []
        for member in members:
            what = f"{description}: {member.instance_id}"
            activity = scaling.log.moving(group, now, what, "an instance was moved in response to a user request")
            member.state = state
            member.actions.clear()
            if state is State.PENDING:
                member.launch = activity
            shown.append(activities.wire(activity))
            if state is not State.PENDING:
                scaling.log.finish(activity, now, "Successful")
        return shown

    def _decrement(self, group: Group, count: int, what: str) -> None:
        if group.desired_capacity - count < group.min_size:
            raise invalid(
                f"Currently, desiredSize equals minSize ({group.min_size}). {what} will violate group's min size "
                "constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size."
            )
        group.desired_capacity -= count

    def _increment(self, group: Group, count: int) -> None:
        if group.desired_capacity + count > group.max_size:
            raise invalid(
                f"The desired capacity would be {group.desired_capacity + count}, above the max size "
                f"{group.max_size} of Auto Scaling group {group.name}."
            )
        group.desired_capacity += count

"""Auto Scaling: groups, changed in place or refused by name, and emptied through their hooks before a delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, Refused, register
from rehearsal.aws.cloudformation.providers.rolling import Rolling, find, group, roll_of
from rehearsal.aws.cloudformation.providers.translation import (
    api_values,
    boolean,
    integer,
    list_changes,
    refuse_others,
    tag_changes,
)
from rehearsal.aws.cloudformation.rolling import RollingPolicy, refusal, rolling_policy

NAME_LENGTH = 255
SIZES = frozenset({"MinSize", "MaxSize", "DesiredCapacity"})
PLACED = frozenset({"LaunchTemplate", "VPCZoneIdentifier", "AvailabilityZones"})
"""What instances are launched by. A change of the first two makes an UpdatePolicy replace the group's instances
(template reference, UpdatePolicy)."""
POLICIES = frozenset({"AutoScalingRollingUpdate", "AutoScalingScheduledAction"})
"""The update policies of a group that are played."""
STABLE_SECONDS = 360 * 60.0
"""How long a creation waits for the group's instances to be in service: the time-out of the type's create handler."""
EMPTYING_SECONDS = 240 * 60.0
"""How long a delete waits for the instances to pass their hooks: the time-out of the type's delete handler."""
DEFAULTS: Mapping[str, Any] = {
    "CapacityRebalance": False,
    "Cooldown": 300,
    "DefaultInstanceWarmup": -1,
    "DeletionProtection": "none",
    "HealthCheckGracePeriod": 0,
    "HealthCheckType": "EC2",
    "InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "terminate"}},
    "InstanceMaintenancePolicy": {"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
    "MaxInstanceLifetime": 0,
    "NewInstancesProtectedFromScaleIn": False,
    "TerminationPolicies": ["Default"],
}
"""What a setting goes back to when the template no longer names it (API reference of UpdateAutoScalingGroup)."""
BUSY = frozenset({"ResourceInUse", "ResourceInUseFault", "ScalingActivityInProgress", "ScalingActivityInProgressFault"})
GONE = "not found"
LAUNCHING = "Launching a new EC2 instance"
FAILED = frozenset({"Failed", "Cancelled"})


class AutoScalingGroup:
    """AWS::AutoScaling::AutoScalingGroup. Ref is the group's name."""

    type_name = "AWS::AutoScaling::AutoScalingGroup"
    in_place = frozenset(DEFAULTS) | SIZES | PLACED | {"AvailabilityZoneDistribution", "Context"}
    apart = frozenset({"LifecycleHookSpecificationList", "MetricsCollection", "Tags", "TargetGroupARNs"})
    properties = in_place | apart | {"AutoScalingGroupName", "PlacementGroup"}
    create_only = frozenset({"AutoScalingGroupName"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the group, and wait until its instances are in service.

        CloudFormation fails with the reason of a launch that has failed, although Auto Scaling would go on trying.
        """
        client = context.client("autoscaling")
        name = properties.get("AutoScalingGroupName") or context.physical_name(NAME_LENGTH)
        given = {key: value for key, value in properties.items() if key not in ("MetricsCollection", "Tags")}
        client.create_auto_scaling_group(
            **api_values(
                client,
                "CreateAutoScalingGroup",
                {**_request(given), "AutoScalingGroupName": name, "Tags": _tags(context, properties)},
            )
        )
        context.initiated(name)
        self._set_metrics(client, name, {}, properties)
        context.wait(
            lambda: _stable(client, name), STABLE_SECONDS, f"Auto Scaling group {name} did not stabilize within 6 hours"
        )
        return self._made(client, name)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change the group in place, and roll the instances that are not as it says then, if its UpdatePolicy wants."""
        policy = context.update_policy or {}
        refuse_others(policy, POLICIES, "UpdatePolicy")
        changed = {key for key in {*old, *new} if old.get(key) != new.get(key)}
        client = context.client("autoscaling")
        rolling, suspended = self._rolling(client, physical_id, policy, new)
        sent = self._sent(changed, new, {} if context.rolls_back else policy)
        values = {key: new.get(key, DEFAULTS.get(key)) for key in sent}
        if context.site.sizes_go_back and changed and "DesiredCapacity" not in new:
            values["DesiredCapacity"] = new["MinSize"]
        if values:
            request = {**_request(values), "AutoScalingGroupName": physical_id}
            client.update_auto_scaling_group(**api_values(client, "UpdateAutoScalingGroup", request))
        self._set_hooks(client, physical_id, old, new)
        self._set_target_groups(client, physical_id, old, new)
        self._set_metrics(client, physical_id, old, new)
        self._set_tags(context, client, physical_id, new)
        roll = None if rolling is None else roll_of(context, client, physical_id, rolling)
        if roll is not None:
            Rolling(context, client, physical_id, roll).run(suspended)
        return self._made(client, physical_id)

    @staticmethod
    def _rolling(
        client: Any, name: str, policy: Mapping[str, Any], new: Mapping[str, Any]
    ) -> tuple[RollingPolicy | None, frozenset[str]]:
        """The policy to roll the group by, if there is one, and the processes that are suspended. Raises Refused."""
        if "AutoScalingRollingUpdate" not in policy:
            return None, frozenset()
        suspended = frozenset(each["ProcessName"] for each in group(client, name)["SuspendedProcesses"])
        try:
            rolling = rolling_policy(policy["AutoScalingRollingUpdate"], integer(new["MaxSize"], "MaxSize"))
        except ValidationError as error:
            raise Refused(str(error)) from None
        if problem := refusal({*suspended, *rolling.suspended}):
            raise Refused(problem)
        return rolling, suspended

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Scale to nothing, wait until every instance has passed its hooks, then delete the group."""
        client = context.client("autoscaling")
        if find(client, physical_id) is None:
            return
        client.update_auto_scaling_group(AutoScalingGroupName=physical_id, MinSize=0, MaxSize=0, DesiredCapacity=0)
        context.wait(
            lambda: not (find(client, physical_id) or {}).get("Instances"),
            EMPTYING_SECONDS,
            f"Auto Scaling group {physical_id} still has instances: their termination was held or retained",
        )
        context.wait(
            lambda: self._deleted(client, physical_id),
            EMPTYING_SECONDS,
            f"Auto Scaling group {physical_id} still has scaling activities in progress",
        )

    def _deleted(self, client: Any, name: str) -> bool:
        try:
            client.delete_auto_scaling_group(AutoScalingGroupName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] in BUSY:
                return False
            if GONE not in error.response["Error"]["Message"]:
                raise
        return True

    def _sent(self, changed: set[str], new: dict[str, Any], policy: Mapping[str, Any]) -> set[str]:
        """Which settings an update sends: the changed ones, and the template's sizes unless the policy spares them."""
        sent = changed & self.in_place
        scheduled = policy.get("AutoScalingScheduledAction") or {}
        spared = boolean(scheduled.get("IgnoreUnmodifiedGroupSizeProperties", False), "UpdatePolicy")
        return sent if spared or not changed else sent | {key for key in SIZES if key in new}

    def _set_hooks(self, client: Any, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = ({hook["LifecycleHookName"]: hook for hook in _hooks(each)} for each in (old, new))
        for hook_name in before.keys() - after.keys():
            client.delete_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName=hook_name)
        for hook_name, hook in after.items():
            if before.get(hook_name) != hook:
                values = api_values(client, "PutLifecycleHook", {**hook, "AutoScalingGroupName": name})
                client.put_lifecycle_hook(**values)

    def _set_target_groups(self, client: Any, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        added, removed = list_changes(old.get("TargetGroupARNs"), new.get("TargetGroupARNs"))
        if added:
            client.attach_load_balancer_target_groups(AutoScalingGroupName=name, TargetGroupARNs=added)
        if removed:
            client.detach_load_balancer_target_groups(AutoScalingGroupName=name, TargetGroupARNs=removed)

    def _set_metrics(self, client: Any, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        if old.get("MetricsCollection") == new.get("MetricsCollection"):
            return
        if old.get("MetricsCollection"):
            client.disable_metrics_collection(AutoScalingGroupName=name)
        for collection in new.get("MetricsCollection") or []:
            values = api_values(client, "EnableMetricsCollection", {**collection, "AutoScalingGroupName": name})
            client.enable_metrics_collection(**values)

    def _set_tags(self, context: Context, client: Any, name: str, new: dict[str, Any]) -> None:
        wanted = {tag["Key"]: tag for tag in _tags(context, new)}
        present = (find(client, name) or {}).get("Tags", [])
        gone, _ = tag_changes({tag["Key"]: "" for tag in present}, dict.fromkeys(wanted, ""))
        owner = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
        if gone:
            client.delete_tags(Tags=[{**owner, "Key": key} for key in gone])
        same = {tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"]) for tag in present}
        changed = [tag for key, tag in wanted.items() if same.get(key) != (tag["Value"], tag["PropagateAtLaunch"])]
        if changed:
            client.create_or_update_tags(Tags=[{**owner, **tag} for tag in changed])

    @staticmethod
    def _made(client: Any, name: str) -> Made:
        return Made(name, {"AutoScalingGroupARN": group(client, name)["AutoScalingGroupARN"]})


def _stable(client: Any, name: str) -> bool:
    """Whether as many instances are in service as are wanted. Raises ProviderError when the last launch has failed."""
    found = find(client, name) or {}
    serving = [each for each in found.get("Instances", []) if each["LifecycleState"] == "InService"]
    if len(serving) >= found.get("DesiredCapacity", 0):
        return True
    # Newest first; the one after a failed launch, which is still under way, says nothing yet.
    activities = client.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
    ended = [each for each in activities if each["Description"].startswith(LAUNCHING) and "EndTime" in each]
    if ended and ended[0]["StatusCode"] in FAILED:
        raise ProviderError(f"Group did not stabilize. Last scaling activity: {ended[0].get('StatusMessage', '')}")
    return False


def _hooks(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(properties.get("LifecycleHookSpecificationList") or [])


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Template properties under the API's names: Cooldown is DefaultCooldown there, the subnets are one text."""
    values = dict(properties)
    if "Cooldown" in values:
        values["DefaultCooldown"] = values.pop("Cooldown")
    subnets = values.get("VPCZoneIdentifier")
    if isinstance(subnets, list):
        values["VPCZoneIdentifier"] = ",".join(subnets)
    return values


def _tags(context: Context, properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The group's tags with the stack's below them; CloudFormation lets the stack's propagate to the instances."""
    stack = [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in context.tags.items()]
    own = [
        {
            "Key": str(tag["Key"]),
            "Value": str(tag["Value"]),
            "PropagateAtLaunch": boolean(tag["PropagateAtLaunch"], "Tags.PropagateAtLaunch"),
        }
        for tag in properties.get("Tags") or []
    ]
    return list({tag["Key"]: tag for tag in [*stack, *own]}.values())


register(AutoScalingGroup())

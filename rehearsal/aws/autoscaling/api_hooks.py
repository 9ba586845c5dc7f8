"""The operations on lifecycle hooks and on the actions that wait at them."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.autoscaling import hooks, requests, views
from rehearsal.aws.autoscaling.api_base import AutoScalingBase
from rehearsal.aws.autoscaling.model import Group, LifecycleAction, Member, Result, Transition
from rehearsal.aws.autoscaling.requests import invalid
from rehearsal.aws.autoscaling.worker import Scaling
from rehearsal.aws.protocol import RequestContext


class HookOperations(AutoScalingBase):
    """Lifecycle hooks."""

    def put_lifecycle_hook(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            hook = requests.hook(request, group.hooks.get(request["LifecycleHookName"]))
            # Instances that already wait keep the hook as they met it.
            group.hooks[hook.name] = hook
        return {}

    def describe_lifecycle_hooks(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        names = request.get("LifecycleHookNames") or []
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            shown = [views.hook(group, hook) for hook in group.hooks.values() if not names or hook.name in names]
        return {"LifecycleHooks": shown}

    def delete_lifecycle_hook(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        name = request["LifecycleHookName"]
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            if group.hooks.pop(name, None) is None:
                raise invalid(f"No Lifecycle Hook found with name {name}")
            # What waits at it ends: ABANDON for launching instances, CONTINUE for terminating ones (API reference).
            for member in group.members.values():
                action = member.actions.get(name)
                if action is not None:
                    launching = action.hook.transition is Transition.LAUNCHING
                    why = "the lifecycle hook was deleted"
                    hooks.complete(member, action, Result.ABANDON if launching else Result.CONTINUE, why)
        scaling.wake()
        return {}

    def complete_lifecycle_action(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        result = request["LifecycleActionResult"]
        if result not in list(Result):
            raise invalid(f"LifecycleActionResult is {result!r}; allowed: CONTINUE, ABANDON")
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            member, action = self._waiting(scaling, group, request)
            hooks.complete(member, action, Result(result))
        scaling.wake()
        return {}

    def record_lifecycle_action_heartbeat(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        scaling = self.scaling(context)
        with scaling.lock:
            group = self.group(scaling, request["AutoScalingGroupName"])
            _, action = self._waiting(scaling, group, request)
            hooks.heartbeat(action, scaling.clock.monotonic())
        return {}

    def describe_lifecycle_hook_types(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {"LifecycleHookTypes": [str(transition) for transition in Transition]}

    def _waiting(self, scaling: Scaling, group: Group, request: dict[str, Any]) -> tuple[Member, LifecycleAction]:
        name = request["LifecycleHookName"]
        instance_id, token = request.get("InstanceId"), request.get("LifecycleActionToken")
        if not instance_id and not token:
            raise invalid("Either LifecycleActionToken or InstanceId must be specified")
        for member in group.members.values():
            action = hooks.find([member], name, instance_id, token)
            if action is not None and action.deadline > scaling.clock.monotonic():
                return member, action
        named = f"token {token}" if token else f"instance ID {instance_id}"
        raise invalid(f"No active Lifecycle Action found with {named}")

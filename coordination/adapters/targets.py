"""Registering instances at the balancer of the API, and deregistering them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coordination.adapters.errors import AWS_ERRORS, unknown
from coordination.instances import GroupInstance, SlotGroup
from coordination.outcomes import Done, Request


class ApiTargets:
    """The target groups that Auto Scaling registers a slot's instances with. `connect` makes the client, which most
    calls of the function never need."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect

    def register(self, instance: GroupInstance, group: SlotGroup) -> Request:
        """Register an instance; one that is registered already stays so."""
        return self._each("RegisterTargets", self._connect().register_targets, instance, group)

    def deregister(self, instance: GroupInstance, group: SlotGroup) -> Request:
        """Deregister an instance: new connections go to others, and its own end after the balancer's delay."""
        return self._each("DeregisterTargets", self._connect().deregister_targets, instance, group)

    def _each(self, operation: str, call: Callable[..., Any], instance: GroupInstance, group: SlotGroup) -> Request:
        try:
            for arn in group.target_groups:
                call(TargetGroupArn=arn, Targets=[{"Id": instance.instance_id}])
        except AWS_ERRORS as error:
            return unknown(operation, error)
        return Done()

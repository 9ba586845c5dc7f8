"""The condition that names an instance which a terminating hook holds, and what can be done about it."""

from __future__ import annotations

from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.names import member_item

_PREFIX = "TerminationHeld/"


def held(instance: GroupInstance, reason: str, since: int) -> Condition:
    """The condition for a held `instance`; `since` is in seconds since 1970."""
    row = member_item(instance.instance_id)
    return Condition(
        name=_PREFIX + instance.instance_id,
        reason=reason,
        # Auto Scaling holds for 48 hours at most: https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
        next_step=(
            f"Correct what the reason names. For a member: etcdctl member remove, then set State of {row} to removed; "
            "the lifecycle hook is completed within a minute then. After 48 hours the hook runs out, and Auto Scaling "
            "retains the instance."
        ),
        since=since,
    )


def is_hold(name: str) -> bool:
    """Whether `name` is a condition of this kind."""
    return name.startswith(_PREFIX)

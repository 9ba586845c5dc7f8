"""`python -m deployment follow`: watches an operation that was started elsewhere, such as by the AWS CLI."""

from __future__ import annotations

from collections.abc import Callable

from deployment import stacks
from deployment.aws import Aws
from deployment.events import Follower
from deployment.launches import FailedLaunches
from deployment.refusal import Refusal

_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}


def run(aws: Aws, name: str, *, resources: bool, say: Callable[[str], None] = print) -> bool:
    """Tells the operation that was started last on the stack, until it ends; True when it did what it was to do."""
    cloudformation = aws.client("cloudformation")
    stack = stacks.find(cloudformation, name)
    if stack is None:
        raise Refusal(f"there is no stack {name}")
    launches = FailedLaunches(aws.client("autoscaling"), stack.uuid, say)
    follower = Follower(cloudformation, say, resources, launches)
    follower.mark_before_latest(stack.stack_id)
    return ended(follower, stack.stack_id, say)


def ended(follower: Follower, stack_id: str, say: Callable[[str], None]) -> bool:
    """Follows the operation to its end, then tells the stack's outputs, or why it failed."""
    stack = follower.follow(stack_id)
    if stack.status not in _GOOD:
        say(f"{stack.name} is {stack.status}")
        for failure in follower.failures or [stack.reason]:
            say(f"  {failure}")
        return False
    if stack.status != "DELETE_COMPLETE":
        width = max((len(key) for key, _ in stack.outputs), default=0)
        for key, value in stack.outputs:
            say(f"  {key:<{width}}  {value}")
    return True

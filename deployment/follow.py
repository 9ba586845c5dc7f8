"""`make follow`: watches a stack and its cluster, also an operation that was started elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from deployment import clusters, stacks
from deployment.aws import Aws
from deployment.events import Follower
from deployment.launches import FailedLaunches
from deployment.next_steps import Typed
from deployment.refusal import Refusal, StoppedFollowing
from deployment.status.gather import Sources
from deployment.status.watching import ClusterNews

_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"}
# Each line as it comes, through a pipe, too.
_say = partial(print, flush=True)


def run(aws: Aws, name: str, *, resources: bool, operation: bool = False, say: Callable[[str], None] = _say) -> bool:
    """Tells what happens in the stack and in its cluster; True when it did what it was to do.

    While an operation is under way: until its end. Otherwise until Ctrl-C, or until the stack is deleted. With
    `operation`: the one that was started last, to its end, also where that has come.
    """
    cloudformation = aws.client("cloudformation")
    stack = stacks.find(cloudformation, name)
    if stack is None:
        raise Refusal(f"there is no stack {name}")
    clusters.refuse_nested(stack, "follow")
    clusters.refuse_foreign(cloudformation, stack)
    launches = FailedLaunches(aws.client("autoscaling"), stack.uuid, say)
    follower = Follower(cloudformation, say, resources, launches, ClusterNews(Sources(aws, stack), say))
    if operation or stack.busy or stack.status == "DELETE_COMPLETE":
        follower.mark_before_latest(stack.stack_id)
        with going_on(stack.stack_id):
            return ended(follower, stack.stack_id, say)
    say(f"{stack.name} is {stack.status}; what happens from now on is told until Ctrl-C")
    with suppress(KeyboardInterrupt):
        follower.watch(stack.stack_id)
    return True


@contextmanager
def going_on(stack_id: str) -> Iterator[None]:
    """While an operation on the stack is begun and followed: Ctrl-C ends neither. Raises StoppedFollowing."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        region, name = stack_id.split(":")[3], stack_id.split("/")[1]
        look = Typed(stack=name, region=region).make("follow")
        raise StoppedFollowing(f"stopped following; the operation goes on in AWS. To follow it: {look}") from interrupt


def ended(follower: Follower, stack_id: str, say: Callable[[str], None], good: Collection[str] = _GOOD) -> bool:
    """Follows the operation to its end, then tells the stack's outputs, or why it failed: its status is not `good`."""
    stack = follower.follow(stack_id)
    if stack.status not in good:
        say(f"{stack.name} is {stack.status}")
        for failure in follower.failures or [stack.reason]:
            say(f"  {failure}")
        return False
    if stack.status != "DELETE_COMPLETE":
        width = max((len(key) for key, _ in stack.outputs), default=0)
        for key, value in stack.outputs:
            say(f"  {key:<{width}}  {value}")
    return True

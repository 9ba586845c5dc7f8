"""`make rollback`: takes a stack whose update has failed back to its last good state, and follows that to its end."""

from __future__ import annotations

from collections.abc import Callable

from deployment import clusters, next_steps, service_role, stacks
from deployment.aws import Aws
from deployment.events import Follower
from deployment.follow import ended, going_on
from deployment.launches import FailedLaunches
from deployment.refusal import Refusal

_STOPPED = "UPDATE_FAILED"
_STUCK = "UPDATE_ROLLBACK_FAILED"
_GOES_ON = {"UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"}
_BACK = "UPDATE_ROLLBACK_COMPLETE"


def run(aws: Aws, name: str, say: Callable[[str], None] = print, *, role: str = "") -> bool:
    """Rolls the stack back; True when it is as it was before its update. A rollback that goes on is followed.

    CloudFormation acts by `role` where that is not empty. Raises Refusal where there is nothing to roll back, and where
    the stack has another role.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
    """
    cloudformation = aws.client("cloudformation")
    stack = stacks.find(cloudformation, name)
    if stack is None:
        raise Refusal(f"there is no stack {name}")
    clusters.refuse_nested(stack, "rollback")
    clusters.refuse_foreign(cloudformation, stack)
    service_role.refuse_other(stack, role)
    if stack.status == _STUCK:
        again = next_steps.cli(stack, "continue-update-rollback")
        raise Refusal(f"the rollback of {stack.name} has failed; remove what is in its way, then: {again}")
    if stack.status not in {_STOPPED, *_GOES_ON}:
        raise Refusal(f"{stack.name} is {stack.status}: only an update that has failed ({_STOPPED}) is rolled back")
    follower = Follower(cloudformation, say, launches=FailedLaunches(aws.client("autoscaling"), stack.uuid, say))
    if stack.status == _STOPPED:
        follower.mark(stack.stack_id)
    else:
        say(f"{stack.name} is rolled back already")
        follower.mark_before_latest(stack.stack_id)
    with going_on(stack.stack_id):
        if stack.status == _STOPPED:
            cloudformation.rollback_stack(StackName=stack.stack_id, **service_role.argument(role))
        is_back = ended(follower, stack.stack_id, say, {_BACK})
    if is_back:
        say(f"{stack.name} is {_BACK}: as it was before the update")
        return True
    after = stacks.find(cloudformation, stack.stack_id)
    if after is not None and after.status == _STUCK:
        say(f"remove what is in its way, then: {next_steps.cli(after, 'continue-update-rollback')}")
    return False

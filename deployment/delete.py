"""`make delete`: the stack goes after a question; what stays is told, with its price and how to remove it."""

from __future__ import annotations

from collections.abc import Callable

from deployment import retained, stacks
from deployment.aws import Aws
from deployment.events import Follower
from deployment.follow import ended
from deployment.refusal import Refusal


def run(
    aws: Aws,
    name: str,
    *,
    confirmed: bool,
    ask: Callable[[str], str],
    resources: bool = True,
    say: Callable[[str], None] = print,
) -> bool:
    """Deletes the stack and follows it; True when it is gone. Raises Refusal when the answer is not its name."""
    cloudformation = aws.client("cloudformation")
    stack = stacks.find(cloudformation, name)
    if stack is None or stack.status == "DELETE_COMPLETE":
        raise Refusal(f"there is no stack {name}")
    if not confirmed and ask(f"Delete the cluster {stack.name}? Type its name: ").strip() != stack.name:
        raise Refusal(f"{stack.name} is left as it is: the answer was not its name")
    follower = Follower(cloudformation, say, resources)
    follower.mark(stack.stack_id)
    cloudformation.delete_stack(StackName=stack.stack_id)
    if not ended(follower, stack.stack_id, say):
        return False
    _tell_kept(aws, stack.uuid, say)
    return True


def _tell_kept(aws: Aws, uuid: str, say: Callable[[str], None]) -> None:
    kept = retained.survey(aws, uuid).kept
    if not kept:
        say("nothing was kept")
        return
    say("kept (this release takes no backups of etcd):")
    for thing in kept:
        say(f"  {thing.kind:<10}  {thing.identity}  costs {thing.cost}")
    say(f"to remove it for good: make purge CLUSTER={uuid}")

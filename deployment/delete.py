"""`make delete`: the stack goes after a question; what stays is told, with its price and how to remove it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from botocore.exceptions import ClientError

from deployment import attachments, clusters, next_steps, retained, service_role, stacks
from deployment.attachments import Attachment
from deployment.aws import Aws, code
from deployment.deletable import after_failure, refuse_unless_deletable
from deployment.events import Follower
from deployment.follow import ended, going_on
from deployment.refusal import Refusal
from deployment.stacks import Stack

_DELETED = "DELETE_COMPLETE"
_GOES_ON = "DELETE_IN_PROGRESS"


def run(
    aws: Aws,
    name: str,
    *,
    confirmed: bool,
    ask: Callable[[str], str],
    resources: bool = True,
    region: str = "",
    role: str = "",
    purge: bool = True,
    say: Callable[[str], None] = print,
) -> bool:
    """Deletes the stack and follows it; True when it is gone. A deletion that goes on already is followed.

    CloudFormation acts by `role` where that is not empty. Without `purge` the command that removes what is kept is left
    out. Raises Refusal when nothing was done: the answer is not the
    stack's name, the stack has another role, or it cannot be deleted as it is now.
    """
    cloudformation = aws.client("cloudformation")
    stack = _deletable(aws, name, region)
    service_role.refuse_other(stack, role)
    follower = Follower(cloudformation, say, resources)
    if stack.status == _GOES_ON:
        say(f"{stack.name} is being deleted already")
        follower.mark_before_latest(stack.stack_id)
    else:
        attached = _attached(aws, stack, say)
        if not confirmed:
            _ask(stack, role, ask)
        # Whoever deletes the cluster takes its people's rights to it back; CloudFormation would stop at them.
        attachments.take_back(aws, attached, say)
        follower.mark(stack.stack_id)
    with going_on(stack.stack_id):
        if stack.status != _GOES_ON:
            _delete(aws, stack, role)
        is_deleted = ended(follower, stack.stack_id, say)
    if not is_deleted:
        after = stacks.find(cloudformation, stack.stack_id)
        advice = after_failure(stack, after) if after is not None else None
        if advice is not None:
            say(advice)
        return False
    if _tell_kept(aws, stack, say) and purge:
        say(f"to remove it for good: {next_steps.purge(stack.uuid, stack.region)}")
    return True


def _ask(stack: Stack, role: str, ask: Callable[[str], str]) -> None:
    """Raises Refusal where nobody says yes."""
    try:
        answer = ask(f"Delete the cluster {stack.name}? Type its name: ")
    except Refusal as refusal:
        again = replace(next_steps.of(stack), role=role).make("delete", YES="1")
        raise Refusal(f"{stack.name} is left as it is: {refusal}: {again}") from refusal
    if answer.strip() != stack.name:
        raise Refusal(f"{stack.name} is left as it is: the answer was not its name")


def _deletable(aws: Aws, name: str, region: str) -> Stack:
    """The stack as it is now. Raises Refusal where there is none, and where it cannot be deleted."""
    cloudformation = aws.client("cloudformation")
    stack = stacks.find(cloudformation, name)
    if stack is None or stack.status == _DELETED:
        purge = next_steps.purge(name, region)
        raise Refusal(f"there is no stack {name}; what an earlier deletion kept goes with: {purge}")
    # CloudFormation would delete a nested stack, and leave a root without one of its layers.
    clusters.refuse_nested(stack, "delete")
    clusters.refuse_foreign(cloudformation, stack)
    refuse_unless_deletable(stack)
    return stack


def _attached(aws: Aws, stack: Stack, say: Callable[[str], None]) -> list[Attachment]:
    """Whom its policies are attached to, told; none where that cannot be asked, which is told, too."""
    try:
        found = attachments.find(aws, stack)
    except ClientError as error:
        say(f"whom the stack's policies are attached to could not be asked ({code(error)}): detach them yourself")
        return []
    for each in found:
        say(f"will be detached first: {each}")
    return found


def _delete(aws: Aws, stack: Stack, role: str) -> None:
    """Begins the deletion. Raises Refusal where the stack has changed since it was looked at, and ClientError."""
    try:
        aws.client("cloudformation").delete_stack(StackName=stack.stack_id, **service_role.argument(role))
    except ClientError as error:
        if code(error) == "ValidationError":
            _deletable(aws, stack.stack_id, stack.region)
        raise


def _tell_kept(aws: Aws, stack: Stack, say: Callable[[str], None]) -> bool:
    """False where there is nothing."""
    kept = retained.survey(aws, stack.uuid).kept
    if not kept:
        say("nothing was kept")
        return False
    say("kept (this release takes no backups of etcd):")
    for thing in kept:
        say(f"  {thing.kind:<10}  {thing.identity}  costs {thing.cost}")
    return True

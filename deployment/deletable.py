"""Whether CloudFormation deletes a stack as it is now, and what to type where it does not, or where it failed. Pure."""

from __future__ import annotations

from deployment import next_steps
from deployment.next_steps import cli
from deployment.refusal import Refusal
from deployment.stacks import Stack

# The statuses in which CloudFormation refuses DeleteStack ("cannot be deleted while in status …"), and what ends each.
# The API reference names none; these are from reports of the refusal: docs/rehearsal.md, "Deletions".
_FIRST = {
    "UPDATE_IN_PROGRESS": ("cancel-update-stack", "wait stack-rollback-complete"),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": ("wait stack-update-complete",),
    "UPDATE_ROLLBACK_IN_PROGRESS": ("wait stack-rollback-complete",),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": ("wait stack-rollback-complete",),
}
_FAILED = "DELETE_FAILED"
_NEVER_WAS = {
    "ROLLBACK_COMPLETE": "nothing of it runs or costs any more; its name is free after",
    "ROLLBACK_FAILED": "what is left of it goes with",
}


def refuse_unless_deletable(stack: Stack) -> None:
    """Raises Refusal, with the commands that lead to a deletion, where none can begin now."""
    if stack.protected:
        lift = cli(stack, "update-termination-protection", "--no-enable-termination-protection")
        raise Refusal(f"{stack.name} is protected against deletion; type first: {lift} && {command(stack)}")
    first = _FIRST.get(stack.status)
    if first is not None:
        # A wait fails where a rollback does, and what has failed can be deleted: so `make delete` comes in any case.
        commands = " && ".join(cli(stack, each) for each in first)
        raise Refusal(
            f"{stack.name} is {stack.status}, and CloudFormation deletes no stack in an update; type first: "
            f"{commands}; {command(stack)}"
        )


def after_failure(before: Stack, after: Stack) -> str | None:
    """What to do about a deletion that has failed, `before` being the stack as it was before it; None for nothing."""
    if after.status != _FAILED:
        return None
    if before.status != _FAILED:
        return f"what is left stays as it is; remove what is in its way, then: {command(after)}"
    force = cli(after, "delete-stack", "--deletion-mode FORCE_DELETE_STACK")
    return (
        f"it failed before, too; remove what is in its way, then: {command(after)}; as the last resort {force} ends "
        f"the stack alone: what it could not delete stays, costs as before, and carries the tag "
        f"holdfast:cluster={after.uuid}"
    )


def after_failed_creation(stack: Stack) -> str | None:
    """What is left of a creation that has failed and was rolled back, and how it goes; None for any other stack."""
    left = _NEVER_WAS.get(stack.status)
    return f"{left}: {command(stack)}" if left is not None else None


def command(stack: Stack) -> str:
    """What to type to delete the stack."""
    return next_steps.of(stack).make("delete")

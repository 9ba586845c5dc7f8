"""In which states a stack can be updated, and what to type first in the others."""

from __future__ import annotations

from deployment import deletable, next_steps
from deployment.refusal import Refusal
from deployment.stacks import Stack

_UPDATABLE = {
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "IMPORT_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
}


def refuse_unless_updatable(stack: Stack) -> None:
    """Raises Refusal, with what to type first, where CloudFormation would take no update of the stack."""
    if stack.status in _UPDATABLE:
        return
    if stack.status == "REVIEW_IN_PROGRESS" or not stack.busy:
        remedy = f"it has to be deleted first: {deletable.command(stack)}"
        if stack.status == "UPDATE_ROLLBACK_FAILED":
            remedy = f"finish its rollback first: {next_steps.cli(stack, 'continue-update-rollback')}"
        raise Refusal(f"{stack.name} is {stack.status} and cannot be updated; {remedy}")
    raise Refusal(f"{stack.name} is {stack.status}: wait for the operation that is under way")

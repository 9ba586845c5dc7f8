"""A stack that stands beside clusters, as that of images does: created or updated, and followed to its end.

A failed creation is deleted, and a failed update goes back: there is nothing in such a stack that could be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws, next_steps, service_role, stacks, templates
from deployment.aws import Aws
from deployment.change_sets import CAPABILITIES
from deployment.events import Follower
from deployment.follow import ended
from deployment.refusal import Refusal, StoppedFollowing
from deployment.stacks import Stack

_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
_UPDATABLE = _GOOD | {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}
_GONE = frozenset({"DELETE_COMPLETE"})
# UpdateStack has no error code of its own for this: a ValidationError with these words.
_NO_CHANGE = "No updates are to be performed"


@dataclass(frozen=True)
class Kind:
    """What stacks of a kind are known by, and what is said of another one."""

    output: str
    resource: str
    """A type that only their templates have."""
    another: str
    """As "is no catalog"."""

    def refuse_others(self, cloudformation: Any, stack: Stack) -> None:
        """Raises Refusal. A stack has outputs only once it is complete; before that its template says what it is."""
        if self.output in dict(stack.outputs):
            return
        summary = cloudformation.get_template_summary(StackName=stack.stack_id)
        if self.resource not in summary["ResourceTypes"]:
            raise self._refusal(stack)

    def outputs(self, stack: Stack) -> dict[str, str]:
        """Those of a complete stack. Raises Refusal for one of another kind."""
        found = dict(stack.outputs)
        if self.output not in found:
            raise self._refusal(stack)
        return found

    def _refusal(self, stack: Stack) -> Refusal:
        return Refusal(f"the stack {stack.name} {self.another}: it has no output {self.output}")


@dataclass(frozen=True)
class Wanted:
    """What a stack is made or updated to."""

    name: str
    template: Path
    parameters: Sequence[Mapping[str, Any]]
    """As CloudFormation takes them."""
    bucket: str | None = None
    """Where a template goes that is too large for a request."""
    role: str = ""
    """By which CloudFormation acts; empty for the stack's own, or the caller's rights."""


def find(cloudformation: Any, name: str) -> Stack | None:
    """The stack, or None where there is none any more."""
    stack = stacks.find(cloudformation, name)
    return None if stack is None or stack.status in _GONE else stack


def refuse_unless_updatable(stack: Stack) -> None:
    """Raises Refusal, with what to do about it."""
    if stack.busy:
        raise Refusal(f"{stack.name} is {stack.status}: wait for the operation that is under way")
    if stack.status not in _UPDATABLE:
        deletion = next_steps.cli(stack, "delete-stack")
        raise Refusal(f"{stack.name} is {stack.status} and cannot be updated; to delete it first: {deletion}")


def deploy(
    account: Aws, existing: Stack | None, wanted: Wanted, say: Callable[[str], None], stopped: str
) -> Stack | None:
    """Creates or updates the stack; None where that failed, and was told.

    `stopped` is what is true where Ctrl-C ends the following. Raises Refusal, StoppedFollowing, ClientError.
    """
    cloudformation = account.client("cloudformation")
    common = {
        "StackName": wanted.name,
        "Parameters": list(wanted.parameters),
        "Capabilities": CAPABILITIES,
        **templates.argument(account, wanted.template, wanted.bucket),
        **service_role.argument(wanted.role),
    }
    for line in service_role.told(wanted.name, wanted.role, existing):
        say(line)
    follower = Follower(cloudformation, say)
    if existing is None:
        stack_id = str(cloudformation.create_stack(**common, OnFailure="DELETE")["StackId"])
    else:
        stack_id = existing.stack_id
        follower.mark(stack_id)
        if not _updates(cloudformation, common):
            say(f"{wanted.name} has nothing to change")
            return existing
    with _going_on(stopped):
        if not ended(follower, stack_id, say, good=_GOOD):
            return None
    return find(cloudformation, stack_id)


@contextmanager
def _going_on(stopped: str) -> Iterator[None]:
    """While the stack is made: Ctrl-C ends no operation of CloudFormation. Raises StoppedFollowing."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise StoppedFollowing(f"stopped following; the stack's operation goes on in AWS, {stopped}") from interrupt


def _updates(cloudformation: Any, request: Mapping[str, Any]) -> bool:
    """Whether an update has begun; False where there is nothing to change."""
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if aws.code(error) == "ValidationError" and _NO_CHANGE in aws.message(error):
            return False
        raise
    return True

"""`make deploy` and `make diff`: a creation rolls back where it fails, and protects the stack where it does not; an
update is read as a change set before anything happens."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from coordination.names import COMMIT_TAG
from deployment import (
    built,
    changes,
    clusters,
    deletable,
    digests,
    identity,
    next_steps,
    parameters,
    plans,
    stacks,
    templates,
    widening,
)
from deployment.aws import Aws
from deployment.built import Build
from deployment.changes import Change
from deployment.events import Follower
from deployment.follow import ended
from deployment.launches import FailedLaunches
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.stacks import Stack
from deployment.update_check import refuse_unless_healthy

# The templates make roles, but name none of them: CAPABILITY_NAMED_IAM is not needed.
CAPABILITIES = ["CAPABILITY_IAM"]

_UPDATABLE = {
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "IMPORT_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
}


_NOTHING_TYPED = Typed()


@dataclass(frozen=True)
class Order:
    """What to deploy: the packaged template, the stack's name, the values that were given, and its tags."""

    stack: str
    template: Path
    given: dict[str, str]
    tags: list[dict[str, str]]
    # Where a root template goes that is too large for a request.
    bucket: str | None = None
    # What a printed next step repeats.
    typed: Typed = _NOTHING_TYPED


def deploy(
    aws: Aws, order: Order, *, rollback: bool, security: bool = False, say: Callable[[str], None] = print
) -> bool:
    """Creates or updates the stack and follows it to its end; True when it succeeded.

    An update keeps what it has done when it fails (a later failure must not walk upgraded slots back), unless
    `rollback`. CloudFormation then refuses replacements half-way, so they are refused here first. So is an update that
    opens a policy or a security group, unless `security`. Raises Refusal, too, for what was not built here.
    """
    cloudformation = aws.client("cloudformation")
    existing = stacks.find(cloudformation, order.stack)
    if existing is None or existing.status == "DELETE_COMPLETE":
        return _create(aws, order, say)
    _refuse_other_stacks(cloudformation, existing, "deploy")
    _refuse_unless_updatable(existing)
    build = _build(order)
    clusters.refuse_other_cluster(cloudformation, existing, build.root, order.typed)
    with_changes = _change_set(aws, order, existing, build.root)
    try:
        planned = _planned(cloudformation, with_changes)
        if not planned:
            _discard(cloudformation, with_changes)
            say(f"{order.stack} has nothing to change")
            return True
        built.refuse_other_changes(aws, with_changes, build)
        opened = widening.found(planned)
        for line in plans.lines(planned, opened):
            say(line)
        if not rollback:
            _refuse_replacements(planned, order.typed)
        if not security:
            plans.refuse_widenings(opened, order.typed)
        refuse_unless_healthy(aws, existing.stack_id, build.root, planned, say)
    except (Refusal, BotoCoreError, ClientError):
        _discard(cloudformation, with_changes)
        raise
    follower = Follower(cloudformation, say, launches=_launches(aws, existing.stack_id, say))
    follower.mark(existing.stack_id)
    cloudformation.execute_change_set(ChangeSetName=with_changes, DisableRollback=not rollback)
    return ended(follower, existing.stack_id, say) and _is_built(aws, existing.stack_id, build, say)


def diff(aws: Aws, order: Order, *, as_json: bool = False, say: Callable[[str], None] = print) -> None:
    """Tells what `deploy` would change, and leaves nothing behind. Raises Refusal."""
    cloudformation = aws.client("cloudformation")
    existing = stacks.find(cloudformation, order.stack)
    if existing is None:
        if as_json:
            say(plans.json_of([], [], exists=False))
        else:
            say(f"there is no stack {order.stack}; to create it: {order.typed.make('deploy')}")
        return
    _refuse_other_stacks(cloudformation, existing, "diff")
    _refuse_unless_updatable(existing)
    template = templates.load(order.template, order.typed.make("package"))
    clusters.refuse_other_cluster(cloudformation, existing, template, order.typed)
    change_set = _change_set(aws, order, existing, template)
    try:
        planned = _planned(cloudformation, change_set)
    finally:
        _discard(cloudformation, change_set)
    opened = widening.found(planned)
    if as_json:
        say(plans.json_of(planned, opened))
        return
    for line in plans.lines(planned, opened) if planned else [f"{order.stack} has nothing to change"]:
        say(line)


def _refuse_other_stacks(cloudformation: Any, existing: Stack, target: str) -> None:
    clusters.refuse_nested(existing, target)
    clusters.refuse_foreign(cloudformation, existing)


def _create(aws: Aws, order: Order, say: Callable[[str], None]) -> bool:
    cloudformation = aws.client("cloudformation")
    build = _build(order)
    given = parameters.for_stack(build.root, order.given)
    # A change set of a stack that is not there yet knows none of the values that its nested stacks hand to each other.
    built.refuse_other_uploads(aws, build)
    answer = cloudformation.create_stack(
        StackName=order.stack,
        Parameters=given,
        Capabilities=CAPABILITIES,
        OnFailure="ROLLBACK",
        Tags=[*order.tags, *_commit_tag(build.root)],
        **templates.argument(aws, order.template, order.bucket),
    )
    stack_id = answer["StackId"]
    if ended(Follower(cloudformation, say, launches=_launches(aws, stack_id, say)), stack_id, say):
        _protect(aws, stack_id, say)
        return _is_built(aws, stack_id, build, say)
    after = stacks.find(cloudformation, stack_id)
    left = deletable.after_failed_creation(after) if after is not None else None
    if left is not None:
        say(left)
    return False


def _build(order: Order) -> Build:
    remedy = order.typed.make("package")
    return Build(templates.load(order.template, remedy), digests.load(order.template, remedy))


def _commit_tag(root: templates.Body) -> list[dict[str, str]]:
    """The tag that says which commit created the stack; none where that is not known.

    An update leaves it: CloudFormation hands a changed tag of a stack to every resource below, and each of them would
    be an update of its own, for no reason but another commit. The root's Metadata says which commit came last.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    """
    made = identity.of(root)
    return [{"Key": COMMIT_TAG, "Value": made.commit}] if made is not None and made.commit else []


def _is_built(aws: Aws, stack_id: str, build: Build, say: Callable[[str], None]) -> bool:
    """Whether the finished stack is what was built; tells what is not.

    Where the bucket keeps no versions, there was a moment between looking at an upload and CloudFormation's reading it.
    """
    try:
        different = built.unlike_built(aws, stack_id, build)
    except (BotoCoreError, ClientError) as error:
        say(f"whether the stack is what was built could not be asked: {error}")
        return False
    for line in different:
        say(f"{line}: take it for hostile, and look at who may write to the bucket")
    return not different


def _protect(aws: Aws, stack_id: str, say: Callable[[str], None]) -> None:
    """Have CloudFormation refuse the stack's deletion until somebody lifts that."""
    cloudformation = aws.client("cloudformation")
    try:
        cloudformation.update_termination_protection(StackName=stack_id, EnableTerminationProtection=True)
    except (BotoCoreError, ClientError) as error:
        # The cluster is there, and works.
        say(f"the stack is not protected against deletion: {error}")


def _launches(aws: Aws, stack_id: str, say: Callable[[str], None]) -> FailedLaunches:
    return FailedLaunches(aws.client("autoscaling"), stacks.uuid_of(stack_id), say)


def _refuse_unless_updatable(stack: Stack) -> None:
    if stack.status in _UPDATABLE:
        return
    if stack.status == "REVIEW_IN_PROGRESS" or not stack.busy:
        remedy = f"it has to be deleted first: {deletable.command(stack)}"
        if stack.status == "UPDATE_ROLLBACK_FAILED":
            remedy = f"finish its rollback first: {next_steps.cli(stack, 'continue-update-rollback')}"
        raise Refusal(f"{stack.name} is {stack.status} and cannot be updated; {remedy}")
    raise Refusal(f"{stack.name} is {stack.status}: wait for the operation that is under way")


def _refuse_replacements(planned: Sequence[Change], typed: Typed) -> None:
    replaced = [change.path for change in planned if change.replaced]
    if replaced:
        raise Refusal(
            f"the update would replace {', '.join(replaced)}, which CloudFormation does only when the update may roll "
            f"back; to allow both: {typed.make('deploy', ROLLBACK='1')}"
        )


def _change_set(aws: Aws, order: Order, existing: Stack, template: templates.Body) -> str:
    """Starts the change set with its nested ones; its id."""
    request: dict[str, Any] = {
        "StackName": existing.stack_id,
        "ChangeSetName": f"holdfast-{uuid.uuid4().hex}",
        "ChangeSetType": "UPDATE",
        "IncludeNestedStacks": True,
        "Parameters": parameters.for_stack(template, order.given, existing.parameters),
        "Capabilities": CAPABILITIES,
        **templates.argument(aws, order.template, order.bucket),
    }
    if order.tags:  # none given: the stack keeps those that it has
        request["Tags"] = [*order.tags, *(tag for tag in existing.tags if tag["Key"] == COMMIT_TAG)]
    return str(aws.client("cloudformation").create_change_set(**request)["Id"])


def _planned(cloudformation: Any, change_set: str) -> list[Change]:
    if not changes.settled(cloudformation, change_set, time.sleep):
        return []
    return list(changes.read(cloudformation, change_set))


def _discard(cloudformation: Any, change_set: str) -> None:
    cloudformation.delete_change_set(ChangeSetName=change_set)

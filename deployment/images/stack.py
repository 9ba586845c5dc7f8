"""The image stack: created or updated, and followed to its end. Nothing here touches a stack of another kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from coordination.names import IMAGE_METADATA, UNLOCKED, ImageOutput
from deployment import aws, next_steps, parameters, service_role, stacks, templates
from deployment.aws import Aws
from deployment.change_sets import CAPABILITIES
from deployment.events import Follower
from deployment.follow import ended
from deployment.next_steps import Typed
from deployment.refusal import Refusal, StoppedFollowing
from deployment.stacks import Stack
from deployment.templates import Body

_PIPELINE = "AWS::ImageBuilder::ImagePipeline"
_MINOR = "KubernetesMinor"
_GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
_UPDATABLE = _GOOD | {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}
_GONE = frozenset({"DELETE_COMPLETE"})
# UpdateStack has no error code of its own for this: a ValidationError with these words.
_NO_CHANGE = "No updates are to be performed"


@dataclass(frozen=True)
class ImageOrder:
    """What to deploy: the template of images, the stack's name, and the values that were given."""

    stack: str
    template: Path
    given: Mapping[str, str]
    typed: Typed
    # Where a template goes that is too large for a request.
    bucket: str | None = None
    role: str = ""
    """By which CloudFormation acts; empty for the stack's own, or the caller's rights."""


def pipeline(cloudformation: Any, name: str) -> str:
    """The pipeline's ARN. Raises Refusal where there is no such stack, or it is of another kind."""
    stack = stacks.find(cloudformation, name)
    if stack is None or stack.status in _GONE:
        again = Typed(stack=name, parameters=next_steps.PARAMETERS_PLACEHOLDER).make("image")
        raise Refusal(f"there is no image stack {name}; to make it: {again}")
    return _pipeline_of(stack)


def deploy(account: Aws, order: ImageOrder, say: Callable[[str], None]) -> str | None:
    """Creates or updates the stack; the pipeline's ARN, or None where that failed and was told.

    A failed creation is deleted, and a failed update goes back: there is nothing in the stack that could be lost.
    Raises Refusal, and StoppedFollowing.
    """
    cloudformation = account.client("cloudformation")
    template = templates.load(order.template, "make templates")
    existing = stacks.find(cloudformation, order.stack)
    if existing is not None and existing.status in _GONE:
        existing = None
    if existing is not None:
        _refuse_other_kinds(cloudformation, existing)
        _refuse_unless_updatable(existing)
        service_role.refuse_other(existing, order.role)
    values = existing.parameters if existing is not None else {}
    request = parameters.for_stack(template, dict(order.given), values)
    after = parameters.values(template, order.given, values)
    _refuse_unlocked(template, after)
    _refuse_unless_private(account, after)
    common = {
        "StackName": order.stack,
        "Parameters": request,
        "Capabilities": CAPABILITIES,
        **templates.argument(account, order.template, order.bucket),
        **service_role.argument(order.role),
    }
    for line in service_role.told(order.stack, order.role, existing):
        say(line)
    follower = Follower(cloudformation, say)
    if existing is None:
        stack_id = str(cloudformation.create_stack(**common, OnFailure="DELETE")["StackId"])
    else:
        stack_id = existing.stack_id
        follower.mark(stack_id)
        if not _updates(cloudformation, common):
            say(f"{order.stack} has nothing to change")
            return _pipeline_of(existing)
    with _going_on(order.typed):
        if not ended(follower, stack_id, say, good=_GOOD):
            return None
    return pipeline(cloudformation, stack_id)


@contextmanager
def _going_on(typed: Typed) -> Iterator[None]:
    """While the stack is made: Ctrl-C ends no operation of CloudFormation. Raises StoppedFollowing."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise StoppedFollowing(
            "stopped following; the stack's operation goes on in AWS, and no build was started. Once it has ended: "
            f"{typed.make('image')}"
        ) from interrupt


def _updates(cloudformation: Any, request: Mapping[str, Any]) -> bool:
    """Whether an update has begun; False where there is nothing to change."""
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if aws.code(error) == "ValidationError" and _NO_CHANGE in aws.message(error):
            return False
        raise
    return True


def _refuse_unless_updatable(stack: Stack) -> None:
    if stack.busy:
        raise Refusal(f"{stack.name} is {stack.status}: wait for the operation that is under way")
    if stack.status not in _UPDATABLE:
        deletion = next_steps.cli(stack, "delete-stack")
        raise Refusal(f"{stack.name} is {stack.status} and cannot be updated; to delete it first: {deletion}")


def _refuse_other_kinds(cloudformation: Any, stack: Stack) -> None:
    """A stack has outputs only once it is complete; before that its template says what it is."""
    if ImageOutput.PIPELINE in dict(stack.outputs):
        return
    summary = cloudformation.get_template_summary(StackName=stack.stack_id)
    if _PIPELINE not in summary["ResourceTypes"]:
        raise _other(stack)


def _refuse_unlocked(template: Body, values: Mapping[str, str]) -> None:
    unlocked: Mapping[str, str] = template.get("Metadata", {}).get(IMAGE_METADATA, {}).get(UNLOCKED, {})
    minor = values.get(_MINOR, "")
    if minor in unlocked:
        raise Refusal(f"no image of Kubernetes {minor} can be built: {unlocked[minor]}; then: make templates")


def _refuse_unless_private(account: Aws, values: Mapping[str, str]) -> None:
    """The subnet has to be in the VPC, and to give its instances no public addresses."""
    subnet, vpc = values["SubnetId"], values["VpcId"]
    # By a filter: an id that does not exist is an empty answer then, and no error.
    wanted = [{"Name": "subnet-id", "Values": [subnet]}]
    found = account.client("ec2").describe_subnets(Filters=wanted)["Subnets"]
    if not found:
        raise Refusal(f"SubnetId: given {subnet}; allowed: a subnet of this region and account")
    if found[0]["VpcId"] != vpc:
        raise Refusal(f"SubnetId: given {subnet}, which is in {found[0]['VpcId']}; allowed: a subnet of VpcId, {vpc}")
    if found[0].get("MapPublicIpOnLaunch"):
        raise Refusal(f"SubnetId: given {subnet}, which gives public addresses; allowed: a private subnet")


def _pipeline_of(stack: Stack) -> str:
    found = dict(stack.outputs).get(ImageOutput.PIPELINE)
    if found is None:
        raise _other(stack)
    return found


def _other(stack: Stack) -> Refusal:
    return Refusal(f"the stack {stack.name} builds no images: it has no output {ImageOutput.PIPELINE}")

"""The image stack: created or updated, and followed to its end. Nothing here touches a stack of another kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordination.names import IMAGE_METADATA, UNLOCKED, ImageOutput
from deployment import beside, next_steps, parameters, service_role, templates
from deployment.aws import Aws
from deployment.beside import Kind, Wanted
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.stacks import Stack
from deployment.templates import Body

_KIND = Kind(ImageOutput.PIPELINE, "AWS::ImageBuilder::ImagePipeline", "builds no images")
_MINOR = "KubernetesMinor"


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
    stack = beside.find(cloudformation, name)
    if stack is None:
        again = Typed(stack=name, parameters=next_steps.PARAMETERS_PLACEHOLDER).make("image")
        raise Refusal(f"there is no image stack {name}; to make it: {again}")
    return _pipeline_of(stack)


def deploy(account: Aws, order: ImageOrder, say: Callable[[str], None]) -> str | None:
    """Creates or updates the stack; the pipeline's ARN, or None where that failed and was told.

    A failed creation is deleted, and a failed update goes back: there is nothing in the stack that could be lost.
    Raises Refusal, and StoppedFollowing.
    """
    cloudformation = account.client("cloudformation")
    template = templates.load(order.template, order.typed.make("templates"))
    existing = beside.find(cloudformation, order.stack)
    if existing is not None:
        _KIND.refuse_others(cloudformation, existing)
        beside.refuse_unless_updatable(existing)
        service_role.refuse_other(existing, order.role)
    values = existing.parameters if existing is not None else {}
    request = parameters.for_stack(template, dict(order.given), values)
    after = parameters.values(template, order.given, values)
    _refuse_unlocked(template, after, order.typed)
    _refuse_unless_private(account, after)
    stopped = f"and no build was started. Once it has ended: {order.typed.make('image')}"
    wanted = Wanted(order.stack, order.template, request, order.bucket, order.role)
    stack = beside.deploy(account, existing, wanted, say, stopped)
    return None if stack is None else _pipeline_of(stack)


def _refuse_unlocked(template: Body, values: Mapping[str, str], typed: Typed) -> None:
    unlocked: Mapping[str, str] = template.get("Metadata", {}).get(IMAGE_METADATA, {}).get(UNLOCKED, {})
    minor = values.get(_MINOR, "")
    if minor in unlocked:
        again = typed.make("templates")
        raise Refusal(f"no image of Kubernetes {minor} can be built: {unlocked[minor]}; then: {again}")


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
    return _KIND.outputs(stack)[ImageOutput.PIPELINE]

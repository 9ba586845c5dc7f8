"""Which stacks are clusters of this project: no command acts on any other, or on a stack nested in one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from coordination.names import IDENTITY_METADATA, TEARDOWN_RESOURCE_TYPE
from deployment import identity, next_steps, stacks
from deployment.aws import Aws
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.stacks import Stack
from deployment.templates import Body

_UUID_OUTPUT = "ClusterUuid"
# Nothing has been made of it, and nothing can be lost with it.
_NOTHING_YET = "REVIEW_IN_PROGRESS"
_DELETED = "DELETE_COMPLETE"
# Of clusters that say nothing in Metadata: the layer, and the resource in it that holds the cluster's name.
_SERVICES = "Services"
_NAME_SETTING = "ClusterNameSetting"
# CloudFormation API reference, CreateStack, "StackName"; a stack's id names one that is there.
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}|arn:[!-~]+")


def refuse_wrong_name(given: str) -> None:
    """Raises Refusal for what no stack can be named."""
    if not _STACK_NAME.fullmatch(given):
        raise Refusal(
            f"STACK: given {json.dumps(given)}; allowed: 1 to 128 letters, digits and hyphens that begin with a letter"
        )


def refuse_other_partition(root: Body, caller: str, typed: Typed) -> None:
    """Raises Refusal where the root template is for another partition than that of the caller, an ARN."""
    made_for, partition = identity.of(root), caller.split(":")[1]
    if made_for is not None and made_for.partition and made_for.partition != partition:
        raise Refusal(
            f"these templates are for the partition {made_for.partition}, and the account is in {partition}: "
            f"let the configuration say partition: {partition}, and make them anew: {typed.make('templates')}"
        )


def refuse_partition_of_others(aws: Aws, root: Body, typed: Typed) -> None:
    """As `refuse_other_partition`, of the caller of `aws`, who is asked where the template says a partition."""
    made_for = identity.of(root)
    if made_for is not None and made_for.partition:
        refuse_other_partition(root, aws.client("sts").get_caller_identity()["Arn"], typed)


def refuse_nested(stack: Stack, target: str, typed: Typed | None = None) -> None:
    """Raises Refusal, with the same `target` of make for the root, where the stack is nested in another one.

    `typed` is what the target was given, for those that take more than the stack.
    """
    if stack.root_id and stack.root_id != stack.stack_id:
        root = replace(typed or next_steps.of(stack), stack=stack.root_id.split("/")[1])
        raise Refusal(f"{stack.name} is nested in {root.stack}, and no cluster by itself: {root.make(target)}")


def refuse_outputs_of_others(stack: Stack) -> None:
    """Raises Refusal where the stack's outputs say that it is something else. One without outputs says nothing."""
    if stack.outputs and not _is_named(stack):
        raise _foreign(stack)


def refuse_foreign(cloudformation: Any, stack: Stack) -> None:
    """Raises Refusal where the stack is no cluster, and ClientError where that cannot be asked.

    A stack has outputs only once it is complete; before that, and after a rollback, its template says what it is.
    """
    if _is_named(stack) or stack.status in {_NOTHING_YET, _DELETED}:
        return
    refuse_outputs_of_others(stack)
    summary = cloudformation.get_template_summary(StackName=stack.stack_id)
    metadata = json.loads(summary.get("Metadata") or "{}")
    if TEARDOWN_RESOURCE_TYPE not in summary["ResourceTypes"] and IDENTITY_METADATA not in metadata:
        raise _foreign(stack)


def refuse_other_cluster(
    cloudformation: Any, stack: Stack, packaged: Body, typed: Typed, target: str = "package"
) -> None:
    """Raises Refusal where the root template was made for another cluster than the stack is, and says what to type.

    `target` is of make, and takes the right ones. ClientError where the stack cannot be asked.
    """
    again = typed.make(target, CONFIG="", OUT=next_steps.FOLDER_PLACEHOLDER)
    made_for = identity.of(packaged)
    if made_for is None:
        raise Refusal(f"the root template does not say of which cluster it is: generate it anew, and type: {again}")
    name = _name(cloudformation, stack)
    if name is None:
        raise Refusal(f"the stack {stack.name} does not say which cluster it is: it has no {_NAME_SETTING}")
    if name != made_for.cluster:
        raise Refusal(
            f"the stack {stack.name} is the cluster {name}, and these templates are of the cluster "
            f"{made_for.cluster} (a name never changes): take those of {name}: {again}"
        )


def _name(cloudformation: Any, stack: Stack) -> str | None:
    root = stacks.template(cloudformation, StackName=stack.stack_id)
    found = identity.of(root)
    if found is not None:
        return found.cluster
    if _SERVICES not in root["Resources"]:
        return None
    nested = stacks.physical_id(cloudformation, stack.stack_id, _SERVICES)
    setting = stacks.template(cloudformation, StackName=nested)["Resources"].get(_NAME_SETTING)
    return str(setting["Properties"]["Value"]) if setting is not None else None


def _is_named(stack: Stack) -> bool:
    return dict(stack.outputs).get(_UUID_OUTPUT) == stack.uuid


def _foreign(stack: Stack) -> Refusal:
    return Refusal(f"the stack {stack.name} is no cluster of this project: it has no output {_UUID_OUTPUT}")

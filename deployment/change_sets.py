"""An update as a change set: made, read, discarded; and everything that it means."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordination.adapters.instances import ClusterGroups
from coordination.instances import PoolGroup
from coordination.names import COMMIT_TAG
from coordination.outcomes import Unknown
from deployment import changes, effects, fixed, parameters, people, service_role, stacks, templates, widening
from deployment.aws import Aws
from deployment.changes import Change
from deployment.next_steps import Typed
from deployment.plans import Plan
from deployment.stacks import Stack

# The templates make roles, but name none of them: CAPABILITY_NAMED_IAM is not needed.
CAPABILITIES = ["CAPABILITY_IAM"]

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
    # By which CloudFormation is to act; empty for the stack's own, or the caller's rights.
    role: str = ""
    # What a printed next step repeats.
    typed: Typed = _NOTHING_TYPED


def create(aws: Aws, order: Order, existing: Stack, template: templates.Body) -> str:
    """Starts the change set with its nested ones; its id."""
    request: dict[str, Any] = {
        "StackName": existing.stack_id,
        "ChangeSetName": f"holdfast-{uuid.uuid4().hex}",
        "ChangeSetType": "UPDATE",
        "IncludeNestedStacks": True,
        "Parameters": parameters.for_stack(template, order.given, existing.parameters),
        "Capabilities": CAPABILITIES,
        **templates.argument(aws, order.template, order.bucket),
        **service_role.argument(order.role),
    }
    if order.tags:  # none given: the stack keeps those that it has
        request["Tags"] = [*order.tags, *(tag for tag in existing.tags if tag["Key"] == COMMIT_TAG)]
    return str(aws.client("cloudformation").create_change_set(**request)["Id"])


def discard(cloudformation: Any, change_set: str) -> None:
    """Leaves nothing of the change set behind."""
    cloudformation.delete_change_set(ChangeSetName=change_set)


def plan(aws: Aws, order: Order, existing: Stack, template: templates.Body, change_set: str) -> Plan:
    """Everything that the finished change set means. Raises Refusal where it could not be made."""
    cloudformation = aws.client("cloudformation")
    planned = _planned(cloudformation, change_set)
    before = stacks.template(cloudformation, StackName=existing.stack_id)
    check = template["Resources"].get("UpdateCheck", {}).get("Properties", {})
    return Plan(
        changes=planned,
        fixed=fixed.of_changes(planned),
        effects=effects.found(planned, _pools(aws, existing, planned), check.get("Replacement", "")),
        opened=widening.found(planned),
        lost=people.losses(existing.parameters, order.given),
        kept=parameters.kept_values(before, template, order.given, existing.parameters),
    )


def _planned(cloudformation: Any, change_set: str) -> list[Change]:
    if not changes.settled(cloudformation, change_set, time.sleep):
        return []
    return list(changes.read(cloudformation, change_set))


def _pools(aws: Aws, existing: Stack, planned: Sequence[Change]) -> Sequence[PoolGroup] | None:
    """The pools that live now; None where they cannot be asked. Nobody is asked where nothing changes."""
    if not planned:
        return ()
    # EC2 is asked nothing here.
    ec2: Any = None
    found = ClusterGroups(aws.client("autoscaling"), ec2, existing.uuid).groups()
    return None if isinstance(found, Unknown) else found.value.pools

"""From a caller's request to what a stack is to be made from, with the checks that CloudFormation makes up front."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation import parameters as parameter_values
from rehearsal.aws.cloudformation import rules
from rehearsal.aws.cloudformation.account import Account
from rehearsal.aws.cloudformation.engine import Engine
from rehearsal.aws.cloudformation.errors import ValidationError
from rehearsal.aws.cloudformation.model import Stack, Target
from rehearsal.aws.cloudformation.template import Template, parse
from rehearsal.aws.cloudformation.validation import check_capabilities, refuse_type_changes, validate_tree
from rehearsal.aws.protocol import RequestContext

STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
MAX_STACK_NAME = 128
MAX_BODY_BYTES = 51_200
"""CloudFormation's limit for a template inside a request."""
MAX_TAGS = 50
NOT_OFFERED = frozenset(
    "DeletionMode DeploymentConfig DeploymentMode ImportExistingResources NotificationARNs ResourceTypes "
    "ResourcesToImport StackPolicyBody StackPolicyDuringUpdateBody StackPolicyDuringUpdateURL StackPolicyURL".split()
)
"""Request parameters that would change what happens, and that the local AWS does not have."""


def refuse_not_offered(request: Mapping[str, Any]) -> None:
    """Refuse parameters that would otherwise be ignored in silence."""
    for key in sorted(request):
        if key in NOT_OFFERED and request[key] not in (None, False, [], "", "STANDARD"):
            raise ValidationError(f"{key} is not supported by the local AWS")
    if (request.get("RollbackConfiguration") or {}).get("RollbackTriggers"):
        raise ValidationError("RollbackConfiguration is not supported by the local AWS")


def check_stack_name(name: str) -> None:
    """Raise ValidationError for a name that a stack cannot have."""
    if not STACK_NAME.fullmatch(name) or len(name) > MAX_STACK_NAME:
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must "
            f"satisfy regular expression pattern: {STACK_NAME.pattern} and have length less than or equal to "
            f"{MAX_STACK_NAME}"
        )


def template_of(reading: Account, request: Mapping[str, Any], stack: Stack | None) -> Template:
    """The template that a request gives, points at (`reading` it as the caller may), or takes over from the stack."""
    body, url = request.get("TemplateBody"), request.get("TemplateURL")
    if request.get("UsePreviousTemplate"):
        if body or url or stack is None or stack.target is None:
            raise ValidationError("UsePreviousTemplate cannot be used with a new template or without a stack")
        return stack.target.template
    if bool(body) == bool(url):
        raise ValidationError("Either Template URL or Template Body must be specified.")
    if body and len(body.encode()) > MAX_BODY_BYTES:
        raise ValidationError(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MAX_BODY_BYTES}"
        )
    return parse(body or reading.template(str(url)))


def target_of(
    engine: Engine, reading: Account, context: RequestContext, request: Mapping[str, Any], stack: Stack | None
) -> Target:
    """What a request makes of a stack (None or without target: of a new one).

    The engine has the rights of the operation; `reading` is the account as the caller sees it.
    """
    refuse_not_offered(request)
    template = template_of(reading, request, stack)
    account = engine.account(context.region)
    tree = validate_tree(template, account.template)
    if stack is not None:
        refuse_type_changes(stack, template)
    check_capabilities(tree, request.get("Capabilities") or [])
    before = stack.target if stack is not None else None
    previous = before.parameters if before is not None else None
    given = parameter_values.given_values(template, request.get("Parameters") or [], previous)
    values = parameter_values.resolve(template, given, account)
    rules.check(template, values, account)
    return Target(template, values, _tags(request, before), tuple(request.get("Capabilities") or ()))


def _tags(request: Mapping[str, Any], before: Target | None) -> dict[str, str]:
    given = request.get("Tags")
    if not given:
        # CloudFormation keeps a stack's tags when an update says nothing about them.
        return dict(before.tags) if before is not None and given is None else {}
    if len(given) > MAX_TAGS:
        raise ValidationError(f"a stack has at most {MAX_TAGS} tags, not {len(given)}")
    tags = {}
    for tag in given:
        if tag["Key"].startswith("aws:"):
            raise ValidationError(f"Tag key {tag['Key']}: keys that start with aws: are reserved")
        tags[tag["Key"]] = tag["Value"]
    return tags

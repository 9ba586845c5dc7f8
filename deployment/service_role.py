"""The role by which CloudFormation acts on a stack: ROLE= of the commands, and the one that a stack has.

CloudFormation keeps it with the stack, and goes on by it whoever asks for an operation later (CloudFormation guide,
"AWS CloudFormation service role"). What the commands do themselves they do by the caller's rights.
"""

from __future__ import annotations

import json
import re

from deployment.refusal import Refusal
from deployment.stacks import Stack

_ARN = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9+=,.@_-]{1,64}")
_EXAMPLE = "arn:aws:iam::123456789012:role/cloudformation"


def read(given: str | None) -> str:
    """What was typed; empty for nothing. Raises Refusal for what is no role's ARN."""
    if given and not _ARN.fullmatch(given):
        raise Refusal(f"ROLE: given {json.dumps(given)}; allowed: the ARN of a role, such as {_EXAMPLE}")
    return given or ""


def argument(role: str) -> dict[str, str]:
    """What a request has for it; without one CloudFormation acts by the stack's role, or by the caller's rights."""
    return {"RoleARN": role} if role else {}


def refuse_other(stack: Stack, role: str) -> None:
    """Raises Refusal where a role was typed and the stack has another one, which CloudFormation would exchange."""
    if role and stack.role and role != stack.role:
        raise Refusal(
            f"ROLE: given {role}; allowed: none, or {stack.role}, by which CloudFormation acts on {stack.name} "
            "(docs/how-to/deploy-by-a-service-role.md says how it gets another one)"
        )


def told(name: str, role: str, stack: Stack | None = None) -> list[str]:
    """By which role CloudFormation acts, in a line for a person; nothing where it acts by the caller's rights."""
    if stack is not None and stack.role:
        return [f"CloudFormation acts by {stack.role}, which it keeps with {name}"]
    if not role:
        return []
    return [f"CloudFormation acts by {role}, and keeps it with {name}: from now on for everybody, without ROLE="]

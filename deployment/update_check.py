"""Asks the cluster's function, before an update begins, whether slots may be replaced remove-first now.

The stack asks the same before it changes a control plane; here nothing has been touched yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import stacks
from deployment.aws import Aws
from deployment.changes import Change
from deployment.refusal import Refusal
from deployment.templates import Body

# Logical ids in the root, and of the function in the stack that holds it; the field and the value of the request.
_CHECK = "UpdateCheck"
_STACK = "Lifecycle"
_FUNCTION = "Reconcile"
_QUESTION: dict[str, Any] = {"holdfast-check": {}}
_REMOVE_FIRST = "remove-first"


def refuse_unless_healthy(
    aws: Aws, stack_id: str, template: Body, planned: Sequence[Change], say: Callable[[str], None]
) -> None:
    """Nothing where the update leaves control planes alone, or their replacements come first. Raises Refusal."""
    check = template["Resources"].get(_CHECK)
    if check is None or check["Properties"].get("Replacement") != _REMOVE_FIRST:
        return
    if not any(change.path == _CHECK and change.action == "Modify" for change in planned):
        return
    try:
        answer = _ask(aws, stack_id)
    except (BotoCoreError, ClientError, ValueError) as error:
        answer = {"outcome": f"{type(error).__name__}: {error}"}
    if answer.get("outcome") == "refused":
        raise Refusal(f"the cluster refuses the update: {answer.get('reason')}")
    if answer.get("outcome") != "allowed":
        say(
            f"whether every slot has a healthy voter could not be asked ({answer.get('outcome')}); "
            "the stack asks again before it changes a control plane"
        )


def _ask(aws: Aws, stack_id: str) -> dict[str, Any]:
    cloudformation = aws.client("cloudformation")
    holder = stacks.physical_id(cloudformation, stack_id, _STACK)
    function = stacks.physical_id(cloudformation, holder, _FUNCTION)
    payload = json.dumps(_QUESTION).encode()
    answer = json.loads(aws.client("lambda").invoke(FunctionName=function, Payload=payload)["Payload"].read())
    # A call that failed answers with errorMessage; an older function ignores what it does not know.
    return answer if isinstance(answer, dict) and "outcome" in answer else {"outcome": answer}

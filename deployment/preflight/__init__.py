"""`make preflight`: does the account have what the cluster needs? Asked with the caller's credentials, nothing made.

`plan` reads what the templates and parameters ask for; `network`, `machines` and `account` check it, a line each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from deployment import stacks, templates
from deployment.aws import Aws
from deployment.preflight import account, machines, network, plan
from deployment.preflight.finding import Finding, State

_CHECKS = (account.check, network.check, machines.check)


def findings(aws: Aws, template: Path, given: dict[str, str], region: str, stack: str) -> list[Finding]:
    """Every check of the plan that the templates and parameters make up, and what the stack has where it exists.

    Raises Refusal when they cannot be read, and ClientError when nobody may say whether the stack exists: that decides
    what there is to check.
    """
    existing = stacks.find(aws.client("cloudformation"), stack)
    kept = existing.parameters if existing is not None and existing.is_made else {}
    wanted = plan.read(templates.tree(template), given, region, kept)
    return [finding for check in _CHECKS for finding in check(aws, wanted)]


def tell(found: list[Finding], *, as_json: bool, say: Callable[[str], None] = print) -> bool:
    """Prints the findings; True when nothing is missing. What could not be asked is unknown, and said, never ok."""
    missing = [finding for finding in found if finding.state is State.MISSING]
    unknown = [finding for finding in found if finding.state is State.UNKNOWN]
    if as_json:
        say(json.dumps([{"state": f.state.value, "subject": f.subject, "detail": f.detail} for f in found], indent=2))
        return not missing
    for finding in found:
        say(f"{finding.state.value:<8} {finding.subject}: {finding.detail}")
    say(f"{len(found) - len(missing) - len(unknown)} ok, {len(missing)} missing, {len(unknown)} unknown")
    return not missing

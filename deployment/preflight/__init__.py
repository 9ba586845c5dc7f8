"""`make preflight`: does the account have what the cluster needs? Asked with the caller's credentials, nothing made.

`plan` reads what the templates and parameters ask for, and the other modules check it, each one part.
"""

from __future__ import annotations

from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from deployment import stacks, templates
from deployment.aws import Aws
from deployment.preflight import (
    account,
    given_endpoints,
    given_subnets,
    given_vpc,
    given_zone,
    identities,
    machines,
    plan,
    quotas,
    region,
)
from deployment.preflight.finding import About, Finding, State, Topic
from deployment.preflight.plan import Plan
from deployment.preflight.report import EXIT_CODES, exit_code, tell

__all__ = ["EXIT_CODES", "exit_code", "findings", "tell"]


def findings(
    aws: Aws, template: Path, given: dict[str, str], region_name: str, stack: str, remedy: str = "make templates"
) -> list[Finding]:
    """Every check of the plan that the templates and parameters make up, and what the stack has where it exists.

    Where nobody tells who asks, or whether the stack exists, that is the one finding: it decides what there is to
    check. Raises Refusal when templates or values cannot be deployed; a stack's own values are looked at, too.
    `remedy` is what to type where templates are not there.
    """
    bodies = templates.tree(template, remedy)
    try:
        caller = aws.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        return [account.CREDENTIALS.not_asked(error)]
    try:
        existing = stacks.find(aws.client("cloudformation"), stack)
    except (ClientError, BotoCoreError) as error:
        return [About(Topic.ACCOUNT, f"stack {stack}").not_asked(error)]
    kept = existing.parameters if existing is not None and existing.is_made else {}
    wanted = plan.read(bodies, given, region_name, kept)
    return [account.CREDENTIALS.ok(caller["Arn"]), *_checked(aws, wanted, caller["Account"])]


def _checked(aws: Aws, wanted: Plan, owner: str) -> list[Finding]:
    vpc = given_vpc.check(aws, wanted)
    found = account.check(aws) + vpc
    zones = dict.fromkeys(wanted.zones, "")
    if wanted.given is not None:
        try:
            subnets = given_subnets.look(aws, wanted.given)
        except (ClientError, BotoCoreError) as error:
            found.append(About(Topic.NETWORK, "subnets").not_asked(error))
        else:
            found += given_subnets.check(aws, wanted, subnets)
            # What is asked by zone is asked for those that the subnets are in.
            zones = {subnet.zone: subnet.subnet_id for subnet in subnets.values()}
        if State.OK in {finding.state for finding in vpc}:  # what is not there has no endpoints to judge
            found += given_endpoints.check(aws, wanted)
        found += given_zone.check(aws, wanted)
    found += region.check(aws, wanted, tuple(zones))
    found += machines.check(aws, wanted, zones, owner)
    return found + quotas.check(aws, wanted) + identities.check(aws, wanted, owner)

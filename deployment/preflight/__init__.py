"""`make preflight`: does the account have what the cluster needs? Asked with the caller's credentials, nothing made.

`plan` reads what the templates and parameters ask for, and the other modules check it, each one part.
"""

from __future__ import annotations

from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from deployment import clusters, stacks, templates
from deployment.aws import Aws
from deployment.next_steps import Typed
from deployment.preflight import (
    account,
    aim,
    given_endpoints,
    given_subnets,
    given_vpc,
    given_zone,
    identities,
    machines,
    plan,
    quotas,
    region,
    topics,
)
from deployment.preflight.aim import Aim
from deployment.preflight.finding import About, Finding, State, Topic
from deployment.preflight.plan import Plan
from deployment.preflight.report import EXIT_CODES, exit_code, tell

__all__ = ["EXIT_CODES", "exit_code", "findings", "tell"]

_NOTHING_TYPED = Typed()


def findings(
    aws: Aws, template: Path, given: dict[str, str], region_name: str, stack: str, typed: Typed = _NOTHING_TYPED
) -> tuple[Aim, list[Finding]]:
    """What it is for, and every check of the plan that the templates and parameters make up with what the stack has.

    Where nobody tells who asks, or whether the stack exists, that is the one finding: it decides what there is to
    check. Raises Refusal when templates or values cannot be deployed, or not to this stack or account; a stack's own
    values are looked at, too. `typed` is what next steps repeat.
    """
    bodies = templates.tree(template, typed.make("templates"))
    try:
        caller = aws.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        return Aim(stack), [account.CREDENTIALS.not_asked(error)]
    clusters.refuse_other_partition(bodies[""], caller["Arn"], typed)
    try:
        existing = stacks.find(aws.client("cloudformation"), stack)
    except (ClientError, BotoCoreError) as error:
        return Aim(stack), [About(Topic.ACCOUNT, f"stack {stack}").not_asked(error)]
    found = [account.CREDENTIALS.ok(caller["Arn"]), *aim.check(aws, existing, bodies, given, typed)]
    kept = existing.parameters if existing is not None and existing.is_made else {}
    wanted = plan.read(bodies, given, region_name, kept)
    return aim.of(stack, existing), found + _checked(aws, wanted, caller["Account"])


def _checked(aws: Aws, wanted: Plan, owner: str) -> list[Finding]:
    vpc = given_vpc.check(aws, wanted)
    found = account.check(aws, wanted) + vpc
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
    found += quotas.check(aws, wanted) + identities.check(aws, wanted, owner)
    return found + topics.check(aws, wanted, owner)

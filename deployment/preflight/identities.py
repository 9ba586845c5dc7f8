"""The permissions boundary and the people that parameters name: do they exist?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import Plan


def check(account: Aws, plan: Plan, owner: str) -> list[Finding]:
    """One finding for each; `owner` is the id of the account. IAM reads of other accounts are not possible."""
    found: list[Finding] = []
    if plan.boundary:
        about = About(Topic.IDENTITIES, "PermissionsBoundaryArn")
        found += about.answered(lambda: _boundary(account, about, plan.boundary, owner))
    for parameter, arn in plan.people:
        one = About(Topic.IDENTITIES, f"{parameter} {arn}")
        found += one.answered(partial(_person, account, one, arn, owner))
    return found


def _boundary(account: Aws, about: About, arn: str, owner: str) -> Iterator[Finding]:
    if arn.split(":")[4] not in (owner, "aws"):
        yield about.failed(f"{arn} is of another account; a boundary has to be a policy of this one")
        return
    try:
        account.client("iam").get_policy(PolicyArn=arn)
    except ClientError as error:
        if aws.code(error) != "NoSuchEntity":
            raise
        yield about.failed(f"{arn} does not exist, and no role can be made with it", "correct the ARN")
    else:
        yield about.ok(arn)


def _person(account: Aws, about: About, arn: str, owner: str) -> Iterator[Finding]:
    _, _, _, _, whose, resource = arn.split(":", 5)
    kind, _, path = resource.partition("/")
    name = path.rpartition("/")[2]
    if whose != owner:
        yield about.note(f"a {kind} of the account {whose}, where nobody of this account can look")
        return
    iam = account.client("iam")
    try:
        real = iam.get_role(RoleName=name)["Role"] if kind == "role" else iam.get_user(UserName=name)["User"]
    except ClientError as error:
        if aws.code(error) != "NoSuchEntity":
            raise
        yield about.warning(
            f"there is no {kind} {name}: nobody gets in by it", f"create the {kind}, or correct the ARN"
        )
        return
    if real["Arn"] != arn:
        yield about.warning(f"the {kind} {name} has another ARN, so nobody gets in by this one", f"use {real['Arn']}")
    else:
        yield about.ok(f"the {kind} exists")

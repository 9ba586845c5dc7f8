"""The permissions of requests to IAM itself."""

from __future__ import annotations

from rehearsal.aws.iam import catalog
from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, pass_role

NAMES = {
    "role": "RoleName",
    "user": "UserName",
    "group": "GroupName",
    "instance-profile": "InstanceProfileName",
    "policy": "PolicyName",
}
"""The types of resource, and the parameters that name one."""
TAGGING = {"CreateRole": "TagRole", "CreateUser": "TagUser", "CreatePolicy": "TagPolicy"}
TAGGING |= {"CreateInstanceProfile": "TagInstanceProfile"}
"""What tags at a creation need beside it (IAM guide, "Tags for IAM resources")."""


def needs(asked: Asked, state: State) -> list[Need]:
    """An action is on the role, user, group, profile or policy that is named, with its path. Raises NotModelled."""
    action = catalog.action(f"iam:{asked.operation}")
    if action is None:
        raise NotModelled(f"iam:{asked.operation}")
    arns = [arn for kind in action.types if (arn := _named(asked, state, kind)) is not None]
    if not arns and any(action.types.values()):
        raise NotModelled(action.name)
    needed = [Need(action.name, arn, _values(asked, state, arn)) for arn in arns or ["*"]]
    if asked.operation in TAGGING and arns:
        needed += generic.tagging(asked, f"iam:{TAGGING[asked.operation]}", arns[0])
    if asked.operation == "AddRoleToInstanceProfile":
        role = state.identity(asked.partition, "role", asked.parameters["RoleName"])
        # The Service Authorization Reference names the action; that it is for EC2 is what profiles are for.
        needed += [pass_role(role, "ec2.amazonaws.com")] if role else []
    return needed


def _named(asked: Asked, state: State, kind: str) -> str | None:
    given = asked.parameters
    if kind == "policy" and given.get("PolicyArn"):
        return str(given["PolicyArn"])
    name = given.get(NAMES.get(kind, ""))
    if not name:
        return None
    known = None if kind == "policy" else state.identity(asked.partition, kind, name)
    path = given.get("Path") or "/"
    return known or f"arn:{asked.partition}:iam::{asked.account_id}:{kind}{path}{name}"


def _values(asked: Asked, state: State, arn: str) -> dict[str, Values]:
    values = generic.tag_values(asked)
    boundary = asked.parameters.get("PermissionsBoundary") or state.boundary(arn)
    if boundary:
        values["iam:PermissionsBoundary"] = boundary
    if asked.parameters.get("PolicyArn"):
        values["iam:PolicyARN"] = asked.parameters["PolicyArn"]
    return values

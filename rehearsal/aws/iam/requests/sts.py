"""The permissions of requests to STS."""

from __future__ import annotations

from rehearsal.aws.iam.context import Values
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State

NOT_PLAYED = ("Tags", "TransitiveTagKeys", "SourceIdentity")
"""Parameters of AssumeRole that need more permissions, which nobody here checks."""


def needs(asked: Asked, state: State) -> list[Need]:
    """To assume a role is an action on the role, whose trust policy decides. Raises NotModelled."""
    given = asked.parameters
    if asked.operation != "AssumeRole":
        return generic.needs(asked)
    if any(given.get(name) for name in NOT_PLAYED):
        raise NotModelled("sts:TagSession" if given.get("Tags") else "sts:SetSourceIdentity")
    values: dict[str, Values] = {"sts:RoleSessionName": given["RoleSessionName"]}
    if given.get("ExternalId"):
        values["sts:ExternalId"] = given["ExternalId"]
    return [Need("sts:AssumeRole", given["RoleArn"], values)]

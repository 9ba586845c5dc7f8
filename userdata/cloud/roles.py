"""Roles that a node may assume for somebody else, through a client of STS."""

from __future__ import annotations

from typing import Any

from coordination.adapters.errors import AWS_ERRORS, unknown
from coordination.outcomes import Known, Reading
from userdata.host.role_credentials import SESSION_SECONDS, RoleCredentials


def assume(sts: Any, role: str, session: str) -> Reading[RoleCredentials]:
    """Credentials of `role` for SESSION_SECONDS, in the name of `session`, which CloudTrail shows."""
    try:
        answer = sts.assume_role(RoleArn=role, RoleSessionName=session, DurationSeconds=SESSION_SECONDS)
    except AWS_ERRORS as error:
        return unknown("AssumeRole", error)
    found = answer["Credentials"]
    return Known(RoleCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]))

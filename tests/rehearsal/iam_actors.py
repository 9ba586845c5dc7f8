"""Roles with policies, sessions of them, and clients that act as them at a local AWS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session

ACCOUNT = "us-east-1:123456789012"
PARAMETER = f"arn:aws:ssm:{ACCOUNT}:parameter"
_NUMBERS = itertools.count()


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


@dataclass(frozen=True)
class Actor:
    """A role's session and its clients."""

    aws: LocalAws
    session: Session

    def client(self, service: str) -> Any:
        return self.aws.client(service, holder=self.session)

    @property
    def arn(self) -> str:
        return (
            f"arn:aws:sts::123456789012:assumed-role/{self.session.identity_arn.rpartition('/')[2]}/{self.session.name}"
        )


def act(
    aws: LocalAws, *statements: dict[str, Any], seconds: float = 3600, boundary: str | None = None, **session: Any
) -> Actor:
    """A session of a new role with these statements."""
    name = f"role-{next(_NUMBERS)}"
    limits = {"PermissionsBoundary": boundary} if boundary else {}
    trust = document({**allow("sts:AssumeRole"), "Principal": {"Service": "ec2.amazonaws.com"}})
    role = aws.client("iam").create_role(RoleName=name, Path="/nodes/", AssumeRolePolicyDocument=trust, **limits)
    if statements:
        aws.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
    return Actor(aws, aws.sessions.issue(role["Role"]["Arn"], "i-1", seconds, **session))


def person(aws: LocalAws, *statements: dict[str, Any], boundary: str | None = None) -> Person:
    """A new user of IAM with these statements, and an access key."""
    name, iam = f"user-{next(_NUMBERS)}", aws.client("iam")
    limits = {"PermissionsBoundary": boundary} if boundary else {}
    iam.create_user(UserName=name, Path="/people/", **limits)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    return Person(aws, name, iam.create_access_key(UserName=name)["AccessKey"])


@dataclass(frozen=True)
class Person:
    """A user of IAM."""

    aws: LocalAws
    name: str
    key: dict[str, str]

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::123456789012:user/people/{self.name}"

    @property
    def session(self) -> Session:
        """The user's own access key."""
        return signing(self.key["AccessKeyId"], self.key["SecretAccessKey"])

    def client(self, service: str) -> Any:
        return dial(self.aws.endpoint, service, self.session)


def signing(key_id: str, secret: str, token: str | None = None) -> Session:
    """Credentials as whoever signs with them holds them."""
    return Session("", "", key_id, secret, token, datetime.min, datetime.max)


def assumed(answer: dict[str, Any]) -> Session:
    """The credentials that STS has answered with."""
    given = answer["Credentials"]
    return signing(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def error(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """Code and message of the error that a call gets."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    told = caught.value.response["Error"]
    return told["Code"], told["Message"]


def dial(endpoint: str, service: str, session: Session) -> Any:
    """A client with a session's credentials at an endpoint."""
    boto: Any = boto3.session.Session()
    return boto.client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
        aws_session_token=session.session_token,
        config=Config(retries={"total_max_attempts": 1}),
    )

"""Random policies and requests from a small vocabulary, in which patterns and values meet often.

Seven things are left out, in which the oracle does not do what AWS's documentation says, or where that says nothing:
variables without a value under negated operators (IAM guide, "Policy variables with no value"), endpoint policies for
some principals only, wildcards in the type of a resource, `${$}` where there are no wildcards, addresses of one family
compared with the other's, what is no ARN under ARN operators, and session policies where a resource's policy names the
session or everyone (IAM guide, "Session policies": it is not limited by them).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/i-1"
START = f"us-east-1:{ACCOUNT}"
RESOURCES = {
    "s3:GetObject": ("arn:aws:s3:::data/a", "arn:aws:s3:::data/b/a", "arn:aws:s3:::other/x"),
    "s3:PutObject": ("arn:aws:s3:::data/a", "arn:aws:s3:::data/i-1/a"),
    "dynamodb:PutItem": (f"arn:aws:dynamodb:{START}:table/rows", f"arn:aws:dynamodb:{START}:table/rows2"),
    "sqs:SendMessage": (f"arn:aws:sqs:{START}:queue", "arn:aws:sqs:eu-west-1:210987654321:queue"),
    "kms:Decrypt": (f"arn:aws:kms:{START}:key/k",),
    "autoscaling:SetInstanceHealth": (f"arn:aws:autoscaling:{START}:autoScalingGroup:x:autoScalingGroupName/g",),
}
ACTIONS = [*RESOURCES, "s3:*", "S3:Get*", "s3:?etObject", "*", "dynamodb:*Item", "kms:De*", "sqs:SendMessag", "sqs:*"]
PATTERNS = [
    *(each for resources in RESOURCES.values() for each in resources),
    "*",
    "arn:aws:s3:::data/*",
    "arn:aws:s3:::data/?",
    "arn:aws:s3:::d*/a",
    "arn:aws:s3:::data/${aws:userid}/*",
    "arn:aws:s3:::data/${aws:PrincipalTag/team, 'b'}/a",
    "arn:aws:s3:::other/${*}",
    "arn:aws:dynamodb:*:*:table/rows",
    f"arn:aws:*:us-east-1:{ACCOUNT}:queue",
    f"arn:aws:autoscaling:{START}:autoScalingGroup:*:autoScalingGroupName/*",
]
STRINGS = ["a", "A", "ab", "b", "a*", "?b", "*", "", "${aws:userid}", "i-1", "${aws:PrincipalTag/team, 'a'}"]
ARNS = [ROLE, SESSION, "arn:aws:iam::*:role/*", f"arn:aws:iam::{ACCOUNT}:role/w?rker"]
NUMBERS = ["1", "1.0", "2", "-3", "10"]
DATES = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2025-12-31T23:59:59Z"]
ADDRESSES = ["10.0.0.1", "10.0.0.0/8", "192.168.1.7/32", "10.9.0.0/16"]
FAMILIES: dict[str, tuple[list[str], list[str], list[str]]] = {
    # operators, condition keys, the policy's values
    "string": (
        """StringEquals StringNotEquals StringEqualsIgnoreCase StringNotEqualsIgnoreCase StringLike
        StringNotLike""".split(),
        ["aws:PrincipalTag/name", "AWS:principaltag/NAME", "aws:userid"],
        STRINGS,
    ),
    "arn": (["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], ["aws:PrincipalArn", "aws:SourceArn"], ARNS),
    "number": (
        """NumericEquals NumericNotEquals NumericLessThan NumericLessThanEquals NumericGreaterThan
        NumericGreaterThanEquals""".split(),
        ["s3:max-keys"],
        NUMBERS,
    ),
    "date": (
        """DateEquals DateNotEquals DateLessThan DateLessThanEquals DateGreaterThan
        DateGreaterThanEquals""".split(),
        ["aws:CurrentTime"],
        DATES,
    ),
    "bool": (["Bool"], ["aws:SecureTransport"], ["true", "false"]),
    "address": (["IpAddress", "NotIpAddress"], ["aws:SourceIp"], ADDRESSES),
}
PRINCIPALS: list[Any] = [
    "*",
    {"AWS": "*"},
    {"AWS": ROLE},
    {"AWS": SESSION},
    {"AWS": USER},
    {"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]},
    {"AWS": ACCOUNT},
    {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"},
    {"Service": "events.amazonaws.com"},
]
INDIRECT = [each for each in PRINCIPALS if each not in ("*", {"AWS": "*"}, {"AWS": SESSION})]
"""Those that name no session itself."""
MANY = "dynamodb:LeadingKeys"
"""The key with several values."""


@dataclass(frozen=True)
class Case:
    """A request and the policies that decide it."""

    principal: str
    """The ARN of a role's session, or of a user."""
    action: str
    resource: str
    context: dict[str, str | list[str]]
    identity: list[dict[str, Any]]
    boundary: dict[str, Any] | None
    session: dict[str, Any] | None
    on_resource: dict[str, Any] | None
    endpoint: dict[str, Any] | None


def make(chance: random.Random) -> Case:
    """One case."""
    action = chance.choice(list(RESOURCES))
    resource = chance.choice(RESOURCES[action])
    wanted = (action, resource)
    principal = chance.choice([SESSION, SESSION, USER])
    limited = principal == SESSION and chance.random() < 0.3
    return Case(
        principal=principal,
        action=action,
        resource=resource,
        context=_context(chance, principal),
        identity=[_policy(chance, wanted) for _ in range(chance.randint(0, 2))],
        boundary=_policy(chance, wanted) if chance.random() < 0.3 else None,
        session=_policy(chance, wanted) if limited else None,
        on_resource=_policy(chance, wanted, INDIRECT if limited else PRINCIPALS) if chance.random() < 0.5 else None,
        endpoint=_policy(chance, wanted, ["*"]) if chance.random() < 0.2 else None,
    )


def _context(chance: random.Random, principal: str) -> dict[str, str | list[str]]:
    values: dict[str, str | list[str]] = {
        "aws:PrincipalArn": USER if principal == USER else ROLE,
        "aws:userid": "i-1",
        "aws:PrincipalTag/name": chance.choice(["a", "A", "ab", "xb", "a*", "$"]),
        "s3:max-keys": chance.choice(NUMBERS),
        "aws:CurrentTime": chance.choice(DATES),
        "aws:SecureTransport": chance.choice(["true", "false"]),
        "aws:SourceIp": chance.choice(["10.0.0.1", "10.9.9.9", "192.168.1.7"]),
        MANY: chance.sample(["a", "b", "i-1", "ab"], chance.randint(1, 3)),
    }
    absent = chance.sample([key for key in values if key != "aws:userid"], chance.randint(0, 3))
    return {key: value for key, value in values.items() if key not in absent}


def _policy(chance: random.Random, wanted: tuple[str, str], principals: Sequence[Any] | None = None) -> dict[str, Any]:
    statements = [_statement(chance, wanted, principals) for _ in range(chance.randint(1, 3))]
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(chance: random.Random, wanted: tuple[str, str], principals: Sequence[Any] | None) -> dict[str, Any]:
    """A statement, which more often than not is about what is wanted."""
    statement: dict[str, Any] = {"Effect": "Allow" if chance.random() < 0.75 else "Deny"}
    for element, value, others in zip(("Action", "Resource"), wanted, (ACTIONS, PATTERNS), strict=True):
        if chance.random() < 0.6:
            statement[element] = [value, chance.choice(others)]
        else:
            statement[element if chance.random() < 0.7 else f"Not{element}"] = _some(chance, others)
    if principals is not None:
        statement["Principal"] = chance.choice(principals)
    conditions: dict[str, dict[str, Any]] = {}
    for _ in range(chance.choice([0, 0, 1, 1, 2])):
        _add_condition(chance, conditions)
    return {**statement, "Condition": conditions} if conditions else statement


def _add_condition(chance: random.Random, conditions: dict[str, dict[str, Any]]) -> None:
    kind = chance.choice([*FAMILIES, "many", "null"])
    if kind == "null":
        key = chance.choice([MANY, "aws:SourceIp", "aws:PrincipalTag/team"])
        conditions.setdefault("Null", {})[key] = chance.choice(["true", "false"])
        return
    if kind == "many":
        operators, _, values = FAMILIES["string"]
        name = f"{chance.choice(['ForAllValues', 'ForAnyValue'])}:{chance.choice(operators)}"
        keys = [MANY]
    else:
        operators, keys, values = FAMILIES[kind]
        name = chance.choice(operators)
    if chance.random() < 0.25:
        name += "IfExists"
    conditions.setdefault(name, {})[chance.choice(keys)] = _some(chance, values)


def _some(chance: random.Random, values: list[str]) -> Any:
    """One value, or a list of a few."""
    if chance.random() < 0.5:
        return chance.choice(values)
    return chance.sample(values, chance.randint(1, min(3, len(values))))

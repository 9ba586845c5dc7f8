"""What patterns of the root's parameters take and refuse: what AWS takes is taken, and what it refuses is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deployment import constraints
from tests.templates.cluster import EXAMPLES, example

PARTITIONS = ("aws", "aws-us-gov", "aws-cn", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f")
ACCOUNT = "123456789012"
_PEOPLE = (
    [f"arn:{partition}:iam::{ACCOUNT}:role/ops" for partition in PARTITIONS]
    + [f"arn:aws:iam::{ACCOUNT}:user/a.b+c=d@e_f", f"arn:aws:iam::{ACCOUNT}:role/a/b/!x/Ops-1", ""],
    [
        "*",
        "ops",
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:iam::{ACCOUNT}:group/ops",
        "arn:aws:iam::aws:role/ops",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/me",
        f"arn:aws:iam::{ACCOUNT}:role/",
        f"arn:aws:iam::{ACCOUNT}:role/path/",
        f"arn:aws:iam::{ACCOUNT}:role/ops and others",
        f"arn:aws:iam::{ACCOUNT}:role/op*",
        f"arn:other:iam::{ACCOUNT}:role/ops",
    ],
)
_DNS_NAMES = (
    ["api.example.com", "api", "a-b.c1"],
    ["API.example.com", "api.example.com.", "-a.com", "a b", "https://a", "*.a"],
)
# Parameter -> values that AWS takes, and values that it refuses or that cannot be meant.
VALUES: dict[str, tuple[list[str], list[str]]] = {
    "PermissionsBoundaryArn": (
        [f"arn:{partition}:iam::{ACCOUNT}:policy/limits" for partition in PARTITIONS]
        + [f"arn:{partition}:iam::aws:policy/PowerUserAccess" for partition in PARTITIONS]
        + ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", f"arn:aws:iam::{ACCOUNT}:policy/a/b.c/+=,.@_-x", ""],
        [
            "PowerUserAccess",
            "arn:aws:iam::aws:policy/PowerUserAccess ",
            f" arn:aws:iam::{ACCOUNT}:policy/limits",
            f"arn:aws:iam::{ACCOUNT}:policy/limits\n",
            f"arn:aws:iam::{ACCOUNT}:policy/my limits",
            f"arn:aws:iam::{ACCOUNT}:policy/",
            f"arn:aws:iam::{ACCOUNT}:policy/path/",
            f"arn:aws:iam::{ACCOUNT}:policy//limits",
            f"arn:aws:iam::{ACCOUNT}:role/limits",
            "arn:aws:iam::1234:policy/limits",
            "arn:aws:iam:us-east-1:aws:policy/limits",
            f"arn:other:iam::{ACCOUNT}:policy/limits",
        ],
    ),
    "AlarmTopicArns": (
        [f"arn:{partition}:sns:eusc-de-east-1:{ACCOUNT}:pager_1-a" for partition in PARTITIONS]
        + [f"arn:aws:sns:us-east-1:{ACCOUNT}:pager.fifo", ""],
        [
            "pager",
            "*",
            f"arn:aws:sns:us-east-1:{ACCOUNT}:pager:0f1e2d3c",
            f"arn:aws:sns::{ACCOUNT}:pager",
            f"arn:aws:sns:us-east-1:{ACCOUNT}:",
            f"arn:aws:sns:us-east-1:{ACCOUNT}:my pager",
            f"arn:aws:sqs:us-east-1:{ACCOUNT}:pager",
            f"arn:other:sns:us-east-1:{ACCOUNT}:pager",
        ],
    ),
    "KeyOperatorArns": _PEOPLE,
    "ViewerArns": _PEOPLE,
    "EditorArns": _PEOPLE,
    "AdministratorArns": _PEOPLE,
    "RolePath": (
        ["/", "/holdfast/", "/a/b.c/+=,.@_-x/", f"/{'a' * 510}/"],
        ["", "holdfast", "/holdfast", "holdfast/", "//", "/a//b/", "/a b/", "/holdfast/ ", "/a!b/", f"/{'a' * 511}/"],
    ),
    "HostResourceGroup": (
        [
            *(
                f"arn:{partition}:resource-groups:eusc-de-east-1:{ACCOUNT}:group/hosts.a_b-1"
                for partition in PARTITIONS
            ),
            f"arn:aws:resource-groups:us-east-1:{ACCOUNT}:group/hosts/{'0a' * 13}",
        ],
        [
            "",
            "hosts",
            f"arn:aws:resource-groups:us-east-1:{ACCOUNT}:group/",
            f"arn:aws:resource-groups:us-east-1:{ACCOUNT}:group/hosts ",
            f"arn:aws:resource-groups:us-east-1:{ACCOUNT}:group/hosts/x",
            "arn:aws:resource-groups:us-east-1:aws:group/hosts",
        ],
    ),
    "LicenseConfiguration": (
        [
            f"arn:{partition}:license-manager:us-east-1:{ACCOUNT}:license-configuration:lic-0123456789abcdef"
            for partition in PARTITIONS
        ],
        [
            "",
            "lic-0123456789abcdef",
            f"arn:aws:license-manager:us-east-1:{ACCOUNT}:license-configuration:lic-0123456789abcdef ",
            f"arn:aws:license-manager:us-east-1:{ACCOUNT}:license-configuration:",
            f"arn:aws:license-manager:us-east-1:{ACCOUNT}:license:l-0123456789abcdef",
        ],
    ),
    "InstanceType": (
        ["m7i.large", "u-6tb1.112xlarge", "mac2-m2.metal"],
        ["m7i", "m7i.large ", "M7i.large", "m7i large"],
    ),
    "PrefixListId": (["", "pl-63a5400a"], ["pl-", "pl-63a5400a ", "sg-63a5400a", "PL-63a5400a"]),
    "ApiEndpointName": _DNS_NAMES,
    "ApiExtraNames": ([*_DNS_NAMES[0], ""], _DNS_NAMES[1]),
}
# Their patterns have tests of their own (tests/templates/rules/network.py).
_OF_RANGES = ("Cidr", "Cidrs")


def kind(name: str) -> str:
    """The row of a parameter: the names of pools and of resource groups are a user's."""
    if name.startswith("CapacityReservationGroup"):
        return "HostResourceGroup"
    for each in ("InstanceType", "PrefixListId", "HostResourceGroup", "LicenseConfiguration"):
        if name.endswith(each) or (name.startswith(each) and name.endswith("Arn")):
            return each
    return name


PARAMETERS: dict[str, dict[str, Any]] = {
    name: body for each in EXAMPLES for name, body in example(each).templates["root"]["Parameters"].items()
}
PATTERNS = sorted(
    name for name, body in PARAMETERS.items() if "AllowedPattern" in body and not name.endswith(_OF_RANGES)
)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_parameter_takes_what_aws_takes_and_nothing_else(name: str) -> None:
    good, bad = VALUES[kind(name)]
    declared = {name: PARAMETERS[name]}
    assert [value for value in good if list(constraints.problems(declared, {name: value}))] == []
    assert [value for value in bad if not list(constraints.problems(declared, {name: value}))] == []


def test_every_parameter_that_takes_an_arn_has_a_pattern() -> None:
    assert [name for name in PARAMETERS if re.search(r"Arns?$", name) and name not in PATTERNS] == []

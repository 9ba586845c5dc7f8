"""Somebody with no more than the permissions that it takes creates, updates and deletes the default cluster.

The permissions are those that the local AWS has seen asked for: what an administrator's deploy has used, by service and
kind of resource.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rehearsal.local import surroundings
from tests.integration.cluster import Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import CLI_SECONDS, LocalAwsHarness, Processes

pytestmark = pytest.mark.slow
SPEED = 5
POLICY_CHARACTERS = 6144
"""A managed policy is at most so long (IAM guide, "IAM and AWS STS quotas")."""
TAGS = ("--tags", "team=blue")


@pytest.fixture(scope="module")
def aws(processes: Processes) -> LocalAwsHarness:
    """A local AWS whose report is read here: its denials are wanted."""
    return LocalAwsHarness(processes, processes.start_aws(SPEED), "us-east-1")


def statements(actions: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    """One for each action."""
    return [
        {"Effect": "Allow", "Action": action, "Resource": sorted(resources)} for action, resources in actions.items()
    ]


def documents(allowed: list[dict[str, Any]]) -> list[str]:
    """As few policies as hold the statements."""
    texts: list[str] = []
    held: list[dict[str, Any]] = []
    for statement in allowed:
        text = json.dumps({"Version": "2012-10-17", "Statement": [*held, statement]}, separators=(",", ":"))
        if len(text) > POLICY_CHARACTERS:
            held = []
            text = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
            texts.append(text)
        elif texts:
            texts[-1] = text
        else:
            texts.append(text)
        held.append(statement)
    return texts


def user(aws: LocalAwsHarness, processes: Processes, name: str, allowed: list[dict[str, Any]]) -> LocalAwsHarness:
    """The AWS CLI of a new user with these statements."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    for number, text in enumerate(documents(allowed)):
        made = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=text)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=name, PolicyArn=made)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = LocalAwsHarness(processes, aws.endpoint, aws.region)
    own.environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return own


def report(aws: LocalAwsHarness, kind: str, name: str) -> list[dict[str, Any]]:
    """What the report says of a user."""
    with urllib.request.urlopen(f"{aws.endpoint}/_iam/report") as answer:
        found: list[dict[str, Any]] = json.load(answer)[kind]
    return [each for each in found if each["identity"].endswith(f":user/{name}")]


def kind_of(resource: str) -> str:
    """All resources of a kind, from one of them."""
    if resource == "*":
        return "*"
    *place, rest = resource.split(":", 5)
    kind = re.match(r"[\w-]+[/:]", rest)
    return ":".join([*place, f"{kind[0]}*" if kind else "*"])


def needed(aws: LocalAwsHarness, *names: str) -> dict[str, set[str]]:
    """The actions that users have used, and on which kinds of resources."""
    found: dict[str, set[str]] = {}
    for use in (use for name in names for use in report(aws, "used", name)):
        found.setdefault(use["action"], set()).add(kind_of(use["resource"]))
    return dict(sorted(found.items()))


def walk(cluster: Cluster) -> list[str]:
    """Create, update and delete it; the status after each."""
    cluster.create()
    created = str(cluster.stack()["StackStatus"])
    updated = cluster.update(*TAGS)
    return [created, updated, cluster.delete()]


WALKED = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"]


def refused(cluster: Cluster) -> str:
    """Have its creation fail and go back; what the failed resources say."""
    said, _ = cluster.start_create().communicate(timeout=CLI_SECONDS)
    assert "Failed to create/update the stack" in said
    assert cluster.settled() == "ROLLBACK_COMPLETE", cluster.failures()
    return "\n".join(cluster.failures())


def test_what_a_deploy_needs_is_enough_and_less_is_not(
    aws: LocalAwsHarness, processes: Processes, generated: Generated
) -> None:
    aws.stub_nodes()
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    administrator = user(aws, processes, "administrator", [everything])
    packaged = package(administrator, *generated("default"))
    assert walk(Cluster(administrator, "measured", packaged)) == WALKED

    # Only a creation that goes back deletes what a deletion keeps.
    no_launch = {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*"}
    unlucky = user(aws, processes, "unlucky", [everything, no_launch])
    said = refused(Cluster(unlucky, "undone", packaged))
    assert "is not authorized to perform: ec2:RunInstances on resource: " in said
    assert "with an explicit deny in an identity-based policy" in said

    actions = needed(aws, "administrator", "unlucky")
    assert {"iam:PassRole", "kms:CreateGrant", "ec2:CreateTags", "s3:GetObject", "kms:ScheduleKeyDeletion"} <= set(
        actions
    )
    deployer = user(aws, processes, "deployer", statements(actions))
    assert walk(Cluster(deployer, "allowed", packaged)) == WALKED
    assert report(aws, "denied", "deployer") == []

    rest = {name: resources for name, resources in actions.items() if name != "iam:PassRole"}
    said = refused(Cluster(user(aws, processes, "lacking", statements(rest)), "lacks", packaged))
    assert "is not authorized to perform: iam:PassRole on resource: " in said
    denied = report(aws, "denied", "lacking")
    assert {each["action"] for each in denied} == {"iam:PassRole"}
    assert {each["reason"] for each in denied} == {"because no identity-based policy allows the iam:PassRole action"}


def service_role(aws: LocalAwsHarness, name: str) -> str:
    """The ARN of a role by which CloudFormation may do everything."""
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=documents([trust])[0])
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=documents([everything])[0])
    return str(made["Role"]["Arn"])


PASSED = {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}
BY_ROLE = [
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeScalingActivities",
    "cloudformation:CreateChangeSet",
    "cloudformation:CreateStack",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:Describe*",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplate*",
    "cloudformation:ListStackResources",
    "cloudformation:UpdateTerminationProtection",
    "dynamodb:DescribeTable",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "iam:ListEntitiesForPolicy",
    "kms:DescribeKey",
    "lambda:GetFunctionConfiguration",
    "logs:DescribeLogGroups",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "ssm:GetParametersByPath",
    "tag:GetResources",
]
"""What docs/how-to/deploy-by-a-service-role.md lists for whoever deploys by one."""


def test_who_may_pass_a_role_deploys_by_it_and_later_ones_need_not_even_that(
    aws: LocalAwsHarness, processes: Processes, generated: Generated, tmp_path: Path
) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    aws.stub_nodes()
    packager = user(aws, processes, "packager", [everything])
    config, root = generated("minimal")
    values, template = package(packager, config, root).values, tmp_path / "packaged.json"
    code, said = packager.deployment(
        "package", "--template", str(root), "--bucket", surroundings.BUCKET, "--output", str(template)
    )
    assert code == 0, said
    made, other = service_role(aws, "cloudformation"), service_role(aws, "other")
    own = {"Effect": "Allow", "Action": BY_ROLE, "Resource": "*"}
    passes = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": [made, other], "Condition": PASSED}
    first = user(aws, processes, "first", [own, passes])
    later = user(aws, processes, "later", [own])
    params = tmp_path / "params.json"
    params.write_text(json.dumps(dict(values)))
    stack = ("--stack", "by-role", "--template", str(template), "--parameters", str(params))

    code, said = later.deployment("deploy", *stack, "--role", made)
    assert code != 0
    assert "AWS refused CreateStack: AccessDenied" in said
    assert "iam:PassRole" in said
    code, said = first.deployment("deploy", *stack, "--role", made)
    assert code == 0, said
    assert f"CloudFormation acts by {made}, and keeps it with by-role" in said
    code, said = later.deployment("deploy", *stack, "--tag", "team=blue", "--yes")
    assert code == 0, said
    assert f"CloudFormation acts by {made}, which it keeps with by-role" in said
    unprotect = packager.client("cloudformation").update_termination_protection
    unprotect(StackName="by-role", EnableTerminationProtection=False)
    for command, options in (("deploy", stack), ("diff", stack), ("delete", stack[:2]), ("rollback", stack[:2])):
        code, said = first.deployment(command, *options, "--role", other)
        assert (code, f"ROLE: given {other}; allowed: none, or {made}, by which" in said) == (2, True), said
    code, said = later.deployment("delete", *stack[:2], "--yes")
    assert code == 0, said
    assert report(aws, "denied", "first") == []

"""`make preflight` on the local AWS, as an IAM user who may do nothing but what the how-to lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployment.preflight import permissions
from rehearsal.local import surroundings
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness, Processes

SPEED = 20
EXAMPLES = ["default", "minimal", "existing-network", "dedicated-hosts"]


@dataclass(frozen=True)
class Asked:
    """What `make preflight` has said."""

    code: int
    findings: list[dict[str, str]]

    def of(self, state: str) -> list[str]:
        return [f"{each['subject']}: {each['detail']}" for each in self.findings if each["state"] == state]


def user(harness: LocalAwsHarness, processes: Processes, name: str, policy: dict[str, Any]) -> LocalAwsHarness:
    """The commands, as a new user with this policy."""
    iam = harness.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = LocalAwsHarness(processes, harness.endpoint, harness.region)
    own.environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return own


@pytest.fixture(scope="module")
def reader(harness: LocalAwsHarness, processes: Processes) -> LocalAwsHarness:
    return user(harness, processes, "reader", permissions.policy())


Prepared = Callable[[str], tuple[Path, dict[str, str]]]


@pytest.fixture(scope="module")
def prepared(harness: LocalAwsHarness, generated: Generated) -> Prepared:
    """The root template of an example, and values for what a deploy finds in the account."""
    made: dict[str, tuple[Path, dict[str, str]]] = {}

    def prepare(example: str) -> tuple[Path, dict[str, str]]:
        if example not in made:
            config, root = generated(example)
            declared = json.loads(root.read_text())["Parameters"]
            made[example] = root, surroundings.prepare(harness.client, surroundings.facts(config), declared)
        return made[example]

    return prepare


def ask(who: LocalAwsHarness, root: Path, values: dict[str, str], folder: Path, *arguments: str) -> Asked:
    params = folder / "params.json"
    params.write_text(json.dumps(values))
    stack = ("--stack", "asked-for")
    code, said = who.deployment(
        "preflight", "--template", str(root), "--parameters", str(params), "--json", *stack, *arguments
    )
    document = json.loads(said)
    assert document["exit_code"] == code
    return Asked(code, document["findings"])


@pytest.mark.parametrize("example", EXAMPLES)
def test_whoever_may_read_what_the_how_to_lists_is_told_everything(
    reader: LocalAwsHarness, prepared: Prepared, tmp_path: Path, example: str
) -> None:
    root, values = prepared(example)
    asked = ask(reader, root, values, tmp_path)
    assert (asked.of("failed"), asked.of("could-not-ask"), asked.code) == ([], [], 0)


def test_what_is_wrong_with_a_given_network_is_told_at_once(
    harness: LocalAwsHarness, reader: LocalAwsHarness, prepared: Prepared, tmp_path: Path
) -> None:
    root, values = prepared("existing-network")
    ec2 = harness.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="100.64.0.0/20")["Vpc"]["VpcId"]
    asked = ask(reader, root, values | {"VpcId": vpc, "HostedZoneId": "Z123"}, tmp_path)
    failed = "\n".join(asked.of("failed"))
    assert asked.code == 1
    assert "its range 100.64.0.0/20 overlaps" in failed
    assert f"enableDnsHostnames of {vpc}: off" in failed
    assert f"and not in {vpc}" in failed
    assert "hosted zone Z123: does not exist in this account" in failed


def test_of_a_network_that_is_not_there_no_endpoint_is_judged(
    reader: LocalAwsHarness, prepared: Prepared, tmp_path: Path
) -> None:
    root, values = prepared("existing-network")
    asked = ask(reader, root, values | {"VpcId": "vpc-0123456789abcdef0"}, tmp_path)
    assert asked.code == 1
    assert "VPC vpc-0123456789abcdef0: does not exist" in asked.of("failed")[0]
    assert not [each for each in asked.findings if each["subject"].startswith("way to ")]


def test_nobody_is_told_that_all_is_well(
    harness: LocalAwsHarness, processes: Processes, prepared: Prepared, tmp_path: Path
) -> None:
    root, values = prepared("minimal")
    nothing = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
    asked = ask(user(harness, processes, "nobody", nothing), root, values, tmp_path)
    assert (asked.code, len(asked.findings)) == (3, 1)
    (told,) = asked.findings
    assert (told["state"], told["subject"]) == ("could-not-ask", "stack asked-for")
    assert "check-an-account.md" in told["next"]


@pytest.mark.parametrize("missing", ["servicequotas:ListServiceQuotas", "ec2:DescribeInstanceTypes", "iam:GetRole"])
def test_less_than_that_is_could_not_ask_and_no_exit_code_of_success(
    harness: LocalAwsHarness, processes: Processes, prepared: Prepared, tmp_path: Path, missing: str
) -> None:
    root, values = prepared("minimal")
    document = permissions.policy()
    document["Statement"][0]["Action"].remove(missing)
    asked = ask(user(harness, processes, missing.partition(":")[2], document), root, values, tmp_path)
    assert asked.code == 3
    assert [told for told in asked.of("could-not-ask") if missing.partition(":")[2] in told]

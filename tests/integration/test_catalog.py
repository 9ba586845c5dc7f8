"""A team that may not make roles launches a cluster from the catalog, updates it and terminates it, by the AWS CLI."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generator.catalog import launch_role
from rehearsal.local import surroundings
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness, Processes, wait_for
from tests.integration.test_deploy_as_user import user

pytestmark = pytest.mark.slow
SPEED = 5
STACK = "catalog"
PREFIX = "published"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
HELD = {"PermissionsBoundaryArn": BOUNDARY, "RolePath": "/holdfast/"}
END_USER = {
    "Effect": "Allow",
    "Action": [
        f"servicecatalog:{name}"
        for name in "SearchProducts DescribeProduct DescribeProvisioningParameters ProvisionProduct DescribeRecord "
        "DescribeProvisionedProduct UpdateProvisionedProduct TerminateProvisionedProduct".split()
    ],
    "Resource": "*",
}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
MINUTES = 60 * 15.0


@dataclass
class Team:
    """Who launches, and what."""

    admin: LocalAwsHarness
    own: LocalAwsHarness
    root: Path
    values: Mapping[str, str]

    def publish(self, command: str, version: str, *arguments: str) -> None:
        """What whoever publishes types."""
        where = ("--bucket", surroundings.BUCKET, "--prefix", PREFIX, "--out", str(self.root.parent))
        code, said = self.admin.deployment(command, "--stack", STACK, "--version", version, *where, *arguments)
        assert code == 0, said

    def ask(self, operation: str, *arguments: str) -> Any:
        """What the team types."""
        return self.own.aws("servicecatalog", operation, *arguments)

    def ended(self, operation: str, *arguments: str) -> dict[str, Any]:
        """The record of an operation once it has ended, which has to be well."""
        begun = self.ask(operation, *arguments)["RecordDetail"]["RecordId"]

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.ask("describe-record", "--id", begun)
            return found if found["RecordDetail"]["Status"] in ("SUCCEEDED", "FAILED") else None

        found = wait_for(look, f"{operation} to end", MINUTES)
        assert found is not None
        assert found["RecordDetail"]["Status"] == "SUCCEEDED", (found, self.denied())
        return found

    def report(self, kind: str) -> list[dict[str, Any]]:
        """What the local AWS says of the launch role."""
        with urllib.request.urlopen(f"{self.admin.endpoint}/_iam/report") as answer:
            found: list[dict[str, Any]] = json.load(answer)[kind]
        return [each for each in found if f":role{launch_role.PATH}" in each["identity"]]

    def denied(self) -> list[dict[str, Any]]:
        """What the launch role was refused."""
        return self.report("denied")


@pytest.fixture(scope="module")
def team(processes: Processes, generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A catalog with the version 1.0.0, and a user who may call Service Catalog alone."""
    admin = LocalAwsHarness(processes, processes.start_aws(SPEED), "us-east-1")
    admin.make_bucket()
    admin.stub_nodes()
    iam = admin.client("iam")
    iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(EVERYTHING))
    config, root = generated("default")
    folder = tmp_path_factory.mktemp("catalog")
    shutil.copytree(root.parents[1], folder, dirs_exist_ok=True)
    declared = json.loads(root.read_text())["Parameters"]
    values = surroundings.prepare(admin.client, surroundings.facts(config), declared)
    made = Team(admin, user(admin, processes, "team", [END_USER]), folder / "templates" / "root.json", values)
    given = {"PrincipalArn": "arn:aws:iam::123456789012:user/team", "PermissionsBoundaryArn": BOUNDARY}
    made.publish("catalog", "1.0.0", *(word for pair in given.items() for word in ("--set", "=".join(pair))))
    return made


def parameters(values: Mapping[str, str], kept: Mapping[str, str]) -> list[str]:
    """As the AWS CLI takes them."""
    given: list[dict[str, Any]] = [{"Key": name, "Value": value} for name, value in values.items()]
    given += [{"Key": name, "UsePreviousValue": True} for name in kept if name not in values]
    return ["--provisioning-parameters", json.dumps(given)]


def test_a_team_without_rights_launches_updates_and_terminates_a_cluster(team: Team) -> None:
    (product,) = team.ask("search-products")["ProductViewSummaries"]
    assert product["Name"] == STACK
    named = ["--product-id", product["ProductId"], "--provisioned-product-name", "ours"]
    values = {**team.values, **HELD}
    made = team.ended("provision-product", *named, "--provisioning-artifact-name", "1.0.0", *parameters(values, {}))
    outputs = {each["OutputKey"]: each["OutputValue"] for each in made["RecordOutputs"]}
    assert outputs["ApiEndpoint"].startswith("https://")
    roles = team.admin.client("iam").list_roles(PathPrefix="/holdfast/")["Roles"]
    assert len(roles) >= 4
    for role in roles:
        found = team.admin.client("iam").get_role(RoleName=role["RoleName"])["Role"]
        assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY

    body = json.loads(team.root.read_text())
    body["Parameters"]["LogRetentionDays"]["Default"] = 14
    team.root.write_text(json.dumps(body))
    team.publish("publish", "1.1.0")
    changed = parameters({"LogRetentionDays": "14"}, values)
    team.ended("update-provisioned-product", *named, "--provisioning-artifact-name", "1.1.0", *changed)
    groups = team.admin.client("logs").describe_log_groups(logGroupNamePrefix="SC-")["logGroups"]
    assert 14 in {each["retentionInDays"] for each in groups}

    team.ended("terminate-provisioned-product", "--provisioned-product-name", "ours")
    assert team.admin.client("iam").list_roles(PathPrefix="/holdfast/")["Roles"] == []
    assert team.denied() == []
    # What AWS's handlers read back and tag, the local AWS does not: 0027.
    used = {each["action"] for each in team.report("used")}
    assert (
        {"cloudformation:CreateStack", "iam:CreateRole", "iam:PassRole", "s3:GetObject"}
        <= used
        <= launch_role.actions()
    )

"""A team that may not make roles launches a cluster from the catalog, updates it and terminates it, as a page says."""

from __future__ import annotations

import json
import re
import shlex
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
from tests.integration.harness import CLI_SECONDS, REPOSITORY, LocalAwsHarness, Processes, wait_for
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
PAGE = (REPOSITORY / "docs" / "how-to" / "use-the-product.md").read_text(encoding="utf-8")


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

    def type(self, operation: str, **words: str) -> str:
        """What the page has the team type, with these words in place of those that it leaves out."""
        found = re.search(rf"^    aws servicecatalog {operation} (?:.*\\\n)*.*$", PAGE, re.MULTILINE)
        assert found is not None, operation
        text = found[0].replace("\\\n", " ")
        for word, meant in words.items():
            text = re.sub(rf"{word}-…|file://{word}\.json", meant, text)
        running = self.own.start(*shlex.split(text)[1:])
        said, _ = running.communicate(timeout=CLI_SECONDS)
        assert running.returncode == 0, (text, said)
        return said

    def ended(self, operation: str, **words: str) -> dict[str, Any]:
        """The record of an operation once it has ended, which has to be well."""
        begun = json.loads(self.type(operation, **words))["RecordDetail"]["RecordId"]

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = json.loads(self.type("describe-record", rec=begun))
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


def written(path: Path, values: Mapping[str, str], kept: Mapping[str, str]) -> str:
    """A file of parameters as the AWS CLI takes it."""
    given: list[dict[str, Any]] = [{"Key": name, "Value": value} for name, value in values.items()]
    given += [{"Key": name, "UsePreviousValue": True} for name in kept if name not in values]
    path.write_text(json.dumps(given))
    return f"file://{path}"


def test_a_team_without_rights_launches_updates_and_terminates_a_cluster(team: Team, tmp_path: Path) -> None:
    product, name, _ = team.type("search-products").split("\t")
    assert name == STACK
    assert team.type("describe-product", prod=product).startswith("1.0.0\tDEFAULT\tholdfast, Holdfast ")
    asked = json.loads(team.type("describe-provisioning-parameters", prod=product))["ProvisioningArtifactParameters"]
    values = {**team.values, **HELD}
    assert {each["ParameterKey"] for each in asked if "DefaultValue" not in each} <= values.keys()
    given = written(tmp_path / "parameters.json", values, {})
    made = team.ended("provision-product", prod=product, parameters=given)
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
    changed = written(tmp_path / "changes.json", {"LogRetentionDays": "14"}, values)
    team.ended("update-provisioned-product", prod=product, changes=changed)
    groups = team.admin.client("logs").describe_log_groups(logGroupNamePrefix="SC-")["logGroups"]
    assert 14 in {each["retentionInDays"] for each in groups}

    team.ended("terminate-provisioned-product")
    assert team.admin.client("iam").list_roles(PathPrefix="/holdfast/")["Roles"] == []
    assert team.denied() == []
    # What AWS's handlers read back and tag, the local AWS does not: 0027.
    used = {each["action"] for each in team.report("used")}
    assert (
        {"cloudformation:CreateStack", "iam:CreateRole", "iam:PassRole", "s3:GetObject"}
        <= used
        <= launch_role.actions()
    )

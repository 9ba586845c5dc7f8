"""A team that may not make roles launches a cluster from the catalog, updates it and terminates it, as a page says.

The launch role has no right that this has not used.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from coordination.names import CatalogOutput
from generator.catalog import launch_role
from rehearsal.local import surroundings
from tests import launch_rights, next_release
from tests.catalog_team import BOUNDARY, HELD, STACK, Team, written
from tests.integration import catalog_actions
from tests.integration.conftest import Generated
from tests.integration.harness import REPOSITORY, LocalAwsHarness, Processes

pytestmark = pytest.mark.slow
SPEED = 5
FIRST_TAGS = {"cost-center": "4711", "owner": "platform"}
OTHER_TAGS = {"cost-center": "4712"}
COST_CENTER = "4713"
"""The one value of the product's tag."""
IMPOSSIBLE = {"GeneralMinSize": "9", "GeneralMaxSize": "4"}
"""Sizes of the pool, which comes last."""


@dataclass(frozen=True)
class Place:
    """The account, the team in it, and what it has to give for the parameters that have no default."""

    admin: LocalAwsHarness
    team: Team
    values: Mapping[str, str]


@pytest.fixture(scope="module")
def place(processes: Processes, generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A catalog with the version 1.0.0, and a user who may call Service Catalog alone."""
    admin = LocalAwsHarness(processes, processes.start_aws(SPEED), "us-east-1")
    admin.make_bucket()
    admin.stub_nodes()
    _, default = generated("default")
    folder = tmp_path_factory.mktemp("catalog")
    shutil.copytree(default.parents[1] / "build", folder / "build")
    config, root = generate(folder / "templates", FIRST_TAGS)
    declared = json.loads(root.read_text())["Parameters"]
    values = surroundings.prepare(admin.client, surroundings.facts(config), declared)
    team = Team.made(admin.client("iam"), admin.environment, root, TagOptionValue=COST_CENTER)
    return Place(admin, team, {**values, **HELD, "KeyOperatorArns": team.output(CatalogOutput.AUTOMATION_ROLE)})


def generate(folder: Path, tags: Mapping[str, str]) -> tuple[Path, Path]:
    """Configuration and root template of a cluster that has every type of resource, with these tags."""
    settings: dict[str, Any] = yaml.safe_load((REPOSITORY / "examples" / "default.yaml").read_text(encoding="utf-8"))
    settings["tags"] = dict(tags)
    settings["access"]["ssm"] = True
    config = folder.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-m", "generator", "--config", str(config), "--out", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return config, folder / "root.json"


def test_a_team_without_rights_launches_updates_and_terminates_a_cluster(place: Place, tmp_path: Path) -> None:
    team, values, iam = place.team, place.values, place.admin.client("iam")
    product, name, _ = team.type("search-products").split("\t")
    assert name == STACK
    assert team.type("describe-product", prod=product).startswith("1.0.0\tDEFAULT\tholdfast, Holdfast ")
    asked = json.loads(team.type("describe-provisioning-parameters", prod=product))["ProvisioningArtifactParameters"]
    assert {each["ParameterKey"] for each in asked if "DefaultValue" not in each} <= values.keys()
    given = written(tmp_path / "parameters.json", values, {})
    made = team.ended("provision-product", prod=product, parameters=given)
    outputs = {each["OutputKey"]: each["OutputValue"] for each in made["RecordOutputs"]}
    assert outputs["ApiEndpoint"].startswith("https://")
    roles = iam.list_roles(PathPrefix="/holdfast/")["Roles"]
    assert len(roles) >= 4
    for role in roles:
        found = iam.get_role(RoleName=role["RoleName"])["Role"]
        assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY

    catalog_actions.replace_a_slot(place.admin, team, outputs)

    generate(team.root.parent, OTHER_TAGS)
    next_release.change(team.root.parent)
    team.publish("publish", "1.1.0")
    changed = written(tmp_path / "changes.json", {"LogRetentionDays": "14"}, values)
    team.ended("update-provisioned-product", prod=product, changes=changed)
    groups = place.admin.client("logs").describe_log_groups(logGroupNamePrefix="SC-")["logGroups"]
    assert 14 in {each["retentionInDays"] for each in groups}

    team.ended("terminate-provisioned-product")
    assert iam.list_roles(PathPrefix="/holdfast/")["Roles"] == []
    assert team.denied() == []


def test_a_launch_that_fails_leaves_nothing_and_can_be_terminated(place: Place, tmp_path: Path) -> None:
    team = place.team
    product = team.type("search-products").split("\t")[0]
    given = written(tmp_path / "parameters.json", {**place.values, **IMPOSSIBLE}, {})
    failed = team.followed_to_its_end(team.begin("provision-product", prod=product, parameters=given), "the launch")
    assert failed["RecordDetail"]["Status"] == "FAILED"
    assert "ROLLBACK_COMPLETE" in failed["RecordDetail"]["RecordErrors"][0]["Description"], failed
    team.ended("terminate-provisioned-product")
    assert team.denied() == []


def test_the_launch_role_has_no_right_that_was_not_used(place: Place) -> None:
    used = launch_rights.used(place.team)
    assert used - launch_rights.allowed() == set(launch_role.NEVER)
    assert sorted(launch_rights.allowed() - used) == sorted(launch_rights.KEPT)

"""`make catalog` and `make publish`, typed against the local AWS: a stack, its versions, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coordination.names import CatalogOutput
from coordination.release import VERSION
from rehearsal.local import surroundings
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness

SPEED = 300
STACK = "catalog"
PREFIX = "published"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
VALUES = {"PrincipalArn": "arn:aws:iam::123456789012:user/team", "PermissionsBoundaryArn": BOUNDARY}
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
# Whoever publishes is told where the role reads.
ELSEWHERE = f"allowed: BUCKET={surroundings.BUCKET} PREFIX={PREFIX}"


@dataclass
class Publisher:
    """The commands, for one catalog stack, with templates that may be changed."""

    harness: LocalAwsHarness
    root: Path

    def run(self, command: str, *arguments: str, stack: str = STACK, prefix: str = PREFIX) -> tuple[int, str]:
        """Exit code, and everything that the command said."""
        where = ("--bucket", surroundings.BUCKET, "--prefix", prefix, "--out", str(self.root.parent))
        return self.harness.deployment(command, "--stack", stack, *where, *arguments)

    def publish(self, version: str, *arguments: str, prefix: str = PREFIX) -> tuple[int, str]:
        return self.run("publish", "--version", version, *arguments, prefix=prefix)

    def change(self, name: str, default: str) -> None:
        """Another content: another default of a parameter."""
        body = json.loads(self.root.read_text())
        body["Parameters"][name]["Default"] = default
        self.root.write_text(json.dumps(body))

    def versions(self) -> dict[str, dict[str, Any]]:
        """What Service Catalog has, by name."""
        catalog = self.harness.client("servicecatalog")
        found = catalog.list_provisioning_artifacts(ProductId=self.outputs()[CatalogOutput.PRODUCT])
        return {each["Name"]: each for each in found["ProvisioningArtifactDetails"]}

    def outputs(self) -> dict[str, str]:
        """Those of the catalog stack."""
        stack = self.harness.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def without_actions(self) -> list[str]:
        """The versions that lack a service action of the stack."""
        catalog, outputs = self.harness.client("servicecatalog"), self.outputs()
        wanted, lacking = set(outputs[CatalogOutput.ACTIONS].split(",")), []
        for name, each in self.versions().items():
            of = {"ProductId": outputs[CatalogOutput.PRODUCT], "ProvisioningArtifactId": each["Id"]}
            found = catalog.list_service_actions_for_provisioning_artifact(**of)["ServiceActionSummaries"]
            lacking += [name] if {action["Id"] for action in found} != wanted else []
        return lacking


@pytest.fixture(scope="module")
def publisher(harness: LocalAwsHarness, generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    """A catalog stack with the version 1.0.0."""
    harness.make_bucket()
    _, root = generated("default")
    folder = tmp_path_factory.mktemp("catalog")
    shutil.copytree(root.parents[1], folder, dirs_exist_ok=True)
    made = Publisher(harness, folder / "templates" / "root.json")
    given = [word for name, value in VALUES.items() for word in ("--set", f"{name}={value}")]
    code, said = made.run("catalog", "--version", "1.0.0", *given)
    assert code == 0, said
    assert f"  {CatalogOutput.TEMPLATES}" in said
    assert f"next: make publish STACK={STACK} VERSION=NEXT_VERSION BUCKET={surroundings.BUCKET} PREFIX={PREFIX}" in said
    return made


def test_the_first_version_is_what_publishing_it_again_would_be(publisher: Publisher) -> None:
    code, said = publisher.publish("1.0.0", "--json")
    assert code == 0, said
    told = json.loads(said)
    assert (told["version"], told["new"]) == ("1.0.0", False)
    assert publisher.versions()["1.0.0"]["Description"] == f"holdfast, Holdfast {VERSION}; templates {told['digest']}"


def test_a_version_is_published_once_and_never_with_another_content(publisher: Publisher) -> None:
    publisher.change("RolePath", "/another/")
    code, said = publisher.publish("1.1.0")
    assert code == 0, said
    assert "is published: pa-" in said
    made = publisher.versions()
    assert list(made) == ["1.0.0", "1.1.0"]
    assert publisher.without_actions() == []
    code, said = publisher.publish("1.1.0")
    assert (code, "was published before, with the same content" in said) == (0, True), said

    publisher.change("RolePath", "/third/")
    for version in made:
        code, said = publisher.publish(version)
        assert code == 2
        assert said.startswith(f"VERSION: given {version}, which is published with another content (pa-"), said
    assert publisher.versions() == made


def test_a_template_lies_where_the_launch_role_reads_named_by_its_content(publisher: Publisher) -> None:
    _, said = publisher.publish("2.0.0", "--json")
    url = json.loads(said)["template"]
    key = f"{PREFIX}/{url.rpartition('/')[2]}"
    assert url.endswith(f"/{surroundings.BUCKET}/{key}")
    body = json.loads(publisher.harness.client("s3").get_object(Bucket=surroundings.BUCKET, Key=key)["Body"].read())
    nested = [each["Properties"]["TemplateURL"] for each in body["Resources"].values() if "Stack" in each["Type"]]
    assert nested
    assert all(each.startswith(url.removesuffix(key.rpartition("/")[2])) for each in nested)


@pytest.mark.parametrize(
    ("version", "prefix", "wanted"),
    [
        ("1 0", PREFIX, "VERSION: given 1 0; allowed: up to 64 letters"),
        ("", PREFIX, "VERSION: given nothing; allowed: up to 64 letters"),
        ("3.0.0", "elsewhere", f"BUCKET: given s3://{surroundings.BUCKET}/elsewhere/; {ELSEWHERE}"),
        ("3.0.0", "", f"BUCKET: given s3://{surroundings.BUCKET}/; {ELSEWHERE}"),
    ],
)
def test_what_cannot_be_published_is_refused(publisher: Publisher, version: str, prefix: str, wanted: str) -> None:
    before = publisher.versions()
    code, said = publisher.publish(version, prefix=prefix)
    assert code == 2
    assert said.startswith(wanted), said
    assert said.count("\n") == 1
    assert publisher.versions() == before


RULE = {"ID": "old", "Status": "Enabled", "Expiration": {"Days": 30}}
ARCHIVED = {"ID": "old", "Status": "Enabled", "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}


TAGGED = {"And": {"Prefix": "", "Tags": [{"Key": "a", "Value": "b"}]}}
HARMLESS = [
    RULE | {"ID": "elsewhere", "Filter": {"Prefix": "logs/"}},
    RULE | {"ID": "off", "Filter": {"Prefix": ""}, "Status": "Disabled"},
    RULE | {"ID": "tagged", "Filter": TAGGED},
]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([RULE | {"Filter": {"Prefix": "pub"}}], 2),
        ([RULE | {"Filter": {"Prefix": f"{PREFIX}/old/"}}], 2),
        ([*HARMLESS, ARCHIVED | {"Filter": {"Prefix": ""}}], 2),
        (HARMLESS, 0),
    ],
)
def test_a_bucket_that_removes_what_is_published_is_refused(
    publisher: Publisher, rules: list[dict[str, Any]], code: int
) -> None:
    s3 = publisher.harness.client("s3")
    place = {"Bucket": surroundings.BUCKET}
    s3.put_bucket_lifecycle_configuration(**place, LifecycleConfiguration={"Rules": rules})
    try:
        done, said = publisher.publish("2.0.0")
    finally:
        s3.delete_bucket_lifecycle(**place)
    assert done == code, said
    assert ("whose lifecycle rule old removes or archives what is published" in said) is (code == 2)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("--version", "9.0.0"), f"VERSION: given 9.0.0, and {STACK} is there already: make publish STACK={STACK}"),
        (("--set", "Owner=Others"), "Owner: given Others; allowed: Platform team, for it never changes"),
        (("--set", "FirstVersion=2"), "FirstVersion: given 2; allowed: nothing, for VERSION= says it"),
    ],
)
def test_an_update_changes_nothing_of_the_product(
    publisher: Publisher, arguments: tuple[str, ...], wanted: str
) -> None:
    code, said = publisher.run("catalog", *arguments)
    assert code == 2
    assert said.startswith(wanted), said


def test_an_update_lets_in_another_principal_and_keeps_the_versions(publisher: Publisher) -> None:
    before, outputs = publisher.versions(), publisher.outputs()
    # As of a version that is older than the stack's actions.
    publisher.harness.client("servicecatalog").disassociate_service_action_from_provisioning_artifact(
        ProductId=outputs[CatalogOutput.PRODUCT],
        ProvisioningArtifactId=before["1.0.0"]["Id"],
        ServiceActionId=outputs[CatalogOutput.ACTIONS],
    )
    assert publisher.without_actions() == ["1.0.0"]
    another = "arn:aws:iam::123456789012:role/another"
    code, said = publisher.run("catalog", "--set", f"PrincipalArn2={another}", "--json")
    assert code == 0, said
    told = json.loads(said.splitlines()[0])
    assert told["templates"] == f"{surroundings.BUCKET}/{PREFIX}/"
    portfolio = outputs[CatalogOutput.PORTFOLIO]
    principals = publisher.harness.client("servicecatalog").list_principals_for_portfolio(PortfolioId=portfolio)
    assert {each["PrincipalARN"] for each in principals["Principals"]} == {VALUES["PrincipalArn"], another}
    assert publisher.versions() == before
    assert publisher.without_actions() == []


def test_cloudformation_acts_by_a_service_role_which_the_stack_keeps(publisher: Publisher) -> None:
    iam = publisher.harness.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "cloudformation.amazonaws.com"}}
    documents = [json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trust, EVERYTHING)]
    arns = []
    for name in ("deploys-catalogs", "deploys-others"):
        arns.append(iam.create_role(RoleName=name, AssumeRolePolicyDocument=documents[0])["Role"]["Arn"])
        iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=documents[1])
    role, another = arns
    given = [word for name, value in VALUES.items() for word in ("--set", f"{name}={value}")]
    code, said = publisher.run("catalog", "--version", "1.0.0", *given, "--role", role, stack="by-role")
    assert (code, f"CloudFormation acts by {role}, and keeps it with by-role" in said) == (0, True), said
    stack = publisher.harness.client("cloudformation").describe_stacks(StackName="by-role")["Stacks"][0]
    assert stack["RoleARN"] == role
    code, said = publisher.run("catalog", "--role", another, stack="by-role")
    assert (code, said.startswith(f"ROLE: given {another}; allowed: none, or {role}, by which")) == (2, True), said


def test_a_catalog_that_is_not_there_is_made_by_a_command_that_is_told(publisher: Publisher) -> None:
    code, said = publisher.run("publish", "--version", "1.0.0", stack="nothing")
    assert code == 2
    again = "there is no catalog stack nothing; to make it: make catalog STACK=nothing VERSION=1.0.0 PARAMS="
    assert said.startswith(again), said
    code, said = publisher.run("catalog", "--version", "1.0.0", "--set", "TemplateBucket=other", stack="nothing")
    assert code == 2
    assert said == f"TemplateBucket: given other; allowed: what BUCKET= is, {surroundings.BUCKET}\n"

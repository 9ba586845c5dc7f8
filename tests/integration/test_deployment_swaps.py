"""What is deployed is what was built: an upload that somebody changes between package and deploy is refused."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import LocalAwsHarness

SPEED = 20
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
ROOT = {
    "Metadata": {"Holdfast": {"Cluster": "swaps"}},
    "Resources": {"Layer": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "layer.json"}}},
    "Outputs": {"ClusterUuid": {"Value": {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}}},
}
VERSIONED = pytest.mark.parametrize("versioned", [False, True], ids=["no versions", "versions"])
# A creation shows in each run of `make check` that versions are read.
SLOWLY_VERSIONED = pytest.mark.parametrize(
    "versioned", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["no versions", "versions"]
)


def layer(text: str = "1", cidr: str = "10.0.0.0/24") -> dict[str, Any]:
    """A function, a security group and a parameter."""
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": cidr}
    function = {"Code": "code.zip", "Handler": "a.b", "Runtime": "python3.13", "Role": {"Fn::GetAtt": ["Role", "Arn"]}}
    return {
        "Resources": {
            "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {
                    "GroupDescription": "any",
                    "VpcId": {"Ref": "Network"},
                    "SecurityGroupIngress": [rule],
                },
            },
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Text": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": text}},
        }
    }


def archive(content: str) -> bytes:
    """A zip with one module."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        written.writestr(zipfile.ZipInfo("a.py"), content)
    return stream.getvalue()


@dataclass
class Tree:
    """A root with one nested template and a function, and a bucket for it."""

    harness: LocalAwsHarness
    folder: Path
    name: str

    def write(self, body: dict[str, Any], code: str = "b = 1") -> None:
        (self.folder / "root.json").write_text(json.dumps(ROOT))
        (self.folder / "layer.json").write_text(json.dumps(body))
        (self.folder / "code.zip").write_bytes(archive(code))

    def run(self, command: str, *arguments: str) -> tuple[int, str]:
        return self.harness.deployment(command, *arguments)

    def package(self) -> tuple[int, str]:
        template, output = str(self.folder / "root.json"), str(self.folder / "packaged.json")
        return self.run("package", "--template", template, "--bucket", self.name, "--output", output)

    def deploy(self, command: str = "deploy", *arguments: str) -> tuple[int, str]:
        return self.run(command, "--stack", self.name, "--template", str(self.folder / "packaged.json"), *arguments)

    def swap(self, ending: str, content: bytes) -> None:
        """What an attacker does who may write to the bucket: to every object of the ending."""
        s3 = self.harness.client("s3")
        listed = [each["Key"] for each in s3.list_objects_v2(Bucket=self.name)["Contents"]]
        for key in listed:
            if key.endswith(".template") == (ending == ".template"):
                s3.put_object(Bucket=self.name, Key=key, Body=content)

    @property
    def function(self) -> str:
        """The digest of the code that runs."""
        name = self.named(self.named(self.name, "Layer"), "Function")
        return str(self.harness.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"])

    def named(self, stack: str, name: str) -> str:
        found = self.harness.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=name)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def change_sets(self) -> list[str]:
        listed = self.harness.client("cloudformation").list_change_sets(StackName=self.name)["Summaries"]
        return [each["ChangeSetName"] for each in listed if each["ExecutionStatus"] == "AVAILABLE"]


@pytest.fixture
def tree(harness: LocalAwsHarness, tmp_path: Path, request: pytest.FixtureRequest) -> Tree:
    """A tree of its own for each test, in a bucket that keeps versions where the test says so."""
    versioned = request.node.callspec.params.get("versioned", False) if hasattr(request.node, "callspec") else False
    made = Tree(harness, tmp_path, f"swaps-{tmp_path.name.replace('_', '-')}"[:60].strip("-"))
    s3 = harness.client("s3")
    s3.create_bucket(Bucket=made.name)
    if versioned:
        s3.put_bucket_versioning(Bucket=made.name, VersioningConfiguration={"Status": "Enabled"})
    made.write(layer())
    return made


def deployed(tree: Tree) -> Tree:
    for code, said in (tree.package(), tree.deploy()):
        assert code == 0, said
    return tree


HOSTILE = json.dumps(layer("hostile")).encode()


@VERSIONED
def test_a_creation_whose_nested_template_was_swapped_is_refused_or_reads_the_old_version(
    tree: Tree, versioned: bool
) -> None:
    assert tree.package()[0] == 0
    tree.swap(".template", HOSTILE)
    code, said = tree.deploy()
    if versioned:
        assert code == 0, said
        assert tree.function
    else:
        assert (code, "is not the template that was built" in said) == (2, True), said
        assert "Traceback" not in said
        names = [each["StackName"] for each in tree.harness.client("cloudformation").list_stacks()["StackSummaries"]]
        assert tree.name not in names


def test_a_creation_whose_code_was_swapped_is_refused(tree: Tree) -> None:
    assert tree.package()[0] == 0
    tree.swap("", archive("b = 'hostile'"))
    code, said = tree.deploy()
    assert (code, said.count("\n"), "is not the code that was built" in said) == (2, 1, True), said


@SLOWLY_VERSIONED
def test_an_update_whose_nested_template_was_swapped_is_refused_or_reads_the_old_version(
    tree: Tree, versioned: bool
) -> None:
    deployed(tree)
    tree.write(layer("2"))
    assert tree.package()[0] == 0
    tree.swap(".template", HOSTILE)
    code, said = tree.deploy()
    value = tree.harness.client("ssm").get_parameter(Name=tree.named(tree.named(tree.name, "Layer"), "Text"))
    if versioned:
        assert (code, value["Parameter"]["Value"]) == (0, "2"), said
    else:
        assert (code, "is not the template that was built" in said) == (2, True), said
        assert value["Parameter"]["Value"] == "1"
        assert tree.change_sets() == []


@SLOWLY_VERSIONED
def test_an_update_whose_code_was_swapped_is_refused_or_reads_the_old_version(tree: Tree, versioned: bool) -> None:
    before = deployed(tree).function
    tree.write(layer(), "b = 2")
    assert tree.package()[0] == 0
    tree.swap("", archive("b = 'hostile'"))
    code, said = tree.deploy()
    if versioned:
        assert code == 0, said
        assert tree.function != before
    else:
        assert (code, "is not the code that was built" in said) == (2, True), said
        assert tree.function == before
        assert tree.change_sets() == []


def test_code_that_runs_but_was_not_built_fails_the_deploy(tree: Tree) -> None:
    deployed(tree)
    function = tree.named(tree.named(tree.name, "Layer"), "Function")
    tree.harness.client("lambda").update_function_code(FunctionName=function, ZipFile=archive("b = 'hostile'"))
    tree.write(layer("2"))
    assert tree.package()[0] == 0
    code, said = tree.deploy()
    assert (code, "the code of Layer/Function is not the one that was built" in said) == (1, True), said


def test_a_package_over_an_upload_that_was_changed_is_refused(tree: Tree) -> None:
    assert tree.package()[0] == 0
    tree.swap("", archive("b = 'hostile'"))
    code, said = tree.package()
    assert (code, "is not what code.zip was packaged to" in said) == (2, True), said
    tree.swap("", archive("b = 1"))
    tree.swap(".template", HOSTILE)
    code, said = tree.package()
    assert (code, "is not what layer.json was packaged to" in said) == (2, True), said


@pytest.mark.slow
def test_the_same_package_and_deploy_again_has_nothing_to_change(tree: Tree) -> None:
    deployed(tree)
    assert tree.package()[0] == 0
    assert tree.deploy() == (0, f"{tree.name}: no changes\n")


def test_a_deploy_without_digests_says_what_makes_them(tree: Tree) -> None:
    assert tree.package()[0] == 0
    (tree.folder / "packaged.digests.json").unlink()
    code, said = tree.deploy()
    assert (code, "nothing tells what was built: type make package BUCKET=" in said) == (2, True), said


@pytest.mark.slow
def test_an_opened_security_group_asks_and_a_closed_one_does_not(tree: Tree) -> None:
    deployed(tree)
    tree.write(layer(cidr="10.0.0.0/16"))
    assert tree.package()[0] == 0
    opened = "Layer/Group (AWS::EC2::SecurityGroup): opens ingress tcp 443-443 from 10.0.0.0/16"
    code, said = tree.deploy("diff")
    assert (code, said.splitlines()[-2:]) == (0, ["opened (a deploy asks for SECURITY=1):", f"  {opened}"])
    assert "SecurityGroupIngress/0/CidrIp: 10.0.0.0/24 → 10.0.0.0/16" in said
    code, said = tree.deploy("diff", "--json")
    assert [each["path"] for each in json.loads(said)["widenings"]] == ["Layer/Group"]
    code, said = tree.deploy()
    assert (code, f"the update would open: {opened}: to allow it: make deploy STACK={tree.name} " in said) == (
        2,
        True,
    ), said
    assert tree.change_sets() == []
    code, said = tree.deploy("deploy", "--security")
    assert code == 0, said
    tree.write(layer())
    assert tree.package()[0] == 0
    code, said = tree.deploy()
    assert code == 0, said

"""The unmodified AWS CLI on the local CloudFormation: package, deploy, and what it prints when something fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rehearsal.engine import Stacks, template, thing

AWS_CLI = str(Path(sys.executable).parent / "aws")
Cli = Callable[..., subprocess.CompletedProcess[str]]
VALUE = {"Value": {"Type": "String", "Default": "1"}}


@pytest.fixture
def cli(stacks: Stacks, tmp_path: Path) -> Cli:
    """Runs the AWS CLI against the local AWS in a folder of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": stacks.aws.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [AWS_CLI, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def deploy(cli: Cli, name: str, file: str, *arguments: str, code: int = 0) -> str:
    done = cli("cloudformation", "deploy", "--stack-name", name, "--template-file", file, *arguments, code=code)
    return done.stdout + done.stderr


def _next_second() -> None:
    """The AWS CLI names a change set after the second in which it makes it."""
    time.sleep(1 - time.time() % 1)


def test_a_packaged_tree_is_deployed_updated_and_deleted(stacks: Stacks, cli: Cli, tmp_path: Path) -> None:
    child = template(
        {"Thing": thing(Value={"Ref": "Value"})},
        Parameters=VALUE,
        Outputs={"Twice": {"Value": {"Fn::GetAtt": ["Thing", "Twice"]}}},
    )
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "./child.json", "Parameters": {"Value": {"Ref": "Value"}}},
    }
    (tmp_path / "child.json").write_text(child)
    outputs = {"Out": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Twice"]}}}
    (tmp_path / "root.json").write_text(template({"Child": nested}, Parameters=VALUE, Outputs=outputs))
    cli("s3", "mb", "s3://packages")
    package = ["--template-file", "root.json", "--s3-bucket", "packages", "--output-template-file"]
    cli("cloudformation", "package", *package, "root.yaml")
    cli("cloudformation", "validate-template", "--template-body", "file://root.yaml")
    name = stacks.name()
    began = time.monotonic()
    deploy(cli, name, "root.yaml", "--parameter-overrides", "Value=5", "--tags", "team=x")
    assert time.monotonic() - began < 28, "waiting for the CLI's 30 seconds between two looks"
    assert stacks.outputs(name) == {"Out": "55"}
    assert stacks.describe(name)["Tags"] == [{"Key": "team", "Value": "x"}]
    _next_second()
    deploy(cli, name, "root.yaml", "--parameter-overrides", "Value=6")
    assert stacks.outputs(name) == {"Out": "66"}
    assert stacks.state.calls == [("create", "Thing"), ("update", "Thing")]
    cli("cloudformation", "delete-stack", "--stack-name", name)
    cli("cloudformation", "wait", "stack-delete-complete", "--stack-name", name)
    assert stacks.state.things == {}


def test_a_deploy_without_changes_says_so_and_fails_unless_told_not_to(
    stacks: Stacks, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "t.json").write_text(template({"A": thing()}))
    name = stacks.name()
    deploy(cli, name, "t.json")
    _next_second()
    assert "No changes to deploy" in deploy(cli, name, "t.json", code=255)
    _next_second()
    assert "No changes to deploy" in deploy(cli, name, "t.json", "--no-fail-on-empty-changeset")


def test_a_failing_deploy_exits_255_and_the_events_tell_why(stacks: Stacks, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(template({"A": thing(FailOn="create")}))
    name = stacks.name()
    assert "Failed to create/update the stack" in deploy(cli, name, "t.json", code=255)
    query = "StackEvents[?ResourceStatus=='CREATE_FAILED'].ResourceStatusReason"
    shown = cli("cloudformation", "describe-stack-events", "--stack-name", name, "--query", query, "--output", "json")
    assert json.loads(shown.stdout) == ["A does not want to be made"]


def test_a_deploy_with_disable_rollback_stops_and_the_next_one_goes_on(
    stacks: Stacks, cli: Cli, tmp_path: Path
) -> None:
    name = stacks.name()
    file = tmp_path / "t.json"
    file.write_text(template({"A": thing(), "B": thing(FailOn="create", after="A")}))
    deploy(cli, name, "t.json", "--disable-rollback", code=255)
    assert stacks.describe(name)["StackStatus"] == "CREATE_FAILED"
    file.write_text(template({"A": thing(), "B": thing(after="A")}))
    _next_second()
    deploy(cli, name, "t.json", "--disable-rollback")
    assert stacks.describe(name)["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks.state.said("create") == ["A", "B", "B"]


def test_a_deploy_needs_the_capabilities_of_its_template(stacks: Stacks, cli: Cli, tmp_path: Path) -> None:
    trust = {"Version": "2012-10-17", "Statement": []}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    (tmp_path / "t.json").write_text(template({"Role": role}))
    name = stacks.name()
    assert "Requires capabilities : [CAPABILITY_IAM]" in deploy(cli, name, "t.json", code=255)
    deploy(cli, name, "t.json", "--capabilities", "CAPABILITY_IAM")

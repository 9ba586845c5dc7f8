"""The commands behind make, typed against a deployed cluster: package, deploy, diff, delete, purge."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from deployment import identity, package, stacks, templates
from deployment.aws import Account
from deployment.package import Target
from rehearsal.local import surroundings
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness

SPEED = 20
STACK = "commands"


@dataclass
class Commands:
    """`python -m deployment` for one stack, in the harness's environment."""

    harness: LocalAwsHarness
    packaged: Path
    params: Path
    said: list[str] = field(default_factory=list)

    def run(self, command: str, *arguments: str) -> tuple[int, str]:
        """Exit code, and everything that the command said."""
        return self.harness.deployment(command, *arguments)

    def with_stack(self, command: str, *arguments: str) -> tuple[int, str]:
        """A command that takes the stack and the packaged template."""
        return self.run(command, "--stack", STACK, "--template", str(self.packaged), *arguments)


@pytest.fixture(scope="module")
def commands(harness: LocalAwsHarness, generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """A cluster that `make package` and `make deploy` have made."""
    config, root = generated("minimal")
    folder = tmp_path_factory.mktemp("commands")
    surroundings.make_bucket(harness.client("s3"), harness.region)
    declared = json.loads(root.read_text())["Parameters"]
    values = surroundings.prepare(harness.client, surroundings.facts(config), declared)
    (folder / "params.json").write_text(json.dumps(values))
    harness.stub_nodes()
    made = Commands(harness, folder / "packaged.json", folder / "params.json")
    code, said = made.run(
        "package", "--template", str(root), "--bucket", surroundings.BUCKET, "--output", str(made.packaged)
    )
    assert code == 0, said
    code, said = made.with_stack("deploy", "--parameters", str(made.params))
    assert code == 0, said
    made.said = said.splitlines()
    return made


def test_a_deploy_tells_nested_resources_and_ends_with_the_outputs(commands: Commands) -> None:
    assert [line for line in commands.said if line.endswith("CREATE_COMPLETE              Network/Vpc")]
    assert [line.split()[0] for line in commands.said[-2:]] == ["CertificateAuthorityCommand", "DashboardName"]


def packaged_commit(commands: Commands) -> str:
    """What the packaged root says; empty outside a checkout."""
    made = identity.of(json.loads(commands.packaged.read_text(encoding="utf-8")))
    assert made is not None
    return made.commit


@pytest.mark.slow
def test_the_packaged_tree_is_what_the_bucket_holds(
    commands: Commands, generated: Generated, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, root = generated("minimal")
    for name, value in commands.harness.environment.items():
        monkeypatch.setenv(name, value)
    tree = package.package(Account(), root, Target(surroundings.BUCKET), commit=packaged_commit(commands))
    assert tree.text == commands.packaged.read_text(encoding="utf-8")
    assert json.loads(tree.text) == tree.body
    s3 = commands.harness.client("s3")
    # The command that the fixture ran uploaded the same bytes to the same keys, and nothing else.
    listed = {each["Key"]: each["Size"] for each in s3.list_objects_v2(Bucket=surroundings.BUCKET)["Contents"]}
    uploads = list(tree.uploads())
    assert {each.key: each.size_bytes for each in uploads} == listed
    for each in uploads:
        assert (each.bucket, each.url) == (surroundings.BUCKET, f"{commands.harness.endpoint}/{each.bucket}/{each.key}")
        held = s3.get_object(Bucket=each.bucket, Key=each.key)["Body"].read()
        assert hashlib.sha256(held).hexdigest() == each.sha256
    local = templates.tree(root)
    assert {"", *tree.nested} == local.keys()
    assert {nested.template.path.name for nested in tree.nested.values()} == {
        # Those of images and of the catalog stand beside a cluster's; others package into the same folder.
        path.name
        for path in root.parent.glob("*.json")
        if path.name not in (root.name, "image.json", "catalog.json") and not path.name.startswith("packaged")
    }
    for name, nested in tree.nested.items():
        assert tree.body["Resources"][name]["Properties"]["TemplateURL"] == nested.upload.url
        assert nested.template.body == yaml.safe_load(nested.template.text)
        assert nested.template.body["Resources"].keys() == local[name]["Resources"].keys()
    (code,) = tree.nested["Lifecycle"].template.code.values()
    assert hashlib.sha256(code.path.read_bytes()).hexdigest() == code.sha256


def test_the_same_deploy_again_has_nothing_to_change(commands: Commands) -> None:
    assert commands.with_stack("deploy") == (0, f"{STACK}: no changes\n")


def test_a_diff_names_what_would_change_and_changes_nothing(commands: Commands) -> None:
    code, said = commands.with_stack("diff", "--set", "LogRetentionDays=30")
    assert code == 0, said
    changed = [line.split()[1] for line in said.splitlines() if "AWS::Logs::LogGroup" in line]
    assert changed
    assert all(path.startswith(("Network/", "Lifecycle/", "Services/", "Controlplane/")) for path in changed)
    assert commands.with_stack("deploy")[1] == f"{STACK}: no changes\n"
    left = commands.harness.client("cloudformation").list_change_sets(StackName=STACK)["Summaries"]
    assert [each for each in left if each["ExecutionStatus"] == "AVAILABLE"] == []


def test_a_certain_replacement_is_refused_by_name_before_anything_happens(commands: Commands) -> None:
    code, said = commands.with_stack("deploy", "--set", "RolePath=/kubernetes/")
    assert code == 2
    assert "would replace" in said
    assert "Iam/WorkerRole" in said
    assert "ROLLBACK=1" in said
    stack = commands.harness.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_an_update_changes_what_the_change_set_said(commands: Commands) -> None:
    code, said = commands.with_stack("deploy", "--set", "LogRetentionDays=14")
    assert code == 0, said
    assert "UPDATE_COMPLETE" in said
    groups = commands.harness.client("logs").describe_log_groups()["logGroups"]
    found = {("AuditLogGroup" in each["logGroupName"], each.get("retentionInDays")) for each in groups}
    assert {kept for kept in found if kept[1] is not None} == {(False, 14), (True, 365)}


def test_a_purge_is_refused_while_the_stack_exists(commands: Commands) -> None:
    code, said = commands.run("purge", STACK)
    assert (code, f"the stack {STACK} exists" in said) == (2, True)


def test_a_deploy_protects_the_stack_until_the_printed_command_was_typed(commands: Commands) -> None:
    code, said = commands.run("delete", "--stack", STACK, "--yes")
    assert code == 2, said
    commands.harness.aws(*shlex.split(said.partition("type first: ")[2].partition(" && ")[0])[1:])
    stack = commands.harness.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    assert (stack["EnableTerminationProtection"], stack["StackStatus"]) == (False, "UPDATE_COMPLETE")


def test_a_kubeconfig_for_somebody_who_is_not_listed_says_who_adds_him(commands: Commands) -> None:
    code, said = commands.run("kubeconfig", "--stack", STACK, "--group", "admin")
    assert (code, said.count("\n")) == (2, 1)
    assert "is in none of ViewerArns, EditorArns, AdministratorArns of the stack" in said
    code, said = commands.run("kubeconfig", "--stack", STACK, "--group", "root")
    assert (code, said) == (2, "GROUP is 'root', allowed: view, edit, admin\n")


def test_a_delete_without_an_answer_deletes_nothing(commands: Commands) -> None:
    code, said = commands.run("delete", "--stack", STACK)
    assert (code, "no terminal to ask on" in said) == (2, True)


def test_templates_of_another_cluster_are_refused_by_package_diff_and_deploy(
    commands: Commands, generated: Generated, tmp_path: Path
) -> None:
    _, root = generated("development")
    other = tmp_path / "other.json"
    bucket = ("--bucket", surroundings.BUCKET)
    named = ("--template", str(root), "--output", str(other), *bucket)
    refused = f"the stack {STACK} is the cluster minimal, and these templates are of the cluster development"
    code, said = commands.run("package", *named, "--stack", STACK)
    assert (code, said.count("\n"), refused in said, other.exists()) == (2, 1, True, False), said
    assert commands.run("package", *named)[0] == 0
    for command in ("diff", "deploy"):
        code, said = commands.run(command, "--stack", STACK, "--template", str(other), *bucket)
        assert (code, said.count("\n"), refused in said) == (2, 1, True), said
    left = commands.harness.client("cloudformation").list_change_sets(StackName=STACK)["Summaries"]
    assert [each for each in left if each["ExecutionStatus"] == "AVAILABLE"] == []


def test_what_never_changes_is_refused_with_both_values_whatever_is_allowed(
    commands: Commands, generated: Generated, tmp_path: Path
) -> None:
    _, root = generated("minimal")
    shutil.copytree(root.parent, tmp_path / "templates")
    services = tmp_path / "templates" / "services.json"
    services.write_text(services.read_text().replace("100.64.0.0/16", "100.96.0.0/16"))
    output = tmp_path / "packaged.json"
    named = ("--out", str(tmp_path / "templates"), "--code", str(root.parents[1] / "build"), "--output", str(output))
    code, said = commands.run("package", *named, "--bucket", surroundings.BUCKET)
    assert code == 0, said
    code, said = commands.run(
        "deploy", "--stack", STACK, "--template", str(output), "--rollback", "--security", "--yes"
    )
    line = "kubernetes.podCidr: 100.64.0.0/16 → 100.96.0.0/16: nothing was done; another value takes another cluster"
    assert (code, said.splitlines()[-1].endswith(line)) == (2, True), said
    assert commands.with_stack("deploy") == (0, f"{STACK}: no changes\n")


def test_a_stack_says_which_commit_created_it_and_its_template_which_made_it(commands: Commands) -> None:
    cloudformation = commands.harness.client("cloudformation")
    made = identity.of(stacks.template(cloudformation, StackName=STACK))
    assert made is not None
    assert (made.cluster, made.commit) == ("minimal", packaged_commit(commands))
    tags = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Tags"]
    assert {each["Key"]: each["Value"] for each in tags} == {"holdfast:commit": made.commit}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("delete", ["--yes"]), ("deploy", []), ("diff", []), ("follow", []), ("status", []), ("kubeconfig", [])],
)
def test_no_command_acts_on_a_stack_that_is_no_cluster(commands: Commands, command: str, arguments: list[str]) -> None:
    cloudformation = commands.harness.client("cloudformation")
    if stacks.find(cloudformation, "payroll") is None:
        body = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}
        cloudformation.create_stack(StackName="payroll", TemplateBody=json.dumps(body))
        cloudformation.get_waiter("stack_create_complete").wait(StackName="payroll", WaiterConfig={"Delay": 1})
    if command in {"deploy", "diff"}:
        arguments = ["--template", str(commands.packaged)]
    code, said = commands.run(command, "--stack", "payroll", *arguments)
    assert (code, said.count("\n"), "the stack payroll is no cluster of this project" in said) == (2, 1, True), said
    assert cloudformation.describe_stacks(StackName="payroll")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def test_a_delete_of_a_nested_stack_names_its_root(commands: Commands) -> None:
    listed = commands.harness.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId="Network"
    )
    nested = listed["StackResourceDetail"]["PhysicalResourceId"]
    code, said = commands.run("delete", "--stack", nested, "--yes")
    assert (code, said.strip().endswith(f"make delete STACK={STACK} REGION={commands.harness.region}")) == (2, True), (
        said
    )


def test_preflight_of_a_cluster_that_exists_finds_nothing_wrong(commands: Commands, generated: Generated) -> None:
    _, root = generated("minimal")
    code, said = commands.run("preflight", "--template", str(root), "--stack", STACK, "--json")
    document = json.loads(said)
    found = {each["subject"]: each["state"] for each in document["findings"]}
    assert (code, document["counts"]["failed"], document["counts"]["could-not-ask"]) == (0, 0, 0), said
    assert {state for subject, state in found.items() if subject.startswith("zone ")} == {"ok"}
    # It has its network already.
    assert "VPCs" not in found


def test_z_a_delete_names_what_it_keeps_and_a_purge_removes_that(commands: Commands) -> None:
    stack = commands.harness.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    uuid = stack["StackId"][-36:]
    # A policy that somebody has would stop CloudFormation at its deletion.
    iam = commands.harness.client("iam")
    iam.create_user(UserName="alice")
    (policy,) = [each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "ViewOperatorPolicyArn"]
    iam.attach_user_policy(UserName="alice", PolicyArn=policy)
    code, said = commands.run("delete", "--stack", STACK, "--yes")
    assert code == 0, said
    assert f"will be detached first: {policy.rpartition('/')[2]} of the user alice" in said
    assert iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"] == []
    kept = {line.split()[0] for line in said.splitlines() if " costs " in line}
    assert kept == {"bucket", "key", "table"}
    code, said = commands.run("purge", STACK, "--confirm", uuid)
    assert code == 0, said
    assert commands.run("purge", uuid) == (0, f"nothing is kept of the cluster {uuid}\n")

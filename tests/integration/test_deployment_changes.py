"""Configurations that change under a living cluster: told by diff, refused or asked about by deploy."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.local import surroundings
from tests.integration.conftest import Generated
from tests.integration.harness import REPOSITORY, LocalAwsHarness

# What is refused in test_deployment_commands.py has one fast test there, and tables in tests/unit/deployment.
pytestmark = pytest.mark.slow

SPEED = 20
STACK = "changed"
PODS = "kubernetes.podCidr: 100.64.0.0/16 → 100.96.0.0/16"
SERVICES = "kubernetes.serviceCidr: 172.20.0.0/16 → 172.21.0.0/16"
POOL = "\n  - name: memory\n    tenancy: default\n    minSize: 0\n    maxSize: 3\n"


@dataclass
class Changed:
    """One stack, and packaged templates of changed configurations."""

    harness: LocalAwsHarness
    config: str
    folder: Path
    code: Path

    def packaged(self, name: str, *changes: tuple[str, str]) -> Path:
        """The packaged templates of the configuration after these replacements."""
        text = self.config
        for before, after in changes:
            assert before in text
            text = text.replace(before, after, 1)
        (self.folder / f"{name}.yaml").write_text(text)
        out, output = self.folder / name, self.folder / f"{name}.json"
        generate = ["generator", "--config", str(self.folder / f"{name}.yaml"), "--out", str(out)]
        subprocess.run([sys.executable, "-m", *generate], cwd=REPOSITORY, check=True, capture_output=True)
        named = ["--out", str(out), "--code", str(self.code), "--output", str(output)]
        code, said = self.harness.deployment("package", *named, "--bucket", surroundings.BUCKET)
        assert code == 0, said
        return output

    def run(self, command: str, packaged: Path, *arguments: str) -> tuple[int, str]:
        return self.harness.deployment(command, "--stack", STACK, "--template", str(packaged), *arguments)

    def status(self) -> str:
        described = self.harness.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return str(described["StackStatus"])

    def change_sets(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.harness.client("cloudformation").list_change_sets(StackName=STACK)[
            "Summaries"
        ]
        return [each for each in listed if each["ExecutionStatus"] == "AVAILABLE"]


@pytest.fixture(scope="module")
def changed(harness: LocalAwsHarness, generated: Generated, tmp_path_factory: pytest.TempPathFactory) -> Changed:
    """The minimal example, with a second pool in which nothing runs."""
    config, root = generated("minimal")
    harness.make_bucket()
    values = surroundings.prepare(
        harness.client, surroundings.facts(config), json.loads(root.read_text())["Parameters"]
    )
    harness.stub_nodes()
    text = config.read_text().rstrip() + POOL
    made = Changed(harness, text, tmp_path_factory.mktemp("changed"), root.parents[1] / "build")
    first = made.packaged("first")
    given = [word for pair in values.items() for word in ("--set", "=".join(pair))]
    code, said = made.run("deploy", first, *given)
    assert code == 0, said
    return made


@pytest.mark.parametrize(
    ("name", "before", "after", "line"),
    [
        ("pods", "pools:", "kubernetes: {podCidr: 100.96.0.0/16}\npools:", PODS),
        ("services", "pools:", "kubernetes: {serviceCidr: 172.21.0.0/16}\npools:", SERVICES),
        ("slots", "controlPlane:", "controlPlane:\n  slots: 5", "controlPlane.slots: 3 → 5"),
    ],
)
def test_what_never_changes_is_told_by_diff_and_refused_by_deploy_whatever_is_allowed(
    changed: Changed, name: str, before: str, after: str, line: str
) -> None:
    packaged = changed.packaged(name, (before, after))
    code, said = changed.run("diff", packaged, "--exit-code")
    assert (code, f"  {line}" in said.splitlines()) == (3, True), said
    code, said = changed.run("deploy", packaged, "--rollback", "--security", "--yes")
    assert (code, said.splitlines()[-1].startswith("this never changes in the life of a cluster: ")) == (2, True), said
    assert line in said.splitlines()[-1]
    assert (changed.status(), changed.change_sets()) == ("CREATE_COMPLETE", [])


def test_zones_in_another_order_are_refused_before_a_change_set_is_made(changed: Changed) -> None:
    first = changed.folder / "first.json"
    stack = changed.harness.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    (zones,) = [each["ParameterValue"] for each in stack["Parameters"] if each["ParameterKey"] == "AvailabilityZones"]
    turned = ",".join(reversed(["us-east-1f", *zones.split(",")]))
    for command in ("deploy", "diff"):
        code, said = changed.run(command, first, "--set", f"AvailabilityZones={turned}")
        assert (code, f"AvailabilityZones: {zones} → {turned}" in said) == (2 if command == "deploy" else 0, True), said
    assert changed.change_sets() == []


def test_defaults_that_do_not_apply_are_told_and_differences_have_an_exit_code(changed: Changed) -> None:
    packaged = changed.packaged("larger", ("maxSize: 3", "maxSize: 5"))
    line = "MemoryMaxSize stays 3 (the template's default is now 5): SET=MemoryMaxSize=5"
    for command in ("diff", "deploy"):
        code, said = changed.run(command, packaged, *(["--exit-code"] if command == "diff" else []))
        assert (code, said.splitlines()[0], said.splitlines()[-1].strip()) == (
            0,
            f"{STACK}: no changes",
            line,
        )
    code, said = changed.run("diff", packaged, "--set", "MemoryMaxSize=5", "--exit-code", "--json")
    found = json.loads(said)
    assert (code, found["kept_values"], found["never_changes"], found["nodes"]) == (3, [], [], [])
    values = [value for each in found["changes"] for value in each["values"]]
    assert {"path": "MaxSize", "before": "3", "after": "5"} in values


def test_tags_replace_nodes_and_nothing_else_and_diff_says_that_it_is_for_them_alone(changed: Changed) -> None:
    code, said = changed.run("diff", changed.packaged("tags", ("pools:", "tags: {owner: platform}\npools:")))
    assert code == 0, said
    assert "rolls 3 control planes one by one (slots 0, 1, 2), for other tags alone; " in said
    assert "REPLACED" not in said


def test_a_pool_that_goes_is_asked_for(changed: Changed) -> None:
    packaged = changed.packaged("without", (POOL, "\n"))
    effect = "removes pool memory: 0 nodes, drained"
    code, said = changed.run("diff", packaged)
    assert (code, f"  {effect}" in said.splitlines()) == (0, True), said
    code, said = changed.run("deploy", packaged)
    last = said.splitlines()[-1]
    assert (code, last.startswith(f"nodes would go for good: {effect}: ")) == (2, True), said
    assert last.endswith(f"make deploy STACK={STACK} REGION={changed.harness.region} YES=1")
    assert (changed.status(), changed.change_sets()) == ("CREATE_COMPLETE", [])


@pytest.mark.parametrize(
    ("typed", "line"),
    [(b"\x04", "no answer: nothing was done"), (b"\x03", "stopped; nothing was changed"), (b"no\n", "left as it is")],
    ids=["Ctrl-D", "Ctrl-C", "no"],
)
def test_a_question_that_is_not_answered_ends_with_one_true_line(changed: Changed, typed: bytes, line: str) -> None:
    command = ["deploy", "--stack", STACK, "--template", str(changed.folder / "without.json")]
    code, said = at_a_terminal(changed, command, "Type the stack's name", typed)
    assert (code in (1, 2), "Traceback" in said, line in said.splitlines()[-1]) == (True, False, True), said
    assert (changed.status(), changed.change_sets()) == ("CREATE_COMPLETE", [])


def at_a_terminal(changed: Changed, command: Sequence[str], question: str, typed: bytes) -> tuple[int, str]:
    """Runs a command at a terminal of its own and types once it has asked."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(REPOSITORY)
        os.execve(sys.executable, [sys.executable, "-m", "deployment", *command], changed.harness.environment)
    said = b""
    answered = False
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # Linux says so when nobody is left at the other end
            break
        if not read:
            break
        said += read
        if not answered and question.encode() in said:
            answered = True
            os.write(terminal, typed)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode().replace("\r\n", "\n")


def test_an_administrator_who_goes_is_named_and_asked_for(changed: Changed) -> None:
    first = changed.folder / "first.json"
    account = changed.harness.client("sts").get_caller_identity()["Account"]
    alice, bob = (f"arn:aws:iam::{account}:user/{name}" for name in ("alice", "bob"))
    code, said = changed.run("deploy", first, "--set", f"AdministratorArns={alice}", "--security")
    assert code == 0, said
    given = ["--set", f"AdministratorArns={bob}"]
    code, said = changed.run("diff", first, *given)
    assert (code, said.splitlines()[-1]) == (0, f"  administrators lose {alice}"), said
    code, said = changed.run("deploy", first, *given)
    assert (code, f"gain {bob}; administrators lose {alice}: to allow it: " in said) == (2, True), said
    code, said = changed.run("deploy", first, *given, "--security")
    assert (code, said.splitlines()[-1].startswith(f"administrators lose {alice}: ")) == (2, True), said
    assert said.splitlines()[-1].endswith(" SECURITY=1 YES=1")


def test_z_a_failed_update_names_its_way_out_and_that_works(changed: Changed) -> None:
    first = changed.folder / "first.json"
    # A policy that is not there is found out half-way.
    account = changed.harness.client("sts").get_caller_identity()["Account"]
    boundary = f"PermissionsBoundaryArn=arn:aws:iam::{account}:policy/missing"
    code, said = changed.run("deploy", first, "--set", boundary, "--security")
    assert (code, changed.status()) == (1, "UPDATE_FAILED"), said
    step = f"make rollback STACK={STACK} REGION={changed.harness.region}"
    assert said.splitlines()[-1].endswith(f"to go back: {step}")
    code, said = changed.run("deploy", first, "--set", boundary, "--security", "--rollback")
    assert (code, said.strip().endswith(f"type first: {step}"), said.count("\n")) == (2, True, 1), said
    code, said = changed.harness.deployment("rollback", "--stack", STACK)
    assert (code, changed.status()) == (0, "UPDATE_ROLLBACK_COMPLETE"), said
    code, said = changed.harness.deployment("rollback", "--stack", STACK)
    assert (code, said.count("\n"), "only an update that has failed" in said) == (2, 1, True), said

"""Printed next steps act on the stack that they are about, in its region, with what was typed before."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest

import deployment
from coordination.names import IMAGE_METADATA, UNLOCKED
from deployment import cli, next_steps
from deployment.arguments import parser
from deployment.aws import Account
from deployment.images import stack as image_stack
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.stacks import Stack

ROOM = Path(deployment.__file__).parent
MAKEFILE = ROOM.parent / "Makefile"
FULL = Typed(
    stack="prod",
    region="eu-central-1",
    out="build/templates/prod",
    parameters="my params.json",
    settings=("A=1", "B=2"),
    tags=("team=blue",),
    bucket="mine",
)
# Of the targets and of the AWS CLI's services that take the name of a stack.
_STEP = re.compile(
    r"\bmake (deploy|diff|status|follow|rollback|delete|kubeconfig|package|purge)\b|\baws cloudformation [a-z]+-"
)


@pytest.mark.parametrize(
    ("target", "more", "line"),
    [
        (
            "deploy",
            {"ROLLBACK": "1"},
            "make deploy STACK=prod PARAMS='my params.json' SET='A=1 B=2' TAGS=team=blue BUCKET=mine "
            "OUT=build/templates/prod REGION=eu-central-1 ROLLBACK=1",
        ),
        ("delete", {}, "make delete STACK=prod REGION=eu-central-1"),
        ("package", {}, "make package BUCKET=mine OUT=build/templates/prod REGION=eu-central-1"),
    ],
)
def test_a_step_repeats_what_its_target_takes(target: str, more: dict[str, str], line: str) -> None:
    assert FULL.make(target, **more) == line


def test_what_nobody_typed_is_left_out_or_a_placeholder_that_no_shell_reads_and_no_service_takes() -> None:
    assert Typed(out="templates").make("package") == "make package BUCKET=NAME_OF_BUCKET"
    line = Typed().make("deploy", PARAMS=next_steps.PARAMETERS_PLACEHOLDER)
    assert line == "make deploy STACK=NAME_OF_STACK PARAMS=PARAMETERS.json"
    said = subprocess.run(["sh", "-c", f"printf '%s ' {line}"], check=True, capture_output=True, text=True).stdout
    assert said.split() == line.split()
    # Names of CloudFormation and S3 that cannot be: a stack's has no underscore, a bucket's no capital letter either.
    model = botocore.session.get_session().get_service_model("cloudformation").operation_model("CreateChangeSet")
    assert model.input_shape is not None
    assert re.fullmatch(model.input_shape.members["StackName"].metadata["pattern"], "NAME_OF_STACK") is None


def test_a_configuration_stands_for_its_folder() -> None:
    typed = Typed(stack="prod", config="my cluster.yaml")
    assert typed.make("templates") == "make templates CONFIG='my cluster.yaml'"
    assert typed.make("deploy", PARAMS="p.json") == "make deploy STACK=prod PARAMS=p.json CONFIG='my cluster.yaml'"


def test_an_image_without_checksums_is_refused_with_the_configuration_that_was_typed() -> None:
    template = {"Metadata": {IMAGE_METADATA: {UNLOCKED: {"1.37": "no checksum"}}}}
    with pytest.raises(Refusal, match=r"; then: make templates CONFIG=my\.yaml$"):
        image_stack._refuse_unlocked(template, {"KubernetesMinor": "1.37"}, Typed(config="my.yaml"))


def test_of_a_stack_alone_nobody_knows_which_configuration_it_was_made_of() -> None:
    stack = Stack("arn:aws:cloudformation:eu-west-1:123456789012:stack/prod/uuid", "prod", "UPDATE_FAILED")
    assert next_steps.of(stack).make("deploy") == "make deploy STACK=prod CONFIG=CONFIGURATION.yaml REGION=eu-west-1"
    assert next_steps.of(stack).make("rollback") == "make rollback STACK=prod REGION=eu-west-1"


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        ([], "make templates"),
        (["--out", "templates"], "make templates"),
        (["--out", "else"], "make templates OUT=else"),
        (["--out", "build/templates/a", "--typed", "CONFIG=a.yaml"], "make templates CONFIG=a.yaml"),
        (["--out", "x", "--typed", "CONFIG=a.yaml", "--typed", "OUT=x"], "make templates CONFIG=a.yaml OUT=x"),
    ],
)
def test_what_was_typed_to_make_is_what_a_step_repeats(arguments: list[str], step: str) -> None:
    for command in ("deploy", "diff", "package"):
        options = parser().parse_args([command, "--bucket", "b", *arguments])
        assert cli._typed(options, Account("eu-west-1")).make("templates") == step


def test_every_variable_of_a_step_is_one_of_the_makefile() -> None:
    text = MAKEFILE.read_text(encoding="utf-8")
    for target, names in next_steps._TAKES.items():
        assert f"\n{target}: " in text
        assert [name for name in names if f"$({name})" not in text] == []


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each string that is no docstring; what an f-string fills in is its source."""
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(part) for part in node.values}
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


def test_no_text_of_the_room_spells_a_step_of_its_own() -> None:
    """They are made by next_steps, so that none leaves the stack out."""
    spelled = [
        f"{path.relative_to(ROOM)}:{line}: {text}"
        for path in sorted(ROOM.rglob("*.py"))
        if path.name != "next_steps.py"
        for line, text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if _STEP.search(text)
    ]
    assert spelled == []

"""Every command of the AWS CLI that a page or a next step names is one that both of its versions have."""

from __future__ import annotations

import re

import botocore.session
from botocore import xform_name

from tests.unit.project.rooms import ROOT

_COMMAND = re.compile(r"\baws (?!import )([a-z][a-z0-9]*) ([a-z][a-z0-9-]*[a-z0-9])\b")
_OF_THE_CLI = {
    ("cloudformation", "package"),
    ("cloudformation", "deploy"),
    ("ecr", "get-login-password"),
    ("s3", "cp"),
}
"""What no service has, and both versions of the CLI do."""


def commands(text: str) -> set[tuple[str, str]]:
    """Service and operation of each command."""
    return {(service, operation) for service, operation in _COMMAND.findall(text)}


def is_known(service: str, operation: str) -> bool:
    """Whether AWS has the operation: the CLI makes a command of every one."""
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return False
    names = session.get_service_model(service).operation_names
    return operation in {xform_name(name, "-") for name in names}


def test_every_command_of_the_aws_cli_is_one_that_both_of_its_versions_have() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    modules = [
        path for room in ("coordination", "deployment", "functions", "userdata") for path in (ROOT / room).rglob("*.py")
    ]
    found = {each: path for path in (*pages, *modules) for each in commands(path.read_text(encoding="utf-8"))}
    assert {("autoscaling", "resume-processes"), ("logs", "filter-log-events")} <= found.keys()
    unknown = {each: path for each, path in found.items() if each not in _OF_THE_CLI and not is_known(*each)}
    assert not unknown


def test_the_second_versions_own_commands_are_none() -> None:
    assert commands("next: aws logs tail --since 30m") == {("logs", "tail")}
    assert not is_known("logs", "tail")

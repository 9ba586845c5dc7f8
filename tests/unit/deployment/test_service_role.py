"""ROLE= is a role's ARN, goes into CloudFormation's requests, and is not exchanged for a stack that has one."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import cli, delete, rollback, service_role
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.stacks import Stack
from tests.unit.deployment.fakes import ROOT

ROLE = "arn:aws-eusc:iam::123456789012:role/teams/cloudformation"
OTHER = "arn:aws-eusc:iam::123456789012:role/other"


@pytest.mark.parametrize("given", [ROLE, OTHER, "", None])
def test_the_arn_of_a_role_or_nothing_is_taken(given: str | None) -> None:
    assert service_role.read(given) == (given or "")
    assert service_role.argument(given or "") == ({"RoleARN": given} if given else {})


@pytest.mark.parametrize(
    "given",
    [
        "cloudformation",
        f"{ROLE} ",
        f"{ROLE}\n",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:user/ops",
        "arn:aws:iam::aws:policy/PowerUserAccess",
        "arn:aws:sts::123456789012:assumed-role/ops/me",
    ],
)
@pytest.mark.parametrize("command", ["deploy", "diff", "rollback", "delete", "image", "catalog --bucket templates"])
def test_what_is_no_role_is_refused_in_one_line_before_aws_is_asked(
    command: str, given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(cli, "_account", lambda _: None)
    monkeypatch.setattr(cli, "_typed", lambda *_: Typed())
    assert cli.main([*command.split(), "--role", given]) == cli.BAD_INPUT
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("ROLE: given ")
    assert said.endswith("; allowed: the ARN of a role, such as arn:aws:iam::123456789012:role/cloudformation\n")


@pytest.mark.parametrize(("has", "given", "refused"), [(ROLE, OTHER, True), (ROLE, ROLE, False), (ROLE, "", False)])
def test_a_stacks_role_is_not_exchanged(has: str, given: str, refused: bool) -> None:
    stack = Stack(ROOT, "holdfast", "CREATE_COMPLETE", role=has)
    if not refused:
        service_role.refuse_other(stack, given)
        return
    with pytest.raises(Refusal) as caught:
        service_role.refuse_other(stack, given)
    assert str(caught.value).startswith(f"ROLE: given {OTHER}; allowed: none, or {ROLE}, by which CloudFormation acts")


def test_a_stack_without_a_role_gets_one_and_says_that_it_keeps_it() -> None:
    stack = Stack(ROOT, "holdfast", "CREATE_COMPLETE")
    service_role.refuse_other(stack, ROLE)
    (line,) = service_role.told("holdfast", ROLE, stack)
    assert (
        line == f"CloudFormation acts by {ROLE}, and keeps it with holdfast: from now on for everybody, without ROLE="
    )
    assert service_role.told("holdfast", "", stack) == []


@pytest.mark.parametrize("target", ["deploy", "diff", "rollback", "delete", "image", "catalog"])
def test_a_printed_step_repeats_the_role(target: str) -> None:
    assert f"ROLE={ROLE}" in Typed(stack="prod", role=ROLE).make(target).split()
    assert "ROLE=" not in Typed(stack="prod").make(target)


class Asked(Exception):
    """CloudFormation was asked, with this."""


class Account:
    """A stack without a role, whose CloudFormation tells what it is asked for."""

    def __init__(self, status: str) -> None:
        self._status = status

    def client(self, _: str) -> Any:
        return self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"StackId": ROOT, "StackName": "holdfast", "StackStatus": self._status}]}

    def get_template_summary(self, StackName: str) -> dict[str, Any]:
        return {"ResourceTypes": ["Custom::Teardown"]}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return []

    def rollback_stack(self, **request: str) -> None:
        raise Asked(request)

    def delete_stack(self, **request: str) -> None:
        raise Asked(request)


def test_rollback_and_delete_hand_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployment.clusters.refuse_foreign", lambda *_: None)
    monkeypatch.setattr("deployment.attachments.find", lambda *_: [])
    with pytest.raises(Asked) as caught:
        rollback.run(Account("UPDATE_FAILED"), "holdfast", lambda _: None, role=ROLE)
    assert caught.value.args == ({"StackName": ROOT, "RoleARN": ROLE},)
    with pytest.raises(Asked) as caught:
        delete.run(Account("CREATE_COMPLETE"), "holdfast", confirmed=True, ask=input, role=ROLE, say=lambda _: None)
    assert caught.value.args == ({"StackName": ROOT, "RoleARN": ROLE},)

"""A creation that fails says what is left of it, and what to type before its name can be used again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment import digests, events
from deployment.change_sets import Order
from deployment.deploy import deploy
from deployment.digests import Digests
from deployment.refusal import Refusal
from tests.unit.deployment.fakes import ROOT, CloudFormation, Paginator, event

DELETE = "make delete STACK=holdfast REGION=eu-central-1"


class Account:
    """An account in which the creation ends in one status; nobody launches anything. CloudFormation makes the stack of
    the template that it was asked for, or of what it has `read` in its place."""

    def __init__(
        self, ends: str, before: str = "DELETE_COMPLETE", *, refused: bool = False, read: str | None = None
    ) -> None:
        self.protected: dict[str, bool] = {}
        outer = self

        class Script(CloudFormation):
            def create_stack(self, TemplateBody: str, **_: Any) -> dict[str, str]:
                self.template = TemplateBody if read is None else read
                return {"StackId": ROOT}

            def get_template(self, StackName: str, TemplateStage: str) -> dict[str, str]:
                assert (StackName, TemplateStage) == (ROOT, "Original")
                return {"TemplateBody": self.template}

            def update_termination_protection(self, StackName: str, EnableTerminationProtection: bool) -> None:
                if refused:
                    raise ClientError(
                        {"Error": {"Code": "AccessDenied", "Message": "no"}}, "UpdateTerminationProtection"
                    )
                outer.protected[StackName] = EnableTerminationProtection

        class Nobody:
            def get_paginator(self, _: str) -> Paginator:
                return Paginator([])

        script = Script([before, "CREATE_IN_PROGRESS", ends], [[], [event(1, "CREATE_IN_PROGRESS")], [event(2, ends)]])
        self._clients = {"cloudformation": script, "autoscaling": Nobody(), "s3": None}

    def client(self, service: str) -> Any:
        return self._clients[service]


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    monkeypatch.setattr(events, "_FIRST_PAUSE_SECONDS", 0.0)
    template = tmp_path / "packaged.json"
    template.write_text(json.dumps({"Resources": {}}))
    digests.beside(template).write_text(digests.text_of(Digests()))
    return Order("holdfast", template, {}, [])


@pytest.mark.parametrize("ends", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_after_a_creation_that_was_rolled_back_the_last_line_ends_with_what_to_type(order: Order, ends: str) -> None:
    said: list[str] = []
    assert not deploy(Account(ends), order, rollback=False, say=said.append)
    assert said[-1].endswith(f": {DELETE}")


def test_a_creation_that_succeeds_says_nothing_of_a_deletion(order: Order) -> None:
    said: list[str] = []
    assert deploy(Account("CREATE_COMPLETE"), order, rollback=False, say=said.append)
    assert not any("delete" in line for line in said)


def test_a_creation_that_read_another_root_template_fails(order: Order) -> None:
    """As one that goes through a bucket may."""
    said: list[str] = []
    hostile = json.dumps({"Resources": {"Hostile": {"Type": "AWS::IAM::Role"}}})
    assert not deploy(Account("CREATE_COMPLETE", read=hostile), order, rollback=False, say=said.append)
    assert said[-1].startswith("the stack's own template is not the one that was built: take it for hostile")


@pytest.mark.parametrize(("ends", "protected"), [("CREATE_COMPLETE", {ROOT: True}), ("ROLLBACK_COMPLETE", {})])
def test_a_stack_is_protected_against_deletion_once_it_is_complete(
    order: Order, ends: str, protected: dict[str, bool]
) -> None:
    account = Account(ends)
    deploy(account, order, rollback=False, say=lambda _: None)
    assert account.protected == protected


def test_a_cluster_that_cannot_be_protected_is_there_all_the_same(order: Order) -> None:
    said: list[str] = []
    assert deploy(Account("CREATE_COMPLETE", refused=True), order, rollback=False, say=said.append)
    assert said[-1].startswith("the stack is not protected against deletion: ")
    assert "UpdateTerminationProtection" in said[-1]


def test_a_deploy_of_what_was_rolled_back_is_refused_with_what_to_type(order: Order) -> None:
    with pytest.raises(Refusal, match=f"{DELETE}$"):
        deploy(Account("", "ROLLBACK_COMPLETE"), order, rollback=False)

"""What `make deploy` does before an update of control planes whose old nodes leave first."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from coordination.names import CHECK_FIELD
from deployment.changes import Change
from deployment.refusal import Refusal
from deployment.update_check import refuse_unless_healthy
from tests.templates.cluster import example

MODIFIED = Change("UpdateCheck", "Custom::UpdateCheck", "Modify")
OTHER = Change("Database/Table", "AWS::DynamoDB::Table", "Modify")


class Account:
    """CloudFormation knows the stacks of the generated tree, and Lambda answers as the test says."""

    def __init__(self, answer: object) -> None:
        self._answer = answer
        self.asked: list[dict[str, Any]] = []
        self._templates = example("default").templates

    def client(self, service: str) -> Any:
        assert service in ("cloudformation", "lambda")
        return self

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        assert LogicalResourceId in self._templates[StackName]["Resources"]
        known_as = LogicalResourceId.lower() if StackName == "root" else LogicalResourceId
        return {"StackResourceDetail": {"PhysicalResourceId": known_as}}

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "Reconcile"
        self.asked.append(json.loads(Payload))
        if isinstance(self._answer, Exception):
            raise self._answer
        return {"Payload": io.BytesIO(json.dumps(self._answer).encode())}


def deploy(account: Account, *planned: Change, replacement: str = "remove-first") -> list[str]:
    """What is said."""
    template = json.loads(json.dumps(example("default").templates["root"]))
    template["Resources"]["UpdateCheck"]["Properties"]["Replacement"] = replacement
    said: list[str] = []
    refuse_unless_healthy(account, "root", template, planned, said.append)
    return said


def test_the_function_is_asked_and_nothing_is_said_where_it_allows_the_update() -> None:
    account = Account({"outcome": "allowed"})
    assert deploy(account, OTHER, MODIFIED) == []
    assert [list(each) for each in account.asked] == [[CHECK_FIELD]]


def test_its_refusal_is_told_before_anything_happens() -> None:
    account = Account({"outcome": "refused", "reason": "no healthy voter is in service in slot 1."})
    with pytest.raises(Refusal, match=r"the cluster refuses the update: no healthy voter is in service in slot 1\."):
        deploy(account, MODIFIED)


@pytest.mark.parametrize(("planned", "replacement"), [(OTHER, "remove-first"), (MODIFIED, "surge")])
def test_nobody_is_asked_where_nothing_could_be_refused(planned: Change, replacement: str) -> None:
    account = Account({"outcome": "refused", "reason": "never asked"})
    assert deploy(account, planned, replacement=replacement) == []
    assert account.asked == []


def test_the_first_update_that_brings_the_check_is_not_checked() -> None:
    account = Account({"outcome": "refused", "reason": "never asked"})
    assert deploy(account, Change("UpdateCheck", "Custom::UpdateCheck", "Add")) == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"outcome": "ignored"}, "ignored"),
        ({"errorMessage": "Task timed out", "errorType": "Sandbox.Timedout"}, "Task timed out"),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "Invoke"), "AccessDeniedException"),
    ],
)
def test_where_nobody_answers_the_update_goes_on_and_says_so(answer: object, why: str) -> None:
    (said,) = deploy(Account(answer), MODIFIED)
    assert why in said
    assert said.endswith("the stack asks again before it changes a control plane")

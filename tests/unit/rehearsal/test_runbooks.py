"""What Systems Manager Automation of the local AWS takes of a runbook, and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from generator.catalog.actions import replace_slot
from rehearsal.aws.automation.document import DocumentError, Missing, checked, filled, read, selected

CALL = {"Service": "dynamodb", "Api": "GetItem", "TableName": "{{ Table }}"}
STEP: dict[str, Any] = {"name": "Look", "action": "aws:executeAwsApi", "inputs": CALL}
RUNBOOK: dict[str, Any] = {
    "schemaVersion": "0.3",
    "parameters": {"Table": {"type": "String", "allowedPattern": "^t-[a-z]+$"}},
    "mainSteps": [STEP],
}
WAIT = {"PropertySelector": "$.Item.State.S", "DesiredValues": ["done"]}


def steps(*changes: dict[str, Any]) -> dict[str, Any]:
    return {**RUNBOOK, "mainSteps": [{**STEP, **each} for each in changes]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "has to be JSON"),
        ({**RUNBOOK, "schemaVersion": "2.2"}, "has to be 0.3"),
        ({**RUNBOOK, "files": {}}, "does not play files"),
        ({**RUNBOOK, "mainSteps": []}, "has to hold steps"),
        ({**RUNBOOK, "parameters": {"Table": {"type": "StringList"}}}, "has to be String"),
        (steps({}, {}), "each with a name of its own"),
        (steps({"action": "aws:runCommand"}), "does not play the action aws:runCommand"),
        (steps({"inputs": {"Api": "GetItem"}}), "have to name Service and Api"),
        (steps({"inputs": {**CALL, **WAIT}}), "belong to steps that wait or assert"),
        (steps({"action": "aws:waitForAwsResourceProperty"}), "belong to steps that wait or assert"),
        (steps({"onFailure": "step:Nowhere"}), "onFailure names no step"),
        (steps({"onFailure": "Continue"}), "does not play onFailure Continue"),
        (steps({"outputs": [{"Name": "a", "Selector": "$.Items[0]", "Type": "String"}]}), "does not play the selector"),
        (steps({"inputs": {**CALL, "Key": "{{ Key }}"}}), "Key is neither a parameter nor the output of a step"),
        ({**RUNBOOK, "outputs": ["Look.Nothing"]}, "Look.Nothing is neither a parameter nor the output of a step"),
    ],
)
def test_a_runbook_is_refused_where_it_is_wrong_or_not_played(content: Any, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        read(content)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "Parameter Table is missing"),
        ({"Table": ["t-a"], "Other": ["b"]}, "Parameter Other is not declared"),
        ({"Table": ["t-a", "t-b"]}, "has to have one value"),
        ({"Table": ["t-a; ls"]}, "allowed: "),
    ],
)
def test_a_value_is_refused_that_the_runbook_does_not_allow(given: dict[str, list[str]], why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        checked(read(RUNBOOK), given)
    assert checked(read(RUNBOOK), {"Table": ["t-a"]}) == {"Table": "t-a"}


def test_variables_are_filled_in_and_selectors_find_text() -> None:
    assert filled({"a": ["{{Table}}-{{ Table }}", 3]}, {"Table": "x"}.__getitem__) == {"a": ["x-x", 3]}
    answer = {"Item": {"State": {"S": "done"}, "Count": {"N": 3}}}
    assert (selected(answer, "$.Item.State.S"), selected(answer, "$.Item.Count.N")) == ("done", "3")
    with pytest.raises(Missing):
        selected(answer, "$.Item.Result.S")


def test_the_catalogs_runbook_ends_wherever_it_fails() -> None:
    """After a request was written nothing but its removal, or its answer, ends the runbook."""
    found = read(replace_slot("arn:role")).steps
    ends = {name for name, step in found.items() if not step.following}
    assert ends == {"Forget", "Withdraw"}
    assert {name: step.on_failure for name, step in found.items() if step.on_failure} == {
        "Taken": "Withdraw",
        "Replaced": "Forget",
    }

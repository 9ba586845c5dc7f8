"""Custom resources, answered by real functions that run in processes of the local AWS."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import make_role
from tests.rehearsal.engine import Stacks, eventually, template, thing

SPEED = 20.0
FUNCTION = """
import json, urllib.request

def handle(event, context):
    asked = event["ResourceProperties"]
    print(json.dumps(event))
    if asked.get("Silent") == event["RequestType"]:
        return
    answer = {
        "Status": "FAILED" if asked.get("Fail") == event["RequestType"] else "SUCCESS",
        "Reason": "it was asked to fail",
        "PhysicalResourceId": "made-" + asked.get("Name", "it"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Seen": json.dumps(asked), "Old": json.dumps(event.get("OldResourceProperties"))},
    }
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request).read()
"""


@pytest.fixture(scope="module")
def function_arn(local_aws: LocalAws) -> str:
    """A function that answers as its resource's properties say."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("answer.py", FUNCTION)
    made = local_aws.client("lambda").create_function(
        FunctionName="answer",
        Runtime="python3.13",
        Role=make_role(local_aws.client("iam"), "custom"),
        Handler="answer.handle",
        Code={"ZipFile": code.getvalue()},
        Timeout=60,
    )
    return str(made["FunctionArn"])


def custom(function_arn: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "Custom::Answer", "Properties": {"ServiceToken": function_arn, **properties}}


def events(stacks: Stacks, request_type: str) -> list[dict[str, Any]]:
    """The requests that the function has printed, by their type, the oldest first."""
    logs = stacks.aws.client("logs")
    lines = [
        json.loads(each["message"])
        for each in logs.filter_log_events(logGroupName="/aws/lambda/answer")["events"]
        if each["message"].startswith("{")
    ]
    return [each for each in lines if each["RequestType"] == request_type]


def test_the_functions_answer_becomes_the_resource(stacks: Stacks, function_arn: str) -> None:
    resource = custom(function_arn, Count=3, Flag=True, Name="mine")
    out = {"Seen": {"Value": {"Fn::GetAtt": ["A", "Seen"]}}, "Ref": {"Value": {"Ref": "A"}}}
    name = stacks.create(template({"A": resource}, Outputs=out))
    outputs = stacks.outputs(name)
    assert outputs["Ref"] == stacks.resource(name, "A")["PhysicalResourceId"] == "made-mine"
    assert json.loads(outputs["Seen"]) == {"Count": "3", "Flag": "true", "Name": "mine", "ServiceToken": function_arn}


def test_an_update_carries_the_old_properties(stacks: Stacks, function_arn: str) -> None:
    out = {"Old": {"Value": {"Fn::GetAtt": ["A", "Old"]}}}
    name = stacks.create(template({"A": custom(function_arn, Value="1")}, Outputs=out))
    stacks.update(name, template({"A": custom(function_arn, Value="2")}, Outputs=out))
    assert json.loads(stacks.outputs(name)["Old"])["Value"] == "1"
    assert stacks.statuses(name, "A")[-1] == "UPDATE_COMPLETE"


def test_another_physical_id_is_a_replacement_and_the_old_one_is_deleted(stacks: Stacks, function_arn: str) -> None:
    name = stacks.create(template({"A": custom(function_arn, Name="old")}))
    stack_id = stacks.describe(name)["StackId"]
    stacks.update(name, template({"A": custom(function_arn, Name="new")}))
    assert stacks.resource(name, "A")["PhysicalResourceId"] == "made-new"
    # The function's log is written after its answer has come.
    deleted = eventually(
        lambda: [each for each in events(stacks, "Delete") if each["StackId"] == stack_id], "the function was asked"
    )
    assert [(each["PhysicalResourceId"], each["ResourceProperties"]["Name"]) for each in deleted] == [
        ("made-old", "old")
    ]


def test_a_failed_answer_is_the_reason_and_the_rollback_asks_for_the_deletion(
    stacks: Stacks, function_arn: str
) -> None:
    name = stacks.create(template({"A": custom(function_arn, Fail="Create")}), wait="ROLLBACK_COMPLETE")
    reason = stacks.reason(name, "A", "CREATE_FAILED")
    assert reason.startswith(
        "Received response status [FAILED] from custom resource. Message returned: it was asked to fail (RequestId: "
    )
    assert stacks.statuses(name, "A")[-2:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


def test_without_an_answer_the_service_timeout_ends_the_wait(stacks: Stacks, function_arn: str) -> None:
    resource = custom(function_arn, Silent="Create", ServiceTimeout=5)
    begun = time.monotonic()
    name = stacks.create(template({"A": resource}), wait="ROLLBACK_COMPLETE")
    # The function's time is real, and this clock runs faster.
    assert time.monotonic() - begun >= 5
    assert "did not receive a response from your Custom Resource" in stacks.reason(name, "A", "CREATE_FAILED")


def test_a_stack_waits_for_the_answer_to_a_delete(stacks: Stacks, function_arn: str) -> None:
    name = stacks.create(
        template({"Base": thing(), "A": custom(function_arn, Silent="Delete") | {"DependsOn": "Base"}})
    )
    stack_id = stacks.delete(name, wait="DELETE_IN_PROGRESS")
    asked = eventually(
        lambda: [each for each in events(stacks, "Delete") if each["StackId"] == stack_id], "the function was asked"
    )
    assert stacks.state.said("delete") == []
    assert put(asked[0]["ResponseURL"], {"Status": "SUCCESS", "PhysicalResourceId": "made-it"}) == 200
    stacks.wait(stack_id, "DELETE_COMPLETE")
    assert put(asked[0]["ResponseURL"], {"Status": "SUCCESS"}) == 403


def test_an_answer_needs_the_token_and_has_to_be_one(stacks: Stacks, function_arn: str) -> None:
    name = stacks.create(template({"A": custom(function_arn, Silent="Delete")}))
    stack_id = stacks.delete(name, wait="DELETE_IN_PROGRESS")
    asked = eventually(
        lambda: [each for each in events(stacks, "Delete") if each["StackId"] == stack_id], "the function was asked"
    )
    url = asked[0]["ResponseURL"]
    assert put(url[:-3] + "abc", {"Status": "SUCCESS"}) == 403
    assert put(url, {"Status": "PERHAPS"}) == 400
    assert put(url, {"Status": "SUCCESS", "Data": {"x": "y" * 5000}}) == 400
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_IN_PROGRESS"
    assert put(url, {"Status": "SUCCESS"}) == 200
    stacks.wait(stack_id, "DELETE_COMPLETE")


def test_a_function_that_does_not_exist_fails_the_resource(stacks: Stacks, function_arn: str) -> None:
    name = stacks.create(template({"A": custom(function_arn + "-none")}), wait="ROLLBACK_FAILED")
    assert "Function not found" in stacks.reason(name, "A", "CREATE_FAILED")


def test_the_service_token_cannot_be_changed(stacks: Stacks, function_arn: str) -> None:
    name = stacks.create(template({"A": custom(function_arn)}))
    stacks.update(name, template({"A": custom(function_arn + "-other")}), wait="UPDATE_ROLLBACK_COMPLETE")
    assert stacks.reason(name, "A", "UPDATE_FAILED") == "Modifying service token is not allowed."


def put(url: str, answer: dict[str, Any]) -> int:
    request = Request(url, json.dumps(answer).encode(), method="PUT")
    try:
        return int(urlopen(request).status)
    except HTTPError as error:
        return error.code

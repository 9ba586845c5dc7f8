"""Change sets: what they show, for nested stacks too, and what executing them does."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.rehearsal.engine import Stacks, template, thing

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
VALUE = {"Value": {"Type": "String", "Default": "1"}}


def change_set(stacks: Stacks, name: str, body: str | None, kind: str = "UPDATE", **request: Any) -> dict[str, Any]:
    """Create a change set and describe it with its values."""
    given = {"TemplateBody": body} if body is not None else {"UsePreviousTemplate": True}
    made = stacks.client.create_change_set(
        StackName=name, ChangeSetName=stacks.name(), ChangeSetType=kind, **given, **request
    )
    stacks.client.get_waiter("change_set_create_complete").wait(ChangeSetName=made["Id"])
    return described(stacks, made["Id"])


def described(stacks: Stacks, change_set_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = stacks.client.describe_change_set(ChangeSetName=change_set_id, IncludePropertyValues=True)
    return shown


def changes(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in shown["Changes"]}


def value(text: str) -> list[dict[str, str]]:
    return [{"ParameterKey": "Value", "ParameterValue": text}]


def test_a_change_set_makes_a_stack_only_when_it_is_executed(stacks: Stacks) -> None:
    name = stacks.name()
    shown = change_set(stacks, name, template({"A": thing()}), "CREATE")
    assert (shown["Status"], shown["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert {key: each["Action"] for key, each in changes(shown).items()} == {"A": "Add"}
    assert stacks.describe(name)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert stacks.state.things == {}
    stacks.client.execute_change_set(ChangeSetName=shown["ChangeSetId"])
    stacks.wait(name, "CREATE_COMPLETE")
    assert stacks.describe(name)["ChangeSetId"] == shown["ChangeSetId"]


def test_a_changed_property_is_named_with_its_cause_and_values(stacks: Stacks) -> None:
    resources = {"A": thing(Settings={"Deep": [{"Ref": "Value"}], "Other": "x"}), "B": thing()}
    name = stacks.create(template(resources, Parameters=VALUE))
    shown = change_set(stacks, name, None, Parameters=value("2"))
    assert list(changes(shown)) == ["A"]
    change = changes(shown)["A"]
    assert (change["Action"], change["Replacement"], change["Scope"]) == ("Modify", "False", ["Properties"])
    assert change["PhysicalResourceId"] == stacks.resource(name, "A")["PhysicalResourceId"]
    assert change["Details"] == [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": "Settings",
                "RequiresRecreation": "Never",
                "Path": "/Properties/Settings/Deep/0",
                "BeforeValue": "1",
                "AfterValue": "2",
                "AttributeChangeType": "Modify",
            },
            "Evaluation": "Static",
            "ChangeSource": "ParameterReference",
            "CausingEntity": "Value",
        }
    ]


def test_a_replacement_is_named_and_what_follows_from_it(stacks: Stacks) -> None:
    resources = {
        "A": thing(Name={"Ref": "Value"}),
        "Follows": thing(Value={"Fn::Sub": "x-${A}"}),
        "Perhaps": thing(Name={"Fn::GetAtt": ["A", "Twice"]}),
    }
    name = stacks.create(template(resources, Parameters=VALUE))
    found = changes(change_set(stacks, name, None, Parameters=value("2")))
    assert {key: each["Replacement"] for key, each in found.items()} == {
        "A": "True",
        "Follows": "False",
        "Perhaps": "Conditional",
    }
    assert found["A"]["PolicyAction"] == "ReplaceAndDelete"
    assert found["A"]["Details"][0]["Target"]["RequiresRecreation"] == "Always"
    follows = found["Follows"]["Details"][0]
    assert (follows["Evaluation"], follows["ChangeSource"], follows["CausingEntity"]) == (
        "Dynamic",
        "ResourceReference",
        "A",
    )
    assert "{{changeSet:KNOWN_AFTER_APPLY}}" in follows["Target"]["AfterValue"]
    assert found["Perhaps"]["Details"][0]["CausingEntity"] == "A.Twice"


def test_a_changed_parameter_of_a_nested_stack_is_put_down_to_its_own_cause(stacks: Stacks) -> None:
    declared = VALUE | {"Other": {"Type": "String"}}
    leaf = template(
        {"Thing": thing(Value={"Ref": "Value"})}, Parameters=declared, Outputs={"O": {"Value": {"Ref": "Value"}}}
    )
    other = {"Fn::GetAtt": ["First", "Outputs.O"]}
    resources = {
        "First": stacks.nested(leaf, Value="constant", Other="x"),
        "Second": stacks.nested(leaf, Value={"Ref": "Value"}, Other=other),
        "Third": stacks.nested(leaf, Value={"Fn::GetAtt": ["Second", "Outputs.O"]}, Other=other),
    }
    name = stacks.create(template(resources, Parameters=VALUE))
    found = changes(change_set(stacks, name, None, Parameters=value("2"), IncludeNestedStacks=True))
    assert {
        key: [(each["Target"]["Path"], each["ChangeSource"], each["CausingEntity"]) for each in change["Details"]]
        for key, change in found.items()
    } == {
        "Second": [("/Properties/Parameters/Value", "ParameterReference", "Value")],
        "Third": [("/Properties/Parameters/Value", "ResourceAttribute", "Second.Outputs.O")],
    }


def test_added_and_removed_resources_are_named_with_the_policy(stacks: Stacks) -> None:
    name = stacks.create(template({"Gone": thing(), "Kept": thing(policy="Retain"), "Same": thing()}))
    found = changes(change_set(stacks, name, template({"Same": thing(), "New": thing()})))
    assert {key: (each["Action"], each.get("PolicyAction")) for key, each in found.items()} == {
        "New": ("Add", None),
        "Gone": ("Remove", "Delete"),
        "Kept": ("Remove", "Retain"),
    }


def test_values_and_paths_are_shown_only_when_asked_for(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value={"Ref": "Value"})}, Parameters=VALUE))
    shown = change_set(stacks, name, None, Parameters=value("2"))
    plain = stacks.client.describe_change_set(ChangeSetName=shown["ChangeSetId"])
    assert changes(plain)["A"]["Details"][0]["Target"] == {
        "Attribute": "Properties",
        "Name": "Value",
        "RequiresRecreation": "Never",
    }


def test_an_empty_change_set_fails_with_cloudformations_text(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    with pytest.raises(WaiterError):
        change_set(stacks, name, template({"A": thing()}))
    listed = stacks.client.list_change_sets(StackName=name)["Summaries"]
    assert [(each["Status"], each["StatusReason"]) for each in listed] == [("FAILED", NO_CHANGES)]
    with pytest.raises(
        ClientError, match=r"\(InvalidChangeSetStatus\).*cannot be executed in its current status of \[FAILED\]"
    ):
        stacks.client.execute_change_set(ChangeSetName=listed[0]["ChangeSetId"])


def test_nothing_is_changed_before_the_execution_and_others_fit_no_more_afterwards(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value={"Ref": "Value"})}, Parameters=VALUE))
    first = change_set(stacks, name, None, Parameters=value("2"))
    second = change_set(stacks, name, None, Parameters=value("3"))
    assert stacks.state.said("update") == []
    stacks.client.execute_change_set(ChangeSetName=second["ChangeSetId"])
    stacks.wait(name, "UPDATE_COMPLETE")
    with pytest.raises(ClientError, match=r"\(ChangeSetNotFound\)"):
        described(stacks, first["ChangeSetId"])
    assert described(stacks, second["ChangeSetId"])["ExecutionStatus"] == "EXECUTE_COMPLETE"
    assert [each["Value"] for each in stacks.state.things.values()] == ["3"]


def test_with_nested_stacks_each_child_change_set_names_what_changes_in_it(stacks: Stacks) -> None:
    leaf = template(
        {"Thing": thing(Value={"Ref": "Value"}), "Other": thing()},
        Parameters=VALUE,
        Outputs={"Twice": {"Value": {"Fn::GetAtt": ["Thing", "Twice"]}}},
    )
    middle = template({"Leaf": stacks.nested(leaf, Value={"Ref": "Value"})}, Parameters=VALUE)
    resources = {
        "Middle": stacks.nested(middle, Value={"Ref": "Value"}),
        "Untouched": stacks.nested(leaf, Value="constant"),
    }
    name = stacks.create(template(resources, Parameters=VALUE))
    root = change_set(stacks, name, None, Parameters=value("2"), IncludeNestedStacks=True)
    assert list(changes(root)) == ["Middle"]
    middle_set = described(stacks, changes(root)["Middle"]["ChangeSetId"])
    leaf_set = described(stacks, changes(middle_set)["Leaf"]["ChangeSetId"])
    assert (middle_set["ParentChangeSetId"], leaf_set["RootChangeSetId"]) == (root["ChangeSetId"], root["ChangeSetId"])
    assert leaf_set["StackId"] == stacks.child(stacks.child(name, "Middle"), "Leaf")
    assert list(changes(leaf_set)) == ["Thing"]
    detail = changes(leaf_set)["Thing"]["Details"][0]
    assert (detail["Target"]["Path"], detail["Target"]["BeforeValue"], detail["Target"]["AfterValue"]) == (
        "/Properties/Value",
        "1",
        "2",
    )
    with pytest.raises(ClientError, match="execute its root change set"):
        stacks.client.execute_change_set(ChangeSetName=leaf_set["ChangeSetId"])
    stacks.state.calls.clear()
    stacks.client.execute_change_set(ChangeSetName=root["ChangeSetId"])
    stacks.wait(name, "UPDATE_COMPLETE")
    assert stacks.state.calls == [("update", "Thing")]


def test_a_new_nested_stack_is_shown_under_review_and_made_as_the_one_that_was_shown(stacks: Stacks) -> None:
    leaf = template({"Thing": thing()})
    name = stacks.create(template({"A": thing()}))
    root = change_set(stacks, name, template({"A": thing(), "Child": stacks.nested(leaf)}), IncludeNestedStacks=True)
    child = described(stacks, changes(root)["Child"]["ChangeSetId"])
    assert changes(child)["Thing"]["Action"] == "Add"
    assert stacks.describe(child["StackId"])["StackStatus"] == "REVIEW_IN_PROGRESS"
    stacks.client.execute_change_set(ChangeSetName=root["ChangeSetId"])
    stacks.wait(name, "UPDATE_COMPLETE")
    assert stacks.child(name, "Child") == child["StackId"]


def test_a_dropped_change_set_takes_the_nested_stacks_that_it_showed_with_it(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    body = template({"A": thing(), "Child": stacks.nested(template({"Thing": thing()}))})
    root = change_set(stacks, name, body, IncludeNestedStacks=True)
    child_id = changes(root)["Child"]["PhysicalResourceId"]
    stacks.client.delete_change_set(ChangeSetName=root["ChangeSetId"])
    with pytest.raises(ClientError, match="does not exist"):
        stacks.describe(child_id)


def test_a_change_set_that_fails_leaves_no_nested_stack_under_review(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    good = stacks.nested(template({"Thing": thing()}))
    bad = stacks.nested(template({"Thing": thing()}), Unknown="x") | {"DependsOn": "Good"}
    with pytest.raises(WaiterError):
        change_set(stacks, name, template({"A": thing(), "Good": good, "Bad": bad}), IncludeNestedStacks=True)
    summary = stacks.client.list_change_sets(StackName=name)["Summaries"][0]
    assert summary["StatusReason"] == "Parameters: [Unknown] do not exist in the template"
    under_review = stacks.client.list_stacks(StackStatusFilter=["REVIEW_IN_PROGRESS"])["StackSummaries"]
    assert [each for each in under_review if each.get("ParentId") == summary["StackId"]] == []


def test_without_nested_stacks_every_one_of_them_may_change(stacks: Stacks) -> None:
    """CloudFormation cannot know whether a nested template has changed, and lists the stack as changed."""
    name = stacks.create(template({"Child": stacks.nested(template({"Thing": thing()}))}))
    shown = change_set(stacks, name, None)
    assert [each["ChangeSource"] for each in changes(shown)["Child"]["Details"]] == ["Automatic"]


def test_an_identifier_stays_known_when_a_resource_is_changed_in_place(stacks: Stacks) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "Description": {"Ref": "Value"},
        },
    }
    body = template({"Role": role, "User": thing(Value={"Fn::GetAtt": ["Role", "Arn"]})}, Parameters=VALUE)
    name = stacks.create(body, Capabilities=["CAPABILITY_IAM"])
    shown = change_set(stacks, name, None, Parameters=value("2"), Capabilities=["CAPABILITY_IAM"])
    assert list(changes(shown)) == ["Role"]


def test_with_disable_rollback_an_executed_change_set_stops(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value="1")}))
    shown = change_set(stacks, name, template({"A": thing(Value="2", FailOn="update")}))
    stacks.client.execute_change_set(ChangeSetName=shown["ChangeSetId"], DisableRollback=True)
    stacks.wait(name, "UPDATE_FAILED")
    shown = change_set(stacks, name, template({"A": thing(Value="3")}))
    with pytest.raises(ClientError, match="use the disable-rollback parameter"):
        stacks.client.execute_change_set(ChangeSetName=shown["ChangeSetId"])
    stacks.client.execute_change_set(ChangeSetName=shown["ChangeSetId"], DisableRollback=True)
    stacks.wait(name, "UPDATE_COMPLETE")


def test_a_stack_under_review_is_deleted_without_a_trace(stacks: Stacks) -> None:
    name = stacks.name()
    change_set(stacks, name, template({"A": thing()}), "CREATE")
    stacks.delete(name)
    assert stacks.state.calls == []

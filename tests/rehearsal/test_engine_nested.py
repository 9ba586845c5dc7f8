"""Nested stacks: values in and out, and who decides about rollback and cleanup."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.engine import Stacks, eventually, template, thing

VALUE = {"Value": {"Type": "String"}}


def leaf(*, fail: str = "none", policy: str | None = None, hold: str | None = None, **more: Any) -> str:
    """A child with one thing that has the value given."""
    held = {"Hold": hold} if hold else {}
    return template(
        {"Thing": thing(Value={"Ref": "Value"}, FailOn=fail, policy=policy, **held), **more},
        Parameters=VALUE,
        Outputs={"Twice": {"Value": {"Fn::GetAtt": ["Thing", "Twice"]}}},
    )


def test_values_go_into_a_nested_stack_and_come_out_again(stacks: Stacks) -> None:
    first = stacks.nested(leaf(), Value=["a", "b"])
    second = stacks.nested(leaf(), Value={"Fn::GetAtt": ["First", "Outputs.Twice"]})
    out = {"Out": {"Value": {"Fn::GetAtt": ["Second", "Outputs.Twice"]}}}
    name = stacks.create(template({"Second": second, "First": first}, Outputs=out))
    assert stacks.outputs(name) == {"Out": "a,ba,ba,ba,b"}


def test_a_nested_stack_names_its_parent_and_root_and_has_the_tags(stacks: Stacks) -> None:
    middle = template({"Leaf": stacks.nested(leaf(), Value="x")})
    name = stacks.create(template({"Middle": stacks.nested(middle)}), Tags=[{"Key": "team", "Value": "x"}])
    root_id = stacks.describe(name)["StackId"]
    middle_id = stacks.child(name, "Middle")
    shown = stacks.describe(stacks.child(middle_id, "Leaf"))
    assert (shown["ParentId"], shown["RootId"], shown["Tags"]) == (middle_id, root_id, [{"Key": "team", "Value": "x"}])
    assert shown["StackName"].startswith(stacks.describe(middle_id)["StackName"][:20])
    thing_id = stacks.resource(shown["StackId"], "Thing")["PhysicalResourceId"]
    assert stacks.state.tags[thing_id]["aws:cloudformation:stack-id"] == shown["StackId"]


def test_one_changed_nested_property_changes_one_resource_and_nothing_else(stacks: Stacks) -> None:
    parameters = {"A": {"Type": "String"}, "B": {"Type": "String"}}
    child = leaf()
    resources = {"First": stacks.nested(child, Value={"Ref": "A"}), "Second": stacks.nested(child, Value={"Ref": "B"})}
    given = [{"ParameterKey": "A", "ParameterValue": "1"}, {"ParameterKey": "B", "ParameterValue": "2"}]
    name = stacks.create(template(resources, Parameters=parameters), Parameters=given)
    ids = [stacks.child(name, each) for each in resources]
    things = [stacks.resource(each, "Thing")["PhysicalResourceId"] for each in ids]
    stacks.state.calls.clear()
    stacks.update(
        name, Parameters=[{"ParameterKey": "A", "UsePreviousValue": True}, {"ParameterKey": "B", "ParameterValue": "3"}]
    )
    assert stacks.state.calls == [("update", "Thing")]
    assert [stacks.child(name, each) for each in resources] == ids
    assert [stacks.resource(each, "Thing")["PhysicalResourceId"] for each in ids] == things
    assert stacks.statuses(name, "First")[-1] == "CREATE_COMPLETE"
    assert stacks.statuses(ids[0], "Thing")[-1] == "CREATE_COMPLETE"
    assert stacks.describe(ids[1])["StackStatus"] == "UPDATE_COMPLETE"


def test_a_failed_nested_creation_says_where_and_leaves_nothing(stacks: Stacks) -> None:
    resources = {
        "Good": stacks.nested(leaf(policy="RetainExceptOnCreate"), Value="x"),
        "Bad": stacks.nested(leaf(fail="create"), Value={"Fn::GetAtt": ["Good", "Outputs.Twice"]}),
    }
    name = stacks.create(template(resources), wait="ROLLBACK_COMPLETE")
    bad = [
        each
        for each in stacks.client.describe_stack_events(StackName=name)["StackEvents"]
        if each["LogicalResourceId"] == "Bad"
    ]
    child = bad[0]["PhysicalResourceId"]
    assert stacks.reason(name, "Bad", "CREATE_FAILED") == (
        f"Embedded stack {child} was not successfully created: The following resource(s) failed to create: [Thing]. "
    )
    assert stacks.reason(child, "Thing", "CREATE_FAILED") == "Thing does not want to be made"
    assert stacks.describe(child)["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.state.things == {}


def test_a_failure_at_the_root_rolls_finished_nested_stacks_back(stacks: Stacks) -> None:
    child = leaf(policy="RetainExceptOnCreate")
    name = stacks.create(
        template({"Child": stacks.nested(child, Value="x"), "Fails": thing(FailOn="create", after="Child")}),
        wait="ROLLBACK_COMPLETE",
    )
    assert stacks.statuses(name, "Child")[-2:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert stacks.state.things == {}


def test_a_failed_nested_update_takes_the_whole_tree_back(stacks: Stacks) -> None:
    def body(value: str, fail: str) -> str:
        children = {"Good": stacks.nested(leaf(Extra=thing(Value="extra", Name=value)), Value=value)}
        children["Bad"] = stacks.nested(leaf(fail=fail), Value={"Fn::GetAtt": ["Good", "Outputs.Twice"]})
        return template(children)

    name = stacks.create(body("1", "none"))
    before = dict(stacks.state.things)
    good, bad = stacks.child(name, "Good"), stacks.child(name, "Bad")
    stacks.update(name, body("2", "update"), wait="UPDATE_ROLLBACK_COMPLETE")
    assert stacks.state.things == before
    assert stacks.reason(name, "Bad", "UPDATE_FAILED") == (
        f"Embedded stack {bad} was not successfully updated. Currently in UPDATE_ROLLBACK_IN_PROGRESS with reason: "
        "The following resource(s) failed to update: [Thing]. "
    )
    for child in (good, bad):
        assert stacks.describe(child)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_nested_stack_cleans_up_only_when_the_root_has_succeeded(stacks: Stacks) -> None:
    def body(name: str, hold: str | None) -> str:
        held = {"Hold": hold} if hold else {}
        child = template({"A": thing(Name=name)})
        return template({"Child": stacks.nested(child), "Last": thing(after="Child", Value=name, **held)})

    name = stacks.create(body("one", None))
    child = stacks.child(name, "Child")
    stacks.update(name, body("two", "gate"), wait=None)
    eventually(lambda: "Last" in stacks.state.said("update"), "the last resource is being updated")
    assert stacks.describe(child)["StackStatus"] == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    assert stacks.state.said("delete") == []
    stacks.state.gate("gate").set()
    stacks.wait(name, "UPDATE_COMPLETE")
    assert stacks.describe(child)["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks.state.said("delete") == ["A"]


def test_a_nested_stack_that_was_stopped_goes_on_where_it_was(stacks: Stacks) -> None:
    def body(fail: str) -> str:
        child = template({"Good": thing(), "Bad": thing(FailOn=fail)})
        return template({"Child": stacks.nested(child), "Last": thing(after="Child")})

    name = stacks.create(body("create"), DisableRollback=True, wait="CREATE_FAILED")
    child = stacks.child(name, "Child")
    assert stacks.describe(child)["StackStatus"] == "CREATE_FAILED"
    good = stacks.resource(child, "Good")["PhysicalResourceId"]
    stacks.update(name, body("none"), DisableRollback=True)
    assert stacks.child(name, "Child") == child
    assert stacks.describe(child)["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks.resource(child, "Good")["PhysicalResourceId"] == good


def test_a_stopped_update_of_a_tree_can_be_rolled_back_later(stacks: Stacks) -> None:
    def body(value: str, fail: str) -> str:
        return template(
            {"Child": stacks.nested(leaf(), Value=value), "Last": thing(after="Child", Value=value, FailOn=fail)}
        )

    name = stacks.create(body("1", "none"))
    stacks.update(name, body("2", "update"), DisableRollback=True, wait="UPDATE_FAILED")
    assert stacks.describe(stacks.child(name, "Child"))["StackStatus"] == "UPDATE_COMPLETE"
    stacks.client.rollback_stack(StackName=name)
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")
    assert [each["Value"] for each in stacks.state.things.values()] == ["1", "1"]


def test_a_rollback_skips_what_resists_in_a_nested_stack_by_that_stacks_name(stacks: Stacks) -> None:
    def body(value: str) -> str:
        child = template(
            {
                "Resists": thing(Value=value, FailOn="update"),
                "Follows": thing(after="Resists", Value=value),
                "Aside": thing(Value=value),
            }
        )
        return template({"Child": stacks.nested(child)})

    def continues(stack: str, *skip: str) -> None:
        stacks.client.continue_update_rollback(StackName=stack, ResourcesToSkip=list(skip))

    name = stacks.create(body("1"))
    child = stacks.child(name, "Child")
    child_name = stacks.describe(child)["StackName"]
    stacks.update(name, body("2"), wait="UPDATE_ROLLBACK_FAILED")
    refused = {
        "Child.Resists": r"Resource Child\.Resists to skip does not exist; allowed: .* NestedStackName\.LogicalId",
        "Resists": "Resource Resists to skip does not exist",
        "Child": "Resource Child cannot be skipped: its stack is UPDATE_ROLLBACK_FAILED; allowed: DELETE_IN_PROGRESS",
        f"{child_name}.Aside": "Aside cannot be skipped: it is UPDATE_COMPLETE",
    }
    for resource, text in refused.items():
        with pytest.raises(ClientError, match=text):
            continues(name, resource)
    with pytest.raises(ClientError, match="is nested; continue the rollback of its root stack"):
        continues(child, "Resists")
    continues(name, f"{child_name}.Resists")
    stacks.wait(name, "UPDATE_ROLLBACK_COMPLETE")
    assert stacks.describe(child)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.reason(child, "Resists", "UPDATE_COMPLETE") == "Resource was skipped by the caller"


def test_deleting_the_root_deletes_the_tree_and_keeps_what_is_to_be_kept(stacks: Stacks) -> None:
    kept = template({"Kept": thing(policy="RetainExceptOnCreate", Value="kept")})
    name = stacks.create(template({"A": stacks.nested(kept), "B": stacks.nested(leaf(), Value="x")}))
    child = stacks.child(name, "A")
    stacks.delete(name)
    assert [each["Value"] for each in stacks.state.things.values()] == ["kept"]
    assert stacks.statuses(child, "Kept")[-1] == "DELETE_SKIPPED"
    assert stacks.describe(child)["StackStatus"] == "DELETE_COMPLETE"


def test_deleting_in_the_middle_of_a_nested_creation_leaves_nothing(stacks: Stacks) -> None:
    name = stacks.create(template({"Child": stacks.nested(leaf(hold="never"), Value="x")}), wait=None)
    eventually(lambda: stacks.state.said("create"), "the child is being made")
    stacks.delete(name)
    assert stacks.state.things == {}


def test_a_nested_stack_that_cannot_be_deleted_says_so_at_the_root(stacks: Stacks) -> None:
    name = stacks.create(template({"Child": stacks.nested(leaf(fail="delete"), Value="x")}))
    child = stacks.child(name, "Child")
    stacks.delete(name, wait="DELETE_FAILED")
    assert stacks.reason(name, "Child", "DELETE_FAILED") == (
        f"Embedded stack {child} was not successfully deleted: The following resource(s) failed to delete: [Thing]. "
    )
    stacks.state.forgiving = True
    stacks.delete(name)


def test_a_fault_in_a_nested_template_is_found_before_anything_is_made(stacks: Stacks) -> None:
    child = template({"X": {"Type": "AWS::Nobody::KnowsIt"}})
    with pytest.raises(ClientError, match=r"AWS::Nobody::KnowsIt is not supported.*nested stack Child\b"):
        stacks.create(template({"A": thing(), "Child": stacks.nested(child)}))
    assert stacks.state.things == {}


def test_a_parameter_that_the_nested_template_does_not_have_fails_by_name(stacks: Stacks) -> None:
    name = stacks.create(template({"Child": stacks.nested(leaf(), Value="x", Other="y")}), wait="ROLLBACK_COMPLETE")
    assert stacks.reason(name, "Child", "CREATE_FAILED") == "Parameters: [Other] do not exist in the template"


def test_an_output_that_the_nested_stack_does_not_have_fails_by_name(stacks: Stacks) -> None:
    resources = {"Child": stacks.nested(leaf(), Value="x"), "A": thing(Value={"Fn::GetAtt": ["Child", "Outputs.None"]})}
    name = stacks.create(template(resources), wait="ROLLBACK_COMPLETE")
    assert "Outputs.None" in stacks.reason(name, "A", "CREATE_FAILED")


def test_a_template_url_may_name_the_local_server_too(stacks: Stacks) -> None:
    url = stacks.upload(leaf()).replace("https://s3.us-east-1.amazonaws.com", stacks.aws.endpoint)
    child = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, "Parameters": {"Value": "x"}}}
    stacks.create(template({"Child": child}))


def test_a_template_that_is_not_in_s3_is_an_error_before_anything_is_made(stacks: Stacks) -> None:
    child = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://s3.amazonaws.com/none/none"}}
    with pytest.raises(ClientError, match=r"S3 error: .*none/none"):
        stacks.create(template({"Child": child}))

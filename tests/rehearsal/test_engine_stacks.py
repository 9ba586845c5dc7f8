"""Stacks that succeed: creation, update, replacement, deletion, and what of them can be read."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.engine import Stacks, eventually, template, thing

VALUE = {"Value": {"Type": "String", "Default": "a"}}


def given(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def test_resources_are_made_in_the_order_of_their_references(stacks: Stacks) -> None:
    body = template(
        {
            "Last": thing(Value="z", after="Middle"),
            "Middle": thing(Value={"Fn::Sub": "${First}-${First.Twice}"}),
            "First": thing(Value="1"),
        },
        Outputs={"Middle": {"Value": {"Fn::GetAtt": "Middle.Twice"}, "Description": "both"}},
    )
    name = stacks.create(body)
    assert stacks.state.said("create") == ["First", "Middle", "Last"]
    first = stacks.resource(name, "First")["PhysicalResourceId"]
    assert stacks.outputs(name) == {"Middle": 2 * f"ref-{first}-11"}


def test_independent_resources_are_made_at_the_same_time(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Hold="gate"), "B": thing(Hold="gate")}), wait=None)
    eventually(lambda: sorted(stacks.state.said("create")) == ["A", "B"], "both have begun")
    assert stacks.describe(name)["StackStatus"] == "CREATE_IN_PROGRESS"
    stacks.state.gate("gate").set()
    stacks.wait(name, "CREATE_COMPLETE")


def test_the_history_is_told_newest_first_with_the_callers_token(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}), ClientRequestToken="my-token")
    events = stacks.client.describe_stack_events(StackName=name)["StackEvents"]
    assert [(each["LogicalResourceId"], each["ResourceStatus"]) for each in events] == [
        (name, "CREATE_COMPLETE"),
        ("A", "CREATE_COMPLETE"),
        ("A", "CREATE_IN_PROGRESS"),
        ("A", "CREATE_IN_PROGRESS"),
        (name, "CREATE_IN_PROGRESS"),
    ]
    assert {each["ClientRequestToken"] for each in events} == {"my-token"}
    assert len({each["EventId"] for each in events}) == 5


def test_a_long_history_comes_in_pages_that_new_events_do_not_shift(stacks: Stacks) -> None:
    name = stacks.create(template({f"A{number}": thing() for number in range(40)}))
    first = stacks.client.describe_stack_events(StackName=name)
    assert len(first["StackEvents"]) == 100
    stacks.delete(name)
    second = stacks.client.describe_stack_events(
        StackName=first["StackEvents"][0]["StackId"], NextToken=first["NextToken"]
    )
    assert len(second["StackEvents"]) == 22
    assert second["StackEvents"][-1]["ResourceStatusReason"] == "User Initiated"


def test_a_changed_property_changes_only_its_resource_and_in_place(stacks: Stacks) -> None:
    resources = {"A": thing(Settings={"Deep": {"Ref": "Value"}}, Name="a"), "B": thing(Value="b")}
    name = stacks.create(template(resources, Parameters=VALUE))
    before = stacks.resource(name, "A")["PhysicalResourceId"]
    stacks.state.calls.clear()
    stacks.update(name, Parameters=given(Value="new"))
    assert stacks.state.calls == [("update", "A")]
    assert stacks.resource(name, "A")["PhysicalResourceId"] == before
    assert stacks.state.things[before]["Settings"] == {"Deep": "new"}
    assert stacks.statuses(name, name)[-3:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ]


def test_a_change_that_reaches_others_changes_them_in_order(stacks: Stacks) -> None:
    def body(value: str) -> str:
        return template({"B": thing(Value={"Fn::GetAtt": ["A", "Twice"]}), "A": thing(Value=value)})

    name = stacks.create(body("1"))
    stacks.state.calls.clear()
    stacks.update(name, body("2"))
    assert stacks.state.calls == [("update", "A"), ("update", "B")]


def test_a_create_only_property_makes_a_new_resource_first_and_deletes_the_old_one_last(stacks: Stacks) -> None:
    def body(name: str) -> str:
        return template({"A": thing(Name=name), "B": thing(Value={"Ref": "A"})})

    name = stacks.create(body("one"))
    before = stacks.resource(name, "A")["PhysicalResourceId"]
    stacks.state.calls.clear()
    stacks.update(name, body("two"))
    assert stacks.state.calls == [("create", "A"), ("update", "B"), ("delete", "A")]
    after = stacks.resource(name, "A")["PhysicalResourceId"]
    assert after != before
    assert before not in stacks.state.things
    assert stacks.state.things[stacks.resource(name, "B")["PhysicalResourceId"]]["Value"] == f"ref-{after}"
    cleanup = [status for _, status, _ in stacks.history(name)].index("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    assert ("A", "DELETE_COMPLETE", "") in stacks.history(name)[cleanup:]


def test_a_removed_resource_goes_in_the_cleanup(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(), "B": thing(Value={"Ref": "A"})}))
    stacks.update(name, template({"A": thing()}))
    assert stacks.state.said("delete") == ["B"]
    with pytest.raises(ClientError, match="Resource B does not exist for stack"):
        stacks.resource(name, "B")


def test_a_cleanup_that_fails_leaves_the_resource_behind_and_the_update_complete(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(), "B": thing(FailOn="delete")}))
    stacks.update(name, template({"A": thing()}))
    assert stacks.state.said("delete") == ["B", "B", "B"]
    assert stacks.statuses(name, "B")[-1] == "DELETE_FAILED"


def test_policies_and_metadata_alone_are_no_update(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    changed = thing(policy="Retain") | {"Metadata": {"why": "because"}}
    with pytest.raises(ClientError, match=r"No updates are to be performed\."):
        stacks.update(name, template({"A": changed}))


def test_policies_count_from_the_update_that_brought_them(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(), "B": thing()}))
    stacks.update(name, template({"A": thing(policy="Retain"), "B": thing(Value="new")}))
    stack_id = stacks.delete(name)
    assert stacks.state.said("delete") == ["B"]
    assert stacks.statuses(stack_id, "A")[-1] == "DELETE_SKIPPED"


def test_a_number_and_its_text_are_the_same(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(Value=3), "B": thing(Value=True)}))
    with pytest.raises(ClientError, match="No updates"):
        stacks.update(name, template({"A": thing(Value="3"), "B": thing(Value="true")}))


def test_an_old_resource_is_kept_when_its_update_replace_policy_says_so(stacks: Stacks) -> None:
    def body(name: str) -> str:
        return template({"A": thing(Name=name) | {"UpdateReplacePolicy": "Retain"}})

    name = stacks.create(body("one"))
    before = stacks.resource(name, "A")["PhysicalResourceId"]
    stacks.update(name, body("two"))
    assert before in stacks.state.things
    assert stacks.statuses(name, "A")[-1] == "DELETE_SKIPPED"


def test_a_type_cannot_be_changed(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    other = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}
    with pytest.raises(ClientError, match=r"Update of resource type is not permitted.*\[A\]"):
        stacks.update(name, template({"A": other}))


def test_a_delete_goes_against_the_dependencies_and_keeps_what_is_to_be_kept(stacks: Stacks) -> None:
    name = stacks.create(
        template(
            {
                "Base": thing(),
                "Kept": thing(policy="Retain"),
                "AlsoKept": thing(policy="RetainExceptOnCreate"),
                "Top": thing(Value={"Ref": "Middle"}),
                "Middle": thing(Value={"Ref": "Base"}),
            }
        )
    )
    stack_id = stacks.delete(name)
    assert stacks.state.said("delete") == ["Top", "Middle", "Base"]
    assert len(stacks.state.things) == 2
    assert [stacks.statuses(stack_id, kept)[-1] for kept in ("Kept", "AlsoKept")] == ["DELETE_SKIPPED"] * 2
    with pytest.raises(ClientError, match=f"Stack with id {name} does not exist"):
        stacks.describe(name)


def test_a_deleted_stack_is_described_by_its_id_and_its_name_is_free(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    stack_id = stacks.delete(name)
    assert stacks.describe(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    stacks.create(template({"A": thing()}), StackName=name)
    assert stacks.describe(name)["StackId"] != stack_id


def test_deleting_a_stack_that_does_not_exist_succeeds(stacks: Stacks) -> None:
    stacks.client.delete_stack(StackName="nobody-made-it")


def test_a_protected_stack_cannot_be_deleted(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}), EnableTerminationProtection=True)
    with pytest.raises(ClientError, match=r"cannot be deleted while TerminationProtection is enabled"):
        stacks.client.delete_stack(StackName=name)
    stacks.client.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    stacks.delete(name)


def test_a_condition_decides_what_exists(stacks: Stacks) -> None:
    sections = {
        "Parameters": VALUE,
        "Conditions": {"Wanted": {"Fn::Equals": [{"Ref": "Value"}, "yes"]}},
        "Outputs": {"A": {"Value": {"Ref": "A"}, "Condition": "Wanted"}},
    }
    resources = {
        "A": thing() | {"Condition": "Wanted"},
        "B": thing(Value={"Fn::If": ["Wanted", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]}),
    }
    name = stacks.create(template(resources, **sections))
    assert stacks.state.said("create") == ["B"]
    assert stacks.outputs(name) == {}
    stacks.update(name, Parameters=given(Value="yes"))
    assert stacks.outputs(name)["A"].startswith("ref-thing-")
    stacks.update(name, Parameters=given(Value="no"))
    assert stacks.state.said("delete") == ["A"]


def test_tags_reach_every_resource_with_those_that_cloudformation_adds(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}), Tags=[{"Key": "team", "Value": "x"}])
    stack = stacks.describe(name)
    assert stacks.state.tags[stacks.resource(name, "A")["PhysicalResourceId"]] == {
        "team": "x",
        "aws:cloudformation:stack-name": name,
        "aws:cloudformation:stack-id": stack["StackId"],
        "aws:cloudformation:logical-id": "A",
    }


def test_an_update_that_says_nothing_about_tags_keeps_them(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}), Tags=[{"Key": "team", "Value": "x"}])
    stacks.update(name, template({"A": thing(Value="new")}))
    assert stacks.describe(name)["Tags"] == [{"Key": "team", "Value": "x"}]


def test_changed_tags_reach_resources_whose_type_can_be_tagged(stacks: Stacks) -> None:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}
    name = stacks.create(template({"A": parameter}), Tags=[{"Key": "team", "Value": "x"}])
    stacks.update(name, Tags=[{"Key": "team", "Value": "y"}])
    physical_id = stacks.resource(name, "A")["PhysicalResourceId"]
    tags = stacks.aws.client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=physical_id)["TagList"]
    assert {"Key": "team", "Value": "y"} in tags


def test_resources_are_listed_by_stack_and_by_physical_id(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing(), "B": thing() | {"Metadata": {"k": "v"}}}))
    listed = stacks.client.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert [(each["LogicalResourceId"], each["ResourceStatus"]) for each in listed] == [
        ("A", "CREATE_COMPLETE"),
        ("B", "CREATE_COMPLETE"),
    ]
    found = stacks.client.describe_stack_resources(PhysicalResourceId=listed[0]["PhysicalResourceId"])["StackResources"]
    assert {each["StackName"] for each in found} == {name}
    assert json.loads(stacks.resource(name, "B")["Metadata"]) == {"k": "v"}


def test_stacks_are_listed_by_status(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    stack_id = stacks.delete(name)
    listed = stacks.client.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert stack_id in [each["StackId"] for each in listed]
    assert {each["StackStatus"] for each in listed} == {"DELETE_COMPLETE"}


def test_a_name_is_taken_only_once_in_a_region(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    with pytest.raises(ClientError, match=rf"\(AlreadyExistsException\).*Stack \[{name}\] already exists"):
        stacks.create(template({"A": thing()}), StackName=name)
    elsewhere = stacks.aws.client("cloudformation", "cn-north-1")
    created = elsewhere.create_stack(StackName=name, TemplateBody=template({"A": thing()}))
    assert created["StackId"].startswith("arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/")


def test_pseudo_parameters_follow_the_region(stacks: Stacks) -> None:
    names = ["AWS::Partition", "AWS::URLSuffix", "AWS::Region", "AWS::AccountId", "AWS::StackName"]
    outputs = {name[5:]: {"Value": {"Ref": name}} for name in names}
    seen = {}
    for region in ("us-east-1", "us-gov-west-1", "cn-north-1"):
        client = stacks.aws.client("cloudformation", region)
        name = stacks.name()
        client.create_stack(StackName=name, TemplateBody=template({"A": thing()}, Outputs=outputs))
        client.get_waiter("stack_create_complete").wait(StackName=name)
        shown = {
            each["OutputKey"]: each["OutputValue"]
            for each in client.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
        }
        assert (shown["Region"], shown["AccountId"], shown["StackName"]) == (region, "123456789012", name)
        seen[region] = (shown["Partition"], shown["URLSuffix"])
    assert seen == {
        "us-east-1": ("aws", "amazonaws.com"),
        "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
        "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
    }


def test_an_output_alone_can_be_added(stacks: Stacks) -> None:
    name = stacks.create(template({"A": thing()}))
    stacks.state.calls.clear()
    stacks.update(name, template({"A": thing()}, Outputs={"New": {"Value": "value"}}))
    assert stacks.outputs(name) == {"New": "value"}
    assert stacks.state.calls == []


def test_waiters_are_answered_when_the_operation_ends(stacks: Stacks) -> None:
    """The AWS CLI's deploy asks only every 30 seconds; a waiter's question is held until there is something to say."""
    name = stacks.create(template({"A": thing(Hold="gate")}), wait=None)
    opened = eventually(lambda: stacks.state.said("create"), "the creation has begun")
    assert opened == ["A"]
    stacks.aws.clock.timer(0.5, stacks.state.gate("gate").set)
    began = stacks.aws.clock.monotonic()
    stacks.client.get_waiter("stack_create_complete").wait(StackName=name)
    # Asking again takes the waiter thirty seconds.
    assert 0.3 < stacks.aws.clock.monotonic() - began < 28

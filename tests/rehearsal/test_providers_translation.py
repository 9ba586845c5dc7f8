"""What providers share: values, tags and errors, without a local AWS."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.clock import Clock
from rehearsal.aws.cloudformation.provider import Context, ProviderError
from rehearsal.aws.cloudformation.providers import translation


@pytest.fixture(scope="module")
def elb() -> Any:
    return boto3.client("elbv2", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


def context(**tags: str) -> Context:
    return Context("us-east-1", "123456789012", "aws", "arn", "stack", "Thing", tags, Clock())


def test_text_becomes_the_type_that_the_operation_wants(elb: Any) -> None:
    given = {"Port": "6443", "HealthCheckEnabled": "true", "Name": 7, "Matcher": {"HttpCode": 200}, "VpcId": None}
    wanted = {"Port": 6443, "HealthCheckEnabled": True, "Name": "7", "Matcher": {"HttpCode": "200"}}
    assert translation.api_values(elb, "CreateTargetGroup", given) == wanted


def test_a_policy_becomes_text() -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1")
    made = translation.api_values(ec2, "CreateVpcEndpoint", {"PolicyDocument": {"Statement": []}})
    assert made == {"PolicyDocument": '{"Statement": []}'}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"Colour": "blue"}, "property Colour is not supported"),
        ({"Matcher": {"Colour": "blue"}}, "property Matcher.Colour is not supported"),
        ({"Tags": [{"Key": "a", "Worth": "b"}]}, r"property Tags\[0\].Worth is not supported"),
        ({"Port": "many"}, "property Port must be a whole number, not 'many'"),
        ({"HealthCheckEnabled": "perhaps"}, "property HealthCheckEnabled must be true or false, not 'perhaps'"),
        ({"Matcher": "200"}, "property Matcher must be an object, not '200'"),
    ],
)
def test_a_wrong_value_is_refused_by_its_path(elb: Any, given: dict[str, Any], named: str) -> None:
    with pytest.raises(ProviderError, match=named):
        translation.api_values(elb, "CreateTargetGroup", given)


def test_a_resources_own_tag_wins_over_the_stacks() -> None:
    own = [{"Key": "team", "Value": "red"}]
    assert translation.tags_of(context(team="blue", cost="7"), own) == {"team": "red", "cost": "7"}


def test_system_tags_are_left_out_where_cloudformation_puts_none() -> None:
    stack = context(**{"aws:cloudformation:stack-name": "s", "team": "blue"})
    assert translation.tags_of(stack, {"a": 1}, system=False) == {"team": "blue", "a": "1"}


def test_a_tag_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ProviderError, match=r"Tags\.PropagateAtLaunch"):
        translation.tags_of(context(), [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}])


def test_tag_changes_leave_the_tags_of_aws_alone() -> None:
    present = {"aws:cloudformation:stack-id": "old", "gone": "x", "kept": "y", "changed": "1"}
    wanted = {"aws:cloudformation:stack-id": "new", "kept": "y", "changed": "2"}
    assert translation.tag_changes(present, wanted) == (["gone"], {"changed": "2"})


def test_list_changes_say_what_came_and_what_went() -> None:
    assert translation.list_changes(["a", "b"], ["b", "c"]) == (["c"], ["a"])
    assert translation.list_changes(None, ["a"]) == (["a"], [])


def test_only_the_named_errors_mean_already_gone() -> None:
    gone = ClientError({"Error": {"Code": "NotFound", "Message": ""}}, "Delete")
    with translation.already_gone("NotFound"):
        raise gone
    with pytest.raises(ClientError), translation.already_gone("NoSuchThing"):
        raise gone

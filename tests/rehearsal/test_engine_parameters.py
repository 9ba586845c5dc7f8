"""Parameters: where their values come from, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.engine import Stacks, template, thing


def body(declaration: dict[str, Any], **sections: Any) -> str:
    return template({"A": thing(Settings={"Ref": "P"})}, Parameters={"P": declaration}, **sections)


def given(value: str) -> list[dict[str, str]]:
    return [{"ParameterKey": "P", "ParameterValue": value}]


def settings(stacks: Stacks) -> Any:
    return [each["Settings"] for each in stacks.state.things.values()][-1]


@pytest.mark.parametrize(
    ("declaration", "value", "text"),
    [
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", "Parameter 'P' must be one of AllowedValues"),
        (
            {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]},
            "a,c",
            "Parameter 'P' must be one of AllowedValues",
        ),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc1", "Parameter 'P' must match pattern [a-z]+"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "only letters"},
            "1",
            "Parameter 'P' failed to satisfy constraint: only letters",
        ),
        ({"Type": "String", "MinLength": 2}, "a", "Parameter 'P' must contain at least 2 characters"),
        ({"Type": "String", "MaxLength": "2"}, "abc", "Parameter 'P' must contain at most 2 characters"),
        ({"Type": "Number"}, "many", "Parameter 'P' must be a number."),
        ({"Type": "List<Number>"}, "1,x", "Parameter 'P' must be a number."),
        ({"Type": "Number", "MinValue": 5}, "4", "Parameter 'P' must be a number not less than 5"),
        ({"Type": "Number", "MaxValue": 5}, "6", "Parameter 'P' must be a number not greater than 5"),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-none", "parameter value vpc-none for parameter name P does not exist"),
        ({"Type": "AWS::EC2::Image::Id"}, "ami-none", "parameter value ami-none for parameter name P does not exist"),
        (
            {"Type": "List<AWS::EC2::AvailabilityZone::Name>"},
            "us-east-1a,us-east-1z",
            "parameter value us-east-1z for parameter name P does not exist",
        ),
        (
            {"Type": "AWS::SSM::Parameter::Value<String>"},
            "/none",
            "Unable to fetch parameters [/none] from parameter store for this account.",
        ),
        ({"Type": "Colour"}, "red", "Unrecognized parameter type: Colour"),
        ({"Type": "String"}, "x" * 4097, "exceeds the maximum length of 4096 bytes"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(stacks: Stacks, declaration: Any, value: str, text: str) -> None:
    with pytest.raises(ClientError) as error:
        stacks.create(body(declaration), Parameters=given(value))
    assert text in error.value.response["Error"]["Message"]
    assert stacks.state.calls == []


def test_unknown_missing_and_doubled_parameters_are_refused(stacks: Stacks) -> None:
    plain = body({"Type": "String"})
    with pytest.raises(ClientError, match=r"Parameters: \[Other\] do not exist in the template"):
        stacks.create(plain, Parameters=[*given("x"), {"ParameterKey": "Other", "ParameterValue": "y"}])
    with pytest.raises(ClientError, match=r"Parameters: \[P\] must have values"):
        stacks.create(plain)
    with pytest.raises(ClientError, match="Duplicate input parameter key: P"):
        stacks.create(plain, Parameters=given("x") + given("y"))


@pytest.mark.parametrize(
    ("type_name", "value", "seen"),
    [
        ("String", "a,b", "a,b"),
        ("CommaDelimitedList", "a, b", ["a", "b"]),
        ("CommaDelimitedList", "", [""]),
        ("List<Number>", "1,2", ["1", "2"]),
        ("List<AWS::EC2::AvailabilityZone::Name>", "us-east-1b,us-east-1a", ["us-east-1b", "us-east-1a"]),
    ],
)
def test_lists_are_split(stacks: Stacks, type_name: str, value: str, seen: Any) -> None:
    stacks.create(body({"Type": type_name}), Parameters=given(value))
    assert settings(stacks) == seen


def test_an_ssm_typed_parameter_is_read_and_shown_with_what_was_read(stacks: Stacks) -> None:
    ssm = stacks.aws.client("ssm")
    ssm.put_parameter(Name="/typed", Value="first", Type="String")
    name = stacks.create(body({"Type": "AWS::SSM::Parameter::Value<String>"}), Parameters=given("/typed"))
    assert settings(stacks) == "first"
    assert stacks.describe(name)["Parameters"] == [
        {"ParameterKey": "P", "ParameterValue": "/typed", "ResolvedValue": "first"}
    ]
    ssm.put_parameter(Name="/typed", Value="second", Type="String", Overwrite=True)
    stacks.update(name, Parameters=[{"ParameterKey": "P", "UsePreviousValue": True}])
    assert settings(stacks) == "second"


def test_a_parameter_without_echo_is_never_shown(stacks: Stacks) -> None:
    name = stacks.create(body({"Type": "String", "NoEcho": "true"}), Parameters=given("secret"))
    assert stacks.describe(name)["Parameters"] == [{"ParameterKey": "P", "ParameterValue": "****"}]
    assert settings(stacks) == "secret"


def test_a_previous_value_is_used_only_where_there_is_one(stacks: Stacks) -> None:
    previous = [{"ParameterKey": "P", "UsePreviousValue": True}]
    with pytest.raises(
        ClientError, match="Cannot specify usePreviousValue as true for a parameter key not in the previous"
    ):
        stacks.create(body({"Type": "String"}), Parameters=previous)
    name = stacks.create(body({"Type": "String"}), Parameters=given("kept"))
    stacks.update(name, body({"Type": "String"}, Outputs={"O": {"Value": "x"}}), Parameters=previous)
    assert stacks.describe(name)["Parameters"][0]["ParameterValue"] == "kept"


def test_a_rule_that_does_not_hold_refuses_the_stack_with_its_description(stacks: Stacks) -> None:
    rules = {
        "Sizes": {
            "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "P"}, "off"]}]},
            "Assertions": [{"Assert": {"Fn::Contains": [["3", "5"], {"Ref": "P"}]}, "AssertDescription": "3 or 5"}],
        }
    }
    declared = body({"Type": "String"}, Rules=rules)
    with pytest.raises(ClientError, match="Rule Sizes: 3 or 5"):
        stacks.create(declared, Parameters=given("4"))
    stacks.create(declared, Parameters=given("5"))
    stacks.create(declared, Parameters=given("off"))

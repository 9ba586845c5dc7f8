"""What is refused before anything is made, and what can be asked about a template."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.engine import Stacks, template, thing

ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}
NAMED_ROLE = {"Type": "AWS::IAM::Role", "Properties": {**ROLE["Properties"], "RoleName": "named"}}  # type: ignore[dict-item]


def refused(stacks: Stacks, body: str, text: str, **request: Any) -> None:
    with pytest.raises(ClientError) as error:
        stacks.create(body, **request)
    assert text in error.value.response["Error"]["Message"]
    assert stacks.state.calls == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"Resources": ', "Template format error: JSON not well-formed. (line 1, column 15)"),
        ("Resources: [", "Template format error: YAML not well-formed. (line "),
        ("just text", "Template format error: unsupported structure."),
        ("{}", "At least one Resources member must be defined."),
        ('{"Resources": {"A": {}}}', "[/Resources/A] Every Resources object must contain a Type member."),
        (template({"A-b": thing()}), "Resource name A-b is non alphanumeric."),
        (template({"A": thing()}, Wrong={}), "Invalid template property or properties [Wrong]"),
        (template({"A": thing() | {"Depends": "B"}}), "Invalid template resource property 'Depends'"),
        (template({"A": thing(policy="Snapshot")}), "DeletionPolicy Snapshot of resource A is not supported"),
        (template({"A": thing(policy="Hold")}), "Unrecognized DeletionPolicy Hold for resource A"),
        (
            template({"A": thing()}, Transform="AWS::Serverless-2016-10-31"),
            "AWS::Serverless-2016-10-31 is not supported",
        ),
        (template({"A": thing(Value={"Ref": "B"})}), "Unresolved resource dependencies [B] in the Resources block"),
        (
            template({"A": thing(Value={"Fn::Sub": "${B}"})}),
            "Unresolved resource dependencies [B] in the Resources block",
        ),
        (template({"A": thing(after="B")}), "Unresolved resource dependencies [B] in the Resources block"),
        (
            template({"A": thing()}, Outputs={"O": {"Value": {"Ref": "B"}}}),
            "Unresolved resource dependencies [B] in the Outputs block",
        ),
        (
            template({"A": thing(Value={"Fn::GetAtt": ["B", "X"]})}),
            "instance of Fn::GetAtt references undefined resource B",
        ),
        (
            template({"A": thing(Value={"Ref": "B"}), "B": thing(after="C"), "C": thing(Value={"Fn::Sub": "${A}"})}),
            "Circular dependency between resources: [A, B, C]",
        ),
        (template({"A": thing() | {"Condition": "C"}}), "Unresolved condition dependency C"),
        (template({"A": thing(Value={"Fn::If": ["C", 1, 2]})}), "unresolved condition C in Fn::If of Resources/A"),
        (template({"A": thing(Value={"Fn::FindInMap": ["M", "a", "b"]})}), "Mapping named 'M' is not present"),
        (
            template({"A": thing(Value={"Fn::ImportValue": "x"})}),
            "function Fn::ImportValue in Resources/A is not supported",
        ),
        (template({"A": {"Type": "AWS::Nobody::KnowsIt"}}), "resource type AWS::Nobody::KnowsIt is not supported"),
        (
            template({"A": thing(Colour="red")}),
            "property Colour of Test::Local::Thing is not supported by the local AWS",
        ),
        (
            template({"A": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String"}}}),
            "Properties validation failed for resource A with message: #: required key [Value] not found",
        ),
        (
            template({"A": ROLE, "B": thing(Value={"Fn::GetAtt": ["A", "Colour"]})}),
            "Template error: resource A does not support attribute type Colour in Fn::GetAtt",
        ),
        (
            template({"A": thing()}, Outputs={"O": {"Value": "x", "Export": {"Name": "e"}}}),
            "Export of output O is not supported",
        ),
        (template({f"A{number}": thing() for number in range(501)}), "Number of resources, 501, is greater than"),
    ],
)
def test_a_fault_is_named_before_anything_is_made(stacks: Stacks, body: str, text: str) -> None:
    refused(stacks, body, text, Capabilities=["CAPABILITY_IAM"])


def test_a_dynamic_reference_that_is_not_supported_fails_by_name(stacks: Stacks) -> None:
    body = template({"A": thing(Value="{{resolve:secretsmanager:x}}")})
    name = stacks.create(body, wait="ROLLBACK_COMPLETE")
    assert "{{resolve:secretsmanager:…}} is not supported" in stacks.reason(name, "A", "CREATE_FAILED")


def test_a_dynamic_reference_reads_the_parameter(stacks: Stacks) -> None:
    stacks.aws.client("ssm").put_parameter(Name="/dynamic", Value="read", Type="String")
    stacks.create(template({"A": thing(Value="was-{{resolve:ssm:/dynamic:1}}")}))
    assert [each["Value"] for each in stacks.state.things.values()] == ["was-read"]


def test_short_forms_of_yaml_are_understood(stacks: Stacks) -> None:
    body = """
AWSTemplateFormatVersion: 2010-09-09
Conditions:
  Wanted: !Equals [a, a]
Mappings:
  ByAccount: {123456789012: {name: "y"}}
Resources:
  A:
    Type: Test::Local::Thing
    Properties:
      Value: !If [Wanted, !Join ["-", [!Ref AWS::Region, !Select [1, !Split [",", "x,y"]]]], "no"]
  B:
    Type: Test::Local::Thing
    Properties:
      Value: !GetAtt A.Twice
      Settings: !Sub ["${A.Twice}${More}", {More: !FindInMap [ByAccount, !Ref AWS::AccountId, name]}]
"""
    stacks.create(body)
    assert [each.get("Settings", each["Value"]) for each in stacks.state.things.values()] == [
        "us-east-1-y",
        "us-east-1-yus-east-1-yy",
    ]


@pytest.mark.parametrize(
    ("role", "given", "missing"),
    [
        (ROLE, [], "CAPABILITY_IAM"),
        (NAMED_ROLE, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ],
)
def test_iam_resources_have_to_be_acknowledged(
    stacks: Stacks, role: dict[str, Any], given: list[str], missing: str
) -> None:
    with pytest.raises(
        ClientError, match=rf"\(InsufficientCapabilitiesException\).*Requires capabilities : \[{missing}\]"
    ):
        stacks.create(template({"Role": role}), Capabilities=given)
    child = stacks.nested(template({"Role": role}))
    with pytest.raises(ClientError, match=rf"Requires capabilities : \[{missing}\]"):
        stacks.create(template({"Child": child}), Capabilities=given)
    stacks.create(template({"Role": role}), Capabilities=[missing])


def test_a_template_in_a_request_is_limited_but_one_in_s3_is_not(stacks: Stacks) -> None:
    body = template({"A": thing()}, Metadata={"long": "x" * 60_000})
    refused(stacks, body, "Member must have length less than or equal to 51200")
    name = stacks.name()
    stacks.client.create_stack(StackName=name, TemplateURL=stacks.upload(body))
    stacks.wait(name, "CREATE_COMPLETE")


def test_validating_tells_parameters_and_capabilities(stacks: Stacks) -> None:
    parameters = {"P": {"Type": "String", "Default": "d", "Description": "what", "NoEcho": True}}
    body = template({"Role": NAMED_ROLE}, Parameters=parameters, Description="mine")
    shown = stacks.client.validate_template(TemplateBody=body)
    assert shown["Parameters"] == [{"ParameterKey": "P", "DefaultValue": "d", "NoEcho": True, "Description": "what"}]
    assert (shown["Description"], shown["Capabilities"]) == ("mine", ["CAPABILITY_NAMED_IAM"])
    assert shown["CapabilitiesReason"] == "The following resource(s) require capabilities: [AWS::IAM::Role]"
    with pytest.raises(ClientError, match="At least one Resources member must be defined"):
        stacks.client.validate_template(TemplateBody="{}")


def test_a_summary_tells_types_and_constraints_of_a_template_and_of_a_stack(stacks: Stacks) -> None:
    parameters = {"P": {"Type": "Number", "Default": 3, "AllowedValues": [3, 4]}}
    body = template({"A": thing()}, Parameters=parameters)
    name = stacks.create(body)
    for shown in (
        stacks.client.get_template_summary(TemplateBody=body),
        stacks.client.get_template_summary(StackName=name),
    ):
        assert shown["ResourceTypes"] == ["Test::Local::Thing"]
        assert shown["Parameters"] == [
            {
                "ParameterKey": "P",
                "DefaultValue": "3",
                "ParameterType": "Number",
                "NoEcho": False,
                "ParameterConstraints": {"AllowedValues": ["3", "4"]},
            }
        ]


def test_a_stacks_template_is_given_back(stacks: Stacks) -> None:
    body = template({"A": thing(Value="x")})
    name = stacks.create(body)
    assert json.dumps(stacks.client.get_template(StackName=name)["TemplateBody"]) == body


@pytest.mark.parametrize(
    "request_",
    [{"NotificationARNs": ["arn:aws:sns:us-east-1:1:t"]}, {"StackPolicyBody": "{}"}, {"ResourceTypes": ["AWS::*"]}],
)
def test_request_parameters_that_would_be_ignored_are_refused(stacks: Stacks, request_: dict[str, Any]) -> None:
    refused(stacks, template({"A": thing()}), f"{next(iter(request_))} is not supported by the local AWS", **request_)


def test_an_operation_that_does_not_exist_here_is_refused_by_name(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="cloudformation:DetectStackDrift is not supported by the local AWS"):
        stacks.client.detect_stack_drift(StackName="x")

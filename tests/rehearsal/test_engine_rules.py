"""Rules of a template: what they say of parameters, and of the subnets that a parameter names."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.engine import Stacks, template, thing

_ONE, _MANY, _VPC = "AWS::EC2::Subnet::Id", "List<AWS::EC2::Subnet::Id>", "AWS::EC2::VPC::Id"


def body(assertion: dict[str, Any], **types: str) -> str:
    return template(
        {"A": thing(Settings={"Ref": next(iter(types))})},
        Parameters={name: {"Type": kind} for name, kind in types.items()},
        Rules={"Any": {"Assertions": [{"Assert": assertion, "AssertDescription": "does not hold"}]}},
    )


def given(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


@pytest.fixture
def vpcs(stacks: Stacks) -> tuple[str, str]:
    ec2 = stacks.aws.client("ec2")
    one, other = (ec2.create_vpc(CidrBlock=f"10.{part}.0.0/16")["Vpc"]["VpcId"] for part in (1, 2))
    return one, other


def subnet(stacks: Stacks, vpc: str, zone: str, part: str) -> str:
    made = stacks.aws.client("ec2").create_subnet(VpcId=vpc, AvailabilityZone=f"us-east-1{zone}", CidrBlock=part)
    return str(made["Subnet"]["SubnetId"])


def test_the_vpc_of_every_subnet_of_a_list_is_compared(stacks: Stacks, vpcs: tuple[str, str]) -> None:
    one, other = vpcs
    inside = [subnet(stacks, one, zone, f"10.1.{index}.0/24") for index, zone in enumerate("ab")]
    outside = subnet(stacks, other, "a", "10.2.0.0/24")
    assertion = {"Fn::EachMemberEquals": [{"Fn::ValueOf": ["Subnets", "VpcId"]}, {"Ref": "Vpc"}]}
    declared = body(assertion, Subnets=_MANY, Vpc=_VPC)
    stacks.create(declared, Parameters=given(Subnets=",".join(inside), Vpc=one))
    for bad in ([inside[0], outside], [outside]):
        with pytest.raises(ClientError, match="Rule Any: does not hold"):
            stacks.create(declared, Parameters=given(Subnets=",".join(bad), Vpc=one))


def test_zones_of_two_lists_are_compared_in_one_direction(stacks: Stacks, vpcs: tuple[str, str]) -> None:
    vpc, _ = vpcs
    a, b, again = (subnet(stacks, vpc, zone, f"10.1.{index}.0/24") for index, zone in enumerate("aba"))
    zones = [{"Fn::ValueOf": [name, "AvailabilityZone"]} for name in ("Some", "All")]
    declared = body({"Fn::EachMemberIn": zones}, Some=_MANY, All=_MANY)
    stacks.create(declared, Parameters=given(Some=a, All=f"{again},{b}"))
    with pytest.raises(ClientError, match="Rule Any: does not hold"):
        stacks.create(declared, Parameters=given(Some=f"{a},{b}", All=again))


def test_an_attribute_of_one_subnet_is_one_value(stacks: Stacks, vpcs: tuple[str, str]) -> None:
    declared = body({"Fn::Equals": [{"Fn::ValueOf": ["Subnet", "VpcId"]}, {"Ref": "Vpc"}]}, Subnet=_ONE, Vpc=_VPC)
    made = subnet(stacks, vpcs[0], "a", "10.1.0.0/24")
    stacks.create(declared, Parameters=given(Subnet=made, Vpc=vpcs[0]))
    with pytest.raises(ClientError, match="Rule Any: does not hold"):
        stacks.create(declared, Parameters=given(Subnet=made, Vpc=vpcs[1]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Fn::ValueOf": ["Vpc", "Tags.Owner"]}, "the attribute Tags.Owner of AWS::EC2::VPC::Id is not supported"),
        ({"Fn::ValueOf": ["Other", "VpcId"]}, "a rule refers to Other, which is not a parameter"),
        # "You cannot use another function within the Fn::ValueOf and Fn::ValueOfAll functions".
        ({"Fn::ValueOf": [{"Ref": "Vpc"}, "VpcId"]}, "Fn::ValueOf takes a parameter and an attribute"),
        ({"Fn::RefAll": "AWS::EC2::VPC::Id"}, "rule function Fn::RefAll is not supported"),
        ({"Fn::ValueOfAll": ["AWS::EC2::Subnet::Id", "VpcId"]}, "rule function Fn::ValueOfAll is not supported"),
    ],
)
def test_what_is_not_played_is_refused(value: dict[str, Any], text: str, stacks: Stacks, vpcs: tuple[str, str]) -> None:
    with pytest.raises(ClientError, match=text):
        stacks.create(body({"Fn::Equals": [value, "x"]}, Vpc=_VPC), Parameters=given(Vpc=vpcs[0]))

"""Intrinsic functions, one table: what each resolves to, and what each refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rehearsal.aws.cloudformation.errors import TemplateError
from rehearsal.aws.cloudformation.intrinsics import UNKNOWN, Resolver
from rehearsal.aws.cloudformation.template import parse
from tests.rehearsal.engine import template, thing

PARAMETERS = {"Text": "abc", "List": ["x", "y", "z"], "Number": "2", "Unknown": UNKNOWN}
SECTIONS = {
    "Mappings": {"M": {"abc": {"k": "found", "l": ["1", "2"]}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Text"}, "abc"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "One": {"Fn::Or": [{"Condition": "No"}, {"Fn::Equals": [1, "1"]}]},
    },
}


class Values:
    """Resources and an account with fixed values."""

    def ref(self, logical_id: str) -> Any:
        return f"ref-{logical_id}"

    def attribute(self, logical_id: str, name: str) -> Any:
        return ["l1", "l2"] if name == "List" else f"{logical_id}.{name}"

    def availability_zones(self, region: str) -> list[str]:
        return [f"{region}a", f"{region}b"]

    def ssm_parameter(self, reference: str) -> str:
        return f"<{reference}>"


def resolver() -> Resolver:
    pseudo = {"AWS::Region": "eu-west-1", "AWS::Partition": "aws"}
    return Resolver(parse(template({"A": thing()}, **SECTIONS)), PARAMETERS, pseudo, Values(), Values())


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Ref": "Text"}, "abc"),
        ({"Ref": "List"}, ["x", "y", "z"]),
        ({"Ref": "A"}, "ref-A"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Fn::GetAtt": ["A", "Outputs.Deep"]}, "A.Outputs.Deep"),
        ({"Fn::GetAtt": "A.Arn"}, "A.Arn"),
        ({"Fn::Sub": "${AWS::Partition}:${A}:${A.Arn}:${Text}:${!Literal}"}, "aws:ref-A:A.Arn:abc:${Literal}"),
        ({"Fn::Sub": ["${Own}-${Text}", {"Own": {"Ref": "Number"}}]}, "2-abc"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Text"}, True, 3]]}, "a-abc-true-3"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "x,y,z"),
        ({"Fn::Split": ["/", "a/b/c"]}, ["a", "b", "c"]),
        ({"Fn::Select": [2, {"Fn::Split": ["/", "a/b/c"]}]}, "c"),
        ({"Fn::Select": [{"Ref": "Number"}, {"Ref": "List"}]}, "z"),
        ({"Fn::Select": ["0", {"Fn::GetAtt": ["A", "List"]}]}, "l1"),
        ({"Fn::FindInMap": ["M", {"Ref": "Text"}, "k"]}, "found"),
        ({"Fn::Base64": {"Ref": "Text"}}, "YWJj"),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b"]),
        ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, ["eu-west-1a", "eu-west-1b"]),
        ({"Fn::Cidr": ["10.0.0.0/16", 3, 8]}, ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]),
        ({"Fn::Cidr": ["10.0.0.0/24", "2", "5"]}, ["10.0.0.0/27", "10.0.0.32/27"]),
        ({"Fn::If": ["Yes", "a", "b"]}, "a"),
        ({"Fn::If": ["Both", "a", "b"]}, "b"),
        ({"Fn::If": ["One", "a", "b"]}, "a"),
        ({"k": {"Fn::If": ["No", "x", {"Ref": "AWS::NoValue"}]}, "l": 1}, {"l": 1}),
        (["a", {"Ref": "AWS::NoValue"}, "b"], ["a", "b"]),
        ("p-{{resolve:ssm:/a:3}}-s", "p-</a:3>-s"),
        ({"Fn::Sub": "{{resolve:ssm:/${Text}}}"}, "</abc>"),
        ({"Statement": {"Condition": {"Bool": True}}}, {"Statement": {"Condition": {"Bool": True}}}),
        ({"Fn::Split": [",", {"Ref": "Unknown"}]}, UNKNOWN),
        ({"Fn::Select": [0, {"Ref": "Unknown"}]}, UNKNOWN),
        ({"Fn::Join": ["-", ["a", {"Ref": "Unknown"}]]}, f"a-{UNKNOWN}"),
    ],
)
def test_a_function_resolves_to_its_value(value: Any, result: Any) -> None:
    assert resolver().resolve(value) == result


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Fn::Select": [3, {"Ref": "List"}]}, "Fn::Select cannot select nonexistent value at index 3"),
        ({"Fn::FindInMap": ["M", "abc", "none"]}, "Unable to get mapping for M::abc::none"),
        ({"Fn::Cidr": ["10.0.0.0/24", 3, 7]}, "10.0.0.0/24 has room for 2 blocks, not 3"),
        ({"Fn::Cidr": ["10.0.0.1/24", 1, 7]}, "has host bits set"),
        ({"Fn::Sub": "${List}"}, "variable List in Fn::Sub expression does not resolve to a string"),
        ({"Fn::Join": ["-", "text"]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Split": [",", {"Ref": "List"}]}, "Fn::Split requires two string parameters"),
        ({"Fn::If": ["Yes", "a"]}, "Fn::If requires a list argument with 3 elements"),
        ({"Fn::ToJsonString": {}}, "function Fn::ToJsonString is not supported by the local AWS"),
        ("{{resolve:secretsmanager:x}}", "{{resolve:secretsmanager:…}} is not supported by the local AWS"),
    ],
)
def test_a_function_refuses_what_it_cannot_resolve(value: Any, text: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(text)):
        resolver().resolve(value)

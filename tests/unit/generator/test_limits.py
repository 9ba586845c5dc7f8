"""The limits of a template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.limits import LimitBroken, check, size


def template(resources: int = 1, description: str = "", **sections: Any) -> str:
    made = {f"R{index}": {"Type": "AWS::SNS::Topic"} for index in range(resources)}
    return json.dumps({"Description": description, "Resources": made, **sections})


def test_the_size_of_a_template_is_counted() -> None:
    text = template(3, Parameters={"A": {}}, Outputs={"B": {}, "C": {}})
    assert size(text) == {"bytes": len(text), "resources": 3, "parameters": 1, "outputs": 2}


def test_a_template_within_the_limits_passes() -> None:
    check({"root.json": template(450)})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (template(451), "451 resources, the limit is 450"),
        (template(Parameters={str(index): {} for index in range(201)}), "201 parameters, the limit is 200"),
        (template(Outputs={str(index): {} for index in range(201)}), "201 outputs, the limit is 200"),
        (template(description="x" * 460_000), "460069 bytes, the limit is 460000"),
        (
            json.dumps(
                {
                    "Resources": {
                        "Nodes": {
                            "Type": "AWS::EC2::LaunchTemplate",
                            "Properties": {"LaunchTemplateData": {"UserData": {"Fn::Base64": {"Fn::Sub": "x" * 4097}}}},
                        }
                    }
                }
            ),
            "4097 bytes of user data in Nodes, the limit is 4096",
        ),
    ],
)
def test_a_template_beyond_a_limit_is_named_with_the_limit(text: str, line: str) -> None:
    with pytest.raises(LimitBroken) as broken:
        check({"root.json": template(), "network.json": text})
    assert str(broken.value) == f"network.json: {line}"

"""Parameters as a person gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployment import parameters
from deployment.refusal import Refusal

TEMPLATE: dict[str, Any] = {
    "Resources": {},
    "Parameters": {"Zones": {}, "Image": {}, "Days": {"Type": "Number", "Default": 90}},
}
POOLS: dict[str, Any] = {
    "Resources": {},
    "Parameters": {
        "Days": {"Type": "Number", "Default": 90},
        "GeneralMinSize": {"Type": "Number", "Default": 2, "MinValue": 0, "MaxValue": 999},
        "GeneralMaxSize": {"Type": "Number", "Default": 10, "MinValue": 1, "MaxValue": 1000},
        "GpuMinSize": {"Type": "Number", "Default": 0, "MinValue": 0, "MaxValue": 999},
        "GpuMaxSize": {"Type": "Number", "Default": 1, "MinValue": 1, "MaxValue": 1000},
    },
}
ROOM = "an update needs room for one more node"


@pytest.mark.parametrize(
    "content",
    [
        {"Zones": ["a", "b"], "Days": 30},
        [{"ParameterKey": "Zones", "ParameterValue": "a,b"}, {"ParameterKey": "Days", "ParameterValue": "30"}],
    ],
    ids=["object", "list of the AWS CLI"],
)
def test_a_file_is_an_object_or_the_list_of_the_aws_cli(tmp_path: Path, content: object) -> None:
    file = tmp_path / "params.json"
    file.write_text(json.dumps(content))
    assert parameters.read(file, []) == {"Zones": "a,b", "Days": "30"}


def test_an_override_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text('{"Image": "ami-1"}')
    assert parameters.read(file, ["Image=ami-2=x"]) == {"Image": "ami-2=x"}


@pytest.mark.parametrize("content", ["{", "3", '[{"Key": "a"}]', '{"a": null}', '{"a": {"b": "c"}}'])
def test_another_file_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "params.json"
    file.write_text(content)
    with pytest.raises(Refusal, match=r"params\.json"):
        parameters.read(file, [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{\n"a": 1,\n}', ":3: this is no JSON"),
        (b"", ":1: this is no JSON"),
        (b'{"a": null}', ": a: given null; allowed: a text, a whole number, or a list of texts"),
        (b'{"a": ["b", 1.5]}', ": a: given 1.5; allowed:"),
        (b"\xff", ": this is no text in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_line_or_key(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "params.json"
    file.write_bytes(content)
    with pytest.raises(Refusal) as refused:
        parameters.read(file, [])
    assert str(refused.value).startswith(f"{file}{words}")


@pytest.mark.parametrize(
    "content",
    [
        '{"Days": "1", "Zones": ["a"], "Days": "1"}',
        '[{"ParameterKey": "Days", "ParameterValue": "1"}, {"ParameterKey": "Days", "ParameterValue": "2"}]',
        '[{"ParameterKey": "Days", "ParameterValue": "1", "ParameterValue": "2"}]',
    ],
)
def test_a_key_that_stands_twice_in_a_file_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "params.json"
    file.write_text(content)
    with pytest.raises(Refusal) as refused:
        parameters.read(file, [])
    key = "ParameterValue" if content.count("Days") == 1 else "Days"
    assert str(refused.value) == f"{file}: {key} stands twice; allowed: each key once"


def test_a_key_that_is_given_twice_on_the_command_line_is_refused_in_one_line() -> None:
    with pytest.raises(Refusal) as refused:
        parameters.read(None, ["Days=1", "Zones=a", "Days=2"])
    assert str(refused.value) == "SET: Days stands twice; allowed: each key once"


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"absent\.json: no such file or directory$"):
        parameters.read(tmp_path / "absent.json", [])


def test_a_name_that_the_template_lacks_is_refused_with_the_names_that_it_has() -> None:
    with pytest.raises(Refusal, match="no such parameter: Zone; the template has Days, Image, Zones"):
        parameters.for_stack(TEMPLATE, {"Zone": "a"})


def test_every_parameter_without_a_value_is_named_at_once() -> None:
    with pytest.raises(Refusal, match="a value is needed for Zones, Image"):
        parameters.for_stack(TEMPLATE, {})


def test_an_update_keeps_the_value_of_whatever_is_not_given() -> None:
    assert parameters.for_stack(
        TEMPLATE, {"Image": "ami-2"}, existing={"Zones": "a", "Image": "ami-1", "Days": "1"}
    ) == [
        {"ParameterKey": "Zones", "UsePreviousValue": True},
        {"ParameterKey": "Image", "ParameterValue": "ami-2"},
        {"ParameterKey": "Days", "UsePreviousValue": True},
    ]


def test_a_parameter_that_an_update_brings_takes_its_default() -> None:
    request = parameters.for_stack(TEMPLATE, {}, existing={"Zones": "a", "Image": "ami-1"})
    assert [entry["ParameterKey"] for entry in request] == ["Zones", "Image"]


@pytest.mark.parametrize(
    ("given", "existing", "line"),
    [
        (
            {"GeneralMinSize": "10"},
            {},
            f"GeneralMinSize: given 10; allowed: 0 to 9, less than GeneralMaxSize (10): {ROOM}",
        ),
        (
            {"GeneralMaxSize": "2"},
            {},
            f"GeneralMaxSize: given 2; allowed: 3 to 1000, more than GeneralMinSize (2): {ROOM}",
        ),
        (
            {"GeneralMinSize": "9", "GeneralMaxSize": "4"},
            {},
            f"GeneralMaxSize: given 4; allowed: 10 to 1000, more than GeneralMinSize (9): {ROOM}",
        ),
        # What an update keeps counts, and not the default.
        (
            {"GeneralMinSize": "4"},
            {"GeneralMaxSize": "4"},
            f"GeneralMinSize: given 4; allowed: 0 to 3, less than GeneralMaxSize (4): {ROOM}",
        ),
        (
            {"Days": "1"},
            {"GeneralMinSize": "4", "GeneralMaxSize": "4"},
            f"GeneralMaxSize: given 4; allowed: 5 to 1000, more than GeneralMinSize (4): {ROOM}",
        ),
        (
            {"GeneralMinSize": "0", "GeneralMaxSize": "0"},
            {},
            "GeneralMaxSize: given 0; allowed: a whole number from 1 to 1000",
        ),
        ({"GeneralMinSize": "two"}, {}, "GeneralMinSize: given two; allowed: a whole number from 0 to 999"),
        ({"GeneralMaxSize": "2.5"}, {}, "GeneralMaxSize: given 2.5; allowed: a whole number from 1 to 1000"),
    ],
)
def test_sizes_that_leave_no_room_for_an_update_are_refused_in_one_line(
    given: dict[str, str], existing: dict[str, str], line: str
) -> None:
    with pytest.raises(Refusal) as refused:
        parameters.for_stack(POOLS, given, existing)
    assert str(refused.value) == line


def test_each_pool_is_asked_for_its_own_sizes() -> None:
    with pytest.raises(Refusal) as refused:
        parameters.check(POOLS, {"GeneralMinSize": "50", "GpuMaxSize": "0"})
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "GeneralMinSize",
        "GpuMaxSize",
    ]


@pytest.mark.parametrize("sizes", [("0", "1"), ("2", "3"), ("999", "1000")])
def test_one_node_more_is_room_enough(sizes: tuple[str, str]) -> None:
    parameters.check(POOLS, dict(zip(("GeneralMinSize", "GeneralMaxSize"), sizes, strict=True)))


@pytest.mark.parametrize("tag", ["owner", "=x"])
def test_a_tag_of_another_form_is_refused(tag: str) -> None:
    with pytest.raises(Refusal, match="Key=Value"):
        parameters.tags([tag])


def test_defaults_that_changed_while_the_stack_keeps_its_values_are_told_with_what_applies_them() -> None:
    def declared(**defaults: int) -> dict[str, Any]:
        return {"Parameters": {name: {"Default": default} for name, default in defaults.items()}}

    before, after = declared(A=60, B=1, C=5, D=1), declared(A=70, B=1, C=6, D=2, New=1)
    existing = {"A": "60", "B": "7", "C": "6", "D": "1"}
    found = parameters.kept_values(before, after, {"D": "1"}, existing)
    assert [each.line for each in found] == ["A stays 60 (the template's default is now 70): SET=A=70"]
    assert parameters.kept_values(after, after, {}, existing) == []

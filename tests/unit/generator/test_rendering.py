"""The text of a template, and what of it is more than words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from troposphere import Equals, Output, Parameter, Ref, Template
from troposphere.sqs import Queue

from generator import rendering


def a_template(**words: str) -> Template:
    """Everything in it was added in the wrong order."""
    template = Template()
    template.add_output(Output("Name", Value="x", Description=words.get("output", "An output")))
    template.add_resource(
        Queue(
            "Queue",
            QueueName=Ref("Name"),
            Metadata={"Reason": words.get("reason", "none")},
            DeletionPolicy="Retain",
            DependsOn=["Other"],
            Condition="Named",
        )
    )
    template.add_condition("Named", Equals(Ref("Name"), "named"))
    template.add_rule("Any", {"Assertions": [], "RuleCondition": {}})
    template.add_parameter(
        Parameter(
            "Name",
            AllowedPattern=words.get("pattern", ".*"),
            Default="",
            Description=words.get("parameter", "A parameter"),
            Type="String",
        )
    )
    template.set_metadata({"About": words.get("metadata", "this")})
    template.set_description(words.get("description", "A template"))
    template.set_version("2010-09-09")
    return template


def rendered() -> dict[str, Any]:
    body: dict[str, Any] = json.loads(rendering.text(a_template()))
    return body


def test_sections_stand_in_the_order_of_people() -> None:
    assert list(rendered()) == [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Conditions",
        "Resources",
        "Outputs",
    ]


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        (("Parameters", "Name"), ["Type", "Description", "Default", "AllowedPattern"]),
        (("Rules", "Any"), ["RuleCondition", "Assertions"]),
        (
            ("Resources", "Queue"),
            ["Type", "Condition", "DependsOn", "DeletionPolicy", "Metadata", "Properties"],
        ),
        (("Outputs", "Name"), ["Description", "Value"]),
    ],
)
def test_an_entry_says_first_what_it_is(path: tuple[str, str], keys: list[str]) -> None:
    section, name = path
    assert list(rendered()[section][name]) == keys


def test_nothing_is_lost_and_the_text_ends_with_a_line() -> None:
    assert rendered() == a_template().to_dict()
    assert rendering.text(a_template()).endswith("\n}\n")
    assert '\n  "Description": "A template"' in rendering.text(a_template())


@pytest.mark.parametrize("word", ["description", "metadata", "parameter", "output"])
def test_words_have_no_effect(word: str) -> None:
    assert rendering.effect(a_template(**{word: "Other words"})) == rendering.effect(a_template())


@pytest.mark.parametrize("what", ["pattern", "reason"])
def test_what_is_no_word_has_an_effect(what: str) -> None:
    assert rendering.effect(a_template(**{what: "[a-z]*"})) != rendering.effect(a_template())

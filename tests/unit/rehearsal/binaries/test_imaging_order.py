"""Which steps of component documents are executed, in which order and with which values."""

from __future__ import annotations

import pytest

from imagebuilder.components import Component
from rehearsal.binaries.imaging.order import Task, WrongParameters, tasks


def _component(name: str, script: str = "true", **parameters: dict[str, str]) -> Component:
    phases = [
        {
            "name": phase,
            "steps": [
                {
                    "name": "step",
                    "action": "ExecuteBash",
                    "timeoutSeconds": 5,
                    "inputs": {"commands": [script, "echo end"]},
                }
            ],
        }
        for phase in ("build", "validate")
    ]
    declared = [{each: {"type": "string", **fields}} for each, fields in parameters.items()]
    return Component(name, name, {"schemaVersion": "1.0", "parameters": declared, "phases": phases})


def test_a_phase_ends_in_all_components_before_the_next_begins() -> None:
    found = [each.label for each in tasks([_component("a"), _component("b")], ("build", "validate"), {}, {})]
    assert found == ["a/build/step", "b/build/step", "a/validate/step", "b/validate/step"]


def test_components_and_steps_are_left_out_by_name_and_a_name_that_there_is_not_is_an_error() -> None:
    made = [_component("a"), _component("b")]
    skipped = {"a": "a reason", "b/build/step": "another"}
    assert [each.label for each in tasks(made, ("build", "validate"), {}, skipped)] == ["b/validate/step"]
    # A step of a phase that is not executed now is no unknown one.
    assert len(list(tasks(made, ("validate",), {}, {"b/build/step": "another"}))) == 2
    with pytest.raises(KeyError, match="to be skipped, and not there: b/build/other"):
        list(tasks(made, ("build",), {}, {"b/build/other": "a reason"}))


def test_parameters_are_put_in_by_name_whatever_the_spaces() -> None:
    made = _component("a", "echo {{ Given}} {{Default }} {{Given}}", Given={}, Default={"default": "d"})
    (task,) = tasks([made], ("build",), {"Given": "g", "Other": "o"}, {})
    assert task == Task("a/build/step", "echo g d g\necho end", 5)


def test_a_value_that_nobody_gives_is_an_error() -> None:
    with pytest.raises(WrongParameters, match=r"^a: no value for the parameter Given$"):
        list(tasks([_component("a", Given={})], ("build",), {}, {}))
    said = r"^a/build/step: refers to Other, which is no parameter of its component$"
    with pytest.raises(WrongParameters, match=said):
        list(tasks([_component("a", "echo {{ Other }}")], ("build",), {"Other": "o"}, {}))

"""A runbook: what Systems Manager Automation takes of one, and what of that is played.

Systems Manager guide, "Systems Manager Automation actions reference" and "Data elements and parameters"; whatever else
AWS knows is refused by its name, so that nobody takes it for played.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]

EXECUTE = "aws:executeAwsApi"
WAIT = "aws:waitForAwsResourceProperty"
ASSERT = "aws:assertAwsResourceProperty"
ACTIONS = frozenset({EXECUTE, WAIT, ASSERT})
WAIT_SECONDS = 3600.0
"""How long a waiting step waits where it does not say so (guide, "aws:waitForAwsResourceProperty")."""
_TOP = frozenset("assumeRole description mainSteps outputs parameters schemaVersion".split())
_STEP = frozenset("action description inputs isCritical isEnd name onFailure outputs timeoutSeconds".split())
_PARAMETER = frozenset("allowedPattern allowedValues default description type".split())
_OUTPUT = frozenset({"Name", "Selector", "Type"})
_SELECTOR = re.compile(r"\$(\.\w+)+")
_VARIABLE = re.compile(r"\{\{\s*([\w:.]+)\s*\}\}")


class DocumentError(Exception):
    """A runbook that Systems Manager would refuse, or that is not played."""


class Missing(Exception):
    """A selector that finds nothing in an answer."""


@dataclass(frozen=True)
class Step:
    """One step; `following` is the name of the next one, empty at the end, and `on_failure` that after a failure."""

    name: str
    action: str
    inputs: Values
    outputs: Mapping[str, str]
    """Selectors by name."""
    seconds: float
    following: str
    on_failure: str


@dataclass(frozen=True)
class Runbook:
    """A document of type Automation."""

    assume_role: str
    parameters: Mapping[str, Values]
    steps: Mapping[str, Step]
    """In their order."""
    outputs: tuple[str, ...]


def read(content: str | Values) -> Runbook:
    """The runbook of a document's content. Raises DocumentError."""
    try:
        given: Values = json.loads(content) if isinstance(content, str) else content
    except ValueError as error:
        raise DocumentError(f"Content has to be JSON: {error}") from None
    _only(given, _TOP, "Content")
    if given.get("schemaVersion") != "0.3":
        raise DocumentError("Content.schemaVersion has to be 0.3, that of runbooks")
    parameters: Mapping[str, Values] = given.get("parameters") or {}
    for name, each in parameters.items():
        _only(each, _PARAMETER, f"Content.parameters.{name}")
        if each.get("type") != "String":
            raise DocumentError(f"Content.parameters.{name}.type has to be String: the local AWS plays no other")
    listed = given.get("mainSteps") or []
    names = [str(each.get("name")) for each in listed]
    if not names or len(set(names)) < len(names):
        raise DocumentError("Content.mainSteps has to hold steps, each with a name of its own")
    followed = zip(listed, [*names[1:], ""], strict=True)
    steps = {str(each["name"]): _step(each, following, names) for each, following in followed}
    runbook = Runbook(str(given.get("assumeRole", "")), parameters, steps, tuple(given.get("outputs") or ()))
    _check_variables(given, runbook)
    return runbook


def filled(value: Any, known: Callable[[str], str]) -> Any:
    """The value with what its variables stand for. Raises DocumentError for one that stands for nothing."""
    if isinstance(value, Mapping):
        return {key: filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    return _VARIABLE.sub(lambda found: known(found[1]), value) if isinstance(value, str) else value


def selected(answer: Values, selector: str) -> str:
    """What a selector finds in an API's answer, as text. Raises Missing."""
    found: Any = answer
    for name in selector.split(".")[1:]:
        if not isinstance(found, Mapping) or name not in found:
            raise Missing(selector)
        found = found[name]
    return found if isinstance(found, str) else json.dumps(found, default=str)


def checked(runbook: Runbook, given: Mapping[str, list[str]]) -> dict[str, str]:
    """The values of a runbook's parameters. Raises DocumentError for what is missing, unknown or not allowed."""
    if unknown := sorted(given.keys() - runbook.parameters.keys()):
        raise DocumentError(f"Parameter {unknown[0]} is not declared in the document.")
    values: dict[str, str] = {}
    for name, declared in runbook.parameters.items():
        if name not in given and "default" not in declared:
            raise DocumentError(f"Parameter {name} is missing.")
        listed = given.get(name, [declared.get("default", "")])
        if len(listed) != 1:
            raise DocumentError(f"Parameter {name} has to have one value.")
        (value,) = listed
        pattern, allowed = declared.get("allowedPattern"), declared.get("allowedValues")
        if (pattern and not re.fullmatch(pattern, value)) or (allowed and value not in allowed):
            raise DocumentError(f"Parameter {name} is {value!r}, allowed: {pattern or allowed}")
        values[name] = value
    return values


def _step(given: Values, following: str, names: list[str]) -> Step:
    name = str(given["name"])
    _only(given, _STEP, f"step {name}")
    inputs: dict[str, Any] = dict(given.get("inputs") or {})
    if given.get("action") not in ACTIONS:
        raise DocumentError(f"step {name}: the local AWS does not play the action {given.get('action')}")
    if not {"Service", "Api"} <= inputs.keys():
        raise DocumentError(f"step {name}: inputs have to name Service and Api")
    if (given["action"] != EXECUTE) != ({"PropertySelector", "DesiredValues"} <= inputs.keys()):
        raise DocumentError(f"step {name}: PropertySelector and DesiredValues belong to steps that wait or assert")
    on_failure = str(given.get("onFailure", "Abort"))
    if on_failure.startswith("step:") and on_failure.removeprefix("step:") not in names:
        raise DocumentError(f"step {name}: onFailure names no step")
    if not on_failure.startswith("step:") and on_failure != "Abort":
        raise DocumentError(f"step {name}: the local AWS does not play onFailure {on_failure}")
    outputs = {}
    for each in given.get("outputs") or ():
        _only(each, _OUTPUT, f"step {name}, outputs")
        outputs[str(each["Name"])] = str(each["Selector"])
    for selector in (*outputs.values(), inputs.get("PropertySelector", "$.none")):
        if not _SELECTOR.fullmatch(selector):
            raise DocumentError(f"step {name}: the local AWS does not play the selector {selector}")
    return Step(
        name,
        str(given["action"]),
        inputs,
        outputs,
        float(given.get("timeoutSeconds", WAIT_SECONDS)),
        "" if given.get("isEnd") else following,
        on_failure.removeprefix("step:") if on_failure.startswith("step:") else "",
    )


def _check_variables(given: Values, runbook: Runbook) -> None:
    outputs = {f"{step.name}.{name}" for step in runbook.steps.values() for name in step.outputs}
    known = {*runbook.parameters, *outputs, "automation:EXECUTION_ID"}
    used = set(_VARIABLE.findall(json.dumps({"steps": given["mainSteps"], "role": given.get("assumeRole", "")})))
    if missing := sorted((used - known) | (set(runbook.outputs) - outputs)):
        raise DocumentError(f"{missing[0]} is neither a parameter nor the output of a step")


def _only(given: Values, names: frozenset[str], where: str) -> None:
    if others := sorted(given.keys() - names):
        raise DocumentError(f"{where}: the local AWS does not play {others[0]}")

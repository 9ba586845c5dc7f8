"""What is to be executed of component documents: the steps of phases, in order, with their parameters put in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagebuilder.components import Component
from imagebuilder.components.document import PHASES

# AWSTOE: spaces in the braces do not matter (toe-user-defined-variables.html).
_REFERENCE = re.compile(r"\{\{\s*([A-Za-z0-9_-]+)\s*\}\}")


class WrongParameters(ValueError):
    """A component lacks a value, or refers to a parameter that it does not declare. The message is one line."""


@dataclass(frozen=True)
class Task:
    """One step to execute."""

    label: str
    """component/phase/step."""
    script: str
    timeout_seconds: int


Skipped = Mapping[str, str]
"""The labels of steps, or of whole components, that cannot be executed -> the reason."""


def tasks(
    components: Iterable[Component], phases: Iterable[str], parameters: Mapping[str, str], skipped: Skipped
) -> Iterator[Task]:
    """The steps of each phase of all components, then those of the next phase: Image Builder's order. WrongParameters.

    What nobody executes is not in it. KeyError for a name in `skipped` that there is not.
    """
    found = list(components)
    names = {label for each in found for phase in PHASES for label, _ in _steps(each, phase)} | {e.name for e in found}
    if wrong := skipped.keys() - names:
        raise KeyError(f"to be skipped, and not there: {', '.join(sorted(wrong))}")
    for phase in phases:
        for each in found:
            for label, step in _steps(each, phase):
                if not {each.name, label} & skipped.keys():
                    script = "\n".join(step["inputs"]["commands"])
                    yield Task(label, _filled(label, script, _values(each, parameters)), step["timeoutSeconds"])


def _steps(component: Component, phase: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    document: Mapping[str, Any] = component.document
    for each in document["phases"]:
        if each["name"] == phase:
            for step in each["steps"]:
                yield f"{component.name}/{phase}/{step['name']}", step


def _values(component: Component, given: Mapping[str, str]) -> dict[str, str]:
    document: Mapping[str, Any] = component.document
    values = {}
    for declared in document.get("parameters", ()):
        for name, parameter in declared.items():
            if name in given:
                values[name] = given[name]
            elif "default" in parameter:
                values[name] = parameter["default"]
            else:
                raise WrongParameters(f"{component.name}: no value for the parameter {name}")
    return values


def _filled(label: str, script: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise WrongParameters(f"{label}: refers to {match[1]}, which is no parameter of its component")
        return values[match[1]]

    return _REFERENCE.sub(value, script)

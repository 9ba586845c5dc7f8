"""A stack's parameters: read from a file and the command line, checked against the template before AWS sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deployment import agreement, constraints, template_rules
from deployment.refusal import Refusal
from deployment.templates import Body

_NONE: Mapping[str, str] = MappingProxyType({})


def read(path: Path | None, overrides: Sequence[str]) -> dict[str, str]:
    """The given values: those of the JSON file, then `Key=Value` overrides.

    The file is an object ({"Key": "value", "Other": ["a", "b"]}) or the AWS CLI's list of ParameterKey and
    ParameterValue. Lists become CloudFormation's comma-separated text. Raises Refusal with the file's name, and for a
    key that stands twice in the file, or twice among the overrides.
    """
    given = _from_file(path) if path else {}
    pairs: list[tuple[str, str]] = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not (key and equals):
            raise Refusal(f"a parameter is given as Key=Value, not {override!r}")
        pairs.append((key, value))
    return given | _once(pairs, "SET")


def _once(pairs: Sequence[tuple[str, Any]], place: str) -> dict[str, Any]:
    """The pairs as an object. Raises Refusal with the place for a key that stands twice: one value would be lost."""
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise Refusal(f"{place}: {twice} stands twice; allowed: each key once")
    return dict(pairs)


def _from_file(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=lambda pairs: _once(pairs, str(path)))
    except json.JSONDecodeError as error:
        raise Refusal(f"{path}:{error.lineno}: this is no JSON: {error.msg}, at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path}: this is no text in UTF-8") from error
    except OSError as error:
        raise Refusal(f"{path}: {(error.strerror or str(error)).lower()}") from error
    try:
        if isinstance(content, list):
            content = _once([(entry["ParameterKey"], entry["ParameterValue"]) for entry in content], str(path))
        pairs = list(content.items())
    except (AttributeError, KeyError, TypeError) as error:
        raise Refusal(
            f'{path}: expected {{"Key": "value"}} or the AWS CLI\'s list of ParameterKey and ParameterValue'
        ) from error
    return {key: _text(value, f"{path}: {key}") for key, value in pairs}


def _text(value: Any, place: str) -> str:
    """Raises Refusal with the place for what is no text, number, truth or list of them."""
    if isinstance(value, list):
        return ",".join(_text(item, place) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise Refusal(f"{place}: given {json.dumps(value)}; allowed: a text, a whole number, or a list of texts")


def check(template: Body, given: Mapping[str, str], existing: Mapping[str, str] = _NONE) -> None:
    """`check_tree` of a root template alone, without what only its nested templates tell."""
    check_tree({"": template}, given, existing)


def check_tree(bodies: Mapping[str, Body], given: Mapping[str, str], existing: Mapping[str, str] = _NONE) -> None:
    """Raises Refusal, a line for each thing that is wrong, where CloudFormation or a service would refuse the values.

    `bodies` are the root template under "" and its nested ones under their logical ids, as `templates.tree` reads
    them; `existing` are the parameters that the stack has now, whose values an update keeps. Names that the template
    lacks, and parameters without a value, are told before anything else is looked at.
    """
    refuse_unknown(bodies[""], given)
    declared: Mapping[str, Any] = bodies[""].get("Parameters", {})
    missing = [
        name for name, body in declared.items() if name not in given and name not in existing and "Default" not in body
    ]
    if missing:
        raise Refusal(f"a value is needed for {', '.join(missing)}: put it into the file of PARAMS=, or SET=Key=Value")
    lines = wrong_values(bodies, given, existing)
    if lines:
        raise Refusal("\n".join(lines))


def refuse_unknown(template: Body, given: Mapping[str, str]) -> None:
    """Raises Refusal where the template lacks one of the names."""
    declared: Mapping[str, Any] = template.get("Parameters", {})
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise Refusal(f"no such parameter: {', '.join(unknown)}; the template has {', '.join(sorted(declared))}")


def wrong_values(
    bodies: Mapping[str, Body], given: Mapping[str, str], existing: Mapping[str, str] = _NONE
) -> list[str]:
    """A line for each value that breaks a constraint of its parameter or a rule, or does not go with the others."""
    template = bodies[""]
    now = values(template, given, existing)
    declared = template.get("Parameters", {})
    alone = list(constraints.problems(declared, now))
    wrong = {problem.parameter for problem in alone}
    order = {name: number for number, name in enumerate(declared)}
    found = [*alone, *agreement.problems(bodies, now, set(given), wrong)]
    found.sort(key=lambda problem: order[problem.parameter.partition(",")[0]])
    told = {name for problem in found for name in problem.parameter.split(", ")}
    rules = [rule for rule in template_rules.broken(template, now) if not rule.parameters & told]
    return [problem.line for problem in found] + [f"{rule.name}: {rule.description}" for rule in rules]


def values(template: Body, given: Mapping[str, str], existing: Mapping[str, str] = _NONE) -> dict[str, str]:
    """What every parameter of the template has after a deploy: the given value, or else the stack's own, or the
    default. Parameters without any of them are left out."""
    declared: Mapping[str, Any] = template.get("Parameters", {})
    defaults = {name: str(body["Default"]) for name, body in declared.items() if "Default" in body}
    return defaults | {name: value for name, value in {**existing, **given}.items() if name in declared}


@dataclass(frozen=True)
class KeptValue:
    """A parameter whose default has changed while the stack keeps its value."""

    name: str
    value: str
    default: str

    @property
    def line(self) -> str:
        """It for a person, with what to type for the new default."""
        return (
            f"{self.name} stays {self.value or 'empty'} (the template's default is now {self.default or 'empty'}): "
            f"SET={self.name}={self.default}"
        )


def kept_values(
    before: Mapping[str, Any], template: Mapping[str, Any], given: Mapping[str, str], existing: Mapping[str, str]
) -> list[KeptValue]:
    """The parameters of which only the default changes, from the template `before` to the next one: none of them is
    given, and an update keeps what the stack has."""
    old, new = (
        {name: str(body["Default"]) for name, body in each.get("Parameters", {}).items() if "Default" in body}
        for each in (before, template)
    )
    return [
        KeptValue(name, existing[name], default)
        for name, default in new.items()
        if name in existing and name not in given and old.get(name, default) != default != existing[name]
    ]


def for_stack(template: Body, given: Mapping[str, str], existing: Mapping[str, str] = _NONE) -> list[dict[str, Any]]:
    """The Parameters of a request: what is given, and for an update the previous value of everything else.

    Raises Refusal as `check` does.
    """
    check(template, given, existing)
    request: list[dict[str, Any]] = []
    for name in template.get("Parameters", {}):
        if name in given:
            request.append({"ParameterKey": name, "ParameterValue": given[name]})
        elif name in existing:
            request.append({"ParameterKey": name, "UsePreviousValue": True})
    return request


def tags(given: Sequence[str]) -> list[dict[str, str]]:
    """Stack tags from `Key=Value` words; raises Refusal for any other form."""
    pairs = [word.partition("=") for word in given]
    wrong = [word for word, pair in zip(given, pairs, strict=True) if not (pair[0] and pair[1])]
    if wrong:
        raise Refusal(f"a tag is given as Key=Value, not {wrong[0]!r}")
    return [{"Key": key, "Value": value} for key, _, value in pairs]

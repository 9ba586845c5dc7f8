"""A stack's parameters: read from a file and the command line, checked against the template before AWS sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deployment.refusal import Refusal

_NONE: Mapping[str, str] = MappingProxyType({})


def read(path: Path | None, overrides: Sequence[str]) -> dict[str, str]:
    """The given values: those of the JSON file, then `Key=Value` overrides.

    The file is an object ({"Key": "value", "Other": ["a", "b"]}) or the AWS CLI's list of ParameterKey and
    ParameterValue. Lists become CloudFormation's comma-separated text. Raises Refusal with the file's name.
    """
    given = _from_file(path) if path else {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not (key and equals):
            raise Refusal(f"a parameter is given as Key=Value, not {override!r}")
        given[key] = value
    return given


def _from_file(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refusal(f"{path}: {error}") from error
    try:
        if isinstance(content, list):
            content = {entry["ParameterKey"]: entry["ParameterValue"] for entry in content}
        return {key: _text(value) for key, value in content.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise Refusal(
            f'{path}: expected {{"Key": "value"}} or the AWS CLI\'s list of ParameterKey and ParameterValue'
        ) from error


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise TypeError(value)


def check(template: Mapping[str, Any], given: Mapping[str, str], existing: Mapping[str, str] = _NONE) -> None:
    """Raises Refusal for every name that the template lacks, every parameter without a value, every pool's wrong size.

    `existing` are the parameters that the stack has now, whose values an update keeps.
    """
    declared: Mapping[str, Any] = template.get("Parameters", {})
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise Refusal(f"no such parameter: {', '.join(unknown)}; the template has {', '.join(sorted(declared))}")
    missing = [
        name for name, body in declared.items() if name not in given and name not in existing and "Default" not in body
    ]
    if missing:
        raise Refusal(f"a value is needed for {', '.join(missing)}: put it into the file of PARAMS=, or SET=Key=Value")
    wrong = list(_wrong_sizes(declared, given, existing))
    if wrong:
        raise Refusal("; ".join(wrong))


def values(
    template: Mapping[str, Any], given: Mapping[str, str], existing: Mapping[str, str] = _NONE
) -> dict[str, str]:
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


def _wrong_sizes(declared: Mapping[str, Any], given: Mapping[str, str], existing: Mapping[str, str]) -> Iterator[str]:
    """What CloudFormation or Auto Scaling would refuse half-way, or only at the next update, pool by pool.

    An update keeps MinSize nodes of a pool in service, which CloudFormation wants to be less than MaxSize.
    """
    counts = values({"Parameters": declared}, given, existing)
    for smallest in declared:
        largest = f"{smallest.removesuffix('MinSize')}MaxSize"
        if not smallest.endswith("MinSize") or largest not in declared:
            continue
        outside = [name for name in (smallest, largest) if not _is_within(counts[name], declared[name])]
        for name in outside:
            low, high = (declared[name].get(bound) for bound in ("MinValue", "MaxValue"))
            yield f"{name}: given {counts[name]}; allowed: a whole number from {low} to {high}"
        least, most = (counts[name] for name in (smallest, largest))
        if outside or int(least) < int(most):
            continue
        why = "an update needs room for one more node"
        if smallest in given and largest not in given:
            yield f"{smallest}: given {least}; allowed: 0 to {int(most) - 1}, less than {largest} ({most}): {why}"
        else:
            above = f"{int(least) + 1} to {declared[largest]['MaxValue']}"
            yield f"{largest}: given {most}; allowed: {above}, more than {smallest} ({least}): {why}"


def _is_within(text: str, declared: Mapping[str, Any]) -> bool:
    """Whether a text is a whole number between the bounds of its parameter."""
    return bool(re.fullmatch("[0-9]+", text)) and declared["MinValue"] <= int(text) <= declared["MaxValue"]


def for_stack(
    template: Mapping[str, Any], given: Mapping[str, str], existing: Mapping[str, str] = _NONE
) -> list[dict[str, Any]]:
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

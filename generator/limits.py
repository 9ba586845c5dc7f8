"""Limits that a template may never reach, whatever the configuration: a broken one is a fault of the generator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from generator.user_data import MAX_USER_DATA_BYTES

# CloudFormation takes 1 MB, 500 resources, 200 parameters and 200 outputs per template
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html); the first two are kept
# at a distance, because packaging and later layers add to them.
MAX_TEMPLATE_BYTES = 460_000
MAX_RESOURCES = 450
MAX_PARAMETERS = 200
MAX_OUTPUTS = 200


class LimitBroken(Exception):
    """A generated template is beyond a limit; the message has one line per template and limit."""


def size(text: str) -> dict[str, int]:
    """How large a template is: bytes, resources, parameters, outputs."""
    template = json.loads(text)
    sections = ("Resources", "Parameters", "Outputs")
    return {"bytes": len(text.encode()), **{section.lower(): len(template.get(section, {})) for section in sections}}


def check(templates: Mapping[str, str]) -> None:
    """Raises LimitBroken when a template is beyond a limit."""
    broken = [f"{name}: {line}" for name, text in templates.items() for line in _broken(text)]
    if broken:
        raise LimitBroken("\n".join(broken))


def _broken(text: str) -> Iterator[str]:
    measured = size(text)
    limits = {
        "bytes": MAX_TEMPLATE_BYTES,
        "resources": MAX_RESOURCES,
        "parameters": MAX_PARAMETERS,
        "outputs": MAX_OUTPUTS,
    }
    for what, limit in limits.items():
        if measured[what] > limit:
            yield f"{measured[what]} {what}, the limit is {limit}"
    for logical_id, resource in json.loads(text).get("Resources", {}).items():
        data = resource.get("Properties", {}).get("LaunchTemplateData", {}).get("UserData")
        if data is not None and _longest(data) > MAX_USER_DATA_BYTES:
            yield f"{_longest(data)} bytes of user data in {logical_id}, the limit is {MAX_USER_DATA_BYTES}"


def _longest(value: Any) -> int:
    """Bytes of the text in a value that is joined or substituted at deploy time, references counted as written."""
    if isinstance(value, dict):
        return sum(_longest(entry) for entry in value.values())
    if isinstance(value, list):
        return sum(_longest(entry) for entry in value)
    return len(str(value).encode())

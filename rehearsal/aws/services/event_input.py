"""What a rule's target gets: the event itself, a part of it, a constant, or a text made from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def for_target(target: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """The target's input, as the object that its JSON stands for (a string where the template makes no JSON)."""
    if target.get("Input") is not None:
        return json.loads(target["Input"])
    if target.get("InputPath"):
        return at_path(event, target["InputPath"])
    transformer = target.get("InputTransformer")
    if transformer:
        return _transform(transformer, event)
    return dict(event)


def at_path(event: Mapping[str, Any], path: str) -> Any:
    """The value at a JSON path of names and indexes, such as `$.detail.items[0].id`; None where there is none."""
    value: Any = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _transform(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    values = {name: at_path(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {"aws.events.event": dict(event), "aws.events.event.json": dict(event)}

    template: str = transformer["InputTemplate"]

    def replacement(found: re.Match[str]) -> str:
        text = json.dumps(values.get(found[1]))
        # Within the template's own quotes a text stands bare; outside of them it brings its own.
        within_quotes = template[: found.start()].count('"') % 2 == 1
        return text[1:-1] if within_quotes and text.startswith('"') else text

    filled = re.sub(r"<([\w.-]+)>", replacement, template)
    try:
        return json.loads(filled)
    except ValueError:
        return filled.strip('"')

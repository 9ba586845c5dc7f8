"""Whether an issuer's parameter lets more people in than it did. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from coordination.names import OIDC, OidcField
from deployment.told import told

_FOLDER = f"/{OIDC}/"


def widenings(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[str]:
    """What a parameter of SSM opens that is an issuer's; nothing for any other one."""
    if after is None or _FOLDER not in str(after.get("Name")):
        return
    becomes = _fields(after)
    if before is None:
        yield f"takes the tokens of {becomes.get(OidcField.URL, 'an issuer')}"
        return
    was = _fields(before)
    lists = {OidcField.AUDIENCES, OidcField.GROUPS}
    changed = [
        name for name in sorted(was.keys() | becomes.keys()) if name not in lists and was.get(name) != becomes.get(name)
    ]
    if changed:
        yield f"takes tokens by another {told(changed)}"
    old, new = _members(was), _members(becomes)
    for name in sorted(new):
        added = [each for each in new[name] if each not in old.get(name, [])]
        if added:
            yield f"{name} gains {told(added)}"


def _fields(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What the parameter says of the issuer; where that is unknown, a field that no other text has."""
    text = str(properties.get("Value"))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"value": text}


def _members(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    groups = fields.get(OidcField.GROUPS)
    lists = {f"group {name}": each for name, each in groups.items()} if isinstance(groups, dict) else {}
    lists["audiences"] = fields.get(OidcField.AUDIENCES)
    return {name: [str(entry) for entry in each] for name, each in lists.items() if isinstance(each, list)}

"""What an update would change and what it would open, for a person and for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from deployment import changes
from deployment.changes import Change
from deployment.next_steps import Typed
from deployment.refusal import Refusal
from deployment.widening import Widening

_HEADING = "opened (a deploy asks for SECURITY=1):"


def lines(planned: Sequence[Change], opened: Sequence[Widening]) -> list[str]:
    """The changes, and under a heading of their own what they open."""
    told = changes.lines(planned)
    return [*told, _HEADING, *(f"  {each.line}" for each in opened)] if opened else told


def json_of(planned: Sequence[Change], opened: Sequence[Widening], *, exists: bool = True) -> str:
    """The same as one JSON object: exists, changes with values in full length, widenings."""
    return json.dumps(
        {
            "exists": exists,
            "changes": [
                {
                    "path": change.path,
                    "type": change.resource_type,
                    "action": change.action,
                    "replacement": change.replacement,
                    "properties": list(change.properties),
                    "kept": change.kept,
                    "values": [asdict(value) for value in change.values],
                }
                for change in planned
            ],
            "widenings": [{"path": each.path, "type": each.resource_type, "what": each.what} for each in opened],
        },
        indent=2,
    )


def refuse_widenings(opened: Sequence[Widening], typed: Typed) -> None:
    """Raises Refusal, with every one of them, where there are any."""
    if opened:
        allowed = typed.make("deploy", SECURITY="1")
        raise Refusal(f"the update would open: {'; '.join(each.line for each in opened)}: to allow it: {allowed}")

"""What an update would change, what it means for nodes and what it would open, for a person and for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from deployment import changes
from deployment.changes import Change
from deployment.effects import Effect
from deployment.fixed import FixedValue
from deployment.next_steps import Typed
from deployment.parameters import KeptValue
from deployment.people import Loss
from deployment.refusal import Refusal
from deployment.widening import Widening

_FIXED = "never changes in the life of a cluster (a deploy refuses it):"
_NODES = "nodes:"
_OPENED = "opened (a deploy asks for SECURITY=1):"
_LOST = "people who lose rights (a deploy asks where they are administrators):"
_KEPT = "defaults that changed and do not apply:"


@dataclass(frozen=True)
class Plan:
    """Everything that is known about an update before it begins."""

    changes: Sequence[Change] = ()
    fixed: Sequence[FixedValue] = ()
    effects: Sequence[Effect] = ()
    opened: Sequence[Widening] = ()
    lost: Sequence[Loss] = ()
    kept: Sequence[KeptValue] = ()
    exists: bool = True
    """Whether there is a stack; without one everything would be made."""

    @property
    def is_empty(self) -> bool:
        """Whether a deploy would do nothing."""
        return self.exists and not self.changes and not self.fixed

    def lines(self) -> list[str]:
        """The changes, and under headings of their own what they mean."""
        told = changes.lines(self.changes) if self.changes else []
        for heading, found in (
            (_NODES, self.effects),
            (_FIXED, self.fixed),
            (_OPENED, self.opened),
            (_LOST, self.lost),
            (_KEPT, self.kept),
        ):
            if found:
                told += [heading, *(f"  {each.line}" for each in found)]
        return told

    @property
    def questions(self) -> list[str]:
        """What is only done once somebody has agreed: nodes that go without others in their place, administrators."""
        going = "; ".join(each.line for each in self.effects if each.goes)
        asked = "; ".join(each.line for each in self.lost if each.asks)
        return [*([f"nodes would go for good: {going}"] if going else []), *([asked] if asked else [])]

    def json(self) -> str:
        """The same as one JSON object, with values in full length."""
        return json.dumps(
            {
                "exists": self.exists,
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
                    for change in self.changes
                ],
                "nodes": [
                    {"kind": each.kind, "what": each.what, "nodes": each.nodes, "goes": each.goes, "line": each.line}
                    for each in self.effects
                ],
                "never_changes": [asdict(each) for each in self.fixed],
                "widenings": [
                    {"path": each.path, "type": each.resource_type, "what": each.what} for each in self.opened
                ],
                "losses": [{"parameter": each.parameter, "arns": list(each.arns)} for each in self.lost],
                "kept_values": [asdict(each) for each in self.kept],
            },
            indent=2,
        )


def refuse_widenings(opened: Sequence[Widening], lost: Sequence[Loss], typed: Typed) -> None:
    """Raises Refusal, with every one of them, where there are any; it says who loses rights at the same time, too."""
    if opened:
        allowed = typed.make("deploy", SECURITY="1")
        what = "; ".join([*(each.line for each in opened), *(each.line for each in lost)])
        raise Refusal(f"the update would open: {what}: to allow it: {allowed}")

"""What a change set would do, nested stacks included: read with the properties' values, told in lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from deployment.refusal import Refusal

_STACK = "AWS::CloudFormation::Stack"
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_PAUSE_SECONDS = 0.5
# What an update does not do by itself, by the parameter of SSM whose value it changes.
_REMAINDERS = {
    "Services/NetworkEncryptionSetting": "pods on different nodes are cut off from each other "
    "until Cilium is changed by hand, too: docs/how-to/change-the-encryption.md"
}
# Of a value in a line for a person; JSON holds the whole of it.
_LONGEST_VALUE = 80
# Of what two long values share before they differ, so that a person sees where that is.
_SHARED_SHOWN = 20
_ABSENT = "(none)"
_CUT = "…"


@dataclass(frozen=True)
class Value:
    """One value within a property that changes; CloudFormation masks those of NoEcho parameters."""

    path: str
    """Within the properties: "Policies/0/PolicyName"."""
    before: str | None
    """None where it is new."""
    after: str | None
    """None where it goes, a placeholder where it is not known yet."""

    @property
    def line(self) -> str:
        """The value for a person, shortened."""
        before, after = shortened(self.before, self.after)
        return f"{self.path}: {before} → {after}"


@dataclass(frozen=True)
class Change:
    """One resource that changes. `path` names the nested stacks above it: "Network/Vpc"."""

    path: str
    resource_type: str
    action: str
    replacement: str = ""
    properties: tuple[str, ...] = ()
    kept: bool = False
    values: tuple[Value, ...] = ()
    before: Mapping[str, Any] | None = None
    """All properties of the resource as it is; None where it is new, or CloudFormation does not say."""
    after: Mapping[str, Any] | None = None
    """All properties as they will be; None where it goes, or CloudFormation does not say."""

    @property
    def replaced(self) -> bool:
        """Whether CloudFormation is certain to make the resource anew."""
        return self.replacement == "True"

    @property
    def line(self) -> str:
        """The change for a person: action, path, type, properties, and what happens to the resource."""
        fate = {"True": "REPLACED", "Conditional": "may be replaced"}.get(self.replacement, "")
        if self.action == "Remove" and self.kept:
            fate = "kept outside the stack"
        what = f"{self.action:<8} {self.path} ({self.resource_type})"
        if self.properties:
            what += f": {', '.join(self.properties)}"
        return f"{what}  {fate}".rstrip()


def settled(cloudformation: Any, change_set_id: str, sleep: Callable[[float], None]) -> bool:
    """Waits until the change set is made; False when it holds no change. Raises Refusal with the reason."""
    while True:
        body = cloudformation.describe_change_set(ChangeSetName=change_set_id)
        if body["Status"] == "CREATE_COMPLETE":
            return True
        if body["Status"] == "FAILED":
            reason = body.get("StatusReason", "CloudFormation gives no reason")
            if any(words in reason for words in _NOTHING):
                return False
            raise Refusal(f"the change set failed: {reason}")
        sleep(_PAUSE_SECONDS)


def read(cloudformation: Any, change_set_id: str, path: str = "") -> Iterator[Change]:
    """Every change of the change set, nested ones after the stack that holds them.

    A nested stack is passed over when its own change set was read: what changes in it is told, not that it does.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html (IncludePropertyValues)
    """
    for body in _pages(cloudformation, change_set_id):
        resource = body.get("ResourceChange", {})
        nested = resource.get("ChangeSetId")
        name = path + resource["LogicalResourceId"]
        if nested and resource["Action"] == "Modify":
            yield from read(cloudformation, nested, f"{name}/")
            continue
        yield Change(
            path=name,
            resource_type=resource["ResourceType"],
            action=resource["Action"],
            replacement=resource.get("Replacement", ""),
            properties=tuple(sorted({_target(detail) for detail in resource.get("Details", [])} - {""})),
            kept=resource.get("PolicyAction") == "Retain",
            values=tuple(dict.fromkeys(_values(resource.get("Details", [])))),
            before=_context(resource.get("BeforeContext")),
            after=_context(resource.get("AfterContext")),
        )
        if nested:
            yield from read(cloudformation, nested, f"{name}/")


def _pages(cloudformation: Any, change_set_id: str) -> Iterator[dict[str, Any]]:
    more: dict[str, str] = {}
    while True:
        answer = cloudformation.describe_change_set(ChangeSetName=change_set_id, IncludePropertyValues=True, **more)
        yield from answer.get("Changes", [])
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}


def _target(detail: dict[str, Any]) -> str:
    target = detail.get("Target", {})
    return str(target.get("Name") or target.get("Attribute") or "")


def _values(details: Sequence[Mapping[str, Any]]) -> Iterator[Value]:
    for detail in details:
        target = detail.get("Target", {})
        before, after = target.get("BeforeValue"), target.get("AfterValue")
        if before is not None or after is not None:
            path = str(target.get("Path") or target.get("Name") or target.get("Attribute"))
            yield Value(path.removeprefix("/Properties/"), before, after)


def _context(text: str | None) -> Mapping[str, Any] | None:
    """The properties within a context of a resource. Raises Refusal for what is none: it decides about security."""
    if text is None:
        return None
    try:
        properties = json.loads(text).get("Properties") or {}
    except (ValueError, AttributeError) as error:
        raise Refusal(
            f"CloudFormation describes a change by what is no JSON: {_short(' '.join(text.split()))}"
        ) from error
    return properties if isinstance(properties, dict) else {}


def shortened(before: str | None, after: str | None) -> tuple[str, str]:
    """Both values for a person: where one is too long, from shortly before their first difference on."""
    texts = [_ABSENT if value is None else " ".join(value.split()) for value in (before, after)]
    if before is not None and after is not None and max(map(len, texts)) > _LONGEST_VALUE:
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False)))
        passed = max(shared - _SHARED_SHOWN, 0)
        texts = [f"{_CUT}{text[passed:]}" if passed else text for text in texts]
    old, new = (_short(text) for text in texts)
    return old, new


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}{_CUT}"


def _is_set(change: Change) -> bool:
    """Whether a parameter's value changes, and not, for instance, its tags alone."""
    if change.before is not None and change.after is not None:
        return change.before.get("Value") != change.after.get("Value")
    return "Value" in change.properties


def lines(changes: Sequence[Change]) -> list[str]:
    """The changes with their values for a person, a sum, and what remains to be done by hand."""
    replaced = sum(change.replaced for change in changes)
    counts = ", ".join(
        f"{sum(change.action == action for change in changes)} {word}"
        for action, word in (("Add", "added"), ("Modify", "modified"), ("Remove", "removed"))
    )
    remainders = [
        f"{each.path}: {_REMAINDERS[each.path]}" for each in changes if each.path in _REMAINDERS and _is_set(each)
    ]
    told: list[str] = []
    for change in changes:
        told += [f"  {change.line}", *(f"           {value.line}" for value in change.values)]
    return [*told, f"{counts}; {replaced} of the modified replaced", *remainders]

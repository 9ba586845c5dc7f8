"""What an update means for nodes: which are replaced, which come, and which go for good. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coordination.instances import PoolGroup
from deployment.changes import Change

_STACK = "AWS::CloudFormation::Stack"
_SLOT = re.compile(r"Controlplane/Slot(\d+)")
_POOL = re.compile(r"Workers([^/]+)")
_POOL_GROUP = re.compile(r"Workers([^/]+)/Group")
# A change of one of these starts AutoScalingRollingUpdate.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
_ROLLED_BY = {
    "AvailabilityZones",
    "LaunchConfigurationName",
    "LaunchTemplate",
    "MixedInstancesPolicy",
    "PlacementGroup",
    "VPCZoneIdentifier",
}
_ORDERS = {
    "surge": "each new node joins before the old one leaves",
    "remove-first": "each old node leaves before the new one comes",
}


class Kind(StrEnum):
    """What happens to nodes."""

    ROLLS = "rolls"
    ADDS = "adds"
    REMOVES = "removes"
    SHRINKS = "shrinks"


@dataclass(frozen=True)
class Effect:
    """One thing that happens to nodes. `nodes` is how many are replaced or go; None where that could not be asked."""

    kind: Kind
    what: str
    nodes: int | None
    line: str

    @property
    def goes(self) -> bool:
        """Whether nodes go, and no others come in their place."""
        return self.kind in {Kind.REMOVES, Kind.SHRINKS}


def found(changes: Sequence[Change], pools: Sequence[PoolGroup] | None, replacement: str) -> list[Effect]:
    """Everything that the changes do to nodes.

    `pools` are those that live now, None where they could not be asked; `replacement` is the order of control planes.
    """
    living = None if pools is None else {logical_name(pool.pool): pool for pool in pools}
    return [*_control_planes(changes, replacement), *_pools(changes, living)]


def logical_name(pool: str) -> str:
    """`gpu-large` is `GpuLarge` in the logical ids of the root."""
    return "".join(word[:1].upper() + word[1:] for word in pool.split("-"))


def _control_planes(changes: Sequence[Change], replacement: str) -> Iterator[Effect]:
    slots = sorted(int(match[1]) for change in changes if (match := _SLOT.fullmatch(change.path)) and _rolls(change))
    if slots:
        order = f"; {_ORDERS[replacement]}" if replacement in _ORDERS else ""
        many = f"{len(slots)} control planes one by one" if len(slots) > 1 else "1 control plane"
        which = f"slot{'s' if len(slots) > 1 else ''} {', '.join(map(str, slots))}"
        why = _why(changes, [(f"Controlplane/Slot{slot}", f"Controlplane/Slot{slot}Template") for slot in slots])
        yield Effect(Kind.ROLLS, "control planes", len(slots), f"rolls {many} ({which}){why}{order}")


def _pools(changes: Sequence[Change], living: Mapping[str, PoolGroup] | None) -> Iterator[Effect]:
    for change in changes:
        stack, group = _POOL.fullmatch(change.path), _POOL_GROUP.fullmatch(change.path)
        if stack and change.resource_type == _STACK and change.action == "Remove":
            name, pool = _named(stack[1], living)
            nodes = _desired(pool, living)
            yield Effect(Kind.REMOVES, name, nodes, f"removes pool {name}: {_nodes(nodes)}, drained")
        elif stack and change.resource_type == _STACK and change.action == "Add":
            name, _ = _named(stack[1], living)
            yield Effect(Kind.ADDS, name, 0, f"adds pool {name}")
        elif group and change.action == "Modify":
            name, pool = _named(group[1], living)
            nodes = _desired(pool, living)
            if _rolls(change):
                why = _why(changes, [(change.path, f"Workers{group[1]}/Template")])
                line = f"rolls pool {name}: {_nodes(nodes)}, drained, batch by batch{why}"
                yield Effect(Kind.ROLLS, name, nodes, line)
            yield from _shrinks(change, name, nodes)


def _shrinks(change: Change, name: str, nodes: int | None) -> Iterator[Effect]:
    for value in change.values:
        if value.path != "MaxSize" or not (value.before or "").isdecimal() or not (value.after or "").isdecimal():
            continue
        before, after = int(value.before or 0), int(value.after or 0)
        if nodes is None and after < before:
            yield Effect(
                Kind.SHRINKS,
                name,
                None,
                f"shrinks pool {name} to {after} nodes: {_nodes(None)}, drained",
            )
        elif nodes is not None and after < nodes:
            gone = nodes - after
            yield Effect(
                Kind.SHRINKS, name, gone, f"shrinks pool {name} from {nodes} to {after} nodes: {_nodes(gone)}, drained"
            )


def _rolls(change: Change) -> bool:
    return change.action == "Modify" and not _ROLLED_BY.isdisjoint(change.properties)


def _why(changes: Sequence[Change], pairs: Sequence[tuple[str, str]]) -> str:
    """That groups roll for tags alone, which nobody expects to replace a node; empty where they do not.

    `pairs` are the paths of groups and of their launch templates.
    """
    by_path = {change.path: change for change in changes}
    alone = all(
        _ROLLED_BY.intersection(by_path[group].properties) == {"LaunchTemplate"} and _tags_alone(by_path.get(template))
        for group, template in pairs
    )
    return ", for other tags alone" if alone else ""


def _tags_alone(template: Change | None) -> bool:
    if template is None or template.before is None or template.after is None:
        return False
    before, after = (_without_tags(each) for each in (template.before, template.after))
    return before is not None and before == after


def _without_tags(template: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of a launch template makes a node; None where that is not described."""
    data = template.get("LaunchTemplateData")
    return {key: data[key] for key in data if key != "TagSpecifications"} if isinstance(data, dict) else None


def _named(logical: str, living: Mapping[str, PoolGroup] | None) -> tuple[str, PoolGroup | None]:
    pool = (living or {}).get(logical)
    if pool is not None:
        return pool.pool, pool
    return re.sub(r"(?<!^)(?=[A-Z])", "-", logical).lower(), None


def _desired(pool: PoolGroup | None, living: Mapping[str, PoolGroup] | None) -> int | None:
    if living is None:
        return None
    return pool.desired if pool is not None else 0


def _nodes(count: int | None) -> str:
    if count is None:
        return "an unknown number of nodes"
    return "1 node" if count == 1 else f"{count} nodes"

"""What never changes in the life of a cluster, before and after: read from an update of the living stack, or from
its templates. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deployment.changes import Change
from deployment.refusal import Refusal
from deployment.templates import Body

# What configurations call it, by the resource and its property. Nodes read the settings once, when they boot.
_VALUES = {
    ("Services/ClusterNameSetting", "Value"): "name",
    ("Services/ControlPlaneSlotsSetting", "Value"): "controlPlane.slots",
    ("Services/PodCidrSetting", "Value"): "kubernetes.podCidr",
    ("Services/ServiceCidrSetting", "Value"): "kubernetes.serviceCidr",
    ("Network/Vpc", "CidrBlock"): "network.vpcCidr",
}
_VPC = "Network/Vpc"
# A new one of these would be another cluster's: without its data, or in a network where none of its nodes is.
_IRREPLACEABLE = {
    _VPC: "the VPC",
    "Database/Table": "the cluster table",
    "Database/BackupBucket": "the bucket of backups",
    "Iam/Key": "the key",
}
LAYERS = frozenset(path.partition("/")[0] for path, _ in _VALUES)
"""The logical ids of the nested stacks whose templates say it."""
_VPC_PARAMETER = "VpcId"
_ZONES_PARAMETER = "AvailabilityZones"


@dataclass(frozen=True)
class FixedValue:
    """One thing that an update would change and must not."""

    what: str
    before: str
    after: str
    why: str = ""

    @property
    def line(self) -> str:
        """It for a person."""
        return f"{self.what}: {self.before} → {self.after}{f' ({self.why})' if self.why else ''}"


def of_parameters(existing: Mapping[str, str], given: Mapping[str, str]) -> list[FixedValue]:
    """What the given values of parameters would change.

    A zone's subnets depend on its index, so zones keep their places; others may come after them. A slot stands in the
    zone with its number modulo their count, so those from the first new zone's index on may move, and are rolled.
    """
    found: list[FixedValue] = []
    zones, now = (_list(values.get(_ZONES_PARAMETER, "")) for values in (existing, {**existing, **given}))
    if now[: len(zones)] != zones:
        why = "zones keep their places; further ones come last"
        found.append(FixedValue(_ZONES_PARAMETER, ",".join(zones), ",".join(now), why))
    vpc = existing.get(_VPC_PARAMETER, "")
    if vpc and given.get(_VPC_PARAMETER, vpc) != vpc:
        found.append(FixedValue(_VPC_PARAMETER, vpc, given[_VPC_PARAMETER]))
    return found


def of_templates(living: Mapping[str, Body], wanted: Mapping[str, Body]) -> list[FixedValue]:
    """What templates say otherwise than those of the living stack, both by the logical ids of nested stacks.

    A layer that is not there is not compared, and nothing but literal values is.
    """
    found: list[FixedValue] = []
    for (path, name), what in _VALUES.items():
        before, after = (_literal(tree, path, name) for tree in (living, wanted))
        if before is not None and after is not None and before != after:
            found.append(FixedValue(what, before, after))
    layer, _, vpc = _VPC.partition("/")
    if layer in living and layer in wanted:
        made = [vpc in tree[layer]["Resources"] for tree in (living, wanted)]
        if made[0] != made[1]:
            found.append(FixedValue("network.vpc", *("create" if each else "given" for each in made)))
    return found


def of_changes(planned: Sequence[Change]) -> list[FixedValue]:
    """What the changes of a change set would change."""
    return list(_of_changes(planned))


def refuse(found: Sequence[FixedValue]) -> None:
    """Raises Refusal, with all of them in one line, where there are any."""
    if found:
        raise Refusal(
            f"this never changes in the life of a cluster: {'; '.join(each.line for each in found)}: nothing was done; "
            "another value takes another cluster"
        )


def _of_changes(planned: Sequence[Change]) -> Iterator[FixedValue]:
    told: set[str] = set()
    for (path, name), what in _VALUES.items():
        for change in planned:
            before, after = _value(change, name) if change.path == path else (None, None)
            if change.action == "Modify" and before is not None and after is not None and before != after:
                told.add(path)
                yield FixedValue(what, before, after)
    for change in planned:
        if change.path == _VPC and change.action in {"Add", "Remove"}:
            made, given = "create", "given"
            yield FixedValue("network.vpc", *((given, made) if change.action == "Add" else (made, given)))
        elif (
            change.path in _IRREPLACEABLE and change.path not in told and (change.replaced or change.action == "Remove")
        ):
            names = ", ".join(change.properties)
            yield FixedValue(_IRREPLACEABLE[change.path], "the present one", "a new one", names)


def _literal(tree: Mapping[str, Body], path: str, name: str) -> str | None:
    layer, _, resource = path.partition("/")
    value = tree.get(layer, {}).get("Resources", {}).get(resource, {}).get("Properties", {}).get(name)
    return str(value) if isinstance(value, str | int) else None


def _value(change: Change, name: str) -> tuple[str | None, str | None]:
    """The property before and after, by its contexts, or else by the change's own values."""
    if change.before is not None and change.after is not None:
        return _text(change.before.get(name)), _text(change.after.get(name))
    for value in change.values:
        if value.path == name:
            return value.before, value.after
    return None, None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]

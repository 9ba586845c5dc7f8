"""How the values of the root's parameters have to go with each other and with what the templates make of them.

CloudFormation would refuse each of these half-way, or never, and leave out what has no place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from ipaddress import IPv4Network
from typing import Any

from deployment import shape
from deployment.problem import Problem, entries
from deployment.templates import Body

_CONTROL_PLANE_SUBNETS, _WORKER_SUBNETS = "ControlPlaneSubnetIds", "WorkerSubnetIds"
_ONCE = ("AvailabilityZones", _CONTROL_PLANE_SUBNETS, _WORKER_SUBNETS, "RouteTableIds")
_CLIENTS, _ENDPOINTS = "ApiClientCidrs", "EndpointCidrs"
_PREFIX_LISTS = ("S3PrefixListId", "DynamoDbPrefixListId")
_ROOM = "an update needs room for one more node"
# Every node takes a /24 of the pods' range (docs/architecture.md), and one slot at a time has a second node.
_NODE_PREFIX = 24
# AWS keeps so many of each subnet. https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
_RESERVED_ADDRESSES = 5
_LARGEST_PREFIX = 8


def problems(
    bodies: Mapping[str, Body], values: Mapping[str, str], given: Set[str], wrong: Set[str]
) -> Iterator[Problem]:
    """One for each value that does not go with the others. `given` are the names that this deploy gives itself.

    What is in `wrong` has broken a constraint of its own, and nothing else is judged by it.
    """
    declared: Mapping[str, Any] = bodies[""].get("Parameters", {})
    sound = {name: value for name, value in values.items() if name not in wrong}
    yield from _sizes(declared, sound, given)
    yield from _once(sound)
    yield from _counts(bodies, sound)
    yield from _ranges(bodies, sound)
    yield from _prefix_lists(sound)
    if not any(name.endswith("MaxSize") for name in wrong):
        yield from _room(bodies, declared, sound)


def _sizes(declared: Mapping[str, Any], values: Mapping[str, str], given: Set[str]) -> Iterator[Problem]:
    """An update keeps MinSize nodes of a pool in service, which CloudFormation wants to be less than MaxSize."""
    for pool in shape.pools(declared):
        smallest, largest = f"{pool}MinSize", f"{pool}MaxSize"
        if smallest not in values or largest not in values or int(values[smallest]) < int(values[largest]):
            continue
        least, most = values[smallest], values[largest]
        if smallest in given and largest not in given:
            yield Problem(smallest, least, f"0 to {int(most) - 1}, less than {largest} ({most}): {_ROOM}")
        else:
            above = f"{int(least) + 1} to {declared[largest]['MaxValue']}"
            yield Problem(largest, most, f"{above}, more than {smallest} ({least}): {_ROOM}")


def _once(values: Mapping[str, str]) -> Iterator[Problem]:
    for name in _ONCE:
        listed = entries(values.get(name, ""))
        twice = sorted({entry for entry in listed if listed.count(entry) > 1})
        if twice:
            yield Problem(name, ",".join(listed), f"each one once, and not {', '.join(twice)} twice")


def _counts(bodies: Mapping[str, Body], values: Mapping[str, str]) -> Iterator[Problem]:
    zones = shape.zones(bodies)
    listed = entries(values.get("AvailabilityZones", ""))
    if zones and "AvailabilityZones" in values and len(listed) != zones:
        yield Problem("AvailabilityZones", ",".join(listed), f"{zones} zones, as many as the templates make subnets in")
    if _CONTROL_PLANE_SUBNETS in values:
        yield from _subnets(bodies, values)


def _subnets(bodies: Mapping[str, Body], values: Mapping[str, str]) -> Iterator[Problem]:
    ours, places = entries(values[_CONTROL_PLANE_SUBNETS]), shape.slot_places(bodies)
    needed = max(places, default=-1) + 1
    # Where two slots share a subnet there are no more subnets than these; otherwise some may have no slot.
    exact = len(places) > needed
    if len(ours) < needed or (exact and len(ours) != needed):
        words = f"{'' if exact else 'at least '}{needed} subnets, as many as the templates place slots in"
        yield Problem(_CONTROL_PLANE_SUBNETS, ",".join(ours), words)
    theirs = entries(values.get(_WORKER_SUBNETS, ""))
    if _WORKER_SUBNETS in values and len(theirs) != max(len(ours), needed):
        count = max(len(ours), needed)
        yield Problem(_WORKER_SUBNETS, ",".join(theirs), f"{count} subnets, one for each of {_CONTROL_PLANE_SUBNETS}")


def _ranges(bodies: Mapping[str, Body], values: Mapping[str, str]) -> Iterator[Problem]:
    taken = shape.fixed_ranges(bodies)
    for name in (_CLIENTS, _ENDPOINTS):
        seen: set[IPv4Network] = set()
        for text in entries(values.get(name, "")):
            allowed = _broken_range(text)
            if not allowed:
                network = IPv4Network(text)
                overlapped = [f"{other} ({setting})" for setting, other in taken.items() if network.overlaps(other)]
                if network in seen:
                    allowed = "each range once: a second rule for the same range is refused by EC2"
                elif overlapped:
                    allowed = f"a range outside {', '.join(overlapped)}, whose addresses mean pods and Services"
                seen.add(network)
            if allowed:
                yield Problem(name, text, allowed)


def _broken_range(text: str) -> str:
    """What is allowed in place of a text that is no range of addresses; empty for one that is."""
    try:
        whole = IPv4Network(text, strict=False)
    except ValueError:
        return "a range of IPv4 addresses, such as 10.1.0.0/16"
    if whole.prefixlen < _LARGEST_PREFIX:
        return f"a range of /{_LARGEST_PREFIX} or smaller, such as 10.0.0.0/8"
    # EC2 would take it for the whole range that the address is in.
    return "" if str(whole) == text else f"{whole}, the same range written from its first address"


def _prefix_lists(values: Mapping[str, str]) -> Iterator[Problem]:
    """The templates narrow the egress rules only when both are there."""
    there = [name for name in _PREFIX_LISTS if values.get(name)]
    if len(there) == 1 and all(name in values for name in _PREFIX_LISTS):
        (lacking,) = set(_PREFIX_LISTS) - set(there)
        yield Problem(lacking, "", f"the region's prefix list, too, as {there[0]} is given: one alone has no effect")


def _room(bodies: Mapping[str, Body], declared: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Problem]:
    """Whether the nodes that there may be have a place in the ranges, which never change."""
    names = [f"{pool}MaxSize" for pool in shape.pools(declared) if f"{pool}MaxSize" in values]
    workers, slots = sum(int(values[name]) for name in names), len(shape.slot_places(bodies))
    together = f"{workers} together" if len(names) > 1 else str(workers)
    pods = shape.fixed_ranges(bodies).get(shape.PODS)
    if pods is not None:
        most = 2 ** max(_NODE_PREFIX - pods.prefixlen, 0) - slots - 1
        if workers > most:
            why = f"{pods} has a /{_NODE_PREFIX} of pods for each of so many beside {slots} slots and one replacement"
            yield Problem(", ".join(names), together, f"at most {most}: {why}")
    subnets = shape.worker_subnets(bodies)
    addresses = sum(subnet.num_addresses - _RESERVED_ADDRESSES for subnet in subnets)
    if subnets and workers > addresses:
        yield Problem(", ".join(names), together, f"at most {addresses}: as many addresses have the workers' subnets")

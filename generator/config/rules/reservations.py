"""Capacity Reservations: declared, used, and of a tenancy that they can have."""

from __future__ import annotations

from collections.abc import Iterator

from generator.config.model import ClusterConfig, ControlPlane, Pool
from generator.config.problem import Problem
from generator.config.rules.names import collisions


def reservations_are_declared(config: ClusterConfig) -> Iterator[Problem]:
    declared = config.capacity_reservations
    paths = ("capacityReservations", *(f"capacityReservations[{index}]" for index in range(len(declared))))
    for path, nodes in _nodes(config):
        name = nodes.capacity_reservation
        if name is not None and name not in declared:
            allowed = ", ".join(declared) or "a name that is declared in capacityReservations"
            yield Problem(path=f"{path}.capacityReservation", given=f'"{name}"', allowed=allowed, rests_on=paths)


def declared_reservations_are_used(config: ClusterConfig) -> Iterator[Problem]:
    """One that nothing uses would be a root parameter that every deploy asks for in vain."""
    used = {nodes.capacity_reservation for _, nodes in _nodes(config)}
    uses = tuple(f"{path}.capacityReservation" for path, _ in _nodes(config))
    for index, name in enumerate(config.capacity_reservations):
        if name not in used:
            path, allowed = f"capacityReservations[{index}]", "the names that controlPlane and pools use"
            yield Problem(path=path, given=f'"{name}"', allowed=allowed, rests_on=uses)


def no_host_is_reserved_twice(config: ClusterConfig) -> Iterator[Problem]:
    """A reservation has the tenancy default or dedicated (EC2 API reference, CapacityReservation)."""
    for path, nodes in _nodes(config):
        if nodes.capacity_reservation is not None and nodes.tenancy == "host":
            yield Problem(
                path=f"{path}.capacityReservation",
                given=f'"{nodes.capacity_reservation}"',
                allowed="nothing (tenancy is host, and no Capacity Reservation is for Dedicated Hosts)",
                rests_on=(f"{path}.tenancy",),
            )


def reservations_are_told_apart(config: ClusterConfig) -> Iterator[Problem]:
    names = config.capacity_reservations
    yield from collisions(names, [f"capacityReservations[{index}]" for index in range(len(names))])


def _nodes(config: ClusterConfig) -> list[tuple[str, ControlPlane | Pool]]:
    pools = [(f"pools[{index}]", pool) for index, pool in enumerate(config.pools)]
    return [("controlPlane", config.control_plane), *pools]


RULES = (
    reservations_are_declared,
    declared_reservations_are_used,
    no_host_is_reserved_twice,
    reservations_are_told_apart,
)

"""The shape of the cluster: zones, sizes of pools, and what goes with a given network."""

from __future__ import annotations

from collections.abc import Iterator

from generator.config.model import ClusterConfig
from generator.config.problem import Problem
from generator.config.subnets import MAX_ZONES

# Quorum must survive the loss of a zone, and of two zones one always holds half of the members.
_LEAST_ZONES = 3


def zones_carry_the_quorum(config: ClusterConfig) -> Iterator[Problem]:
    if config.shape != "development" and config.zones < _LEAST_ZONES:
        yield Problem(
            path="zones",
            given=str(config.zones),
            allowed=f"{_LEAST_ZONES} to {MAX_ZONES} (fewer only with shape: development)",
            rests_on=("shape",),
        )


def endpoints_stand_in_every_zone(config: ClusterConfig) -> Iterator[Problem]:
    """With endpoints in one zone, the loss of that zone cuts every node off from AWS."""
    if config.network.endpoint_zones == "all":
        return
    path = "network.endpointZones"
    if config.network.endpoints == "given":
        yield Problem(path=path, given='"one"', allowed="all (endpoints are given)", rests_on=("network.endpoints",))
    elif config.shape != "development":
        yield Problem(path=path, given='"one"', allowed="all (one only with shape: development)", rests_on=("shape",))


def only_an_existing_network_has_given_parts(config: ClusterConfig) -> Iterator[Problem]:
    """A VPC that is made with the cluster is connected to nothing: no central endpoint and no zone could serve it."""
    if config.network.vpc == "given":
        return
    given = {
        "network.endpoints": config.network.endpoints,
        "network.gatewayEndpoints": config.network.gateway_endpoints,
        "network.privateZone": config.network.private_zone,
    }
    for path, choice in given.items():
        if choice == "given":
            allowed = "create (given only with network.vpc: given)"
            yield Problem(path=path, given='"given"', allowed=allowed, rests_on=("network.vpc",))


def pools_have_room_for_an_update(config: ClusterConfig) -> Iterator[Problem]:
    """A rolling update keeps MinSize nodes in service, and CloudFormation demands that this is less than MaxSize."""
    for index, pool in enumerate(config.pools):
        if pool.min_size >= pool.max_size:
            yield Problem(
                path=f"pools[{index}].minSize",
                given=str(pool.min_size),
                allowed=f"0 to {pool.max_size - 1}, less than maxSize (an update needs room for one more node)",
                rests_on=(f"pools[{index}].maxSize",),
            )


RULES = (
    zones_carry_the_quorum,
    endpoints_stand_in_every_zone,
    only_an_existing_network_has_given_parts,
    pools_have_room_for_an_update,
)

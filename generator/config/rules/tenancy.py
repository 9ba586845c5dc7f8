"""Tenancy: what is asked for must be what EC2 gives, and never silently something else."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from generator.config.model import ClusterConfig, ControlPlane, Pool
from generator.config.problem import Problem

# DedicatedHostsSupported is false for these (ec2 describe-instance-types); of the burstable ones only T3 has hosts.
# As Dedicated Instances EC2 refuses T1 and T2 alone, which rules/instance_types.py refuses anyway.
_NEVER_ON_HOSTS = frozenset({"t3a", "t4g"})
_FLEX_SUFFIX = "-flex"


class Nodes(Struct, frozen=True):
    """Nodes that share a tenancy: the control plane or a pool, with its path."""

    path: str
    section: ControlPlane | Pool


def nodes_of(config: ClusterConfig) -> list[Nodes]:
    """The control plane and each pool."""
    pools = [Nodes(f"pools[{index}]", pool) for index, pool in enumerate(config.pools)]
    return [Nodes("controlPlane", config.control_plane), *pools]


def a_dedicated_vpc_has_no_shared_nodes(config: ClusterConfig) -> Iterator[Problem]:
    """EC2 makes an instance of default tenancy in a dedicated VPC dedicated, without a word and at another price."""
    if config.network.tenancy != "dedicated":
        return
    for nodes in nodes_of(config):
        if nodes.section.tenancy == "default":
            yield Problem(
                path=f"{nodes.path}.tenancy",
                given='"default"',
                allowed="dedicated, host (in a VPC with network.tenancy: dedicated)",
                rests_on=("network.tenancy",),
            )


def a_function_stands_in_no_dedicated_vpc(config: ClusterConfig) -> Iterator[Problem]:
    """Lambda guide, "Giving Lambda functions access to resources in an Amazon VPC": "Lambda functions can't connect
    directly to a VPC with dedicated instance tenancy". Nodes are dedicated in a VPC of default tenancy, too."""
    if config.network.tenancy == "dedicated" and config.lifecycle.function_in_vpc:
        yield Problem(
            path="lifecycle.functionInVpc",
            given="true",
            allowed="false (true with network.tenancy: default; Lambda connects to no VPC of dedicated tenancy)",
            rests_on=("network.tenancy",),
        )


def hosts_need_a_declared_group(config: ClusterConfig) -> Iterator[Problem]:
    names = ", ".join(config.host_resource_groups) or "none"
    declared = f"a name that hostResourceGroups declares ({names})"
    for nodes in nodes_of(config):
        path, group = f"{nodes.path}.hostResourceGroup", nodes.section.host_resource_group
        tenancy_path = f"{nodes.path}.tenancy"
        if nodes.section.tenancy != "host":
            if group is not None:
                allowed = "nothing (only with tenancy: host)"
                yield Problem(path=path, given=f'"{group}"', allowed=allowed, rests_on=(tenancy_path,))
        elif group is None:
            rests_on = (tenancy_path, "hostResourceGroups")
            yield Problem(path=path, given="nothing", allowed=f"{declared}, for tenancy is host", rests_on=rests_on)
        elif group not in config.host_resource_groups:
            yield Problem(path=path, given=f'"{group}"', allowed=declared, rests_on=_declarations(config))


def declared_groups_are_used(config: ClusterConfig) -> Iterator[Problem]:
    """A group that nothing uses would be a root parameter that every deploy asks for in vain."""
    used = {nodes.section.host_resource_group for nodes in nodes_of(config)}
    uses = tuple(f"{nodes.path}.hostResourceGroup" for nodes in nodes_of(config))
    for index, group in enumerate(config.host_resource_groups):
        if group not in used:
            path = f"hostResourceGroups[{index}]"
            allowed = "the names that controlPlane and pools use"
            yield Problem(path=path, given=f'"{group}"', allowed=allowed, rests_on=uses)


def instance_types_fit_the_tenancy(config: ClusterConfig) -> Iterator[Problem]:
    for nodes in nodes_of(config):
        family = nodes.section.instance_type.partition(".")[0]
        if nodes.section.tenancy == "host" and (family in _NEVER_ON_HOSTS or family.endswith(_FLEX_SUFFIX)):
            yield Problem(
                path=f"{nodes.path}.instanceType",
                given=f'"{nodes.section.instance_type}"',
                allowed="a family that EC2 offers with tenancy host, such as m7i",
                rests_on=(f"{nodes.path}.tenancy",),
            )


def _declarations(config: ClusterConfig) -> tuple[str, ...]:
    return ("hostResourceGroups", *(f"hostResourceGroups[{i}]" for i in range(len(config.host_resource_groups))))


RULES = (
    a_dedicated_vpc_has_no_shared_nodes,
    a_function_stands_in_no_dedicated_vpc,
    hosts_need_a_declared_group,
    declared_groups_are_used,
    instance_types_fit_the_tenancy,
)

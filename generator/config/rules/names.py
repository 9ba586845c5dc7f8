"""Names: told apart in every form that the generator gives them, and within the limits of what they become part of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from generator.config.model import ClusterConfig
from generator.config.problem import Problem

# `<Pool>InstanceType` is the pool's root parameter, and `ControlPlaneInstanceType` is the control plane's.
_TAKEN_POOL_NAME = "controlplane"


def _logical(name: str) -> str:
    """What is left of a name in a logical id, where hyphens vanish; `a-b` and `ab` shall not differ by case alone."""
    return name.replace("-", "").lower()


def collisions(names: Sequence[str], paths: Sequence[str]) -> Iterator[Problem]:
    """The names that become the same logical ids as an earlier one; each stands at its path."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        earlier = first.setdefault(_logical(name), index)
        if earlier == index:
            continue
        if names[earlier] == name:
            same, allowed = "is taken by", "a name of its own"
        else:
            same = f'becomes the same logical ids as "{names[earlier]}" of'
            allowed = "names that differ in more than hyphens"
        yield Problem(
            path=paths[index],
            given=f'"{name}", which {same} {paths[earlier]}',
            allowed=allowed,
            rests_on=(paths[earlier],),
        )


def pools_are_told_apart(config: ClusterConfig) -> Iterator[Problem]:
    names = [pool.name for pool in config.pools]
    yield from collisions(names, [f"pools[{index}].name" for index in range(len(names))])


def host_resource_groups_are_told_apart(config: ClusterConfig) -> Iterator[Problem]:
    names = config.host_resource_groups
    yield from collisions(names, [f"hostResourceGroups[{index}]" for index in range(len(names))])


def pool_names_are_free(config: ClusterConfig) -> Iterator[Problem]:
    for index, pool in enumerate(config.pools):
        if _logical(pool.name) == _TAKEN_POOL_NAME:
            yield Problem(
                path=f"pools[{index}].name",
                given=f'"{pool.name}"',
                allowed="any other name (ControlPlaneInstanceType is already a root parameter)",
            )


RULES = (pools_are_told_apart, host_resource_groups_are_told_apart, pool_names_are_free)

"""Images of pools: what cannot start from one image does not share it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.config.model import ClusterConfig
from generator.config.problem import Problem

# In a family's name a g behind the generation stands for AWS's own processors (EC2 instance types guide, "Naming
# conventions"). What else there may be, preflight asks EC2.
_ARM = re.compile(r"[a-z]+[0-9]+g[a-z]*(?:-.*)?")


def pools_that_share_an_image_have_one_architecture(config: ClusterConfig) -> Iterator[Problem]:
    shared = [index for index, pool in enumerate(config.pools) if pool.image == "shared"]
    for index in shared[1:]:
        first = shared[0]
        one, other = (config.pools[each].instance_type for each in (index, first))
        if _architecture(one) != _architecture(other):
            yield Problem(
                path=f"pools[{index}].image",
                given=f'"shared", with {one} ({_architecture(one)})',
                allowed=f"own (pools[{first}] shares its image, and {other} is {_architecture(other)})",
                rests_on=(f"pools[{index}].instanceType", f"pools[{first}].instanceType", f"pools[{first}].image"),
            )


def no_pool_of_its_own_image_takes_the_shared_parameter(config: ClusterConfig) -> Iterator[Problem]:
    for index, pool in enumerate(config.pools):
        if pool.image == "own" and pool.name.replace("-", "") == "worker":
            yield Problem(
                path=f"pools[{index}].name",
                given=f'"{pool.name}", with an image of its own',
                allowed="any other name (WorkerImage is the parameter of pools that share an image)",
                rests_on=(f"pools[{index}].image",),
            )


def _architecture(instance_type: str) -> str:
    return "arm64" if _ARM.fullmatch(instance_type.partition(".")[0]) else "x86_64"


RULES = (pools_that_share_an_image_have_one_architecture, no_pool_of_its_own_image_takes_the_shared_parameter)

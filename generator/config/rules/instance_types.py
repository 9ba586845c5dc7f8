"""Instance types on which no node of ours starts, whatever the tenancy.

The types are defaults of parameters: of what a deploy chooses instead, `make preflight` asks EC2.
"""

from __future__ import annotations

from collections.abc import Iterator

from generator.config.model import ClusterConfig
from generator.config.problem import Problem
from generator.config.rules.tenancy import nodes_of

# They run on dedicated hosts alone, and nothing but macOS (EC2 user guide, "Amazon EC2 Mac instances"): all their
# names begin so.
_MAC = "mac"
# The image is made of Amazon Linux 2023, which needs Armv8.2 or x86-64-v2 (its user guide, "AL2023 system
# requirements"): A1 has Armv8.0, and for the first generations EC2 promises no such processor.
_OLD = frozenset({"a1", "c1", "m1", "m2", "t1"})
# EbsOptimizedSupport is "unsupported" (ec2 describe-instance-types), and the launch template asks for it
# (docs/decisions/0025-launch-templates-ask-for-ebs-optimisation.md).
_NOT_EBS_OPTIMIZED = frozenset(
    {"c3.large", "c3.8xlarge", "i2.8xlarge", "m3.medium", "m3.large", "r3.large", "r3.8xlarge"}
)
_FAMILIES_NOT_EBS_OPTIMIZED = frozenset({"t2"})


def instance_types_can_be_nodes(config: ClusterConfig) -> Iterator[Problem]:
    for nodes in nodes_of(config):
        allowed = _instead(nodes.section.instance_type)
        if allowed:
            yield Problem(path=f"{nodes.path}.instanceType", given=f'"{nodes.section.instance_type}"', allowed=allowed)


def _instead(instance_type: str) -> str:
    """What is allowed in place of the type; empty for one that is allowed."""
    family = instance_type.partition(".")[0]
    if family.startswith(_MAC):
        return "a type that runs Linux, such as m7i.large"
    if family in _OLD:
        return "a type whose processor Amazon Linux 2023 runs on, such as m7i.large"
    if instance_type in _NOT_EBS_OPTIMIZED or family in _FAMILIES_NOT_EBS_OPTIMIZED:
        return "a type that can be EBS-optimized, such as m7i.large"
    return ""


RULES = (instance_types_can_be_nodes,)

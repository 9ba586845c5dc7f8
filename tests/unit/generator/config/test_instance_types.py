"""Which instance types are refused: those that EC2 describes as unfit, and those that are too old."""

from __future__ import annotations

from moto.utilities.utils import load_resource
from msgspec.structs import replace

from generator.config import ClusterConfig
from generator.config.rules.instance_types import instance_types_can_be_nodes


def test_every_type_that_ec2_says_is_never_ebs_optimized_or_runs_macos_is_refused_and_no_other() -> None:
    """What EC2 answered to DescribeInstanceTypes, as moto keeps it."""
    described = load_resource("ec2/resources/instance_types.json")
    unfit = {
        name
        for name, body in described.items()
        if body["EbsInfo"]["EbsOptimizedSupport"] == "unsupported"
        or any(each.endswith("_mac") for each in body["ProcessorInfo"]["SupportedArchitectures"])
    }
    assert {"t2.nano", "m3.medium", "mac1.metal"} < unfit
    of_old_families = {name for name in described if name.partition(".")[0] in ("a1", "c1", "m1", "m2", "t1")}
    config = ClusterConfig()
    refused_types = {
        name
        for name in described
        if list(instance_types_can_be_nodes(replace(config, pools=(replace(config.pools[0], instance_type=name),))))
    }
    assert refused_types == unfit | of_old_families

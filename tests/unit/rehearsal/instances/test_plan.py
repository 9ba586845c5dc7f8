"""What an instance is booted with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from rehearsal.machines.instance import plan
from rehearsal.machines.instance.cgroups import ROOT, Group, Hierarchy
from rehearsal.machines.instance.volumes import Node
from rehearsal.machines.model import Interface, Machine, MetadataOptions

MACHINE = Machine(
    instance_id="i-0123456789abcdef0",
    image_id="ami-0123456789abcdef0",
    instance_type="m5.large",
    region="us-east-1",
    account_id="123456789012",
    interface=Interface("eni-1", "vpc-1", "subnet-1", "us-east-1a", "10.0.3.17", "02:00:00:00:00:01"),
    launched_at=datetime(2026, 1, 1, tzinfo=UTC),
    user_data=b"",
    instance_profile_arn=None,
    role_arn=None,
    metadata=MetadataOptions(),
)
TREES = (Hierarchy(ROOT / "memory", "cgroup", "memory"), Hierarchy(ROOT / "unified", "cgroup2", ""))


def a_boot() -> plan.Boot:
    group, waiting = Group("holdfast-abc123/i-1", TREES), Group("holdfast-abc123/supervisors", TREES)
    return plan.boot(
        MACHINE,
        "/run/netns/hf-abc123-1",
        group,
        waiting,
        (Path("/shim"), Path("/base")),
        Path("/run/i-1"),
        (Node("xvdb", 7, 3),),
    )


def test_a_boot_survives_its_way_to_the_launcher() -> None:
    assert plan.Boot.from_json(a_boot().to_json()) == a_boot()


def test_an_instance_joins_its_group_in_every_tree_and_its_supervisor_another() -> None:
    boot = a_boot()
    assert boot.joining == tuple(f"{ROOT}/{name}/holdfast-abc123/i-1/cgroup.procs" for name in ("memory", "unified"))
    assert all("/supervisors/" in path for path in boot.supervising)
    assert boot.cgroup_mounts == (
        plan.CgroupMount("memory", "cgroup", "memory"),
        plan.CgroupMount("unified", "cgroup2", ""),
    )


def test_the_first_layer_lies_uppermost() -> None:
    expected = "lowerdir=/shim:/base,upperdir=/run/i-1/disk/upper,workdir=/run/i-1/disk/work"
    assert a_boot().overlay_options() == expected


@pytest.mark.parametrize("path", ["/a:b", "/a,b", "/a\\b"])
def test_a_path_that_an_overlay_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="may not hold a colon, a comma or a backslash"):
        replace(a_boot(), layers=(path,)).overlay_options()


def test_data_folders_are_beside_the_root() -> None:
    assert dict(a_boot().folders)["/run/i-1/kubelet"] == "var/lib/kubelet"


@pytest.mark.parametrize(
    ("region", "name"),
    [("us-east-1", "ip-10-0-3-17.ec2.internal"), ("eu-west-1", "ip-10-0-3-17.eu-west-1.compute.internal")],
)
def test_an_instance_is_called_by_its_address(region: str, name: str) -> None:
    assert plan.hostname(replace(MACHINE, region=region)) == name


def test_the_resolver_is_the_third_address_of_the_vpc() -> None:
    files = plan.first_files(MACHINE, IPv4Network("10.0.0.0/16"))
    assert files["etc/resolv.conf"] == "search ec2.internal\nnameserver 10.0.0.2\n"


def test_machine_ids_differ_and_stay() -> None:
    vpc = IPv4Network("10.0.0.0/16")
    other = replace(MACHINE, instance_id="i-0123456789abcdef1")
    ids = [plan.first_files(machine, vpc)["etc/machine-id"] for machine in (MACHINE, MACHINE, other)]
    assert ids[0] == ids[1] != ids[2]
    # 32 hexadecimal digits (machine-id(5)).
    assert len(bytes.fromhex(ids[0])) == 16

"""Room on dedicated hosts, and the quota of more of them, as EC2 describes hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployment import preflight
from deployment.aws import Account
from deployment.preflight import hosts, machines, plan, quotas
from deployment.preflight.finding import Finding, State
from deployment.preflight.plan import Plan
from tests.unit.deployment import trees
from tests.unit.deployment.fakes import Paginator
from tests.unit.deployment.quota_lists import Quotas

REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def host(zone: str, capacity: int, *, of: str = "m7i.large", state: str = "available", by_type: bool = False) -> Any:
    family = {"InstanceType": of} if by_type else {"InstanceFamily": of.partition(".")[0]}
    free = [{"InstanceType": of, "AvailableCapacity": capacity, "TotalCapacity": 48}]
    return {
        "HostId": f"h-{zone}",
        "AvailabilityZone": zone,
        "State": state,
        "HostProperties": family,
        "AvailableCapacity": {"AvailableInstanceCapacity": free, "AvailableVCpus": 2 * capacity},
    }


class Hosts:
    """An account whose EC2 has these hosts and every instance type; Service Quotas has one value for all."""

    def __init__(self, found: list[Any], quota: int = 1) -> None:
        self._pages = {
            "describe_hosts": [{"Hosts": found[:1]}, {"Hosts": found[1:]}],
            "describe_instance_types": [{"InstanceTypes": [{"VCpuInfo": {"DefaultVCpus": 2}}]}],
            "describe_instances": [{"Reservations": []}],
        }
        self._quotas = Quotas(quota)

    def client(self, service: str) -> Any:
        return self._quotas if service == "service-quotas" else self

    def get_paginator(self, operation: str) -> Paginator:
        return Paginator(self._pages[operation])


def on_hosts() -> Plan:
    """The control plane of the example on hosts, and nothing else."""
    wanted = plan.read(trees.example("dedicated-hosts"), trees.GIVEN["dedicated-hosts"], REGION)
    (ours,) = [each for each in wanted.machines if each.control_plane]
    return replace(wanted, machines=(ours,), host_groups=())


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "0 hosts of m7i in the zones have room for 0 of them, 3 are to start: the host resource group has to"),
        ([host(ZONES[0], 2), host(ZONES[1], 1)], "2 hosts of m7i in the zones have room for 3 of them"),
        ([host(ZONES[0], 3, by_type=True)], "1 hosts of m7i in the zones have room for 3 of them"),
        ([host(ZONES[0], 9, of="m6i.large"), host("us-east-1f", 9)], "0 hosts of m7i"),
        ([host(ZONES[0], 9, state="under-assessment")], "0 hosts of m7i"),
    ],
)
def test_room_on_hosts_is_told_and_never_ok_for_the_group_places(found: list[Any], words: str) -> None:
    (finding,) = hosts.check(Hosts(found), on_hosts(), ZONES)
    assert finding.state is State.NOTE
    assert words in finding.detail


@pytest.mark.parametrize(
    ("found", "quota", "state"),
    [([], 0, State.FAILED), ([host(ZONES[0], 1)], 0, State.OK), ([], 1, State.OK)],
)
def test_no_host_and_no_quota_of_hosts_has_failed(found: list[Any], quota: int, state: State) -> None:
    account = Hosts(found, quota)
    (finding,) = [each for each in quotas.check(account, bare(on_hosts())) if each.subject.startswith("dedicated")]
    assert finding.state is state
    assert ("--quota-code L-30E31217 --desired-value 1" in finding.remedy) is (state is State.FAILED)


def test_a_family_without_a_quota_of_hosts_is_a_warning() -> None:
    wanted = bare(on_hosts())
    (ours,) = wanted.machines
    other = replace(wanted, machines=(replace(ours, instance_type="x9.large"),))
    (finding,) = quotas.check(Hosts([]), other)
    assert finding.state is State.WARNING


def bare(wanted: Plan) -> Plan:
    """Without what counts against quotas of the network."""
    nothing: dict[str, Any] = {"interface_endpoints": (), "gateway_endpoints": (), "rules": 0}
    return replace(wanted, vpcs=0, load_balancers=0, security_groups=0, **nothing)


def test_control_planes_that_are_replaced_remove_first_are_not_doubled() -> None:
    (ours,) = on_hosts().machines
    assert (ours.smallest, ours.rolled) == (3, 0)


def test_a_host_resource_group_that_is_not_there_has_failed(account: Account) -> None:
    wanted = plan.read(trees.example("dedicated-hosts"), trees.GIVEN["dedicated-hosts"], REGION)
    found: list[Finding] = hosts.check(account, wanted, ZONES)
    failed = [each for each in found if each.state is State.FAILED]
    assert [each.subject for each in failed] == ["HostResourceGroupControlArn", "HostResourceGroupLicensedArn"]
    assert preflight.exit_code(found) == 1


class Tried:
    """EC2, as far as a dry run tells it what to start."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Paginator:
        offers = [{"Location": zone} for zone in ZONES]
        body = {
            "VCpuInfo": {"DefaultVCpus": 2},
            "MemoryInfo": {"SizeInMiB": 8192},
            "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        }
        return Paginator([{"InstanceTypeOfferings": offers, "InstanceTypes": [body], "Hosts": []}])

    def describe_images(self, Filters: Any) -> dict[str, Any]:
        image = {"State": "available", "OwnerId": "1", "Architecture": "x86_64", "RootDeviceName": "/dev/xvda"}
        return {"Images": [image | {"BlockDeviceMappings": []}]}

    def get_group_configuration(self, Group: str) -> dict[str, Any]:
        return {}

    def run_instances(self, **arguments: Any) -> None:
        self.asked.append(arguments)


def test_a_dry_run_asks_for_what_the_launch_template_asks_for_in_the_subnet_that_is_there() -> None:
    wanted = plan.read(trees.example("default"), trees.GIVEN["default"], REGION)
    ec2 = Tried()
    machines.check(ec2, wanted, {ZONES[0]: trees.SUBNETS[0], ZONES[1]: ""}, "1")
    assert len(ec2.asked) == 4
    first, second = ec2.asked[:2]
    assert (first["DryRun"], first["EbsOptimized"], first["SubnetId"]) == (True, True, trees.SUBNETS[0])
    assert first["Placement"] == {"AvailabilityZone": ZONES[0], "Tenancy": "dedicated"}
    assert first["MetadataOptions"]["HttpTokens"] == "required"
    assert (first["Monitoring"], first["DisableApiTermination"]) == ({"Enabled": True}, True)
    assert ec2.asked[2]["DisableApiTermination"] is False
    assert "SubnetId" not in second
    assert "TagSpecifications" not in first


def test_a_dry_run_is_for_the_reservations_and_carries_the_tags_by_which_a_policy_may_decide() -> None:
    configuration = "{tags: {owner: platform}, capacityReservations: [paid], controlPlane: {capacityReservation: paid}}"
    arn = "arn:aws:resource-groups:us-east-1:123456789012:group/paid"
    values = trees.GIVEN["default"] | {"CapacityReservationGroupPaidArn": arn}
    wanted = plan.read(trees.of(configuration), values, REGION)
    ec2 = Tried()
    machines.check(ec2, wanted, {ZONES[0]: ""}, "1")
    tags = [{"Key": "owner", "Value": "platform"}]
    kinds = ("instance", "volume", "network-interface")
    target = {"CapacityReservationTarget": {"CapacityReservationResourceGroupArn": arn}}
    assert ec2.asked[0]["CapacityReservationSpecification"] == target
    assert "CapacityReservationSpecification" not in ec2.asked[1]
    assert ec2.asked[0]["TagSpecifications"] == [{"ResourceType": kind, "Tags": tags} for kind in kinds]


def test_each_pool_is_judged_with_the_image_that_it_starts_from() -> None:
    configuration = "pools: [{name: general}, {name: arm, instanceType: m7g.large, image: own}]"
    values = trees.GIVEN["default"] | {"ArmImage": "ami-0fedcba9876543210"}
    wanted = plan.read(trees.of(configuration), values, REGION)
    assert [(each.parameter, each.image_parameter, each.image) for each in wanted.machines] == [
        ("ControlPlaneInstanceType", "ControlPlaneImage", trees.IMAGE),
        ("GeneralInstanceType", "WorkerImage", trees.IMAGE),
        ("ArmInstanceType", "ArmImage", "ami-0fedcba9876543210"),
    ]

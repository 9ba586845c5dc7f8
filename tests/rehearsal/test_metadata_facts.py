"""What the metadata service knows of an instance while EC2 and Auto Scaling move it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.ec2.hosting import attach_host
from rehearsal.machines import inventory
from rehearsal.machines.metadata.facts import Facts, facts_at
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.hosts import PaperHost
from tests.rehearsal.scaling import LAUNCH, TERMINATE, ScalingGroup, delete_all, make
from tests.waiting import wait_for

SPEED = 60


@pytest.fixture(scope="module")
def attached(aws: LocalAws) -> PaperHost:
    host = PaperHost()
    attach_host(aws, host)
    return host


@pytest.fixture
def host(aws: LocalAws, attached: PaperHost) -> Iterator[PaperHost]:
    attached.prompt = True
    yield attached
    attached.prompt = True
    delete_all(aws)


def known(aws: LocalAws, instance_id: str) -> Facts | None:
    """What an instance is told that asks now."""
    interface = inventory.machine(aws, instance_id).interface
    return facts_at(aws, interface.vpc_id, interface.address)


def target(aws: LocalAws, instance_id: str) -> str | None:
    found = known(aws, instance_id)
    assert found is not None
    return found.target_lifecycle_state


def only(group: ScalingGroup, state: str) -> str:
    """The group's instance, when it is in a state."""
    (instance_id,) = wait_for(lambda: group.instances(state), f"an instance in {state}")
    return instance_id


def test_an_instance_is_told_where_auto_scaling_wants_it(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    group = make(aws, network, LifecycleHookSpecificationList=[LAUNCH, TERMINATE])
    instance_id = only(group, "Pending:Wait")
    assert target(aws, instance_id) == "InService"
    group.complete("launching", instance_id)
    assert only(group, "InService") == instance_id
    assert target(aws, instance_id) == "InService"
    group.terminate(instance_id, decrement=True)
    assert only(group, "Terminating:Wait") == instance_id
    assert target(aws, instance_id) == "Terminated"


def test_an_instance_of_no_group_is_told_no_target(aws: LocalAws, host: PaperHost, network: LaunchNetwork) -> None:
    template = {"LaunchTemplateId": network.template}
    (made,) = aws.client("ec2").run_instances(
        LaunchTemplate=template, SubnetId=network.subnets[0], MinCount=1, MaxCount=1, DisableApiTermination=False
    )["Instances"]
    assert target(aws, made["InstanceId"]) is None


def test_an_instance_can_ask_while_it_boots_and_while_it_shuts_down(
    aws: LocalAws, host: PaperHost, network: LaunchNetwork
) -> None:
    host.prompt = False
    ec2 = aws.client("ec2")
    (made,) = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": network.template},
        SubnetId=network.subnets[0],
        MinCount=1,
        MaxCount=1,
        DisableApiTermination=False,
    )["Instances"]
    instance_id = made["InstanceId"]
    assert made["State"]["Name"] == "pending"
    assert known(aws, instance_id) is not None
    host.states.changed(instance_id, "running")
    assert known(aws, instance_id) is not None
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert known(aws, instance_id) is not None
    host.states.changed(instance_id, "terminated")
    assert facts_at(aws, made["VpcId"], made["PrivateIpAddress"]) is None


def test_the_zones_id_is_that_of_the_account(aws: LocalAws, host: PaperHost, network: LaunchNetwork) -> None:
    instance_id = only(make(aws, network), "InService")
    found = known(aws, instance_id)
    assert found is not None
    zone = found.machine.interface.zone
    (described,) = aws.client("ec2").describe_availability_zones(ZoneNames=[zone])["AvailabilityZones"]
    assert found.zone_id == described["ZoneId"]

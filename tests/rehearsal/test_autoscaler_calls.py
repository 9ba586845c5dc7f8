"""The cluster-autoscaler's calls, in its order, with its own role from within the VPC: what of AWS it can change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from imagebuilder.addons import autoscaler
from rehearsal.aws.iam.enforcement import enforcement_of
from rehearsal.aws.server import LocalAws
from rehearsal.aws.sessions import Session
from rehearsal.machines.reach import Reach
from tests.played_autoscaler import PlayedAutoscaler, discovery_tags
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.reach_harness import ReachHarness
from tests.rehearsal.scaling import ScalingGroup, delete_all, make
from tests.templates.cluster import DEFAULT_EXAMPLE, example
from tests.unit.rehearsal.iam import cluster_policies
from tests.unit.rehearsal.iam.cluster_policies import UUID, VPC
from tests.waiting import wait_for

SPEED = 60
OTHER_UUID = UUID.replace("1", "9")
LARGEST = 3


@dataclass(frozen=True)
class World:
    """A cluster's pool and slot, and the pool of another one; and the autoscaler of the first."""

    aws: LocalAws
    session: Session
    client: Callable[[str], Any]
    pool: ScalingGroup
    slot: ScalingGroup
    foreign: ScalingGroup

    def autoscaler(self) -> PlayedAutoscaler:
        """Which has just started, as its Deployment starts it."""
        (deployment,) = [each for each in autoscaler.objects("v0.0.0") if each["kind"] == "Deployment"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (discovery,) = [each for each in container["args"] if each.startswith("--node-group-auto-discovery")]
        played = PlayedAutoscaler(self.client, discovery_tags(discovery, UUID))
        played.start()
        return played


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The templates of the default example."""
    folder = tmp_path_factory.mktemp("templates")
    for name, template in example(DEFAULT_EXAMPLE).templates.items():
        (folder / f"{name}.json").write_text(json.dumps(template), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def world(aws: LocalAws, network: LaunchNetwork, generated: Path) -> Iterator[World]:
    Reach(aws).start()
    harness = ReachHarness(aws)
    for service in ("autoscaling", "ec2"):
        harness.endpoint(service)
    role = aws.client("iam").create_role(RoleName="autoscaler", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for layer, document in cluster_policies.documents_of_role("Autoscaler", generated).items():
        text = json.dumps(document).replace(VPC, harness.vpc.vpc_id)
        aws.client("iam").put_role_policy(RoleName="autoscaler", PolicyName=layer, PolicyDocument=text)
    # As the agent assumes it: such a session says nothing of the instance.
    session = aws.sessions.issue(role, "i-1", 3600)
    own, slot = (
        cluster_policies.tags_of_group(*place, generated)
        for place in (("workers-general", "Group"), ("controlplane", "Slot0"))
    )
    others = json.loads(json.dumps(own).replace(UUID, OTHER_UUID))
    sizes = ((own, 0), (slot, 1), (others, 1))
    groups = [make(aws, network, Tags=tags, DesiredCapacity=size, MaxSize=LARGEST) for tags, size in sizes]
    for group in groups[1:]:
        group.reach("InService")
    yield World(
        aws,
        session,
        cache(lambda service: harness.vpc.client(service, harness.address, harness.port, session)),
        *groups,
    )
    delete_all(aws)


def test_a_pool_goes_from_none_to_two_and_back_and_every_right_of_the_role_is_used(world: World) -> None:
    pool, record = world.pool, enforcement_of(world.aws).record
    before = record.denied
    played = world.autoscaler()
    assert set(played.groups) == {pool.name}
    template = played.template(pool.name)
    assert (template.capacity["cpu"], template.capacity["memory"]) == ("2", "8192Mi")
    # For as long as fewer instances are there than it has asked for, it looks at the group's activities.
    pool.scaling.suspend_processes(AutoScalingGroupName=pool.name, ScalingProcesses=["Launch"])
    played.increase(pool.name, 2)
    assert played.refresh()[pool.name].desired == 2
    pool.scaling.resume_processes(AutoScalingGroupName=pool.name)

    def states() -> list[str]:
        return sorted(played.refresh()[pool.name].provider_ids.values())

    wait_for(lambda: states() == ["InService", "InService"], "two instances")
    # It drains one Node after the other, and ends each.
    for each in [*played.groups[pool.name].provider_ids]:
        played.delete(pool.name, [each])
    assert played.refresh()[pool.name].desired == 0
    wait_for(lambda: states() == [], "no instance")
    arn = world.session.identity_arn
    assert [use for use in record.denied if use.identity_arn == arn and use not in before] == []
    assert [grant for grant in record.unused if grant.identity_arn == arn] == []


def test_it_raises_no_pool_above_its_largest_size(world: World) -> None:
    assert refusal(
        world, "set_desired_capacity", AutoScalingGroupName=world.pool.name, DesiredCapacity=LARGEST + 1
    ) == ("ValidationError")


@pytest.mark.parametrize("whose", ["slot", "foreign"])
def test_it_changes_no_slot_and_no_pool_of_another_cluster(world: World, whose: str) -> None:
    group: ScalingGroup = getattr(world, whose)
    (instance,) = group.instances("InService")
    assert refusal(world, "set_desired_capacity", AutoScalingGroupName=group.name, DesiredCapacity=2) == "AccessDenied"
    ending = {"InstanceId": instance, "ShouldDecrementDesiredCapacity": True}
    assert refusal(world, "terminate_instance_in_auto_scaling_group", **ending) == "AccessDenied"
    assert (group.view()["DesiredCapacity"], group.instances("InService")) == (1, [instance])


def test_from_elsewhere_its_credentials_are_worth_nothing(world: World) -> None:
    scaling = world.aws.client("autoscaling", holder=world.session)
    with pytest.raises(ClientError, match="AccessDenied"):
        scaling.describe_auto_scaling_groups()


def refusal(world: World, operation: str, **parameters: Any) -> str:
    """The code of the error that a call of the autoscaler gets."""
    with pytest.raises(ClientError) as caught:
        getattr(world.client("autoscaling"), operation)(**parameters)
    return str(caught.value.response["Error"]["Code"])

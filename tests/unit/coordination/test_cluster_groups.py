"""The view of the cluster's groups, against botocore's own model of Auto Scaling and EC2 (Stubber checks requests)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from coordination.adapters import clients
from coordination.adapters.instances import ClusterGroups
from coordination.adapters.sizes import SlotSizes
from coordination.adapters.stacks import RootStack
from coordination.instances import GroupInstance, Groups, PoolGroup, SlotGroup
from coordination.outcomes import Done, Known, NoOp, Throttled, Unknown

UUID = "0b1c2d3e"
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo/0b1c2d3e"
LEAVING = GroupInstance("i-1", "slot0", "control-plane", "Terminating:Wait")
RETAINED = GroupInstance("i-2", "slot0", "control-plane", "Terminating:Retained")
HOOK = {"LifecycleHookName": f"{UUID}-terminating", "AutoScalingGroupName": "slot0", "InstanceId": "i-1"}
FILTERS = [{"Name": "tag:holdfast:cluster", "Values": [UUID]}]


class World:
    """Stubbed clients and the adapter over them."""

    def __init__(self) -> None:
        def client(service: str) -> Any:
            make: Any = boto3.client
            return make(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")

        self._clients = {name: client(name) for name in ("autoscaling", "ec2", "cloudformation")}
        self.stubs = {name: Stubber(made) for name, made in self._clients.items()}
        self.groups = ClusterGroups(self._clients["autoscaling"], self._clients["ec2"], UUID)
        self.sizes = SlotSizes(lambda: self._clients["autoscaling"])
        self.root = RootStack(self._clients["cloudformation"], STACK_ID)

    def __enter__(self) -> World:
        for stub in self.stubs.values():
            stub.activate()
        return self

    def __exit__(self, *_: object) -> None:
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def group(name: str, uuid: str, role: str | None, *instances: tuple[str, str]) -> dict[str, Any]:
    tags = [("holdfast:cluster", uuid)] + ([("holdfast:role", role)] if role else [])
    return {
        "AutoScalingGroupName": name,
        "MinSize": 1,
        "MaxSize": 2,
        "DesiredCapacity": 1,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["us-east-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": "2026-01-01T00:00:00Z",
        "Tags": [{"Key": key, "Value": value} for key, value in tags],
        "Instances": [
            {
                "InstanceId": instance_id,
                "AvailabilityZone": "us-east-1a",
                "LifecycleState": state,
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": False,
            }
            for instance_id, state in instances
        ],
    }


def test_the_instances_of_every_page_are_listed_in_the_order_of_their_ids(world: World) -> None:
    stub = world.stubs["autoscaling"]
    stub.add_response(
        "describe_auto_scaling_groups",
        {"AutoScalingGroups": [group("slot1", UUID, "control-plane", ("i-9", "InService"))], "NextToken": "more"},
        {"Filters": FILTERS},
    )
    stub.add_response(
        "describe_auto_scaling_groups",
        {"AutoScalingGroups": [group("pool", UUID, "worker", ("i-3", "Terminating:Wait"), ("i-1", "Pending:Wait"))]},
        {"Filters": FILTERS, "NextToken": "more"},
    )
    assert world.groups.instances() == Known(
        (
            GroupInstance("i-1", "pool", "worker", "Pending:Wait"),
            GroupInstance("i-3", "pool", "worker", "Terminating:Wait"),
            GroupInstance("i-9", "slot1", "control-plane", "InService"),
        )
    )


def test_an_instance_of_another_version_of_the_launch_template_is_not_a_current_one(world: World) -> None:
    def template(version: str, name: str = "lt-0") -> dict[str, str]:
        return {"LaunchTemplateId": name, "Version": version}

    pool = group("pool", UUID, "worker", *((f"i-{number}", "InService") for number in range(3))) | {
        "LaunchTemplate": template("2")
    }
    given = (template("1"), template("2"), template("2", "lt-1"))
    for instance, each in zip(pool["Instances"], given, strict=True):
        instance["LaunchTemplate"] = each
    world.stubs["autoscaling"].add_response(
        "describe_auto_scaling_groups", {"AutoScalingGroups": [pool]}, {"Filters": FILTERS}
    )
    found = world.groups.instances()
    assert isinstance(found, Known)
    assert [each.is_current for each in found.value] == [False, True, False]


def test_a_group_of_another_cluster_is_left_out_even_if_the_filter_lets_it_through(world: World) -> None:
    foreign = group("other", "another-uuid", "worker", ("i-7", "Terminating:Wait"))
    nameless = group("roleless", UUID, None, ("i-8", "InService"))
    world.stubs["autoscaling"].add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [foreign, nameless]})
    assert world.groups.instances() == Known((GroupInstance("i-8", "roleless", "", "InService"),))


def test_a_page_that_fails_makes_the_whole_list_unknown(world: World) -> None:
    stub = world.stubs["autoscaling"]
    first = {"AutoScalingGroups": [group("pool", UUID, "worker", ("i-3", "InService"))], "NextToken": "more"}
    stub.add_response("describe_auto_scaling_groups", first)
    stub.add_client_error("describe_auto_scaling_groups", "InternalFailure", "busy")
    assert world.groups.instances() == Unknown("DescribeAutoScalingGroups: InternalFailure: busy", "InternalFailure")


def test_a_throttled_list_says_so(world: World) -> None:
    world.stubs["autoscaling"].add_client_error("describe_auto_scaling_groups", "Throttling", "slower")
    assert isinstance(world.groups.instances(), Throttled)


def test_the_groups_of_slots_are_read_with_their_sizes_from_the_same_answer(world: World) -> None:
    first = group("demo-Slot1", UUID, "control-plane", ("i-9", "InService"))
    first["Tags"].append({"Key": "holdfast:slot", "Value": "1"})
    first["SuspendedProcesses"] = [{"ProcessName": "HealthCheck"}]
    second = group("demo-Slot0", UUID, "control-plane") | {"MinSize": 0, "DesiredCapacity": 0}
    second["Tags"].append({"Key": "holdfast:slot", "Value": "0"})
    pool = group("pool", UUID, "worker", ("i-3", "InService"))
    pool["Tags"].append({"Key": "holdfast:slot", "Value": "9"})
    world.stubs["autoscaling"].add_response(
        "describe_auto_scaling_groups", {"AutoScalingGroups": [first, second, pool]}, {"Filters": FILTERS}
    )
    assert world.groups.groups() == Known(
        Groups(
            (
                GroupInstance("i-3", "pool", "worker", "InService", slot="9"),
                GroupInstance("i-9", "demo-Slot1", "control-plane", "InService", slot="1"),
            ),
            (
                SlotGroup("demo-Slot0", "0", 0, 0, 2),
                SlotGroup("demo-Slot1", "1", 1, 1, 2, frozenset({"HealthCheck"})),
            ),
        )
    )


def test_a_slot_is_raised_to_one_without_a_cooldown(world: World) -> None:
    asked = {"AutoScalingGroupName": "demo-Slot0", "DesiredCapacity": 1, "HonorCooldown": False}
    world.stubs["autoscaling"].add_response("set_desired_capacity", {}, asked)
    assert world.sizes.start(SlotGroup("demo-Slot0", "0", 0, 0, 2)) == Done()


def test_a_raise_that_is_refused_says_so(world: World) -> None:
    refusal = "New SetDesiredCapacity value 1 is below min value 2 for the AutoScalingGroup."
    world.stubs["autoscaling"].add_client_error("set_desired_capacity", "ValidationError", refusal)
    outcome = world.sizes.start(SlotGroup("demo-Slot0", "0", 0, 0, 2))
    assert outcome == Unknown(f"SetDesiredCapacity: ValidationError: {refusal}", "ValidationError")


def test_the_client_that_raises_sizes_repeats_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = clients.client("autoscaling", tries=1)
    sent: list[object] = []

    def fail(request: object, **_: object) -> None:
        sent.append(request)
        raise ConnectTimeoutError(endpoint_url="https://autoscaling.example")

    client.meta.events.register("before-send.auto-scaling.SetDesiredCapacity", fail)
    outcome = SlotSizes(lambda: client).start(SlotGroup("demo-Slot0", "0", 0, 0, 2))
    assert (len(sent), isinstance(outcome, Unknown)) == (1, True)


def described(*states: tuple[str, str]) -> dict[str, Any]:
    instances = [{"InstanceId": name, "State": {"Name": state}} for name, state in states]
    return {"Reservations": [{"Instances": [instance]} for instance in instances]}


def test_the_states_of_instances_are_read_from_every_page_and_the_unknown_ones_are_none(world: World) -> None:
    named = [{"Name": "instance-id", "Values": ["i-1", "i-2", "i-3"]}]
    first = {**described(("i-1", "terminated")), "NextToken": "more"}
    world.stubs["ec2"].add_response("describe_instances", first, {"Filters": named})
    second = {"Filters": named, "NextToken": "more"}
    world.stubs["ec2"].add_response("describe_instances", described(("i-3", "stopped")), second)
    assert world.groups.states({"i-3", "i-1", "i-2"}) == Known({"i-1": "terminated", "i-2": None, "i-3": "stopped"})


def test_ec2_is_asked_for_as_many_instances_at_once_as_it_takes(world: World) -> None:
    names = [f"i-{number:03d}" for number in range(201)]
    for asked in (names[:200], names[200:]):
        named = [{"Name": "instance-id", "Values": asked}]
        running = described(*((name, "running") for name in asked))
        world.stubs["ec2"].add_response("describe_instances", running, {"Filters": named})
    assert world.groups.states(names) == Known(dict.fromkeys(names, "running"))


def test_the_states_of_no_instances_are_not_asked_for(world: World) -> None:
    assert world.groups.states([]) == Known({})


def test_the_addresses_of_an_instance_are_those_of_all_its_interfaces_and_no_public_ones(world: World) -> None:
    interface = {
        "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.5"}, {"PrivateIpAddress": "10.0.0.6"}],
        "Ipv6Addresses": [{"Ipv6Address": "fd00::5"}],
    }
    shown = {
        "InstanceId": "i-1",
        "PrivateIpAddress": "10.0.0.5",
        "PublicIpAddress": "192.0.2.1",
        "NetworkInterfaces": [interface, {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.64.5"}]}],
    }
    page = {"Reservations": [{"Instances": [shown, {"InstanceId": "i-2"}]}]}
    named = [{"Name": "instance-id", "Values": ["i-1", "i-2", "i-3"]}]
    world.stubs["ec2"].add_response("describe_instances", page, {"Filters": named})
    assert world.groups.addresses(["i-3", "i-2", "i-1"]) == Known(
        {"i-1": frozenset({"10.0.0.5", "10.0.0.6", "10.0.64.5", "fd00::5"}), "i-2": frozenset(), "i-3": frozenset()}
    )


def test_addresses_that_cannot_be_read_are_unknown(world: World) -> None:
    world.stubs["ec2"].add_client_error("describe_instances", "RequestLimitExceeded", "slower")
    assert isinstance(world.groups.addresses(["i-1"]), Throttled)


def test_states_that_cannot_be_read_are_unknown_and_nobody_is_taken_for_gone(world: World) -> None:
    world.stubs["ec2"].add_client_error("describe_instances", "InternalError", "busy")
    assert world.groups.states(["i-1"]) == Unknown("DescribeInstances: InternalError: busy", "InternalError")


def test_a_hook_is_completed_by_the_clusters_hook_name_and_the_instance(world: World) -> None:
    expected = {**HOOK, "LifecycleActionResult": "CONTINUE"}
    world.stubs["autoscaling"].add_response("complete_lifecycle_action", {}, expected)
    assert world.groups.complete(LEAVING) == Done()


def test_a_launching_instance_is_let_go_on_by_the_launching_hook(world: World) -> None:
    expected = {**HOOK, "LifecycleHookName": f"{UUID}-launching", "LifecycleActionResult": "CONTINUE"}
    world.stubs["autoscaling"].add_response("complete_lifecycle_action", {}, expected)
    assert world.groups.complete(dataclasses.replace(LEAVING, lifecycle_state="Pending:Wait")) == Done()


def test_a_heartbeat_names_hook_and_instance(world: World) -> None:
    world.stubs["autoscaling"].add_response("record_lifecycle_action_heartbeat", {}, HOOK)
    assert world.groups.heartbeat(LEAVING) == Done()


def test_a_hook_that_was_completed_before_is_settled(world: World) -> None:
    words = "No active Lifecycle Action found with instance ID i-1"
    for operation in ("complete_lifecycle_action", "record_lifecycle_action_heartbeat"):
        world.stubs["autoscaling"].add_client_error(operation, "ValidationError", words)
    assert isinstance(world.groups.complete(LEAVING), NoOp)
    assert isinstance(world.groups.heartbeat(LEAVING), NoOp)


def test_any_other_refusal_of_an_answer_is_a_failure(world: World) -> None:
    words = "AutoScalingGroup name not found"
    world.stubs["autoscaling"].add_client_error("complete_lifecycle_action", "ValidationError", words)
    assert world.groups.complete(LEAVING) == Unknown(
        f"CompleteLifecycleAction: ValidationError: {words}", "ValidationError"
    )


def test_a_retained_instance_is_terminated_through_its_group(world: World) -> None:
    ended = {"InstanceId": "i-2", "ShouldDecrementDesiredCapacity": False}
    world.stubs["autoscaling"].add_response("terminate_instance_in_auto_scaling_group", {}, ended)
    assert world.groups.terminate_retained(RETAINED) == Done()


def test_a_termination_that_is_refused_has_not_happened(world: World) -> None:
    operation = "terminate_instance_in_auto_scaling_group"
    world.stubs["autoscaling"].add_client_error(operation, "ScalingActivityInProgress", "later")
    assert world.groups.terminate_retained(RETAINED) == Unknown(
        "TerminateInstanceInAutoScalingGroup: ScalingActivityInProgress: later", "ScalingActivityInProgress"
    )


def test_a_retained_instance_that_is_gone_is_settled(world: World) -> None:
    words = "Instance Id not found - No managed instance found for instance ID: i-2"
    world.stubs["autoscaling"].add_client_error("terminate_instance_in_auto_scaling_group", "ValidationError", words)
    assert isinstance(world.groups.terminate_retained(RETAINED), NoOp)


def test_a_look_shows_the_slots_too(world: World) -> None:
    slot = group("slot1", UUID, "control-plane", ("i-1", "InService"))
    slot["Tags"].append({"Key": "holdfast:slot", "Value": "1"})
    slot["SuspendedProcesses"] = [{"ProcessName": "HealthCheck", "SuspensionReason": "an update"}]
    pool = group("pool", UUID, "worker", ("i-2", "InService"))
    answer = {"AutoScalingGroups": [pool, slot]}
    world.stubs["autoscaling"].add_response("describe_auto_scaling_groups", answer, {"Filters": FILTERS})
    seen = world.groups.groups()
    assert isinstance(seen, Known)
    assert seen.value.slots == (SlotGroup("slot1", "1", 1, 1, 2, frozenset({"HealthCheck"})),)
    assert [(each.instance_id, each.slot) for each in seen.value.instances] == [("i-1", "1"), ("i-2", "")]


def test_a_look_shows_where_a_slot_comes_from_and_the_pools_too(world: World) -> None:
    slot = group("demo-Slot1", UUID, "control-plane")
    pool = group("demo-Pool", UUID, "worker")
    slot["Tags"] += [
        {"Key": "holdfast:slot", "Value": "1"},
        {"Key": "aws:cloudformation:stack-id", "Value": STACK_ID},
        {"Key": "aws:cloudformation:logical-id", "Value": "Slot1"},
    ]
    pool["Tags"].append({"Key": "holdfast:pool", "Value": "general"})
    pool["SuspendedProcesses"] = [{"ProcessName": "Launch"}]
    pool |= {"DesiredCapacity": 2, "MaxSize": 5}
    answer = {"AutoScalingGroups": [pool, slot]}
    world.stubs["autoscaling"].add_response("describe_auto_scaling_groups", answer, {"Filters": FILTERS})
    seen = world.groups.groups()
    assert isinstance(seen, Known)
    assert seen.value.slots == (SlotGroup("demo-Slot1", "1", 1, 1, 2, stack_id=STACK_ID, logical_id="Slot1"),)
    assert seen.value.pools == (PoolGroup("demo-Pool", "general", frozenset({"Launch"}), 1, 2, 5),)


def test_the_named_processes_are_resumed_and_no_others(world: World) -> None:
    asked = {"AutoScalingGroupName": "slot0", "ScalingProcesses": ["AZRebalance", "HealthCheck"]}
    world.stubs["autoscaling"].add_response("resume_processes", {}, asked)
    assert world.groups.resume("slot0", {"HealthCheck", "AZRebalance"}) == Done()


def test_processes_that_cannot_be_resumed_are_a_failure(world: World) -> None:
    world.stubs["autoscaling"].add_client_error("resume_processes", "AccessDenied", "no")
    assert world.groups.resume("slot0", {"HealthCheck"}) == Unknown("ResumeProcesses: AccessDenied: no", "AccessDenied")


def test_the_resources_of_a_nested_stack_are_read_by_their_logical_ids(world: World) -> None:
    resource = {"ResourceType": "AWS::AutoScaling::AutoScalingGroup", "Timestamp": "2026-01-01T00:00:00Z"}
    shown = [
        {"LogicalResourceId": name, "ResourceStatus": state, **resource}
        for name, state in (("Slot0", "UPDATE_COMPLETE"), ("Slot1", "UPDATE_IN_PROGRESS"))
    ]
    world.stubs["cloudformation"].add_response(
        "describe_stack_resources", {"StackResources": shown}, {"StackName": STACK_ID}
    )
    assert world.root.resource_states(STACK_ID) == Known({"Slot0": "UPDATE_COMPLETE", "Slot1": "UPDATE_IN_PROGRESS"})


def test_resources_that_cannot_be_read_are_unknown(world: World) -> None:
    world.stubs["cloudformation"].add_client_error("describe_stack_resources", "Throttling", "slower")
    assert isinstance(world.root.resource_states(STACK_ID), Throttled)


def stack(stack_id: str, status: str) -> dict[str, Any]:
    return {"StackId": stack_id, "StackName": "demo", "CreationTime": "2026-01-01T00:00:00Z", "StackStatus": status}


def test_the_root_stack_is_asked_for_by_its_id(world: World) -> None:
    answer = {"Stacks": [stack(STACK_ID, "CREATE_COMPLETE")]}
    world.stubs["cloudformation"].add_response("describe_stacks", answer, {"StackName": STACK_ID})
    assert world.root.status() == Known("CREATE_COMPLETE")


def test_a_root_stack_that_is_not_found_is_unknown_and_not_deleted(world: World) -> None:
    words = "Stack does not exist"
    world.stubs["cloudformation"].add_client_error("describe_stacks", "ValidationError", words)
    assert world.root.status() == Unknown(f"DescribeStacks: ValidationError: {words}", "ValidationError")


def test_the_status_of_another_stack_is_not_ours(world: World) -> None:
    answer = {"Stacks": [stack(STACK_ID + "-older", "DELETE_COMPLETE")]}
    world.stubs["cloudformation"].add_response("describe_stacks", answer)
    assert isinstance(world.root.status(), Unknown)

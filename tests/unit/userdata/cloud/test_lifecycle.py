"""A node's own place in its group: the launch hook of the local Auto Scaling, its health, and the waiting stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from coordination.names import launching_hook
from coordination.outcomes import Done, Known, NoOp, Request, Throttled, Unknown
from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import make_network
from tests.rehearsal.scaling import LAUNCH, ScalingGroup, delete_all, make
from tests.waiting import wait_for
from userdata.cloud.lifecycle import OwnAutoScalingGroup, StackSignals

UUID = "6a1f"
HOOK = launching_hook(UUID)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    running = LocalAws().start()
    yield running
    delete_all(running)
    running.stop()


@dataclass(frozen=True)
class Launched:
    """An instance that its launch hook holds."""

    group: ScalingGroup
    instance_id: str
    client: Any

    @property
    def own(self) -> OwnAutoScalingGroup:
        """As the node's program makes it."""
        return OwnAutoScalingGroup(self.client, UUID, self.instance_id)


@pytest.fixture
def launched(aws: LocalAws) -> Launched:
    hook = {**LAUNCH, "LifecycleHookName": HOOK, "DefaultResult": "ABANDON", "HeartbeatTimeout": 600}
    group = make(aws, make_network(aws), LifecycleHookSpecificationList=[hook])
    (instance_id,) = wait_for(lambda: group.instances("Pending:Wait"), "an instance that waits")
    return Launched(group, instance_id, aws.client("autoscaling"))


def test_an_instance_finds_its_group_and_whether_its_launch_waits(launched: Launched) -> None:
    place = launched.own.place()
    assert isinstance(place, Known)
    assert place.value is not None
    assert (place.value.instance_id, place.value.group) == (launched.instance_id, launched.group.name)
    assert place.value.waits_to_launch


def test_an_instance_that_no_group_has_is_known_to_have_none_and_has_nothing_to_answer(aws: LocalAws) -> None:
    own = OwnAutoScalingGroup(aws.client("autoscaling"), UUID, "i-0123456789abcdef0")
    assert own.place() == Known(None)
    for answered in (own.heartbeat(), own.complete_launch(), own.abandon_launch()):
        assert answered == NoOp("no Auto Scaling group has this instance")


def test_a_node_that_serves_goes_into_service_and_saying_it_twice_is_settled(launched: Launched) -> None:
    own = launched.own
    assert own.heartbeat() == Done()
    assert own.complete_launch() == Done()
    wait_for(lambda: launched.group.instances("InService") == [launched.instance_id], "the instance in service")
    assert own.complete_launch() == NoOp("no hook holds this instance")
    assert own.heartbeat() == NoOp("no hook holds this instance")
    # As after a reboot: the program is another one.
    assert launched.own.complete_launch() == NoOp("no hook holds this instance")


def test_a_node_that_will_never_serve_is_replaced(launched: Launched) -> None:
    assert launched.own.abandon_launch() == Done()
    wait_for(
        lambda: any(each != launched.instance_id for each in launched.group.instances("Pending:Wait")),
        "another instance",
    )


@pytest.mark.parametrize("operation", ["DescribeAutoScalingInstances", "CompleteLifecycleAction"])
def test_an_answer_that_never_came_is_unknown_and_settles_nothing(launched: Launched, operation: str) -> None:
    def lose(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://autoscaling")

    event = f"before-send.auto-scaling.{operation}"
    launched.client.meta.events.register(event, lose)
    try:
        assert launched.own.complete_launch() == Unknown(f"{operation}: ReadTimeoutError", "ReadTimeoutError")
    finally:
        launched.client.meta.events.unregister(event, lose)
    assert launched.own.complete_launch() == Done()


def test_another_validation_error_is_no_settled_hook(launched: Launched) -> None:
    own = launched.own
    own.place()
    with Stubber(launched.client) as stub:
        stub.add_client_error("complete_lifecycle_action", "ValidationError", "1 validation error detected")
        outcome = own.complete_launch()
    said = "CompleteLifecycleAction: ValidationError: 1 validation error detected"
    assert outcome == Unknown(said, "ValidationError")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", Done()),
        ("ValidationError", NoOp("the stack does not wait for Slot1")),
        ("Throttling", Throttled("SignalResource: Throttling: as the test wants it", "Throttling")),
        ("AccessDenied", Unknown("SignalResource: AccessDenied: as the test wants it", "AccessDenied")),
    ],
)
def test_a_stack_that_does_not_wait_is_as_good_as_one_that_was_told(
    aws: LocalAws, code: str, expected: Request
) -> None:
    client = aws.client("cloudformation")
    wanted = {"StackName": "arn:stack", "LogicalResourceId": "Slot1", "UniqueId": "i-1", "Status": "SUCCESS"}
    with Stubber(client) as stub:
        if code:
            stub.add_client_error("signal_resource", code, "as the test wants it", expected_params=wanted)
        else:
            stub.add_response("signal_resource", {}, wanted)
        assert StackSignals(client, "arn:stack", "i-1").signal("Slot1") == expected


def test_a_stack_that_is_not_there_waits_for_nothing(aws: LocalAws) -> None:
    outcome = StackSignals(aws.client("cloudformation"), "nobody", "i-1").signal("Slot1")
    assert outcome == NoOp("the stack does not wait for Slot1")

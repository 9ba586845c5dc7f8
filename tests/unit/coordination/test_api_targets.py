"""Registrations at the API's balancer, against botocore's own model of the service."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from coordination.adapters.targets import ApiTargets
from coordination.instances import GroupInstance, SlotGroup
from coordination.outcomes import Done, Unknown

INSTANCE = GroupInstance("i-1", "slot0", "control-plane", "Terminating:Wait", "0")
GROUP = SlotGroup("slot0", "0", 0, 1, 2, target_groups=("arn:one", "arn:two"))


@pytest.fixture
def client() -> Any:
    make: Any = boto3.client
    return make("elbv2", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.mark.parametrize("operation", ["register_targets", "deregister_targets"])
def test_an_instance_is_changed_in_every_target_group_of_its_slot(client: Any, operation: str) -> None:
    with Stubber(client) as stub:
        for arn in GROUP.target_groups:
            stub.add_response(operation, {}, {"TargetGroupArn": arn, "Targets": [{"Id": "i-1"}]})
        targets = ApiTargets(lambda: client)
        change = targets.register if operation == "register_targets" else targets.deregister
        assert change(INSTANCE, GROUP) == Done()
        stub.assert_no_pending_responses()


def test_a_refusal_is_unknown(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("register_targets", "InvalidTarget", "no")
        assert ApiTargets(lambda: client).register(INSTANCE, GROUP) == Unknown(
            "RegisterTargets: InvalidTarget: no", "InvalidTarget"
        )

"""What a cluster finds on the local AWS, and what is counted when it is gone. In plain moto: no engine is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from generator.config import load
from generator.root import templates
from rehearsal.local import inventory, surroundings

ROOT = Path(__file__).parents[3]
# Those that find something else than a bucket, images and zones; all of them are deployed in tests/integration.
EXAMPLES = ("existing-network", "dedicated-hosts", "china")


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    session: Any = boto3.Session()
    with mock_aws():
        yield lambda region: lambda service: session.client(service, region_name=region)


@pytest.mark.parametrize("example", EXAMPLES)
def test_there_is_a_value_for_each_parameter_without_default(clients: Any, example: str) -> None:
    config = ROOT / "examples" / f"{example}.yaml"
    declared = json.loads(templates(load(config))["root.json"])["Parameters"]
    facts = surroundings.facts(config)
    values = surroundings.prepare(clients(facts.region), facts, declared)
    assert set(values) == {name for name, body in declared.items() if "Default" not in body}
    zones = values.get("AvailabilityZones", values.get("ControlPlaneSubnetIds", "")).split(",")
    assert len(zones) == facts.zones


def test_a_new_thing_of_any_kind_is_in_the_inventory(clients: Any) -> None:
    client = clients("us-east-1")
    before = inventory.take(client)
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    queue = client("sqs").create_queue(QueueName="left")["QueueUrl"]
    client("logs").create_log_group(logGroupName="/left")
    new = inventory.take(client) - before
    assert {("VPC", vpc), ("queue", queue), ("log group", "/left")} <= new


def test_what_is_only_remembered_is_not_in_the_inventory(clients: Any) -> None:
    client = clients("us-east-1")
    image = client("ec2").describe_images(ImageIds=["ami-03cf127a"])["Images"][0]["ImageId"]
    before = {found for found in inventory.take(client) if found[0] in ("instance", "volume")}
    (instance,) = client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    assert ("instance", instance["InstanceId"]) in inventory.take(client)
    client("ec2").terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert {found for found in inventory.take(client) if found[0] in ("instance", "volume")} == before

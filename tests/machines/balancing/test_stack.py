"""A stack with a balancer in it: its deletion, while the balancer's interfaces hold its subnets and groups."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.machines.network import namespaces
from tests.machines.balancing.harness import BalancerHarness, wait

# Every rehearsal needs what is tested here, so what breaks it shows in CI; why it does shows here.
pytestmark = pytest.mark.slow

NAME = "network"


def template(zones: tuple[str, ...]) -> dict[str, Any]:
    """A VPC with a balancer in a subnet of each zone, as the templates make it."""
    subnets = {
        f"Subnet{number}": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.8.{number}.0/24", "AvailabilityZone": zone},
        }
        for number, zone in enumerate(zones)
    }
    group = {"GroupDescription": "The API", "VpcId": {"Ref": "Vpc"}}
    balancer = {
        "Type": "network",
        "Scheme": "internal",
        "Subnets": [{"Ref": subnet} for subnet in subnets],
        "SecurityGroups": [{"Ref": "Group"}],
    }
    others = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.8.0.0/16"}},
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
        "Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": balancer},
    }
    return {"Resources": others | subnets}


def test_a_stack_is_deleted_although_the_balancers_interfaces_leave_after_the_balancer(whole: BalancerHarness) -> None:
    cloudformation = whole.aws.client("cloudformation")
    before = set(namespaces.existing(whole.prefix))
    cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps(template(whole.zones)))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    resources = cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    vpc_id = next(each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Vpc")
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]

    def interfaces() -> list[dict[str, Any]]:
        return list(whole.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])

    wait(lambda: len(interfaces()) == len(whole.zones))
    wait(lambda: len(set(namespaces.existing(whole.prefix)) - before) > len(whole.zones))
    cloudformation.delete_stack(StackName=NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    assert interfaces() == []
    assert not whole.ec2.describe_vpcs(Filters=filters)["Vpcs"]

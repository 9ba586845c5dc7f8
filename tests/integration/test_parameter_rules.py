"""CloudFormation refuses parameters that do not go together, before it makes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.local import surroundings
from tests.integration.cluster import package
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness, wait_for

SPEED = 20
EXAMPLE = "existing-network"


@dataclass(frozen=True)
class Asked:
    """The given network's templates in a bucket, and what a new stack of them is asked for."""

    harness: LocalAwsHarness
    url: str
    values: Mapping[str, str]

    def change_set(self, **changed: str) -> str:
        """The id of a change set for a new stack. Raises ClientError where its parameters are refused."""
        values = {**self.values, **changed}
        made = self.harness.client("cloudformation").create_change_set(
            StackName="rules",
            ChangeSetName="any",
            ChangeSetType="CREATE",
            TemplateURL=self.url,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        )
        return str(made["Id"])

    def subnets(self, name: str) -> list[str]:
        return self.values[name].split(",")


@pytest.fixture(scope="module")
def asked(harness: LocalAwsHarness, generated: Generated) -> Asked:
    made = package(harness, *generated(EXAMPLE))
    body = made.template.read_bytes()
    harness.client("s3").put_object(Bucket=surroundings.BUCKET, Key="root.json", Body=body)
    endpoint = harness.client("s3").meta.endpoint_url
    return Asked(harness, f"{endpoint}/{surroundings.BUCKET}/root.json", made.values)


@pytest.fixture(scope="module")
def elsewhere(asked: Asked) -> str:
    """Subnets of another VPC, in the zones of those that are given."""
    ec2: Any = asked.harness.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    given = ec2.describe_subnets(SubnetIds=asked.subnets("WorkerSubnetIds"))["Subnets"]
    made = [
        ec2.create_subnet(VpcId=vpc, AvailabilityZone=each["AvailabilityZone"], CidrBlock=f"10.99.{index}.0/24")
        for index, each in enumerate(given)
    ]
    return ",".join(each["Subnet"]["SubnetId"] for each in made)


def test_parameters_that_go_together_are_taken(asked: Asked) -> None:
    stacks = asked.harness.client("cloudformation")
    made = asked.change_set(S3PrefixListId="pl-1", DynamoDbPrefixListId="pl-2", GeneralMinSize="3", GeneralMaxSize="4")

    def complete() -> bool:
        return bool(stacks.describe_change_set(ChangeSetName=made)["Status"] == "CREATE_COMPLETE")

    wait_for(complete, "the change set is complete")
    stacks.delete_stack(StackName="rules")


@pytest.mark.parametrize("name", ["ControlPlaneSubnetIds", "WorkerSubnetIds"])
def test_subnets_of_another_vpc_are_refused(name: str, asked: Asked, elsewhere: str) -> None:
    with pytest.raises(ClientError, match=f"Rule SubnetsInVpc: {name} must be subnets of the VPC VpcId"):
        asked.change_set(**{name: elsewhere})


@pytest.mark.parametrize(
    ("name", "beyond"), [("ControlPlaneSubnetIds", "WorkerSubnetIds"), ("WorkerSubnetIds", "ControlPlaneSubnetIds")]
)
def test_a_zone_with_subnets_of_one_kind_alone_is_refused(name: str, beyond: str, asked: Asked) -> None:
    first, second, _ = asked.subnets(name)
    text = f"Rule SubnetsInSameZones: {beyond} must be subnets in the Availability Zones of {name}"
    with pytest.raises(ClientError, match=text):
        asked.change_set(**{name: f"{first},{second},{second}"})


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"S3PrefixListId": "pl-1", "DynamoDbPrefixListId": "pl-1"}, "Rule PrefixLists: S3PrefixListId and"),
        ({"GeneralMinSize": "5", "GeneralMaxSize": "5"}, "Rule GeneralSizes: GeneralMaxSize must be more than"),
    ],
)
def test_what_has_to_differ_and_does_not_is_refused(changed: dict[str, str], rule: str, asked: Asked) -> None:
    with pytest.raises(ClientError, match=rule):
        asked.change_set(**changed)


def test_neither_prefix_list_need_be_given(asked: Asked) -> None:
    asked.change_set(S3PrefixListId="", DynamoDbPrefixListId="")
    asked.harness.client("cloudformation").delete_stack(StackName="rules")

"""An organisation whose policies ask for tags on what is created: a cluster with `tags` is created under them.

The local AWS has no service control policies; a user's own policy that denies the same stands in for one.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.integration.cluster import Cluster, package
from tests.integration.conftest import Generated
from tests.integration.harness import LocalAwsHarness, Processes

pytestmark = pytest.mark.slow
SPEED = 5
# As examples/production.yaml says.
KEY, VALUE = "cost-center", "4711"
MADE = ("instance", "volume", "network-interface", "launch-template", "vpc", "subnet", "security-group", "vpc-endpoint")


def statement(*actions: str, resources: tuple[str, ...] = ("*",)) -> dict[str, Any]:
    """What denies the actions without the tag."""
    untagged = {"Null": {f"aws:RequestTag/{KEY}": "true"}}
    return {"Effect": "Deny", "Action": list(actions), "Resource": list(resources), "Condition": untagged}


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        statement("ec2:RunInstances", resources=("arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:*:*:volume/*")),
        statement("autoscaling:CreateAutoScalingGroup", "dynamodb:CreateTable", "kms:CreateKey", "sqs:CreateQueue"),
    ],
}


@pytest.fixture(scope="module")
def aws(processes: Processes) -> LocalAwsHarness:
    """A local AWS whose denials are wanted."""
    return LocalAwsHarness(processes, processes.start_aws(SPEED), "us-east-1")


@pytest.fixture(scope="module")
def deployer(aws: LocalAwsHarness, processes: Processes) -> LocalAwsHarness:
    """The AWS CLI of a user of the organisation."""
    iam = aws.client("iam")
    iam.create_user(UserName="deployer")
    iam.put_user_policy(UserName="deployer", PolicyName="organisation", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    own = LocalAwsHarness(processes, aws.endpoint, aws.region)
    own.environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return own


def client(deployer: LocalAwsHarness, service: str) -> Any:
    """The user's own client of a service."""
    key = deployer.environment
    session: Any = boto3.Session(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"], region_name=deployer.region)
    return session.client(service, endpoint_url=deployer.endpoint)


def test_the_policy_refuses_a_group_whose_launch_template_tags_no_instance(
    aws: LocalAwsHarness, deployer: LocalAwsHarness
) -> None:
    image = aws.client("ec2").describe_images()["Images"][0]["ImageId"]
    tags = [{"ResourceType": "volume", "Tags": [{"Key": KEY, "Value": VALUE}]}]
    data = {"ImageId": image, "InstanceType": "m7i.large", "TagSpecifications": tags}
    aws.client("ec2").create_launch_template(LaunchTemplateName="untagged", LaunchTemplateData=data)

    with pytest.raises(ClientError, match=r"ec2:RunInstances on resource: arn:aws:ec2:[^ ]*:instance/\*"):
        client(deployer, "autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="untagged",
            LaunchTemplate={"LaunchTemplateName": "untagged", "Version": "1"},
            MinSize=0,
            MaxSize=1,
            AvailabilityZones=["us-east-1a"],
            Tags=[{"Key": KEY, "Value": VALUE, "PropagateAtLaunch": True}],
        )


def test_a_cluster_with_tags_is_created_under_it_and_everything_of_ec2_carries_them(
    aws: LocalAwsHarness, deployer: LocalAwsHarness, generated: Generated
) -> None:
    aws.stub_nodes()
    cluster = Cluster(deployer, "tagged", package(deployer, *generated("production")))

    cluster.create()

    assert cluster.stack()["StackStatus"] == "CREATE_COMPLETE"
    described = aws.client("ec2").get_paginator("describe_tags").paginate()
    tags = [tag for page in described for tag in page["Tags"]]
    ours = {(tag["ResourceType"], tag["ResourceId"]) for tag in tags if tag["Key"] == "holdfast:cluster"}
    tagged = {(tag["ResourceType"], tag["ResourceId"]) for tag in tags if (tag["Key"], tag["Value"]) == (KEY, VALUE)}
    assert ours - tagged == set()
    assert {kind for kind, _ in ours} >= set(MADE)
    assert cluster.delete() == "DELETE_COMPLETE"

"""Who an instance is to AWS, asked by the real AWS CLI and boto3 from inside its network."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.machines.services.harness import AWS_CLI, Place

IDENTITY = (AWS_CLI, "sts", "get-caller-identity", "--region", "us-east-1")


@pytest.fixture
def sts(place: Place) -> Iterator[str]:
    """An endpoint for STS, for one test."""
    made = place.ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=place.vpc_id,
        ServiceName="com.amazonaws.us-east-1.sts",
        SubnetIds=[place.subnet_id],
        SecurityGroupIds=[place.group_id],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    yield made
    place.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])


def test_the_aws_cli_is_the_role_on_this_instance(place: Place, sts: str) -> None:
    done = place.run(*IDENTITY)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["Arn"] == f"arn:aws:sts::{place.aws.account_id}:assumed-role/node/{place.instance_id}"
    assert told["UserId"].endswith(f":{place.instance_id}")


def test_without_the_endpoint_it_gets_no_answer(place: Place) -> None:
    done = place.run(*IDENTITY, AWS_MAX_ATTEMPTS="1")
    assert done.returncode != 0
    assert "Connection was closed" in done.stderr


def test_boto3_finds_the_roles_session_and_when_it_ends(place: Place) -> None:
    program = (
        "import boto3, json\n"
        "held = boto3.Session().get_credentials()\n"
        "print(json.dumps([held.method, held.access_key, held.secret_key, held.token]))"
    )
    method, key, secret, token = place.python(program)
    session = place.aws.sessions.find(key)
    assert session is not None
    assert (method, secret, token) == ("iam-role", session.secret_access_key, session.session_token)
    assert session.name == place.instance_id
    assert session.expires_at > place.aws.clock.now()

"""Who an instance is to AWS, asked by the real AWS CLI and boto3 from inside its network."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.machines.services.harness import AWS_CLI, ServicesHarness

IDENTITY = (AWS_CLI, "sts", "get-caller-identity", "--region", "us-east-1")


@pytest.fixture
def sts(harness: ServicesHarness) -> Iterator[str]:
    """An endpoint for STS, for one test."""
    made = harness.make_endpoint("sts")
    yield made
    harness.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])


def test_the_aws_cli_is_the_role_on_this_instance(harness: ServicesHarness, sts: str) -> None:
    done = harness.run(*IDENTITY)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["Arn"] == f"arn:aws:sts::{harness.aws.account_id}:assumed-role/node/{harness.instance_id}"
    assert told["UserId"].endswith(f":{harness.instance_id}")


def test_without_the_endpoint_it_gets_no_answer(harness: ServicesHarness) -> None:
    done = harness.run(*IDENTITY, AWS_MAX_ATTEMPTS="1")
    assert done.returncode != 0
    assert "Connection was closed" in done.stderr


def test_boto3_finds_the_roles_session_and_when_it_ends(harness: ServicesHarness) -> None:
    program = (
        "import boto3, json\n"
        "held = boto3.Session().get_credentials()\n"
        "print(json.dumps([held.method, held.access_key, held.secret_key, held.token]))"
    )
    method, key, secret, token = harness.python(program)
    session = harness.aws.sessions.find(key)
    assert session is not None
    assert (method, secret, token) == ("iam-role", session.secret_access_key, session.session_token)
    assert session.name == harness.instance_id
    assert session.expires_at > harness.aws.clock.now()

"""Calls from inside a VPC lead where an endpoint leads, and nowhere else."""

from __future__ import annotations

import logging

import pytest

from tests.machines.services.harness import ServicesHarness

ASK = """
import boto3, json
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
config = Config(retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=30)
try:
    boto3.client(%r, "us-east-1", config=config).%s
    print(json.dumps("answered"))
except (BotoCoreError, ClientError) as error:
    print(json.dumps(str(error)))
"""
PARAMETER = ASK % ("ssm", "get_parameter(Name='/greeting')")
PARAMETERS = ASK % ("ssm", "get_parameters(Names=['/greeting'])")
IDENTITY = ASK % ("sts", "get_caller_identity()")


def test_a_service_with_an_endpoint_answers(harness: ServicesHarness) -> None:
    assert harness.python(PARAMETER) == "answered"


def test_a_service_without_an_endpoint_does_not_and_is_named(
    harness: ServicesHarness, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "rehearsal.reach"):
        assert "Connection was closed before we received a valid response" in harness.python(IDENTITY)
    address = harness.machine(harness.instance_id).interface.address
    expected = (
        f"{harness.instance_id} ({address}) called sts GetCallerIdentity: nothing leads there: "
        "the VPC has no endpoint com.amazonaws.us-east-1.sts"
    )
    assert expected in caplog.messages
    assert any(line.startswith(expected) for line in harness.reach.refusals())


def test_the_same_line_is_not_logged_again_at_once(harness: ServicesHarness, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "rehearsal.reach"):
        for _ in range(3):
            harness.python(ASK % ("sqs", "list_queues()"))
    assert len([line for line in caplog.messages if "sqs ListQueues" in line]) == 1
    assert next(line for line in harness.reach.refusals() if "sqs ListQueues" in line).endswith("(3 calls)")


def test_the_role_has_a_say_behind_the_endpoint(harness: ServicesHarness) -> None:
    assert "is not authorized to perform: ssm:GetParameters on resource" in harness.python(PARAMETERS)


def test_the_endpoints_policy_has_a_say_too(harness: ServicesHarness) -> None:
    nothing = '{"Version": "2012-10-17", "Statement": []}'
    harness.ec2.modify_vpc_endpoint(VpcEndpointId=harness.endpoint_id, PolicyDocument=nothing)
    try:
        said = harness.python(PARAMETER)
    finally:
        harness.ec2.modify_vpc_endpoint(VpcEndpointId=harness.endpoint_id, ResetPolicy=True)
    assert "is not authorized to perform: ssm:GetParameter on resource" in said
    assert harness.python(PARAMETER) == "answered"


def test_a_deleted_endpoint_leads_nowhere_and_a_new_one_does_again(harness: ServicesHarness) -> None:
    harness.ec2.delete_vpc_endpoints(VpcEndpointIds=[harness.endpoint_id])
    assert "Connection was closed" in harness.python(PARAMETER)
    harness.endpoint_id = harness.make_endpoint()
    assert harness.python(PARAMETER) == "answered"


def test_requests_that_nobody_signed_are_refused(harness: ServicesHarness) -> None:
    done = harness.run("curl", "--silent", "--write-out", "%{http_code}", "http://169.254.169.249/moto-api/reset")
    assert done.stdout.endswith("403")

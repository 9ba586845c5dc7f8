"""Calls from inside a VPC lead where an endpoint leads, and nowhere else."""

from __future__ import annotations

import logging

import pytest

from tests.machines.services.harness import Place

ASK = """
import boto3, json
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
config = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=3)
try:
    boto3.client(%r, "us-east-1", config=config).%s
    print(json.dumps("answered"))
except (BotoCoreError, ClientError) as error:
    print(json.dumps(str(error)))
"""
PARAMETER = ASK % ("ssm", "get_parameter(Name='/greeting')")
PARAMETERS = ASK % ("ssm", "get_parameters(Names=['/greeting'])")
IDENTITY = ASK % ("sts", "get_caller_identity()")


def test_a_service_with_an_endpoint_answers(place: Place) -> None:
    assert place.python(PARAMETER) == "answered"


def test_a_service_without_an_endpoint_does_not_and_is_named(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "rehearsal.reach"):
        assert "Connection was closed before we received a valid response" in place.python(IDENTITY)
    address = place.machine(place.instance_id).interface.address
    expected = (
        f"{place.instance_id} ({address}) called sts GetCallerIdentity: nothing leads there: "
        "the VPC has no endpoint com.amazonaws.us-east-1.sts"
    )
    assert expected in caplog.messages
    assert any(line.startswith(expected) for line in place.reach.refusals())


def test_the_same_line_is_not_logged_again_at_once(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "rehearsal.reach"):
        for _ in range(3):
            place.python(ASK % ("sqs", "list_queues()"))
    assert len([line for line in caplog.messages if "sqs ListQueues" in line]) == 1
    assert next(line for line in place.reach.refusals() if "sqs ListQueues" in line).endswith("(3 calls)")


def test_the_role_has_a_say_behind_the_endpoint(place: Place) -> None:
    assert "is not authorized to perform: ssm:GetParameters on resource" in place.python(PARAMETERS)


def test_the_endpoints_policy_has_a_say_too(place: Place) -> None:
    nothing = '{"Version": "2012-10-17", "Statement": []}'
    place.ec2.modify_vpc_endpoint(VpcEndpointId=place.endpoint_id, PolicyDocument=nothing)
    try:
        said = place.python(PARAMETER)
    finally:
        place.ec2.modify_vpc_endpoint(VpcEndpointId=place.endpoint_id, ResetPolicy=True)
    assert "is not authorized to perform: ssm:GetParameter on resource" in said
    assert place.python(PARAMETER) == "answered"


def test_a_deleted_endpoint_leads_nowhere_and_a_new_one_does_again(place: Place) -> None:
    place.ec2.delete_vpc_endpoints(VpcEndpointIds=[place.endpoint_id])
    assert "Connection was closed" in place.python(PARAMETER)
    place.endpoint_id = place.make_endpoint()
    assert place.python(PARAMETER) == "answered"


def test_requests_that_nobody_signed_are_refused(place: Place) -> None:
    done = place.run("curl", "--silent", "--write-out", "%{http_code}", "http://169.254.169.249/moto-api/reset")
    assert done.stdout.endswith("403")

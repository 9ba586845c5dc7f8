"""The local AWS as a server: dispatch, its clock, its command line, and services of our own."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import corrections
from rehearsal.aws.clock import Clock
from rehearsal.aws.protocol import RequestContext, Service, ServiceError, partition_of, url_suffix_of
from rehearsal.aws.server import LocalAws
from tests.waiting import BUSY_SECONDS, wait_for


class Notes(Service):
    """A service of our own in SNS's protocol."""

    service_name = "sns"

    def create_topic(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {"TopicArn": f"{context.partition}/{context.region}/{request['Name']}/{request.get('Tags')}"}

    def delete_topic(self, context: RequestContext, request: dict[str, Any]) -> None:
        raise ServiceError("NotFound", "no such topic", 404)

    def list_topics(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("a wheel came off")


def test_a_service_of_our_own_answers_its_operations_and_refuses_others_by_name(local_aws: LocalAws) -> None:
    local_aws.register(Notes())
    sns = local_aws.client("sns", "us-gov-west-1")
    tags = [{"Key": "k", "Value": "v"}]
    assert sns.create_topic(Name="n", Tags=tags)["TopicArn"] == f"aws-us-gov/us-gov-west-1/n/{tags}"
    with pytest.raises(ClientError, match=r"\(NotFound\).*no such topic") as error:
        sns.delete_topic(TopicArn="x")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError, match="sns:Publish is not supported by the local AWS"):
        sns.publish(TopicArn="x", Message="y")


def test_a_fault_of_a_service_is_an_answer_and_is_logged(local_aws: LocalAws, caplog: pytest.LogCaptureFixture) -> None:
    local_aws.register(Notes())
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(ClientError, match="RuntimeError in the local AWS: a wheel came off"),
    ):
        local_aws.client("sns").list_topics()
    assert "ListTopics of sns failed" in caplog.text


def test_everything_else_is_motos(local_aws: LocalAws) -> None:
    local_aws.client("sqs").create_queue(QueueName="q")
    assert local_aws.client("sqs").list_queues()["QueueUrls"][0].endswith("/123456789012/q")


def test_the_region_is_that_of_the_signature(local_aws: LocalAws) -> None:
    zones = local_aws.client("ec2", "cn-north-1").describe_availability_zones()["AvailabilityZones"]
    assert {zone["RegionName"] for zone in zones} == {"cn-north-1"}


def test_requests_at_the_same_time_do_not_lose_writes(local_aws: LocalAws) -> None:
    table = local_aws.client("dynamodb")
    table.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    won: list[int] = []

    def contend(number: int) -> None:
        put = {"TableName": "t", "Item": {"Id": {"S": "one"}}, "ConditionExpression": "attribute_not_exists(Id)"}
        try:
            table.transact_write_items(TransactItems=[{"Put": put}])
            won.append(number)
        except ClientError:
            pass

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_stopped_local_aws_starts_empty_again() -> None:
    for _ in range(2):
        aws = LocalAws().start()
        assert aws.client("s3").list_buckets()["Buckets"] == []
        aws.client("s3").create_bucket(Bucket="bucket")
        aws.stop()


def test_all_listeners_inside_vpcs_end_with_the_local_aws_and_at_the_same_time() -> None:
    aws = LocalAws().start()
    ports = []
    for number in range(40):
        with socket.create_server(("127.0.0.1", 0)) as bound:
            aws.serve_inside(bound, f"vpc-{number}")
            ports.append(bound.getsockname()[1])
    for port in ports:
        socket.create_connection(("127.0.0.1", port)).close()
    began = time.monotonic()
    aws.stop()
    # One after the other they would take twenty seconds.
    assert time.monotonic() - began < 15
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    aws.stop()


def test_the_program_says_where_it_is_and_ends_on_a_signal() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "rehearsal.aws", "--speed", "10"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["endpoint"].startswith("http://localhost:")
    assert (ready["region"], ready["pid"]) == ("us-east-1", process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(BUSY_SECONDS) == 0
    process.stdout.close()


def test_the_program_ends_at_once_also_while_a_stack_waits() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "rehearsal.aws"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    endpoint = json.loads(process.stdout.readline())["endpoint"]
    client = boto3.client(
        "cloudformation",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    ready = {"Type": "AWS::CloudFormation::WaitCondition", "CreationPolicy": {"ResourceSignal": {"Timeout": "PT1H"}}}
    client.create_stack(StackName="waits", TemplateBody=json.dumps({"Resources": {"Ready": ready}}))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=BUSY_SECONDS)
    assert (process.returncode, errors) == (0, "")


def test_a_speed_that_makes_no_sense_is_refused_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal.aws", "--speed", "0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "argument --speed: '0'; allowed: a number greater than 0" in done.stderr


def test_a_port_that_is_taken_is_one_clear_line(local_aws: LocalAws) -> None:
    port = local_aws.endpoint.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal.aws", "--port", port], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (1, f"--port {port}: Address already in use")


def test_partitions_and_their_domains_follow_the_regions_name() -> None:
    regions = ["eu-west-9", "us-gov-east-1", "cn-northwest-1", "us-iso-east-1", "us-isob-east-1"]
    regions += ["eusc-de-east-1", "eu-isoe-west-1", "us-isof-south-1"]
    assert [(partition_of(each), url_suffix_of(partition_of(each))) for each in regions] == [
        ("aws", "amazonaws.com"),
        ("aws-us-gov", "amazonaws.com"),
        ("aws-cn", "amazonaws.com.cn"),
        ("aws-iso", "c2s.ic.gov"),
        ("aws-iso-b", "sc2s.sgov.gov"),
        ("aws-eusc", "amazonaws.eu"),
        ("aws-iso-e", "cloud.adc-e.uk"),
        ("aws-iso-f", "csp.hci.ic.gov"),
    ]


def test_a_fast_clock_makes_an_hour_short_for_sleep_timer_and_date() -> None:
    clock = Clock(speed=36_000)
    began, real = clock.now(), time.monotonic()
    fired = threading.Event()
    clock.timer(1800, fired.set)
    clock.sleep(3600)
    assert fired.wait(BUSY_SECONDS)
    assert time.monotonic() - real < BUSY_SECONDS
    assert (clock.now() - began).total_seconds() >= 3600


def test_a_fast_clock_tells_when_in_reality_its_moments_are() -> None:
    clock = Clock(speed=3600)
    now = clock.now()
    later = now + timedelta(hours=1)
    assert clock.real_time(later) - clock.real_time(now) == timedelta(seconds=1)
    assert abs(clock.real_time(clock.now()) - datetime.now(UTC)) < timedelta(seconds=BUSY_SECONDS)


def test_a_cancelled_timer_does_nothing() -> None:
    clock = Clock()
    fired = threading.Event()
    clock.timer(0.05, fired.set)()
    clock.timer(0.05, fired.set)
    clock.cancel_all()
    assert not fired.wait(0.2)


def test_a_timer_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def fail() -> None:
        try:
            raise RuntimeError("a wheel came off")
        finally:
            done.set()

    with caplog.at_level(logging.ERROR):
        Clock().timer(0, fail)
        assert done.wait(BUSY_SECONDS)
        wait_for(lambda: "what a timer started has failed" in caplog.text, "the line in the log")


def test_corrections_say_what_they_cure_and_are_applied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "_CORRECTIONS", [])
    monkeypatch.setattr(corrections, "_applied", set())
    applied: list[str] = []

    @corrections.correction("service", "it is wrong")
    def cure() -> None:
        applied.append("cure")

    corrections.apply_all()
    corrections.apply_all()
    assert applied == ["cure"]
    assert [(each.service, each.fault) for each in corrections.corrections()] == [("service", "it is wrong")]

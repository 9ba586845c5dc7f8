"""The metadata service, asked from inside an instance's network by curl, boto3 and the AWS CLI."""

from __future__ import annotations

import json
import time

import pytest

from rehearsal.machines.network import namespaces
from tests.machines.services.harness import AWS_CLI, ServicesHarness

# Every rehearsal needs what is tested here, so what breaks it shows in CI; why it does shows here.
pytestmark = pytest.mark.slow

SPEED = 600
METADATA = "http://169.254.169.254/latest"
CURL = ("curl", "--silent", "--max-time", "3", "--write-out", "\n%{http_code}")
TOKEN = "X-aws-ec2-metadata-token"
TTL = f"{TOKEN}-ttl-seconds"


def curl(harness: ServicesHarness, path: str, *options: str, namespace: str = "") -> tuple[int, str]:
    """The status and the body; 0 where nothing answered."""
    said = harness.run(*CURL, *options, f"{METADATA}/{path}", namespace=namespace).stdout
    body, _, status = said.rpartition("\n")
    return int(status), body


def token(harness: ServicesHarness, seconds: int = 21600) -> str:
    status, body = curl(harness, "api/token", "--request", "PUT", "--header", f"{TTL}: {seconds}")
    assert status == 200
    return body


def test_nothing_is_told_without_a_token(harness: ServicesHarness) -> None:
    assert curl(harness, "meta-data/instance-id") == (401, "")
    assert curl(harness, "meta-data/instance-id", "--header", f"{TOKEN}: guessed") == (401, "")


def test_a_token_opens_the_metadata_until_it_ends(harness: ServicesHarness) -> None:
    long, short = token(harness), token(harness, 60)
    assert curl(harness, "meta-data/instance-id", "--header", f"{TOKEN}: {long}") == (200, harness.instance_id)
    # A minute of the local AWS's clock.
    time.sleep(60 / SPEED + 0.1)
    assert curl(harness, "meta-data/instance-id", "--header", f"{TOKEN}: {short}")[0] == 401


def test_a_token_is_refused_where_a_proxy_asks_or_the_lifetime_is_wrong(harness: ServicesHarness) -> None:
    put = ("--request", "PUT")
    assert curl(harness, "api/token", *put, "--header", f"{TTL}: 60", "--header", "X-Forwarded-For: 10.0.0.1")[0] == 403
    assert curl(harness, "api/token", *put, "--header", f"{TTL}: 21601")[0] == 400
    assert curl(harness, "api/token", *put)[0] == 400


def test_the_user_data_comes_as_it_was_given(harness: ServicesHarness) -> None:
    assert curl(harness, "user-data", "--header", f"{TOKEN}: {token(harness)}") == (200, "#!/bin/sh\necho hello\n")


def test_what_is_not_there_is_not_found(harness: ServicesHarness) -> None:
    assert (
        curl(harness, "meta-data/autoscaling/target-lifecycle-state", "--header", f"{TOKEN}: {token(harness)}")[0]
        == 404
    )


def test_each_instance_is_told_of_itself(harness: ServicesHarness) -> None:
    other = harness.launch()
    namespace = harness.fabric.attach(harness.machine(other).interface)
    status, its = curl(harness, "api/token", "--request", "PUT", "--header", f"{TTL}: 21600", namespace=namespace)
    assert status == 200
    assert curl(harness, "meta-data/instance-id", "--header", f"{TOKEN}: {its}", namespace=namespace) == (200, other)
    # Its token is no good here.
    assert curl(harness, "meta-data/instance-id", "--header", f"{TOKEN}: {its}")[0] == 401


def test_the_token_does_not_reach_a_container_behind_one_more_hop(harness: ServicesHarness) -> None:
    pod = f"{harness.namespace}-pod"
    namespaces.make(pod)
    try:
        namespaces.ip([f"link add pod type veth peer name eth0 netns {pod}"], harness.namespace)
        namespaces.ip(["address add 192.168.9.1/24 dev pod", "link set pod up"], harness.namespace)
        namespaces.ip(
            ["address add 192.168.9.2/24 dev eth0", "link set eth0 up", "route add default via 192.168.9.1"], pod
        )
        namespaces.sysctl(harness.namespace, {"ipv4/ip_forward": "1"})
        masquerade = "table ip pods { chain out { type nat hook postrouting priority 100; oifname eth0 masquerade; }; }"
        namespaces.nft(masquerade, harness.namespace)
        put = ("--request", "PUT", "--header", f"{TTL}: 60")
        assert curl(harness, "api/token", *put, namespace=pod)[0] == 0
        # The way is open: an answer that is no token arrives.
        assert curl(harness, "meta-data/instance-id", namespace=pod) == (401, "")
    finally:
        namespaces.remove([pod])


def test_boto3_finds_role_and_service_with_nothing_but_the_endpoint(harness: ServicesHarness) -> None:
    program = (
        "import boto3, json\n"
        "print(json.dumps(boto3.client('ssm', 'us-east-1').get_parameter(Name='/greeting')['Parameter']['Value']))"
    )
    assert harness.python(program) == "hello"


def test_the_aws_cli_does_too(harness: ServicesHarness) -> None:
    done = harness.run(AWS_CLI, "ssm", "get-parameter", "--name", "/greeting", "--region", "us-east-1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Parameter"]["Value"] == "hello"


def test_credentials_are_replaced_before_they_end(harness: ServicesHarness) -> None:
    path = "meta-data/iam/security-credentials/node"
    header = ("--header", f"{TOKEN}: {token(harness)}")
    first, again = (json.loads(curl(harness, path, *header)[1]) for _ in range(2))
    assert first["AccessKeyId"] == again["AccessKeyId"]
    session = harness.aws.sessions.find(first["AccessKeyId"])
    assert session is not None
    deadline = time.monotonic() + 30
    while (fresh := json.loads(curl(harness, path, *header)[1]))["AccessKeyId"] == first["AccessKeyId"]:
        assert time.monotonic() < deadline
        assert harness.aws.clock.now() < session.expires_at
        time.sleep(0.1)
    assert fresh["Expiration"] > first["Expiration"]


def test_a_disabled_service_tells_nothing(harness: ServicesHarness) -> None:
    other = harness.launch(HttpEndpoint="disabled")
    namespace = harness.fabric.attach(harness.machine(other).interface)
    put = ("--request", "PUT", "--header", f"{TTL}: 60")
    assert curl(harness, "api/token", *put, namespace=namespace)[0] == 403

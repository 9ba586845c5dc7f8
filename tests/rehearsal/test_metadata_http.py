"""The metadata service over HTTP: who is told what, and when nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.metadata import Metadata
from tests.rehearsal.loopback_vpc import Answer, LoopbackVpc, NoRouters, ask, listener

TOKEN = "X-aws-ec2-metadata-token"
TTL = f"{TOKEN}-ttl-seconds"
REQUIRED = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


class Asker:
    """An instance that asks the metadata service."""

    def __init__(self, port: int, instance_id: str, address: str) -> None:
        self.port = port
        self.instance_id = instance_id
        self.address = address

    def put(self, path: str = "/latest/api/token", **headers: str) -> Answer:
        return self._ask("PUT", path, headers)

    def token(self, seconds: int = 21600) -> str:
        answer = self.put(**{TTL: str(seconds)})
        assert answer.status == 200
        return answer.text

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, headers)

    def read(self, path: str) -> Answer:
        return self.get(path, **{TOKEN: self.token()})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        return ask(self.address, self.port, method, path, headers)


class MetadataHarness:
    """A VPC with the metadata service."""

    def __init__(self, aws: LocalAws, metadata: Metadata) -> None:
        self.vpc = LoopbackVpc(aws)
        bound = listener()
        self.port = bound.getsockname()[1]
        metadata.serve(bound, self.vpc.vpc_id)

    def asker(self, **more: Any) -> Asker:
        return Asker(self.port, *self.vpc.launch(**{"MetadataOptions": REQUIRED, **more}))


@pytest.fixture(scope="module")
def harness(aws: LocalAws) -> Iterator[MetadataHarness]:
    metadata = Metadata(aws, NoRouters())
    yield MetadataHarness(aws, metadata)
    metadata.stop()


@pytest.fixture(scope="module")
def asker(harness: MetadataHarness) -> Asker:
    return harness.asker(UserData="#!/bin/sh\n")


def test_a_token_opens_what_is_closed_without_it(asker: Asker) -> None:
    assert asker.get("/latest/meta-data/instance-id").status == 401
    assert asker.get("/latest/meta-data/instance-id", **{TOKEN: "guessed"}).status == 401
    answer = asker.read("/latest/meta-data/instance-id")
    assert (answer.status, answer.text) == (200, asker.instance_id)


def test_a_tokens_answer_says_how_long_it_lives(asker: Asker) -> None:
    assert asker.put(**{TTL: "60"}).headers[TTL] == "60"


@pytest.mark.parametrize("ttl", [None, "0", "21601", "-5", "many", "9" * 5000])
def test_a_token_needs_an_allowed_lifetime(asker: Asker, ttl: str | None) -> None:
    assert asker.put(**({} if ttl is None else {TTL: ttl})).status == 400


def test_a_proxy_gets_no_token(asker: Asker) -> None:
    assert asker.put(**{TTL: "60", "X-Forwarded-For": "10.0.0.1"}).status == 403


def test_no_other_path_gives_tokens(asker: Asker) -> None:
    assert asker.put("/latest/meta-data/instance-id", **{TTL: "60"}).status == 405
    assert asker.read("/latest/api/token").status == 404


def test_a_token_is_good_on_its_own_instance_alone(harness: MetadataHarness, asker: Asker) -> None:
    other = harness.asker()
    assert other.get("/latest/meta-data/instance-id", **{TOKEN: asker.token()}).status == 401
    assert other.read("/latest/meta-data/instance-id").text == other.instance_id


def test_where_tokens_are_optional_a_wrong_one_is_still_refused(harness: MetadataHarness) -> None:
    lax = harness.asker(MetadataOptions={"HttpTokens": "optional"})
    assert lax.get("/latest/meta-data/instance-id").text == lax.instance_id
    assert lax.get("/latest/meta-data/instance-id", **{TOKEN: "guessed"}).status == 401


def test_a_disabled_service_tells_nothing(harness: MetadataHarness) -> None:
    closed = harness.asker(MetadataOptions={"HttpEndpoint": "disabled"})
    assert closed.put(**{TTL: "60"}).status == 403
    assert closed.get("/latest/meta-data/instance-id").status == 403


def test_changed_options_count_at_once(harness: MetadataHarness) -> None:
    changed = harness.asker()
    for endpoint, status in (("disabled", 403), ("enabled", 200)):
        harness.vpc.ec2.modify_instance_metadata_options(
            InstanceId=changed.instance_id, HttpEndpoint=endpoint, HttpTokens="required"
        )
        assert changed.put(**{TTL: "60"}).status == status


def test_an_address_without_an_instance_is_told_nothing(harness: MetadataHarness) -> None:
    nobody = Asker(harness.port, "", "127.0.1.250")
    assert nobody.put(**{TTL: "60"}).status == 403
    assert nobody.get("/latest/meta-data/instance-id").status == 403


def test_an_instance_is_known_only_in_its_own_vpc(harness: MetadataHarness, aws: LocalAws, asker: Asker) -> None:
    metadata = Metadata(aws, NoRouters())
    other = MetadataHarness(aws, metadata)
    try:
        assert Asker(other.port, "", asker.address).put(**{TTL: "60"}).status == 403
    finally:
        metadata.stop()


@pytest.mark.parametrize("path", ["/latest/nothing", "/latest/meta-data/nothing", "/nothing"])
def test_what_is_not_there_is_not_found(asker: Asker, path: str) -> None:
    assert asker.read(path).status == 404


def test_user_data_is_given_byte_for_byte(harness: MetadataHarness, asker: Asker) -> None:
    assert asker.read("/latest/user-data").body == b"#!/bin/sh\n"
    assert harness.asker().read("/latest/user-data").status == 404


def test_the_network_card_is_described_as_ec2_holds_it(harness: MetadataHarness) -> None:
    group = harness.vpc.group("card")
    asker = harness.asker(SecurityGroupIds=[group])
    mac = asker.read("/latest/meta-data/mac").text
    card = f"/latest/meta-data/network/interfaces/macs/{mac}"
    assert asker.read(f"{card}/security-group-ids").text == group
    assert asker.read(f"{card}/security-groups").text == "card"
    assert asker.read(f"{card}/subnet-id").text == harness.vpc.subnets[0]
    assert asker.read(f"{card}/subnet-ipv4-cidr-block").text == "127.0.0.0/24"
    assert asker.read(f"{card}/vpc-id").text == harness.vpc.vpc_id
    assert asker.read(f"{card}/local-ipv4s").text == asker.address


def test_tags_are_told_only_where_they_are_on(harness: MetadataHarness) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "slot", "Value": "a"}]}]
    path = "/latest/meta-data/tags/instance/slot"
    shown = harness.asker(MetadataOptions=REQUIRED | {"InstanceMetadataTags": "enabled"}, TagSpecifications=tags)
    assert shown.read(path).text == "a"
    assert harness.asker(TagSpecifications=tags).read(path).status == 404


def test_a_terminated_instance_is_told_nothing(harness: MetadataHarness) -> None:
    gone = harness.asker()
    harness.vpc.ec2.terminate_instances(InstanceIds=[gone.instance_id])
    assert gone.put(**{TTL: "60"}).status == 403


def test_a_stopped_service_answers_nobody_and_stops_twice(aws: LocalAws) -> None:
    metadata = Metadata(aws, NoRouters())
    harness = MetadataHarness(aws, metadata)
    asker = harness.asker()
    assert asker.token()
    metadata.stop()
    metadata.stop()
    with pytest.raises(ConnectionRefusedError):
        asker.token()


def test_a_silent_connection_holds_nobody_up(harness: MetadataHarness, asker: Asker) -> None:
    with socket.create_connection(("127.0.0.1", harness.port), source_address=(asker.address, 0)):
        assert asker.token()


# the role


@pytest.fixture(scope="module")
def profile(aws: LocalAws) -> str:
    iam = aws.client("iam")
    iam.create_role(RoleName="node", Path="/nodes/", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="node-profile")
    iam.add_role_to_instance_profile(InstanceProfileName="node-profile", RoleName="node")
    return "node-profile"


def test_credentials_are_a_session_of_the_role_on_this_instance(
    harness: MetadataHarness, profile: str, aws: LocalAws
) -> None:
    asker = harness.asker(IamInstanceProfile={"Name": profile})
    assert asker.read("/latest/meta-data/iam/security-credentials/").text == "node"
    given = json.loads(asker.read("/latest/meta-data/iam/security-credentials/node").text)
    session = aws.sessions.find(given["AccessKeyId"])
    assert session is not None
    assert (session.secret_access_key, session.session_token) == (given["SecretAccessKey"], given["Token"])
    assert session.identity_arn == f"arn:aws:iam::{aws.account_id}:role/nodes/node"
    assert session.name == asker.instance_id
    assert session.instance_arn == f"arn:aws:ec2:{aws.region}:{aws.account_id}:instance/{asker.instance_id}"
    assert (session.vpc_id, session.private_ip) == (harness.vpc.vpc_id, asker.address)


def test_an_instance_without_a_profile_gets_no_credentials(asker: Asker) -> None:
    assert asker.read("/latest/meta-data/iam/security-credentials/").status == 404

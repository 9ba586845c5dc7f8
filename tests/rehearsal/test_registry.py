"""The registry of ECR over HTTPS: who may read what, by whose token, and where layers come from."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from rehearsal.aws.ecr import archive
from rehearsal.aws.server import LocalAws
from rehearsal.machines.network.dns.resolve import NXDOMAIN, resolve
from rehearsal.machines.network.dns.view import read_vpc
from tests.rehearsal.iam_actors import Actor, act, allow, person
from tests.rehearsal.loopback_vpc import Answer
from tests.rehearsal.registry_harness import BUCKET, HOST, REPOSITORIES, RegistryHarness

PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
CHALLENGE = f'Basic realm="https://{HOST}/",service="ecr.amazonaws.com"'
LAYERS = f"arn:aws:s3:::{BUCKET.partition('.')[0]}/*"
ANYBODY = {"Principal": "*"}


@pytest.fixture(scope="module")
def harness(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryHarness]:
    made = RegistryHarness(aws, tmp_path_factory.mktemp("registry"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def image(harness: RegistryHarness) -> tuple[str, archive.Pushed]:
    """The name of a repository, and the image `v1` in it."""
    return harness.push()


Image = tuple[str, archive.Pushed]


def node(harness: RegistryHarness, *statements: dict[str, Any]) -> Actor:
    """A role's session as the instance has it."""
    return act(harness.aws, *statements, vpc_id=harness.vpc.vpc_id, private_ip=harness.address)


def error(answer: Answer) -> tuple[int, str, str]:
    (found,) = json.loads(answer.body)["errors"]
    return answer.status, found["code"], found["message"]


@pytest.mark.parametrize("given", [None, "Zm9v", "QVdTOm5vYm9keXM=", "not base64", "cm9vdDp4"])
def test_whoever_has_no_token_is_asked_for_one(harness: RegistryHarness, image: Image, given: str | None) -> None:
    for path in ("/v2/", f"/v2/{image[0]}/manifests/v1"):
        answer = harness.ask(path, given)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, CHALLENGE)


def test_a_token_of_twelve_hours_ago_is_refused_as_expired(harness: RegistryHarness, image: Image) -> None:
    said = "Your authorization token has expired. Reauthenticate and try again."
    old = harness.token(None, hours_ago=12)
    assert error(harness.ask(f"/v2/{image[0]}/manifests/v1", old)) == (403, "DENIED", said)
    assert harness.ask(f"/v2/{image[0]}/manifests/v1", harness.token(None, hours_ago=11.9)).status == 200


def test_a_token_of_another_region_is_none(harness: RegistryHarness) -> None:
    given = harness.aws.client("ecr", "eu-west-1").get_authorization_token()["authorizationData"]
    assert harness.ask("/v2/", given[0]["authorizationToken"]).status == 401


def test_whoever_gets_a_token_by_the_api_pulls_with_it(harness: RegistryHarness, image: Image) -> None:
    name, pushed = image
    puller = act(harness.aws, allow("ecr:GetAuthorizationToken"), allow(PULL, f"{REPOSITORIES}/{name}"))
    (given,) = puller.client("ecr").get_authorization_token()["authorizationData"]
    answer = harness.ask(f"/v2/{name}/manifests/v1", given["authorizationToken"])
    assert (answer.status, answer.body) == (200, pushed.manifest.body)


def test_without_the_grant_the_refusal_names_who_what_and_which(harness: RegistryHarness, image: Image) -> None:
    name, pushed = image
    stranger = node(harness, allow(PULL, f"{REPOSITORIES}/holdfast/*"))
    token = harness.token(stranger.session)
    layer = next(iter(pushed.blobs))
    for method, path, action in (
        ("GET", "manifests/v1", "ecr:BatchGetImage"),
        ("GET", f"blobs/{layer}", "ecr:GetDownloadUrlForLayer"),
    ):
        assert error(harness.ask(f"/v2/{name}/{path}", token, method)) == (
            403,
            "DENIED",
            f"User: {stranger.arn} is not authorized to perform: {action} on resource: {REPOSITORIES}/{name} "
            f"because no identity-based policy allows the {action} action",
        )
    assert harness.ask(f"/v2/{name}/manifests/v1", token, "HEAD").status == 403
    # To have a token is to be known, and no more.
    assert harness.ask("/v2/", token).status == 200


def test_each_token_has_the_rights_of_its_own_holder(harness: RegistryHarness, image: Image) -> None:
    path = f"/v2/{image[0]}/manifests/v1"
    granted = person(harness.aws, allow(PULL, f"{REPOSITORIES}/team/*"))
    refused = person(harness.aws)
    statuses = []
    for each in (granted, refused):
        sessions = each.client("sts").get_session_token()["Credentials"]
        holder = harness.aws.sessions.find(sessions["AccessKeyId"])
        statuses.append(harness.ask(path, harness.token(holder)).status)
    assert statuses == [200, 403]


def test_a_right_that_is_taken_away_is_gone_from_tokens_that_are_out(harness: RegistryHarness, image: Image) -> None:
    puller = node(harness, allow(PULL, f"{REPOSITORIES}/*"))
    token, path = harness.token(puller.session), f"/v2/{image[0]}/manifests/v1"
    assert harness.ask(path, token).status == 200
    role = puller.session.identity_arn.rpartition("/")[2]
    harness.aws.client("iam").delete_role_policy(RoleName=role, PolicyName="p")
    assert harness.ask(path, token).status == 403
    harness.aws.client("iam").delete_role(RoleName=role)
    assert error(harness.ask(path, token)) == (403, "DENIED", "Not Authorized")


def test_a_manifest_is_found_by_its_tag_and_by_its_digest(harness: RegistryHarness, image: Image) -> None:
    name, pushed = image
    token = harness.token(None)
    for reference in ("v1", pushed.manifest.digest):
        for method, body in (("GET", pushed.manifest.body), ("HEAD", b"")):
            answer = harness.ask(f"/v2/{name}/manifests/{reference}", token, method)
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["Docker-Content-Digest"] == pushed.manifest.digest
            assert answer.headers["Content-Type"] == "application/vnd.oci.image.manifest.v1+json"
            assert int(answer.headers["Content-Length"]) == len(pushed.manifest.body)


def test_a_tag_leads_to_what_was_pushed_last(harness: RegistryHarness, image: Image) -> None:
    name, pushed = harness.push()
    other = image[1]
    harness.repository(name).push("v1", other.manifest, other.blobs)
    token = harness.token(None)
    assert harness.ask(f"/v2/{name}/manifests/v1", token).body == other.manifest.body
    assert harness.ask(f"/v2/{name}/manifests/{pushed.manifest.digest}", token).body == pushed.manifest.body


def test_what_is_not_there_is_named(harness: RegistryHarness, image: Image) -> None:
    name, token = image[0], harness.token(None)
    missing = f"sha256:{'0' * 64}"
    assert error(harness.ask("/v2/team/none/manifests/v1", token)) == (
        404,
        "NAME_UNKNOWN",
        "The repository with name 'team/none' does not exist in the registry with id '123456789012'",
    )
    for reference in ("v2", missing):
        said = error(harness.ask(f"/v2/{name}/manifests/{reference}", token))
        assert said == (404, "MANIFEST_UNKNOWN", "Requested image not found")
    assert error(harness.ask(f"/v2/{name}/blobs/{missing}", token))[:2] == (404, "BLOB_UNKNOWN")


def test_a_repository_that_does_not_exist_is_told_only_to_those_who_may_pull_from_it(harness: RegistryHarness) -> None:
    token = harness.token(node(harness).session)
    assert error(harness.ask("/v2/team/none/manifests/v1", token))[:2] == (403, "DENIED")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v2/team/app/blobs/uploads/"), ("PUT", "/v2/team/app/manifests/v1"), ("GET", "/v1/")]
)
def test_what_is_not_played_is_said(harness: RegistryHarness, method: str, path: str) -> None:
    said = f"{method} {path} is not supported by the local AWS"
    assert error(harness.ask(path, harness.token(None), method)) == (405, "UNSUPPORTED", said)


def test_whether_a_layer_is_there_is_a_permission_of_its_own(harness: RegistryHarness, image: Image) -> None:
    name, pushed = image
    digest, blob = next(iter(pushed.blobs.items()))
    path = f"/v2/{name}/blobs/{digest}"
    assert harness.ask(path, harness.token(node(harness, allow(PULL)).session), "HEAD").status == 403
    checking = node(harness, allow("ecr:BatchCheckLayerAvailability", f"{REPOSITORIES}/{name}"))
    answer = harness.ask(path, harness.token(checking.session), "HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(blob)))
    assert harness.ask(path, harness.token(checking.session)).status == 403


# condition keys


@pytest.mark.parametrize("key", ["aws:EC2InstanceSourceVPC", "aws:EC2InstanceSourcePrivateIPv4"])
def test_a_request_by_token_says_nothing_of_the_instance(harness: RegistryHarness, image: Image, key: str) -> None:
    """Undocumented: the registry has the harder case, in which only a condition with IfExists lets a node pull."""
    right = harness.vpc.vpc_id if key.endswith("VPC") else harness.address
    for operator, status in (("StringEquals", 403), ("StringEqualsIfExists", 200)):
        puller = node(harness, allow(PULL, "*", Condition={operator: {key: right}}))
        assert harness.ask(f"/v2/{image[0]}/manifests/v1", harness.token(puller.session)).status == status


def test_a_request_says_from_which_network_it_comes(harness: RegistryHarness, image: Image) -> None:
    for key, right, operator, wrong in (
        ("aws:SourceVpc", harness.vpc.vpc_id, "StringEquals", "vpc-0"),
        ("aws:SourceVpce", harness.endpoint_id, "StringEquals", "vpce-0"),
        ("aws:VpcSourceIp", harness.address, "IpAddress", "10.9.9.9"),
    ):
        for value, status in ((right, 200), (wrong, 403)):
            puller = node(harness, allow(PULL, "*", Condition={operator: {key: value}}))
            answer = harness.ask(f"/v2/{image[0]}/manifests/v1", harness.token(puller.session))
            assert answer.status == status, (key, value)


def test_the_endpoints_policy_has_a_say(harness: RegistryHarness, image: Image) -> None:
    puller, path = node(harness, allow(PULL)), f"/v2/{image[0]}/manifests/v1"
    harness.limit(harness.endpoint_id, {**allow("ecr:GetAuthorizationToken"), **ANYBODY})
    try:
        _, code, said = error(harness.ask(path, harness.token(puller.session)))
    finally:
        harness.limit(harness.endpoint_id)
    assert (code, said.partition(" because ")[2]) == (
        "DENIED",
        "no VPC endpoint policy allows the ecr:BatchGetImage action",
    )
    assert harness.ask(path, harness.token(puller.session)).status == 200


# layers


def redirected(harness: RegistryHarness, image: Image, digest: str = "") -> str:
    """Where a layer is, by the registry's word."""
    digest = digest or next(iter(image[1].blobs))
    answer = harness.ask(f"/v2/{image[0]}/blobs/{digest}", harness.token(None))
    assert answer.status == 307
    return str(answer.headers["Location"])


def test_layers_come_from_a_bucket_by_a_signed_url(harness: RegistryHarness, image: Image) -> None:
    for digest, blob in image[1].blobs.items():
        url = redirected(harness, image, digest)
        assert url.startswith(f"https://prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com/{image[0]}/")
        answer = harness.fetch(url)
        assert (answer.status, answer.body) == (200, blob)
        assert digest == f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        part = harness.fetch(url, {"Range": "bytes=2-5"})
        assert (part.status, part.body) == (206, blob[2:6])


def test_a_url_is_good_for_its_own_layer_and_for_an_hour(
    harness: RegistryHarness, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (redirected(harness, image, digest) for digest in list(image[1].blobs)[:2])
    mixed = f"{first.partition('?')[0]}?{second.partition('?')[2]}"
    later = first.replace("X-Amz-Date=2", "X-Amz-Date=3")
    for url in (mixed, later, first.partition("?")[0]):
        answer = harness.fetch(url)
        assert (answer.status, "<Message>Access Denied</Message>" in answer.text) == (403, True)
    clock = harness.aws.clock
    past = clock.now()
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: past - timedelta(hours=1, seconds=1))
        old = redirected(harness, image)
    assert "Request has expired" in harness.fetch(old).text


def test_a_client_that_sends_its_token_along_gets_no_layer(harness: RegistryHarness, image: Image) -> None:
    answer = harness.fetch(redirected(harness, image), {"Authorization": f"Basic {harness.token(None).encoded()}"})
    assert (answer.status, "Only one auth mechanism allowed" in answer.text) == (400, True)


@pytest.mark.parametrize("key", ["aws:PrincipalAccount", "aws:ResourceAccount"])
def test_a_gateway_endpoint_that_knows_only_the_own_account_refuses_layers(
    harness: RegistryHarness, image: Image, key: str
) -> None:
    url = redirected(harness, image)
    account = {**allow("s3:GetObject"), **ANYBODY, "Condition": {"StringEquals": {key: "123456789012"}}}
    try:
        harness.limit(harness.gateway_id, account)
        answer = harness.fetch(url)
        assert (answer.status, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
        harness.limit(harness.gateway_id, account, {**allow("s3:GetObject", LAYERS), **ANYBODY})
        assert harness.fetch(url).status == 200
    finally:
        harness.limit(harness.gateway_id)


def test_without_a_route_to_the_gateway_endpoint_there_are_no_layers(
    harness: RegistryHarness, image: Image, caplog: pytest.LogCaptureFixture
) -> None:
    url = redirected(harness, image)
    harness.vpc.ec2.modify_vpc_endpoint(VpcEndpointId=harness.gateway_id, RemoveRouteTableIds=[harness.table])
    try:
        with pytest.raises((http.client.RemoteDisconnected, ssl.SSLEOFError)):
            harness.fetch(url)
    finally:
        harness.vpc.ec2.modify_vpc_endpoint(VpcEndpointId=harness.gateway_id, AddRouteTableIds=[harness.table])
    assert "has no route to it" in caplog.text
    assert harness.fetch(url).status == 200


# names and certificates


def addresses(harness: RegistryHarness, name: str) -> list[str]:
    return [row.value for row in resolve(read_vpc(harness.aws, harness.vpc.vpc_id).names, name, "A").rows]


def test_the_name_of_a_registry_leads_to_the_endpoint_and_nowhere_else(harness: RegistryHarness) -> None:
    ec2 = harness.vpc.ec2
    (found,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[harness.endpoint_id])["VpcEndpoints"]
    nics = ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])["NetworkInterfaces"]
    assert len(nics) == 2
    assert addresses(harness, HOST) == sorted(nic["PrivateIpAddress"] for nic in nics)
    names = read_vpc(harness.aws, harness.vpc.vpc_id).names
    assert resolve(names, HOST.replace("us-east-1", "eu-west-1"), "A").code == NXDOMAIN
    ec2.modify_vpc_endpoint(VpcEndpointId=harness.endpoint_id, PrivateDnsEnabled=False)
    try:
        assert addresses(harness, HOST) == []
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=harness.endpoint_id, PrivateDnsEnabled=True)


def test_the_name_of_the_bucket_is_a_public_one_of_s3s(harness: RegistryHarness) -> None:
    lists = harness.vpc.ec2.describe_managed_prefix_lists()["PrefixLists"]
    s3 = next(each["PrefixListId"] for each in lists if each["PrefixListName"] == "com.amazonaws.us-east-1.s3")
    ranges = harness.vpc.ec2.get_managed_prefix_list_entries(PrefixListId=s3)["Entries"]
    (address,) = addresses(harness, BUCKET)
    assert any(address.startswith(each["Cidr"].partition(".")[0] + ".") for each in ranges)


def test_a_client_that_says_nothing_holds_up_nobody(harness: RegistryHarness) -> None:
    with socket.create_connection(harness.registry_at):
        assert harness.ask("/v2/", harness.token(None)).status == 200

"""A real kube-apiserver takes the tokens of the issuers that are configured, and of nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from coordination.names import AccessGroup
from coordination.outcomes import Known
from generator.config import parse
from generator.root import templates
from rehearsal.aws.server import LocalAws
from tests.integration.node.api_server import ApiServer
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.integration.node.oidc_provider import EcKey, Issuer, Provider, RsaKey
from tests.integration.node.test_api_server import who_is
from tests.programs import EACH_MINOR
from tests.waiting import wait_for
from userdata.agent import issuers
from userdata.config.ssm import read_issuers
from userdata.kubeadm.api_server import files
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.oidc import OidcIssuer
from userdata.kubeadm.places import AUTHENTICATION_FILE

OPS, STAFF, DOCUMENT = (
    "https://idp.example.com/realms/ops",
    "https://sts.example.net:8443/",
    "https://mirror.example.net",
)
CARELESS = "https://careless.example.com"
HOUR = 3600
# The API server reads a changed file within a minute, and waits for another one until all issuers have answered.
RELOAD_SECONDS = 150.0
CONFIGURATION = """
access:
  oidc:
    - url: {ops}
      audiences: [kubernetes]
      usernamePrefix: "ops:"
      groupsClaim: "example:groups"
      groupsPrefix: "ops:"
      groups: {{view: [all, "Küche \\\\ \\"2\\""], edit: [developers], admin: [cluster admins]}}
      cidrs: [10.1.0.0/24]
      certificateAuthority: |
{authority}
    - url: {staff}
      discoveryUrl: {document}/sts/discovery
      audiences: [one, two]
      usernameClaim: email
      usernamePrefix: "staff:"
      cidrs: [10.2.0.0/24]
      certificateAuthority: |
{authority}
"""
CLUSTER = Cluster(
    name="holdfast",
    version="",
    endpoint="api.holdfast.internal",
    pod_cidr="100.64.0.0/16",
    service_cidr="172.20.0.0/16",
    etcd_token="uuid-1",
    etcd_volume_gib=20,
)


class Trial(NamedTuple):
    """An API server and the issuers that it was told of."""

    server: ApiServer
    provider: Provider
    told: tuple[OidcIssuer, ...]
    ops: Issuer
    staff: Issuer
    careless: Issuer
    """One that the generator refuses, for it gives names as they are."""

    def status(self, token: str) -> int:
        """What a bearer of the token is answered who asks for what everybody with a name may see."""
        return self.server.get("/version", token)[0]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    names = ("idp.example.com", "sts.example.net", "mirror.example.net", "careless.example.com")
    found = Provider(tmp_path_factory.mktemp("provider"), names).start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def parameters(provider: Provider) -> dict[str, dict[str, str]]:
    """The parameters of issuers in the template of the configuration that a person wrote."""
    indented = "\n".join(f"        {line}" for line in provider.authority.splitlines())
    text = CONFIGURATION.format(ops=OPS, staff=STAFF, document=DOCUMENT, authority=indented)
    resources = json.loads(templates(parse(text))["services.json"])["Resources"].values()
    found = [each["Properties"] for each in resources if each["Type"] == "AWS::SSM::Parameter"]
    return {name: each for each in found if "/oidc/" in (name := each["Name"]["Fn::Sub"])}


@pytest.fixture(scope="module")
def told(parameters: dict[str, dict[str, str]]) -> tuple[OidcIssuer, ...]:
    """What a node reads of them."""
    aws = LocalAws().start()
    try:
        client = aws.client("ssm")
        for name, each in parameters.items():
            given = {key: each[key] for key in ("Type", "Tier", "Value")}
            client.put_parameter(Name=name.replace("${ClusterUuid}", "uuid"), **given)
        reading: Any = read_issuers(client, "/holdfast/uuid")
        found: tuple[OidcIssuer, ...] = reading.value
        return found
    finally:
        aws.stop()


def without_prefixes(issuer: OidcIssuer) -> OidcIssuer:
    """An issuer that gives its users the names that it likes."""
    return replace(
        issuer,
        url=CARELESS,
        username_prefix="",
        groups_prefix="",
        groups={AccessGroup.EDIT: ("developers",)},
    )


@pytest.fixture(scope="module", params=EACH_MINOR)
def trial(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    provider: Provider,
    told: tuple[OidcIssuer, ...],
) -> Iterator[Trial]:
    """An API server of each minor that finds issuers by the provider's proxy, and has asked both of them."""
    ops = provider.issuer(OPS, RsaKey())
    careless = provider.issuer(CARELESS, EcKey())
    staff = provider.issuer(STAFF, EcKey(), document=f"{DOCUMENT}/sts/discovery")
    etcd = EtcdCluster(tmp_path_factory.mktemp("etcd"), request.param)
    folder, environment = tmp_path_factory.mktemp("control-plane"), {"HTTPS_PROXY": provider.proxy}
    given = (*told, without_prefixes(next(each for each in told if each.url == OPS)))
    server = ApiServer(folder, etcd, CLUSTER, request.param, issuers=given, environment=environment)
    found = Trial(server, provider, given, ops, staff, careless)
    try:
        etcd.found(["m1"])
        server.start()
        for issuer, claims in ((ops, OPERATOR), (staff, EMPLOYEE), (careless, OPERATOR)):
            answers(found, issuer, claims, 200)
        yield found
    finally:
        server.stop()
        etcd.stop()


OPERATOR: dict[str, object] = {"aud": "kubernetes", "sub": "ada"}
EMPLOYEE: dict[str, object] = {"aud": ["two", "three"], "email": "bob@example.net", "email_verified": True}


def groups_of(trial: Trial, **claims: object) -> list[str]:
    found: list[str] = who_is(trial.server, trial.ops.token({**OPERATOR, **claims}))["groups"]
    return found


def test_the_file_is_what_a_node_makes_of_the_template(trial: Trial) -> None:
    file = Path(f"{trial.server.root}{AUTHENTICATION_FILE}")
    assert file.read_text() == files((), (), trial.told)[AUTHENTICATION_FILE].content
    said = {each["issuer"]["url"]: each for each in json.loads(file.read_text())["jwt"]}
    assert said.keys() == {OPS, STAFF, CARELESS}
    assert said[OPS]["issuer"]["certificateAuthority"] == trial.provider.authority
    assert said[STAFF]["issuer"] == {
        "url": STAFF,
        "discoveryURL": f"{DOCUMENT}/sts/discovery",
        "certificateAuthority": trial.provider.authority,
        "audiences": ["one", "two"],
        "audienceMatchPolicy": "MatchAny",
    }


def test_the_discovery_document_is_asked_for_where_it_is(trial: Trial) -> None:
    asked = set(trial.provider.asked)
    assert {"idp.example.com/realms/ops/.well-known/openid-configuration", "mirror.example.net/sts/discovery"} <= asked
    assert not [each for each in asked if each.startswith("sts.example.net")]


def test_a_token_names_its_user_and_groups_with_the_issuers_prefixes(trial: Trial) -> None:
    found = who_is(trial.server, trial.ops.token({**OPERATOR, "example:groups": ["night shift"]}))
    assert found["username"] == "ops:ada"
    assert found["groups"] == ["ops:night shift", "system:authenticated"]


@pytest.mark.parametrize(
    ("claimed", "groups"),
    [
        (["cluster admins"], ["ops:cluster admins", "holdfast:admin"]),
        (["developers", "all"], ["ops:developers", "ops:all", "holdfast:view", "holdfast:edit"]),
        (['Küche \\ "2"'], ['ops:Küche \\ "2"', "holdfast:view"]),
        ("developers", ["ops:developers", "holdfast:edit"]),
        ([], []),
        (None, []),
        ("", ["ops:"]),
        (["Developers", " developers", "ops:developers"], ["ops:Developers", "ops: developers", "ops:ops:developers"]),
    ],
)
def test_groups_of_the_issuer_are_members_of_the_clusters(trial: Trial, claimed: object, groups: list[str]) -> None:
    assert groups_of(trial, **{"example:groups": claimed}) == [*groups, "system:authenticated"]


def test_a_token_without_a_claim_of_groups_has_none(trial: Trial) -> None:
    assert groups_of(trial) == ["system:authenticated"]


@pytest.mark.parametrize("name", ["system:masters", "holdfast:admin", "kubeadm:cluster-admins", "system:nodes"])
def test_a_token_that_claims_a_group_of_the_cluster_has_another_one(trial: Trial, name: str) -> None:
    token = trial.ops.token({**OPERATOR, "example:groups": [name]})
    assert who_is(trial.server, token)["groups"] == [f"ops:{name}", "system:authenticated"]
    assert trial.server.get("/api/v1/namespaces/kube-system/secrets", token)[0] == 403


@pytest.mark.parametrize("name", ["system:admin", "holdfast:agent:i-0", "system:node:i-0"])
def test_a_token_that_claims_a_user_of_the_cluster_has_another_name(trial: Trial, name: str) -> None:
    token = trial.ops.token({**OPERATOR, "sub": name})
    assert who_is(trial.server, token)["username"] == f"ops:{name}"
    assert trial.server.get("/api/v1/namespaces/kube-system/secrets", token)[0] == 403


@pytest.mark.parametrize("name", ["system:admin", "holdfast:agent:i-0", "kubeadm:joiner", ""])
def test_a_reserved_user_is_refused_even_where_nothing_is_prefixed(trial: Trial, name: str) -> None:
    assert who_is(trial.server, trial.careless.token(OPERATOR))["username"] == "ada"
    assert trial.status(trial.careless.token({**OPERATOR, "sub": name})) == 401


@pytest.mark.parametrize("name", ["system:masters", "holdfast:admin", "holdfast:agents", "kubeadm:cluster-admins"])
def test_a_reserved_group_is_refused_even_where_nothing_is_prefixed(trial: Trial, name: str) -> None:
    claims = {**OPERATOR, "example:groups": ["developers"]}
    found = who_is(trial.server, trial.careless.token(claims))
    assert found["groups"] == ["developers", "holdfast:edit", "system:authenticated"]
    assert trial.status(trial.careless.token({**claims, "example:groups": ["developers", name]})) == 401


def test_another_issuer_has_other_claims_audiences_and_no_groups(trial: Trial) -> None:
    claims = {**EMPLOYEE, "groups": ["cluster admins"], "example:groups": ["cluster admins"], "sub": "ada"}
    found = who_is(trial.server, trial.staff.token(claims))
    assert found["username"] == "staff:bob@example.net"
    assert found["groups"] == ["system:authenticated"]


NOW = int(time.time())
# What the API server says where no authenticator takes a token for its own.
UNKNOWN = 'err="invalid bearer token"'
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "another audience": ({"aud": "somebody else"}, 'oidc: expected audience \\"kubernetes\\" got'),
    "the other issuer's audience": ({"aud": "one"}, 'oidc: expected audience \\"kubernetes\\" got'),
    "no audience": ({"aud": None}, 'oidc: expected audience \\"kubernetes\\" got []'),
    "ended": ({"exp": NOW - HOUR}, "oidc: token is expired"),
    "no end": ({"exp": None}, "oidc: token is expired"),
    "not valid yet": ({"nbf": NOW + HOUR}, "before the nbf (not before) time"),
    "an issuer that nobody knows": ({"iss": "https://idp.example.com/realms/guests"}, UNKNOWN),
    "an issuer by almost its name": ({"iss": f"{OPS}/"}, UNKNOWN),
    "the other issuer": ({"iss": STAFF}, "oidc: verify token: failed to verify signature"),
    "the cluster's own issuer": ({"iss": "https://kubernetes.default.svc.cluster.local"}, "no keys found"),
    "no user": ({"sub": None}, 'oidc: parse username claims \\"sub\\": claim not present'),
    "a user of no name": ({"sub": ""}, "failed: the user has no name"),
    "a user that is a list": ({"sub": ["ada"]}, "cannot unmarshal array into Go struct field idToken.sub"),
    "groups that are no texts": ({"example:groups": ["developers", 7]}, "oidc: error evaluating group claim"),
    "groups that are a mapping": ({"example:groups": {"cluster admins": True}}, "oidc: error evaluating group claim"),
}


@pytest.mark.parametrize(("claims", "reason"), REFUSED.values(), ids=REFUSED)
def test_other_tokens_are_refused_for_the_right_reason(trial: Trial, claims: dict[str, object], reason: str) -> None:
    assert trial.status(trial.ops.token(OPERATOR)) == 200
    log = trial.server.root / "api-server.log"
    before = log.stat().st_size
    assert trial.status(trial.ops.token({**OPERATOR, **claims, "jti": str(uuid4())})) == 401
    wait_for(lambda: reason in log.read_bytes()[before:].decode(), reason)


@pytest.mark.parametrize("key", [RsaKey(), EcKey()], ids=lambda key: str(key.algorithm))
def test_a_token_that_another_key_has_signed_is_refused(trial: Trial, key: RsaKey | EcKey) -> None:
    assert trial.status(trial.ops.token(OPERATOR, key=key)) == 401


def test_a_token_of_another_audience_of_several_is_refused(trial: Trial) -> None:
    assert trial.status(trial.staff.token({**EMPLOYEE, "aud": "kubernetes"})) == 401


def test_an_address_that_was_not_verified_is_no_name(trial: Trial) -> None:
    assert trial.status(trial.staff.token({**EMPLOYEE, "email_verified": False})) == 401


def test_addresses_of_distributed_claims_are_not_asked(trial: Trial) -> None:
    sources = {"_claim_names": {"example:groups": "a"}, "_claim_sources": {"a": {"endpoint": f"{DOCUMENT}/claims"}}}
    assert groups_of(trial, **sources) == ["system:authenticated"]
    assert "mirror.example.net/claims" not in trial.provider.asked


def answers(trial: Trial, issuer: Issuer, claims: dict[str, object], status: int) -> None:
    """Wait until a token that was never seen before is answered so."""
    wait_for(
        lambda: trial.status(issuer.token({**claims, "jti": str(uuid4())})) == status,
        f"{issuer.url} is answered {status}",
        RELOAD_SECONDS,
        0.2,
    )


def deploy(trial: Trial, told: tuple[OidcIssuer, ...]) -> None:
    """What the agent does once other issuers are deployed."""
    issuers.task(trial.server.root, lambda: Known(told)).run()


def test_issuers_that_are_taken_away_are_gone_without_a_start(trial: Trial) -> None:
    deploy(trial, ())
    answers(trial, trial.ops, OPERATOR, 401)
    answers(trial, trial.staff, EMPLOYEE, 401)
    assert trial.server.get("/readyz") == (200, "ok")


@pytest.mark.slow
def test_an_issuer_that_is_added_is_taken_without_a_start(trial: Trial) -> None:
    """The API server asks every ten seconds whether the new issuers have answered."""
    deploy(trial, ())
    answers(trial, trial.ops, OPERATOR, 401)
    deploy(trial, trial.told)
    answers(trial, trial.ops, OPERATOR, 200)
    answers(trial, trial.staff, EMPLOYEE, 200)

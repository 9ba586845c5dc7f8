"""Issuers from the local SSM: all of them, or one line for each problem, or unknown."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from coordination.names import AccessGroup
from coordination.outcomes import Known, Unknown
from rehearsal.aws.server import LocalAws
from userdata.config.settings import InvalidSettings
from userdata.config.ssm import read_issuers
from userdata.kubeadm.oidc import OidcIssuer

STORED: dict[str, Any] = {
    "url": "https://idp.example.com",
    "discovery-url": "https://mirror.example.com/idp",
    "audiences": ["kubernetes", "pipelines"],
    "certificate-authority": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
    "username-claim": "sub",
    "username-prefix": "idp:",
    "groups-claim": "groups",
    "groups-prefix": "idp:",
    "groups": {"view": ["all"], "admin": ["a", "b"]},
}
UUIDS = itertools.count()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    aws = LocalAws().start()
    yield aws.client("ssm")
    aws.stop()


@pytest.fixture
def prefix() -> str:
    """A cluster without issuers."""
    return f"/holdfast/{next(UUIDS):04}"


def put(client: Any, prefix: str, name: str, value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    client.put_parameter(Name=f"{prefix}/oidc/{name}", Value=text, Type="String")


def test_a_cluster_may_have_no_issuers(client: Any, prefix: str) -> None:
    assert read_issuers(client, prefix) == Known(())


def test_an_issuer_is_read_whole(client: Any, prefix: str) -> None:
    put(client, prefix, "1", STORED)
    assert read_issuers(client, prefix) == Known(
        (
            OidcIssuer(
                url="https://idp.example.com",
                discovery_url="https://mirror.example.com/idp",
                audiences=("kubernetes", "pipelines"),
                certificate_authority=STORED["certificate-authority"],
                username_claim="sub",
                username_prefix="idp:",
                groups_claim="groups",
                groups_prefix="idp:",
                groups={AccessGroup.VIEW: ("all",), AccessGroup.ADMIN: ("a", "b")},
            ),
        )
    )


def test_all_pages_of_issuers_are_read_in_the_order_of_their_names(client: Any, prefix: str) -> None:
    names = [f"{number:02}" for number in range(12)]
    for name in reversed(names):
        put(client, prefix, name, {**STORED, "url": f"https://{name}.example.com", "discovery-url": ""})
    found = read_issuers(client, prefix)
    assert isinstance(found, Known)
    assert [issuer.url for issuer in found.value] == [f"https://{name}.example.com" for name in names]


def test_a_later_release_may_say_more_of_an_issuer(client: Any, prefix: str) -> None:
    put(client, prefix, "1", {**STORED, "colour": "red"})
    assert isinstance(read_issuers(client, prefix), Known)


def test_every_problem_of_issuers_is_told_by_its_parameter(client: Any, prefix: str) -> None:
    put(client, prefix, "1", STORED)
    put(client, prefix, "2", {**STORED, "discovery-url": ""})
    put(client, prefix, "3", {**STORED, "url": "https://b.example.com"})
    put(client, prefix, "4", {name: value for name, value in STORED.items() if name != "audiences"})
    put(client, prefix, "5", {**STORED, "groups": {"root": ["a"]}})
    put(client, prefix, "6", {**STORED, "audiences": "kubernetes"})
    put(client, prefix, "7", {**STORED, "username-prefix": None})
    put(client, prefix, "8", "[]")
    put(client, prefix, "9", "{")
    found = read_issuers(client, prefix)
    assert isinstance(found, InvalidSettings)
    assert found.problems[:4] == (
        f"{prefix}/oidc/4: audiences is missing",
        f"{prefix}/oidc/5: it cannot be understood: ValueError 'root' is not a valid AccessGroup",
        f"{prefix}/oidc/6: it cannot be understood: TypeError 'kubernetes' is no list",
        f"{prefix}/oidc/7: it cannot be understood: TypeError None is no text",
    )
    assert [problem.partition(":")[0] for problem in found.problems[4:]] == [f"{prefix}/oidc/{n}" for n in (8, 9, 2, 3)]
    assert found.problems[6:] == (
        f"{prefix}/oidc/2: 'https://idp.example.com' is also in 1",
        f"{prefix}/oidc/3: 'https://mirror.example.com/idp' is also in 1",
    )


def test_a_page_of_issuers_that_does_not_come_makes_all_unknown(client: Any, prefix: str) -> None:
    def lose(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://ssm")

    event = "after-call.ssm.GetParametersByPath"
    client.meta.events.register(event, lose)
    try:
        assert read_issuers(client, prefix) == Unknown("GetParametersByPath: ReadTimeoutError", "ReadTimeoutError")
    finally:
        client.meta.events.unregister(event, lose)

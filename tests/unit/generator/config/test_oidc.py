"""Issuers in the configuration: what is refused, by exact lines, and what is accepted and reaches nodes."""

from __future__ import annotations

import json

import pytest

from coordination.names import OidcField
from generator.config import ConfigError, parse
from generator.layers.network.resolved_names import allowed
from tests.pem import CERTIFICATE
from tests.unit.generator.config.oidc_lines import ISSUER, OIDC, TOO_LARGE, URL, issuers


def lines(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        parse(text)
    return str(refusal.value).split("\n")


@pytest.mark.parametrize(("text", "line"), OIDC, ids=[line for _, line in OIDC])
def test_a_mistake_gives_its_line_and_no_other(text: str, line: str) -> None:
    assert lines(text) == [line]


def test_a_url_that_is_too_long_is_refused() -> None:
    (line,) = lines(issuers({"url": f"https://idp.example.com/{'a' * 500}"}))
    assert line.endswith(f"; allowed: {URL}")


def test_an_issuer_that_no_parameter_holds_is_refused() -> None:
    (line,) = lines(TOO_LARGE)
    size = len(json.dumps(20 * CERTIFICATE))
    given = int(line.removeprefix("access.oidc[0]: given ").partition(" bytes as JSON; allowed: 8192 at most")[0])
    assert size < given < size + 400


def test_more_than_five_issuers_are_refused() -> None:
    six = [{**ISSUER, "url": f"https://idp{index}.example.com", "usernamePrefix": f"{index}:"} for index in range(6)]
    assert lines(json.dumps({"access": {"oidc": six}})) == ["access.oidc: given 6 entries; allowed: 0 to 5"]


def test_nobody_is_taken_by_default() -> None:
    assert parse("name: web").access.oidc == ()


@pytest.mark.parametrize(
    "url",
    [
        *("https://idp.example.com", "https://idp.example.com/", "https://IDP.example.com:8443/a/b%20c/~d(e)"),
        "https://login.example.com/0b1c-2d/v2.0",
    ],
)
def test_the_url_stays_as_it_was_written(url: str) -> None:
    (issuer,) = parse(issuers({"url": url, "certificateAuthority": f"\n{CERTIFICATE}\n\n{CERTIFICATE}"})).access.oidc
    assert json.loads(issuer.text)[OidcField.URL] == url


@pytest.mark.parametrize(
    ("change", "endpoint"),
    [
        ({}, ("idp.example.com", 443)),
        ({"url": "https://IDP.Example.com:8443/a"}, ("idp.example.com", 8443)),
        ({"discoveryUrl": "https://mirror.example.net:444/idp"}, ("mirror.example.net", 444)),
    ],
)
def test_api_servers_ask_where_the_discovery_document_is(change: dict[str, str], endpoint: tuple[str, int]) -> None:
    config = parse(issuers(change))
    assert config.access.oidc[0].endpoint == endpoint
    assert allowed(config)[-1] == endpoint[0]


def test_a_name_that_is_allowed_already_is_listed_once() -> None:
    document = {**json.loads(issuers({})), "network": {"dnsAllowedDomains": ["idp.example.com"]}}
    assert allowed(parse(json.dumps(document))).count("idp.example.com") == 1


def test_another_setting_of_an_issuer_is_a_change_of_the_same_parameter() -> None:
    before, after = (parse(issuers(change)).access.oidc[0] for change in ({}, {"audiences": ["b"]}))
    assert (before.digest, before.text == after.text) == (after.digest, False)


def test_no_text_of_a_person_is_a_reference() -> None:
    groups = {"groupsClaim": "g", "groupsPrefix": "{{", "groups": {"view": ["{{resolve:ssm:a}}", "{{{{", "ä"]}}
    (issuer,) = parse(issuers(groups)).access.oidc
    assert "{{" not in issuer.text
    assert issuer.text.isascii()
    found = json.loads(issuer.text)
    assert found[OidcField.GROUPS] == {"view": ["{{resolve:ssm:a}}", "{{{{", "ä"]}
    assert found[OidcField.GROUPS_PREFIX] == "{{"

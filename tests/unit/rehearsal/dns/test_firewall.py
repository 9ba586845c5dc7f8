"""What DNS Firewall decides, and what its decisions do to answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.network.dns.firewall import Blocking, FilterRule, Verdict, domain_names, judge
from rehearsal.machines.network.dns.resolve import Answer, HostedZone, Names, Record, Row, resolve


def rule(verdict: Verdict, *entries: str, list_id: str = "l") -> FilterRule:
    return FilterRule("g", list_id, domain_names(entries), verdict, Blocking.NXDOMAIN)


ALLOWED = rule(Verdict.ALLOW, "good.example", "*.good.example", "*.amazonaws.com", list_id="allowed")
NOTHING_ELSE = rule(Verdict.BLOCK, "*", list_id="all")
NAMES = Names(
    zones=(
        HostedZone(
            "good.example",
            (
                Record("good.example", "A", 60, ("10.0.0.1",)),
                Record("a.good.example", "A", 60, ("10.0.0.2",)),
                Record("out.good.example", "CNAME", 30, ("evil.example.",)),
                Record("far.good.example", "CNAME", 30, ("out.good.example.",)),
            ),
        ),
        HostedZone("evil.example", (Record("evil.example", "A", 60, ("10.0.0.9",)),)),
    ),
    hosts={"ip-10-0-0-7.ec2.internal": "10.0.0.7"},
    firewall=(ALLOWED, NOTHING_ELSE),
)
EVIL = Row("evil.example", "A", 60, "10.0.0.9")
OUT = Row("out.good.example", "CNAME", 30, "evil.example.")


@pytest.mark.parametrize(
    ("entry", "name", "matches"),
    [
        ("example.com", "example.com", True),
        ("example.com", "www.example.com", False),
        ("example.com", "notexample.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", "www.example.com", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "notexample.com", False),
        ("*example.com", "notexample.com", True),
        ("*", "anything", True),
        ("*", "a.b.c", True),
    ],
)
def test_an_entry_is_one_name_or_with_an_asterisk_all_that_end_in_the_rest(
    entry: str, name: str, matches: bool
) -> None:
    assert (name in domain_names((entry,))) is matches
    assert (judge([rule(Verdict.BLOCK, entry)], name, "A") is not None) is matches


def test_an_empty_list_matches_nothing() -> None:
    assert judge([rule(Verdict.BLOCK)], "a", "A") is None


def test_the_first_rule_that_matches_decides() -> None:
    assert judge((ALLOWED, NOTHING_ELSE), "a.good.example", "A") is ALLOWED
    assert judge((NOTHING_ELSE, ALLOWED), "a.good.example", "A") is NOTHING_ELSE
    assert judge((ALLOWED,), "evil.example", "A") is None


def test_a_rule_of_a_type_leaves_other_questions_alone() -> None:
    only = replace(NOTHING_ELSE, kind="TXT")
    assert judge((only,), "a", "TXT") is only
    assert judge((only,), "a", "A") is None


@pytest.mark.parametrize("name", ["good.example", "a.good.example"])
def test_an_allowed_name_is_answered_and_no_rule_is_named(name: str) -> None:
    answer = resolve(NAMES, name, "A")
    assert (answer.code, len(answer.rows), answer.rule) == ("NOERROR", 1, None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("evil.example", "A"),
        ("evil.example", "AAAA"),
        ("no.such.name", "A"),
        ("ip-10-0-0-7.ec2.internal", "A"),
        ("7.0.0.10.in-addr.arpa", "PTR"),
    ],
)
def test_zones_hosts_and_their_reverse_names_are_blocked_like_any_other(name: str, kind: str) -> None:
    assert resolve(NAMES, name, kind) == Answer("NXDOMAIN", (), NOTHING_ELSE)
    assert resolve(replace(NAMES, firewall=()), name, kind).rule is None


@pytest.mark.parametrize("name", ["out.good.example", "far.good.example"])
def test_a_chain_that_leaves_what_is_allowed_is_blocked(name: str) -> None:
    assert resolve(NAMES, name, "A") == Answer("NXDOMAIN", (), NOTHING_ELSE)


def test_a_rule_that_trusts_redirections_lets_the_chain_go_anywhere() -> None:
    trusting = replace(NAMES, firewall=(replace(ALLOWED, trusts_redirection=True), NOTHING_ELSE))
    assert resolve(trusting, "out.good.example", "A") == Answer("NOERROR", (OUT, EVIL))
    assert resolve(trusting, "evil.example", "A").rule is NOTHING_ELSE


@pytest.mark.parametrize(
    ("blocking", "answer"),
    [
        (Blocking.NXDOMAIN, ("NXDOMAIN", ())),
        (Blocking.NODATA, ("NOERROR", ())),
        (Blocking.OVERRIDE, ("NOERROR", (Row("evil.example", "CNAME", 7, "sorry.example."),))),
    ],
)
def test_a_block_is_answered_as_its_rule_says(blocking: Blocking, answer: tuple[str, tuple[Row, ...]]) -> None:
    given = replace(NOTHING_ELSE, blocking=blocking, override_name="sorry.example", override_ttl_seconds=7)
    found = resolve(replace(NAMES, firewall=(given,)), "evil.example", "A")
    assert found == Answer(*answer, given)


def test_an_alert_lets_the_question_through_and_is_named() -> None:
    alert = rule(Verdict.ALERT, "evil.example")
    watched = replace(NAMES, firewall=(alert, ALLOWED))
    assert resolve(watched, "evil.example", "A") == Answer("NOERROR", (EVIL,), alert)
    assert resolve(watched, "out.good.example", "A") == Answer("NOERROR", (OUT, EVIL), alert)
    assert resolve(watched, "x.evil.example", "A").rule is None

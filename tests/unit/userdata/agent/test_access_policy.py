"""Who gets a certificate, and why somebody does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.access import (
    EARLY_SECONDS,
    LARGEST_ITEM,
    LONGEST_SECONDS,
    MOST_OPEN,
    SHORTEST_SECONDS,
    VALID_SECONDS,
    AccessRequest,
    Outline,
    Refusal,
    Requester,
    outline,
)
from coordination.names import AccessGroup
from deployment.client_key import ClientKey
from tests.unit.userdata.agent.asking import ALICE, BOB, LISTED, MALLORY, NOW, asking
from tests.unit.userdata.requests import signing_request
from userdata.agent.access_policy import (
    MOST_OF_PRINCIPAL,
    MOST_REFUSED,
    MOST_WAITING,
    ToRefuse,
    ToSign,
    Turns,
    judge,
    turns,
)

SUBJECT = [f"CN = {ALICE.name}", "O = holdfast:view"]


def only(item: Any) -> ToSign | ToRefuse:
    return judge(item, LISTED, NOW)


def row(who: Requester, number: int, *, answered: object = None) -> Outline:
    """A request, or what looks like an answer."""
    item = {**replace(asking(who), number=f"{number:05}", requested_at=NOW - number).item()}
    return outline(item if answered is None else {**item, "AnsweredAt": answered})


@pytest.mark.parametrize(
    ("who", "group"), [(ALICE, AccessGroup.VIEW), *((BOB, group) for group in AccessGroup)], ids=str
)
def test_whoever_is_listed_gets_his_group_and_those_that_may_less(who: Any, group: AccessGroup) -> None:
    verdict = only(asking(who, group).item())
    assert isinstance(verdict, ToSign), verdict
    assert verdict.name == who.name
    assert verdict.wanted.organization == f"holdfast:{group}"


REFUSED: list[tuple[str, AccessRequest, Refusal, str]] = [
    ("foreign", asking(MALLORY), Refusal.NOT_LISTED, "in none of ViewerArns, EditorArns, AdministratorArns"),
    ("group", asking(ALICE, AccessGroup.EDIT), Refusal.GROUP_NOT_GRANTED, "may have: view; it asks for edit"),
    ("group", asking(ALICE, AccessGroup.ADMIN), Refusal.GROUP_NOT_GRANTED, "may have: view; it asks for admin"),
    ("expired", asking(at=NOW - VALID_SECONDS - 1), Refusal.EXPIRED, "601 s ago"),
    ("early", asking(at=NOW + EARLY_SECONDS + 1), Refusal.EARLY, "comes in 61 s"),
    ("short", asking(seconds=SHORTEST_SECONDS - 1), Refusal.LIFETIME, "allowed: 600 to 86400"),
    ("long", asking(seconds=LONGEST_SECONDS + 1), Refusal.LIFETIME, "allowed: 600 to 86400"),
    ("no request", asking(request="hello"), Refusal.MALFORMED, "no single CERTIFICATE REQUEST"),
    ("oversized", asking(request="x" * LARGEST_ITEM), Refusal.TOO_LARGE, "characters, and may have 4096"),
    (
        "another's name",
        asking(key=ClientKey.made(BOB.name, "holdfast:view")),
        Refusal.WRONG_SUBJECT,
        "allowed: the name arn:aws:iam::123456789012:user/alice",
    ),
    (
        "masters",
        asking(key=ClientKey.made(ALICE.name, "system:masters")),
        Refusal.WRONG_SUBJECT,
        "the organization 'system:masters', allowed",
    ),
    (
        "a wider group",
        asking(key=ClientKey.made(ALICE.name, "holdfast:admin")),
        Refusal.WRONG_SUBJECT,
        "allowed: the name",
    ),
    (
        "two groups",
        asking(request=signing_request([*SUBJECT, "O = system:masters"])),
        Refusal.MALFORMED,
        "more than one organization",
    ),
    (
        "a server's names",
        asking(request=signing_request(SUBJECT, "DNS:api.internal")),
        Refusal.WRONG_SUBJECT,
        "alternative names",
    ),
]


@pytest.mark.parametrize(("_", "request_", "refusal", "said"), REFUSED, ids=[each[0] for each in REFUSED])
def test_a_refusal_says_why(_: str, request_: AccessRequest, refusal: Refusal, said: str) -> None:
    verdict = only(request_.item())
    assert isinstance(verdict, ToRefuse), verdict
    assert verdict.refusal is refusal
    assert said in verdict.reason


@pytest.mark.parametrize(
    "changed",
    [
        {"Request": None},
        {"Seconds": "long"},
        {"RequestedAt": "now"},
        {"Id": "access#AIDAALICE#arn:aws:iam::123456789012:user/alice#root#1"},
        {"Id": "access#AIDAALICE#arn:aws:iam::123456789012:root#view#1"},
        {"Id": "access#"},
    ],
    ids=str,
)
def test_what_is_no_request_is_refused_as_malformed(changed: dict[str, object]) -> None:
    verdict = only({**asking().item(), **changed})
    assert isinstance(verdict, ToRefuse), verdict
    assert verdict.refusal is Refusal.MALFORMED


def test_the_bounds_themselves_are_allowed() -> None:
    for each in (
        asking(at=NOW - VALID_SECONDS),
        asking(at=NOW + EARLY_SECONDS),
        asking(seconds=SHORTEST_SECONDS),
        asking(seconds=LONGEST_SECONDS),
    ):
        assert isinstance(only(each.item()), ToSign)


def test_answers_stay_for_ten_minutes_and_go_then() -> None:
    """Also by a clock that is a little behind the one that the answer was given by."""
    for at in (NOW - VALID_SECONDS, NOW, NOW + EARLY_SECONDS):
        assert turns([row(ALICE, 1, answered=at)], NOW) == Turns([], [], [])


@pytest.mark.parametrize("at", [NOW - VALID_SECONDS - 1, NOW + EARLY_SECONDS + 1, "now", 10**100, True, -1], ids=str)
def test_what_no_agent_has_answered_lately_goes_without_a_look(at: object) -> None:
    assert turns([row(ALICE, 1, answered=at)], NOW) == Turns([], [], [row(ALICE, 1, answered=at)])


def test_of_one_person_the_five_oldest_are_looked_at() -> None:
    many = [row(ALICE, number) for number in range(100)]
    found = turns(many, NOW)
    assert list(found.look) == [row(ALICE, number) for number in (99, 98, 97, 96, 95)]
    assert len(found.too_many) == MOST_REFUSED
    assert len(found.delete) == 100 - MOST_OPEN - MOST_REFUSED


def test_nobody_waits_for_whoever_floods_the_table() -> None:
    """Not by requests, by sessions with names of his own, or by what looks like answers."""
    flood = [row(ALICE, number) for number in range(2000)]
    flood += [row(replace(BOB, user_id=f"AROAOPS:{number}"), number) for number in range(2000)]
    flood += [row(ALICE, number, answered=1) for number in range(2000)]
    carol = Requester("AIDACAROL", "arn:aws:iam::123456789012:user/carol")
    found = turns([*flood, row(carol, 0)], NOW)
    assert [each.requester for each in found.look].index(carol) < 3
    assert len(found.look) == MOST_OPEN + MOST_OF_PRINCIPAL + 1
    of_bob = [each for each in found.delete if each.requester.principal_arn == BOB.principal_arn]
    assert len(of_bob) == 2000 - MOST_WAITING


@given(st.lists(st.tuples(st.sampled_from([ALICE, BOB, MALLORY]), st.integers(0, 50), st.booleans()), max_size=60))
def test_each_row_has_one_place_or_none(made: list[tuple[Requester, int, bool]]) -> None:
    rows = {row(who, number, answered=NOW if answered else None) for who, number, answered in made}
    found = turns(rows, NOW)
    placed = [*found.look, *found.too_many, *found.delete]
    assert len(placed) == len(set(placed))
    assert set(placed) <= {each for each in rows if not each.is_answered}


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text(), max_size=2))


@given(
    st.dictionaries(st.sampled_from(["Request", "Seconds", "RequestedAt", "AnsweredAt", "Certificate", "X"]), VALUES),
    st.text().map(lambda text: f"access#{text}"),
)
def test_whatever_stands_in_a_row_nothing_is_signed_that_was_not_asked_for(
    fields: dict[str, object], item_id: str
) -> None:
    item = {**fields, "Id": item_id}
    turns([outline(item)], NOW)
    assert isinstance(judge(item, LISTED, NOW), ToRefuse)

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
    AccessGranted,
    AccessRefused,
    AccessRequest,
    Refusal,
)
from coordination.names import AccessGroup
from deployment.client_key import ClientKey
from tests.unit.userdata.agent.asking import ALICE, BOB, LISTED, MALLORY, NOW, asking
from tests.unit.userdata.requests import signing_request
from userdata.agent.access_policy import ToDelete, ToRefuse, ToSign, verdicts

SUBJECT = [f"CN = {ALICE.name}", "O = holdfast:view"]


def only(item: Any) -> ToSign | ToRefuse | ToDelete:
    (verdict,) = verdicts([item], LISTED, NOW)
    return verdict


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
    for given_ in (AccessGranted("c", "a", NOW - VALID_SECONDS), AccessRefused(Refusal.EXPIRED, "r", NOW)):
        assert verdicts([given_.item("access#u#a#view#1")], LISTED, NOW) == []
    for at in (NOW - VALID_SECONDS - 1, NOW + 1):
        assert isinstance(only(AccessGranted("c", "a", at).item("access#u#a#view#1")), ToDelete)


def test_of_one_person_five_are_looked_at_and_nobody_else_waits_for_it() -> None:
    many = [replace(asking(ALICE), number=f"{number:04}").item() for number in range(100)]
    found = verdicts([*many, asking(BOB).item()], LISTED, NOW)
    kinds = [type(each) for each in found]
    assert kinds.count(ToSign) == MOST_OPEN + 1
    refused = [each for each in found if isinstance(each, ToRefuse)]
    assert {each.refusal for each in refused} == {Refusal.TOO_MANY}
    assert len(refused) == 3 * MOST_OPEN
    assert kinds.count(ToDelete) == 100 - 4 * MOST_OPEN
    assert "100 requests of yours wait, and at most 5 may" in refused[0].reason


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text(), max_size=2))


@given(
    st.dictionaries(st.sampled_from(["Request", "Seconds", "RequestedAt", "AnsweredAt", "Certificate", "X"]), VALUES),
    st.text().map(lambda text: f"access#{text}"),
)
def test_whatever_stands_in_a_row_nothing_is_signed_that_was_not_asked_for(
    fields: dict[str, object], item_id: str
) -> None:
    for verdict in verdicts([{**fields, "Id": item_id}], LISTED, NOW):
        assert not isinstance(verdict, ToSign)

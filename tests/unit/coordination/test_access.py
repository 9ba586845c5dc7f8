"""A request for access is what its row says, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.access import (
    AccessGranted,
    AccessRefused,
    AccessRequest,
    Outline,
    Refusal,
    Requester,
    access_request,
    answer,
    outline,
)
from coordination.fields import Malformed
from coordination.names import AccessGroup, access_item, own_access_items

USER = "arn:aws:iam::123456789012:user/staff/alice"
ROLE = "arn:aws-us-gov:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_0a"
ALICE = Requester("AIDAALICE", USER)
BOB = Requester("AROAOPS:bob@example.com", ROLE)
NUMBER = st.integers(0, 2**53)
TEXT = st.text(min_size=1).filter(lambda text: "#" not in text)


@given(
    group=st.sampled_from(AccessGroup),
    user_id=TEXT,
    arn=TEXT,
    number=TEXT,
    request=st.text(min_size=1),
    seconds=NUMBER,
    at=NUMBER,
)
def test_a_request_is_read_as_it_was_stored(
    group: AccessGroup, user_id: str, arn: str, number: str, request: str, seconds: int, at: int
) -> None:
    stored = AccessRequest(Requester(user_id, arn), group, number, request, seconds, at)
    assert access_request(stored.item()) == stored
    assert answer(stored.item()) is None
    assert stored.item_id.startswith(own_access_items(user_id, arn))
    assert outline(stored.item()) == Outline(stored.item_id, at, False, None)
    assert outline(stored.item()).requester == stored.requester


@pytest.mark.parametrize(
    "given", [AccessGranted("certificate", "authority", 7), AccessRefused(Refusal.EXPIRED, "why", 7)]
)
def test_an_answer_is_read_as_it_was_stored(given: AccessGranted | AccessRefused) -> None:
    assert answer(given.item("access#u#a#view#1")) == given


@pytest.mark.parametrize(
    ("requester", "name"),
    [
        (ALICE, USER),
        (BOB, "arn:aws-us-gov:sts::123456789012:assumed-role/AWSReservedSSO_Ops_0a/bob@example.com"),
    ],
)
def test_a_person_is_named_as_cloudtrail_names_him(requester: Requester, name: str) -> None:
    assert requester.name == name


@pytest.mark.parametrize(
    ("user_id", "arn"),
    [
        # A role without a session, the account itself, a federated user, a service.
        ("AROAOPS", ROLE),
        ("123456789012", "arn:aws:iam::123456789012:root"),
        ("123456789012:bob", "arn:aws:sts::123456789012:federated-user/bob"),
        ("x", "ec2.amazonaws.com"),
        ("x", f"{USER}\n"),
    ],
)
def test_nobody_else_has_a_name(user_id: str, arn: str) -> None:
    with pytest.raises(Malformed, match="neither a user nor a role"):
        assert Requester(user_id, arn).name


GOOD = AccessRequest(ALICE, AccessGroup.VIEW, "1", "pem", 3600, 1).item()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"Id": access_item("u", "a", "root", "1")}, "the group is 'root', allowed: view, edit, admin"),
        ({"Id": access_item("u", "a", "view", "1#2")}, "none of access#"),
        ({"Id": "access#u#a#view"}, "none of access#"),
        ({"Id": "access###view#1"}, "none of access#"),
        ({"Request": ""}, "Request"),
        ({"Request": 3}, "Request"),
        ({"Seconds": "3600"}, "Seconds"),
        ({"Seconds": True}, "Seconds"),
        ({"RequestedAt": 2**54}, "RequestedAt"),
        ({"RequestedAt": None}, "RequestedAt"),
    ],
)
def test_what_is_no_request_is_named(changed: dict[str, object], named: str) -> None:
    with pytest.raises(Malformed, match=named):
        access_request({**GOOD, **changed})


@pytest.mark.parametrize(
    "item",
    [
        {"Id": "x", "AnsweredAt": "now", "Certificate": "c", "Authority": "a"},
        {"Id": "x", "AnsweredAt": 1, "Certificate": "c"},
        {"Id": "x", "AnsweredAt": 1, "Refusal": "because", "Reason": "r"},
        {"Id": "x", "AnsweredAt": 1},
    ],
)
def test_what_is_no_answer_is_malformed(item: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        answer(item)


def test_each_group_may_what_the_ones_before_it_may() -> None:
    assert AccessGroup.VIEW.within == (AccessGroup.VIEW,)
    assert AccessGroup.ADMIN.within == tuple(AccessGroup)

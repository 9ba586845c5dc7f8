"""What a policy allows beyond another one: a table, and what holds for any two of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment.policies import UNKNOWN, widenings

ROLE, OTHER = "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"


def statement(effect: str = "Allow", **parts: Any) -> dict[str, Any]:
    given = {"Effect": effect, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"} | parts
    return {name: value for name, value in given.items() if value is not None}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


BASE = statement(Action=["s3:GetObject", "s3:ListBucket"], Principal={"AWS": [ROLE]})
DENY = statement("Deny", Action="s3:*", Principal="*", Condition={"StringNotEquals": {"aws:SourceVpc": "vpc-1"}})
VPC = {"StringEquals": {"aws:SourceVpc": ["vpc-1"]}}

# Each goes from narrow to wide: the way there asks, and the way back does not.
OPENED = {
    "a principal": ([BASE], [statement(**BASE | {"Principal": {"AWS": [ROLE, OTHER]}})]),
    "everybody": ([BASE], [statement(**BASE | {"Principal": "*"})]),
    "everybody of AWS": ([BASE], [statement(**BASE | {"Principal": {"AWS": "*"}})]),
    "an action": ([BASE], [statement(**BASE | {"Action": ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]})]),
    "a pattern of actions": ([BASE], [statement(**BASE | {"Action": "s3:*"})]),
    "a resource": ([BASE], [statement(**BASE | {"Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]})]),
    "a pattern of resources": ([BASE], [statement(**BASE | {"Resource": "arn:aws:s3:::*"})]),
    "a statement": ([BASE], [BASE, statement(Action="kms:Decrypt", Principal={"AWS": ROLE}, Resource="*")]),
    "no condition": ([statement(Condition=VPC)], [statement()]),
    "a value of a condition": (
        [statement(Condition=VPC)],
        [statement(Condition={"StringEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}})],
    ),
    "fewer values that must not be": (
        [statement(Condition={"StringNotEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}})],
        [statement(Condition={"StringNotEquals": {"aws:SourceVpc": ["vpc-1"]}})],
    ),
    "no Deny": ([BASE, DENY], [BASE]),
    "a Deny of less": ([BASE, DENY], [BASE, statement(**DENY | {"Action": "s3:Get*"})]),
    "a Deny with a further condition": (
        [statement("Deny")],
        [statement("Deny", Condition=VPC)],
    ),
    "fewer excluded actions": (
        [statement(Action=None, NotAction=["iam:*", "sts:*"])],
        [statement(Action=None, NotAction=["iam:*"])],
    ),
    "all but one instead of one": ([statement()], [statement(Action=None, NotAction=["iam:*"])]),
}


@pytest.mark.parametrize("name", OPENED)
def test_what_opens_is_told_and_what_closes_is_not(name: str) -> None:
    narrow, wide = (policy(*each) for each in OPENED[name])
    assert widenings([narrow], [wide])
    assert widenings([wide], [narrow]) == []


def test_a_line_names_the_action_the_resource_and_the_principal() -> None:
    more = statement(Action="kms:Decrypt", Resource="*", Principal={"AWS": OTHER})
    assert widenings([policy(BASE)], [policy(BASE, more)]) == [f"allows kms:decrypt on * to AWS {OTHER}"]


def test_a_line_says_where_conditions_alone_have_changed() -> None:
    assert widenings([policy(statement(Condition=VPC))], [policy(statement())]) == [
        "allows s3:getobject on arn:aws:s3:::a/* under other conditions"
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (statement(Action="S3:getobject"), statement()),
        (statement(Action=["s3:GetObject"]), statement()),
        (statement(Principal={"AWS": ROLE}), statement(Principal={"AWS": [ROLE]})),
        (statement(Sid="A"), statement(Sid="B")),
        (statement(Resource="arn:aws:s3:::a/*"), statement(Resource="arn:aws:s3:::a/b?")),
    ],
)
def test_another_spelling_of_the_same_opens_nothing(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert widenings([policy(before)], [policy(after)]) == []


def test_a_resource_that_is_not_known_yet_may_be_the_one_in_whose_place_it_stands_but_a_principal_may_not() -> None:
    for resource in (UNKNOWN, f"arn:aws:s3:::{UNKNOWN}/*"):
        assert widenings([policy(statement())], [policy(statement(Resource=resource))]) == []
    assert widenings([policy(statement())], [policy(statement(Resource=f"arn:aws:kms:::{UNKNOWN}"))])
    assert widenings([policy(BASE)], [policy(statement(**BASE | {"Principal": {"AWS": UNKNOWN}}))])


def test_a_resource_that_is_not_known_yet_is_a_further_one_beside_what_stays() -> None:
    """It may be a value of a parameter, `*` too."""
    known = statement()["Resource"]
    assert widenings([policy(statement())], [policy(statement(Resource=[known, UNKNOWN]))]) == [
        f"allows s3:getobject on {UNKNOWN}"
    ]
    two = [known, "arn:aws:s3:::b/*"]
    assert widenings([policy(statement(Resource=two))], [policy(statement(Resource=[known, UNKNOWN]))]) == []
    deny = statement("Deny", Resource=two)
    assert widenings([policy(deny)], [policy(deny | {"Resource": [known, UNKNOWN]})]) == []


def texts(*of: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), min_size=1, max_size=3, unique=True)


STATEMENTS = st.builds(
    statement,
    st.sampled_from(["Allow", "Deny"]),
    Action=texts("s3:GetObject", "s3:Get*", "s3:*", "kms:Decrypt", "*"),
    Resource=texts("*", "arn:aws:s3:::a/*", "arn:aws:s3:::a/b", "arn:aws:s3:::c"),
    Principal=st.none() | st.just("*") | st.builds(lambda each: {"AWS": each}, texts(ROLE, OTHER)),
    Condition=st.none()
    | st.builds(lambda values: {"StringEquals": {"aws:SourceVpc": values}}, texts("vpc-1", "vpc-2")),
)
POLICIES = st.lists(STATEMENTS, max_size=4)


@given(POLICIES)
def test_no_policy_opens_more_than_itself(statements: list[dict[str, Any]]) -> None:
    assert widenings([policy(*statements)], [policy(*reversed(statements))]) == []


@given(POLICIES, STATEMENTS)
def test_what_a_further_statement_opens_its_removal_closes(
    statements: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    small, large = policy(*statements), policy(*statements, more)
    there, back = widenings([small], [large]), widenings([large], [small])
    # A further Allow opens, or is covered by what is there; a further Deny closes, or is covered.
    if more["Effect"] == "Allow":
        assert back == []
    else:
        assert there == []


@given(POLICIES, POLICIES, POLICIES)
def test_what_opens_nothing_twice_opens_nothing_at_once(
    one: list[dict[str, Any]], two: list[dict[str, Any]], three: list[dict[str, Any]]
) -> None:
    first, second, third = policy(*one), policy(*one, *two), policy(*one, *two, *three)
    if not widenings([first], [second]) and not widenings([second], [third]):
        assert widenings([first], [third]) == []

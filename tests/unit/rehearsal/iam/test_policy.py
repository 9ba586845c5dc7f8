"""Policy documents: what a statement speaks about, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rehearsal.aws.iam import policy
from rehearsal.aws.iam.context import Context
from rehearsal.aws.iam.policy import PolicyError


def statement(version: str = "2012-10-17", **elements: Any) -> policy.Statement:
    document = {"Version": version, "Statement": {"Effect": "Allow", "Action": "s3:GetObject", **elements}}
    (parsed,) = policy.parse(document, "p").statements
    return parsed


BUCKET = "arn:aws:s3:::b/k"


@pytest.mark.parametrize(
    ("elements", "action", "resource", "about"),
    [
        ({"Resource": "*"}, "s3:getobject", BUCKET, True),
        ({"Action": "S3:Get*", "Resource": "*"}, "s3:GetObject", BUCKET, True),
        ({"Action": ["s3:Put*", "s3:GetObject"], "Resource": "*"}, "s3:GetObject", BUCKET, True),
        ({"Action": "s3:Get", "Resource": "*"}, "s3:GetObject", BUCKET, False),
        ({"Action": "*", "Resource": "*"}, "kms:Decrypt", "*", True),
        ({"Resource": "arn:aws:s3:::b/*"}, "s3:GetObject", BUCKET, True),
        ({"Resource": "arn:aws:s3:::c/*"}, "s3:GetObject", BUCKET, False),
        ({"Resource": "arn:aws:s3:::b/*"}, "s3:GetObject", "*", False),
        ({}, "s3:GetObject", BUCKET, True),
    ],
)
def test_a_statement_speaks_about_its_actions_on_its_resources(
    elements: dict[str, Any], action: str, resource: str, about: bool
) -> None:
    assert statement(**elements).is_about(action, resource, Context({})) is about


@pytest.mark.parametrize(
    ("elements", "action", "resource", "about"),
    [
        ({"NotAction": "s3:*", "Resource": "*"}, "kms:Decrypt", "*", True),
        ({"NotAction": "s3:*", "Resource": "*"}, "s3:GetObject", BUCKET, False),
        ({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b/*"}, "s3:GetObject", BUCKET, False),
        ({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::c/*"}, "s3:GetObject", BUCKET, True),
        ({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::${aws:username}/*"}, "s3:GetObject", BUCKET, True),
    ],
)
def test_inverted_elements_speak_about_everything_else(
    elements: dict[str, Any], action: str, resource: str, about: bool
) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **elements}]}
    (parsed,) = policy.parse(document).statements
    assert parsed.is_about(action, resource, Context({})) is about


def test_a_resource_may_hold_variables() -> None:
    own = statement(Resource="arn:aws:s3:::b/${aws:username}/*")
    context = Context({"aws:username": "ann"})
    assert own.is_about("s3:GetObject", "arn:aws:s3:::b/ann/x", context)
    assert not own.is_about("s3:GetObject", "arn:aws:s3:::b/bob/x", context)
    assert not own.is_about("s3:GetObject", "arn:aws:s3:::b/ann/x", Context({})), (
        "a variable without a value fits nothing"
    )
    old = statement("2008-10-17", Resource="arn:aws:s3:::b/${aws:username}/*")
    assert not old.is_about("s3:GetObject", "arn:aws:s3:::b/ann/x", context), "the old language has no variables"


def test_all_conditions_have_to_hold() -> None:
    both = statement(Resource="*", Condition={"StringEquals": {"a": "1"}, "Bool": {"b": "true"}})
    assert both.is_about("s3:GetObject", BUCKET, Context({"a": "1", "b": "true"}))
    assert not both.is_about("s3:GetObject", BUCKET, Context({"a": "1", "b": "false"}))


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ({"Effect": "allow", "Action": "*", "Resource": "*"}, "Effect is 'allow'; allowed: Allow, Deny"),
        ({"Effect": "Allow", "Resource": "*"}, "neither Action nor NotAction"),
        ({"Effect": "Allow", "Action": "*", "NotAction": "*"}, "both Action and NotAction"),
        ({"Effect": "Allow", "Action": "*", "Resources": "*"}, "unknown element Resources"),
        ({"Effect": "Allow", "Action": [1], "Resource": "*"}, "Action holds something that is no text"),
        ({"Effect": "Allow", "Action": "*", "Principal": "me"}, "Principal is 'me'"),
        (
            {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringIs": {"a": "b"}}},
            "StringIs is no condition operator",
        ),
        (
            {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"a": "${b, c}"}}},
            "${b, c} is no policy variable",
        ),
        ({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${}"}, "${} is no policy variable"),
    ],
)
def test_a_fault_is_named_with_policy_and_statement(statement: dict[str, Any], fault: str) -> None:
    good = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    with pytest.raises(PolicyError, match="policy mine, statement 2: ") as caught:
        policy.parse({"Version": "2012-10-17", "Statement": [good, statement]}, "mine")
    assert fault in str(caught.value)


def test_a_document_that_is_no_policy_is_refused() -> None:
    with pytest.raises(PolicyError, match="policy mine: not JSON"):
        policy.read("{", "mine")
    with pytest.raises(PolicyError, match="policy mine: Version is '2020-01-01'"):
        policy.parse({"Version": "2020-01-01", "Statement": []}, "mine")


def test_the_same_text_is_read_once() -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert policy.read(text, "a") is policy.read(text, "a")

"""Wildcards, policy variables and ARNs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rehearsal.aws.iam import patterns
from rehearsal.aws.iam.patterns import PatternError


def lookup(values: Mapping[str, str]) -> patterns.Lookup:
    return lambda key: values.get(key)


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("*", "", True),
        ("a*c", "abbc", True),
        ("a*c", "abb", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),
        ("a[bc]", "ab", False),
        ("a[bc]", "a[bc]", True),
        ("*", "two\nlines", True),
        ("Abc", "abc", False),
    ],
)
def test_only_star_and_question_mark_are_wildcards(pattern: str, value: str, fits: bool) -> None:
    assert patterns.matches(patterns.literal(pattern), value) is fits


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("boot#${ec2:SourceInstanceARN}", "boot#arn:i-1"),
        ("${ aws:username }", "ann"),
        ("${aws:PrincipalTag/team, 'nobody'}", "nobody"),
        ("${aws:username, 'nobody'}", "ann"),
        ("${*}${?}${$}", "*?$"),
        ("cost: 5$", "cost: 5$"),
        ("${aws:PrincipalTag/team}", None),
    ],
)
def test_variables_take_the_requests_value_or_their_default(text: str, resolved: str | None) -> None:
    values = {"ec2:SourceInstanceARN": "arn:i-1", "aws:username": "ann"}
    assert patterns.resolve(text, lookup(values), wildcards=False) == resolved


def test_a_wildcard_that_comes_out_of_a_variable_is_an_ordinary_character() -> None:
    resolved = patterns.resolve("home/${aws:username}/*", lookup({"aws:username": "*"}))
    assert resolved is not None
    assert patterns.matches(resolved, "home/*/x")
    assert not patterns.matches(resolved, "home/ann/x")


def test_a_variable_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(PatternError, match=r"\$\{a, b, c\} is no policy variable"):
        patterns.resolve("${a, b, c}", lookup({}))


@pytest.mark.parametrize(
    ("pattern", "arn", "fits"),
    [
        ("arn:aws:ssm:*:1:parameter/a/*", "arn:aws:ssm:us-east-1:1:parameter/a/b", True),
        ("arn:aws:ssm:*:1:parameter/a/*", "arn:aws:ssm:us-east-1:1:parameter/a", False),
        ("arn:aws:*:1:parameter/a", "arn:aws:ssm:us-east-1:1:parameter/a", False),
        (
            "arn:aws:autoscaling:*:1:autoScalingGroup:*:autoScalingGroupName/*",
            "arn:aws:autoscaling:us-east-1:1:autoScalingGroup:x-y:autoScalingGroupName/g",
            True,
        ),
        ("arn:aws:logs:*:1:log-group:g:*", "arn:aws:logs:us-east-1:1:log-group:g:log-stream:s", True),
        ("arn:aws:logs:*:1:log-group:g:*", "arn:aws:logs:us-east-1:1:log-group:g2:log-stream:s", False),
        ("*", "arn:aws:s3:::bucket", False),
        ("arn:aws:s3:*", "arn:aws:s3:::bucket", False),
        ("arn:aws:s3:::*", "*", False),
    ],
)
def test_an_arn_is_compared_part_by_part_up_to_its_last_one(pattern: str, arn: str, fits: bool) -> None:
    assert patterns.arn_matches(patterns.literal(pattern), arn) is fits

"""Every condition operator, with values, without, and with several."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.aws.iam import conditions
from rehearsal.aws.iam.conditions import ConditionError
from rehearsal.aws.iam.context import Context, KnownKeys, UnknownKey, Values


def holds(operator: str, wanted: Any, given: Values | None, **others: Values) -> bool:
    """Whether `{operator: {"key": wanted}}` holds where `key` has a value (None: it is absent)."""
    values = dict(others) if given is None else {"key": given, **others}
    (condition,) = conditions.parse({operator: {"Key": wanted}})
    return condition.holds(Context(values))


# operator, the policy's value, a request's value that fits, one that does not
POSITIVE = [
    ("StringEquals", "a*", "a*", "ab"),
    ("StringEquals", ["x", "y"], "y", "Y"),
    ("StringEqualsIgnoreCase", "Ab", "aB", "b"),
    ("StringLike", "a*", "ab", "ba"),
    ("StringLike", "a?", "ab", "abc"),
    ("ArnEquals", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/x", "arn:aws:iam::2:role/x"),
    ("ArnLike", "arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x", "arn:aws:sts::1:role/x"),
    ("NumericEquals", "5", "5.0", "6"),
    ("NumericLessThan", 5, "4", "5"),
    ("NumericLessThanEquals", 5, "5", "6"),
    ("NumericGreaterThan", 5, "6", "5"),
    ("NumericGreaterThanEquals", 5, "5", "4"),
    ("NumericEquals", "5", "5", "five"),
    ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", "2026-01-01T00:00:01Z"),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
    ("DateLessThanEquals", "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"),
    ("DateGreaterThanEquals", "2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00Z", "2025-12-31T22:00:00Z"),
    ("Bool", "true", "True", "false"),
    ("Bool", False, "false", "true"),
    ("BinaryEquals", "QUJD", "QUJD", "QUJE"),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", "11.0.0.1"),
    ("IpAddress", "10.0.0.1", "10.0.0.1", "10.0.0.2"),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", "10.0.0.1"),
]
NEGATIVE = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
}


def test_the_table_has_every_operator() -> None:
    assert {row[0] for row in POSITIVE} | set(NEGATIVE.values()) == set(conditions.OPERATORS)


@pytest.mark.parametrize(("operator", "wanted", "fitting", "other"), POSITIVE)
def test_an_operator_holds_for_fitting_values_only(operator: str, wanted: Any, fitting: str, other: str) -> None:
    assert holds(operator, wanted, fitting)
    assert not holds(operator, wanted, other)
    assert not holds(operator, wanted, None), "an absent key fits nothing"
    assert holds(f"{operator}IfExists", wanted, None)
    assert not holds(f"{operator}IfExists", wanted, other)


@pytest.mark.parametrize(("operator", "wanted", "fitting", "other"), [row for row in POSITIVE if row[0] in NEGATIVE])
def test_a_negated_operator_is_the_opposite_and_holds_without_the_key(
    operator: str, wanted: Any, fitting: str, other: str
) -> None:
    negated = NEGATIVE[operator]
    assert not holds(negated, wanted, fitting)
    assert holds(negated, wanted, other)
    assert holds(negated, wanted, None)


@pytest.mark.parametrize(
    ("quantifier", "operator", "given", "expected"),
    [
        ("ForAllValues", "StringEquals", ("a", "b"), True),
        ("ForAllValues", "StringEquals", ("a", "c"), False),
        ("ForAllValues", "StringEquals", (), True),
        ("ForAllValues", "StringEquals", None, True),
        ("ForAnyValue", "StringEquals", ("c", "b"), True),
        ("ForAnyValue", "StringEquals", ("c", "d"), False),
        ("ForAnyValue", "StringEquals", (), False),
        ("ForAnyValue", "StringEquals", None, False),
        ("ForAllValues", "StringNotEquals", ("c", "d"), True),
        ("ForAllValues", "StringNotEquals", ("c", "a"), False),
        ("ForAnyValue", "StringNotEquals", ("c", "a"), True),
        ("ForAnyValue", "StringNotEquals", ("a",), False),
        ("ForAnyValue", "StringNotEquals", None, False),
        ("ForAllValues", "StringLike", "a", True),
        ("ForAnyValue", "StringEqualsIfExists", None, False),
        ("ForAllValues", "StringEqualsIfExists", None, True),
    ],
)
def test_quantifiers_ask_for_all_values_or_for_one(
    quantifier: str, operator: str, given: Values | None, expected: bool
) -> None:
    assert holds(f"{quantifier}:{operator}", ["a", "b"], given) is expected


def test_a_plain_operator_fits_no_key_with_several_values() -> None:
    assert not holds("StringEquals", "a", ("a",))


@pytest.mark.parametrize(
    ("wanted", "given", "expected"),
    [("true", None, True), ("true", "x", False), ("false", None, False), ("false", "x", True), ("false", (), False)],
)
def test_null_asks_whether_the_key_is_absent(wanted: str, given: Values | None, expected: bool) -> None:
    assert holds("Null", wanted, given) is expected


def test_a_value_may_hold_variables_in_strings_and_arns_only() -> None:
    assert holds("StringEquals", "boot#${ec2:SourceInstanceARN}", "boot#i", **{"ec2:SourceInstanceARN": "i"})
    assert not holds("StringEquals", "boot#${ec2:SourceInstanceARN}", "boot#i")
    assert not holds("StringEquals", "boot#${tags}", "boot#i", tags=("i",)), "a key with several values is no variable"
    assert holds("StringNotEquals", "boot#${ec2:SourceInstanceARN}", "boot#i"), "what has no value is equal to nothing"
    assert not holds("NumericEquals", "${number}", "5", number="5")


def test_variables_of_an_old_policy_are_plain_text() -> None:
    (condition,) = conditions.parse({"StringEquals": {"key": "${aws:username}"}}, variables=False)
    assert condition.holds(Context({"key": "${aws:username}", "aws:username": "ann"}))


def test_all_keys_of_an_operator_are_conditions() -> None:
    parsed = conditions.parse({"StringEquals": {"a": "1", "b": ["2", "3"]}, "Bool": {"c": True}})
    assert [(each.key, each.values) for each in parsed] == [("a", ("1",)), ("b", ("2", "3")), ("c", ("true",))]


@pytest.mark.parametrize(
    "operator", ["StringEqual", "ForSomeValues:StringEquals", "NullIfExists", "ForAllValues:", "stringequals"]
)
def test_an_operator_that_does_not_exist_is_named(operator: str) -> None:
    with pytest.raises(ConditionError, match=f"{operator} is no condition operator"):
        conditions.parse({operator: {"key": "value"}})


def test_a_key_that_nobody_computes_is_named_and_not_taken_for_absent() -> None:
    known = KnownKeys({"aws:ResourceTag/", "aws:SourceVpc"})
    context = Context({"aws:SourceVpc": "vpc-1"}, known)
    assert context.get("AWS:sourcevpc") == "vpc-1"
    assert context.get("aws:resourcetag/team") is None
    with pytest.raises(UnknownKey, match="does not know the condition key aws:SourceVpcArn"):
        context.get("aws:SourceVpcArn")

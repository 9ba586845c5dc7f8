"""The condition operators of policies (IAM guide, "IAM JSON policy elements: Condition operators")."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from rehearsal.aws.iam import patterns
from rehearsal.aws.iam.context import Context, Values

IF_EXISTS = "IfExists"


class ConditionError(ValueError):
    """A condition that cannot be read, or an operator that does not exist."""


class Quantifier(Enum):
    """How an operator deals with a key that has several values."""

    ONE = ""
    ALL = "ForAllValues"
    ANY = "ForAnyValue"


Comparison = Callable[[str, str], bool]
"""Whether the request's value (first) fits the policy's (second)."""


@dataclass(frozen=True)
class Operator:
    """One operator: how two values are compared, and whether it holds when none of the policy's values fits."""

    compare: Comparison
    negated: bool = False
    wildcards: bool = False
    variables: bool = False
    """Whether policy variables are replaced: in strings and ARNs only."""


@dataclass(frozen=True)
class Condition:
    """One key under one operator; it holds when the request's values fit."""

    operator_name: str
    key: str
    values: tuple[str, ...]
    quantifier: Quantifier = Quantifier.ONE
    if_exists: bool = False
    variables: bool = True

    def holds(self, context: Context) -> bool:
        """Whether a request with this context meets the condition. Raises UnknownKey."""
        given = context.get(self.key)
        if self.operator_name == "Null":
            present = given is not None and given != ()
            return any((value.lower() == "true") is not present for value in self.values)
        used = OPERATORS[self.operator_name]
        if given is None or given == ():
            return self._holds_without_value(used)
        wanted = self._wanted(used, context)

        def fits(value: str) -> bool:
            return any(used.compare(value, each) for each in wanted) is not used.negated

        return self._quantified(fits, given)

    def _holds_without_value(self, used: Operator) -> bool:
        if self.quantifier is Quantifier.ANY:
            # There has to be one value that fits, also with IfExists.
            return False
        return self.quantifier is Quantifier.ALL or self.if_exists or used.negated

    def _wanted(self, used: Operator, context: Context) -> list[str]:
        """The policy's values; one with a variable that has no value is equal to nothing, so it is left out."""
        if not (used.variables and self.variables):
            return [patterns.literal(value) if used.wildcards else value for value in self.values]
        resolved = [patterns.resolve(value, context.variables, wildcards=used.wildcards) for value in self.values]
        return [value for value in resolved if value is not None]

    def _quantified(self, fits: Callable[[str], bool], given: Values) -> bool:
        if self.quantifier is Quantifier.ONE:
            # AWS leaves open what a plain operator does with several values; the safe reading is that it fits none.
            return isinstance(given, str) and fits(given)
        values = (given,) if isinstance(given, str) else given
        return all(map(fits, values)) if self.quantifier is Quantifier.ALL else any(map(fits, values))


def parse(document: Mapping[str, Any], *, variables: bool = True) -> tuple[Condition, ...]:
    """The conditions of a statement's Condition block. Raises ConditionError that names what is wrong."""
    found: list[Condition] = []
    for name, keys in document.items():
        quantifier, plain, if_exists = _split(name)
        if not isinstance(keys, Mapping):
            raise ConditionError(f"{name} holds no condition keys")
        for key, values in keys.items():
            listed = values if isinstance(values, list) else [values]
            texts = tuple(_text(name, value) for value in listed)
            if variables and plain in OPERATORS and OPERATORS[plain].variables:
                _check(texts)
            found.append(Condition(plain, key, texts, quantifier, if_exists, variables))
    return tuple(found)


def _check(texts: Iterable[str]) -> None:
    try:
        for text in texts:
            patterns.check(text)
    except patterns.PatternError as error:
        raise ConditionError(str(error)) from error


def _split(name: str) -> tuple[Quantifier, str, bool]:
    """An operator's name in its parts. Raises ConditionError when there is no such operator."""
    prefix, colon, rest = name.rpartition(":")
    if_exists = rest.endswith(IF_EXISTS)
    plain = rest.removesuffix(IF_EXISTS)
    quantifiers = {each.value: each for each in Quantifier if each.value}
    unknown = plain not in OPERATORS and (plain != "Null" or if_exists)
    if unknown or (colon and prefix not in quantifiers):
        raise ConditionError(f"{name} is no condition operator")
    return quantifiers.get(prefix, Quantifier.ONE), plain, if_exists


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ConditionError(f"{name} has a value that is no text, number or truth value: {value!r}")


def _numbers(compare: Callable[[Any, Any], bool]) -> Comparison:
    def compared(given: str, wanted: str) -> bool:
        try:
            return compare(float(given), float(wanted))
        except ValueError:
            return False

    return compared


def _dates(compare: Callable[[Any, Any], bool]) -> Comparison:
    def compared(given: str, wanted: str) -> bool:
        try:
            return compare(_moment(given), _moment(wanted))
        except ValueError:
            return False

    return compared


def _moment(text: str) -> datetime:
    """A time as ISO 8601 or as seconds since 1970."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _same_case(given: str, wanted: str) -> bool:
    return given.casefold() == wanted.casefold()


def _same_bytes(given: str, wanted: str) -> bool:
    try:
        return base64.b64decode(given, validate=True) == base64.b64decode(wanted, validate=True)
    except binascii.Error:
        return False


def _in_network(given: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _like(given: str, wanted: str) -> bool:
    return patterns.matches(wanted, given)


def _arn_like(given: str, wanted: str) -> bool:
    return patterns.arn_matches(wanted, given)


def _both(name: str, opposite: str, compare: Comparison, **kind: bool) -> dict[str, Operator]:
    return {name: Operator(compare, **kind), opposite: Operator(compare, negated=True, **kind)}


OPERATORS: dict[str, Operator] = {
    **_both("StringEquals", "StringNotEquals", operator.eq, variables=True),
    **_both("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _same_case, variables=True),
    **_both("StringLike", "StringNotLike", _like, wildcards=True, variables=True),
    # The two pairs do the same (IAM guide, "ARN condition operators").
    **_both("ArnEquals", "ArnNotEquals", _arn_like, wildcards=True, variables=True),
    **_both("ArnLike", "ArnNotLike", _arn_like, wildcards=True, variables=True),
    **_both("NumericEquals", "NumericNotEquals", _numbers(operator.eq)),
    "NumericLessThan": Operator(_numbers(operator.lt)),
    "NumericLessThanEquals": Operator(_numbers(operator.le)),
    "NumericGreaterThan": Operator(_numbers(operator.gt)),
    "NumericGreaterThanEquals": Operator(_numbers(operator.ge)),
    **_both("DateEquals", "DateNotEquals", _dates(operator.eq)),
    "DateLessThan": Operator(_dates(operator.lt)),
    "DateLessThanEquals": Operator(_dates(operator.le)),
    "DateGreaterThan": Operator(_dates(operator.gt)),
    "DateGreaterThanEquals": Operator(_dates(operator.ge)),
    "Bool": Operator(_same_case),
    "BinaryEquals": Operator(_same_bytes),
    **_both("IpAddress", "NotIpAddress", _in_network),
}

"""What a template's own Parameters say of their values: types, patterns, values, bounds and lengths.

Constraints as in the CloudFormation template reference, "Parameters syntax". CloudFormation checks them, too, but a
nested template's only once the stacks before it are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from deployment.problem import Problem, entries

_ID = "([0-9a-f]{8}|[0-9a-f]{17})"
# By the type without the List<> around it: the pattern of one value, and how it is told.
_FORMS = {
    "AWS::EC2::Image::Id": (f"ami-{_ID}", "the id of an image, such as ami-0123456789abcdef0"),
    "AWS::EC2::VPC::Id": (f"vpc-{_ID}", "the id of a VPC, such as vpc-0123456789abcdef0"),
    "AWS::EC2::Subnet::Id": (f"subnet-{_ID}", "ids of subnets, such as subnet-0123456789abcdef0"),
    "AWS::EC2::SecurityGroup::Id": (f"sg-{_ID}", "the id of a security group, such as sg-0123456789abcdef0"),
    "AWS::EC2::AvailabilityZone::Name": (
        "[a-z]{2,}[a-z0-9-]*",
        "names of zones of the region, such as us-east-1a",
    ),
    "AWS::Route53::HostedZone::Id": ("[A-Z0-9]{1,32}", "the id of a hosted zone, such as Z0123456789ABCDEFGHIJ"),
}
_LIST = re.compile("List<(.+)>")


def problems(declared: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Problem]:
    """One for each value, or entry of a list, that breaks a constraint of its parameter; declared ones only."""
    for name, body in declared.items():
        if name in values:
            yield from _of_one(name, body, values[name])


def _of_one(name: str, body: Mapping[str, Any], value: str) -> Iterator[Problem]:
    kind = str(body.get("Type", "String"))
    listed = _LIST.fullmatch(kind)
    if kind == "CommaDelimitedList" or listed:
        single = listed[1] if listed else "String"
        # An empty list has one empty entry, which a pattern has to allow.
        for entry in entries(value) or [""]:
            allowed = _broken(single, body, entry)
            if allowed:
                yield Problem(name, entry, allowed)
                return
        return
    allowed = _broken(kind, body, value)
    if allowed:
        yield Problem(name, value, allowed)


def _broken(kind: str, body: Mapping[str, Any], value: str) -> str:
    """What is allowed in place of the value; empty where the value is allowed."""
    if kind == "Number":
        return _broken_number(body, value)
    form = _FORMS.get(kind)
    if form and not re.fullmatch(form[0], value):
        return form[1]
    if "AllowedValues" in body and value not in map(str, body["AllowedValues"]):
        return _choices(body)
    pattern = body.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value, re.ASCII):
        return _words(body) or f"a text like {pattern}"
    least, most = int(body.get("MinLength", 0)), body.get("MaxLength")
    if len(value) < least or (most is not None and len(value) > int(most)):
        return _words(body) or f"{least} to {'any number of' if most is None else most} characters"
    return ""


def _broken_number(body: Mapping[str, Any], value: str) -> str:
    """Every number of the templates counts something, so that a fraction is refused by its resource."""
    low, high = body.get("MinValue"), body.get("MaxValue")
    good = re.fullmatch("-?[0-9]+", value, re.ASCII) is not None
    if "AllowedValues" in body:
        good = good and int(value) in map(int, body["AllowedValues"])
        return "" if good else _choices(body)
    if good and (low is None or int(low) <= int(value)) and (high is None or int(value) <= int(high)):
        return ""
    if _words(body):
        return _words(body)
    bounds = [f"from {low}"] if low is not None else []
    bounds += [f"to {high}"] if high is not None else []
    return " ".join(["a whole number", *bounds])


def _choices(body: Mapping[str, Any]) -> str:
    return "one of " + ", ".join(map(str, body["AllowedValues"]))


def _words(body: Mapping[str, Any]) -> str:
    """What the template says of its pattern: "must be a range" is told as "a range"."""
    return str(body.get("ConstraintDescription", "")).removeprefix("must be ")

"""Values of parameters that cannot be deployed, and values beside them that can."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import parameters, template_rules
from deployment.refusal import Refusal
from tests.unit.deployment import trees

ZONE = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/"
PATH = "/holdfast"
# Example, parameter, values that are refused, values that are good, a word of what is said to be allowed.
TABLE: list[tuple[str, str, list[str], list[str], str]] = [
    # types
    ("default", "WorkerImage", ["ami-1", "", "AMI-0123456789abcdef0"], ["ami-01234567"], "the id of an image"),
    ("existing-network", "VpcId", ["", "vpc-1", trees.SUBNETS[0]], ["vpc-01234567"], "the id of a VPC"),
    ("existing-network", "HostedZoneId", ["", "/hostedzone/Z1", "z1"], ["Z123"], "the id of a hosted zone"),
    ("default", "LaunchHookHeartbeatSeconds", ["30m", "", "1800.5", "1e3"], ["1800"], "a whole number from 30 to 2400"),
    # bounds, values and patterns
    ("default", "LaunchHookHeartbeatSeconds", ["10", "29", "2401", "-1"], ["30", "2400"], "from 30 to 2400"),
    ("default", "LogRetentionDays", ["8", "0", "ninety"], ["7", "3653"], "one of 1, 3, 5, 7"),
    ("default", "GeneralMinSize", ["100000", "-1", "1000"], ["0", "9"], "from 0 to 251"),
    ("default", "ControlPlaneInstanceType", ["m7i", "M7i.large", "m7i.large "], ["m7i.metal-24xl"], "an instance type"),
    (
        "default",
        "PermissionsBoundaryArn",
        ["garbage", "arn:aws:iam::1:policy/x", f"{ROLE}x"],
        ["", "arn:aws-us-gov:iam::123456789012:policy/x"],
        "the ARN of a managed policy",
    ),
    (
        "default",
        "AdministratorArns",
        ["alice", f"{ROLE}a,bob", f"{ROLE}a b"],
        ["", f"{ROLE}a, {ROLE}b"],
        "ARNs of roles",
    ),
    ("default", "RolePath", ["", "holdfast/", PATH], ["/", "/a/b/"], "start and end with a slash"),
    ("default", "S3PrefixListId", ["pl-XYZ", "63a5400a", "any"], [""], "a prefix list"),
    (
        "default",
        "ApiExtraNames",
        ["API.example.com", "*.example.com", "a..b"],
        ["", "a.example,b.example"],
        "DNS names",
    ),
    # counts
    (
        "default",
        "AvailabilityZones",
        [f"{ZONE}a", f"{ZONE}a,{ZONE}b", f"{ZONE}a,{ZONE}b,{ZONE}c,{ZONE}d"],
        [f"{ZONE}c, {ZONE}b, {ZONE}a"],
        "3 zones",
    ),
    ("default", "AvailabilityZones", [f"{ZONE}a,{ZONE}a,{ZONE}b", f"{ZONE}c,{ZONE}b,{ZONE}c"], [], "each one once"),
    ("default", "AvailabilityZones", ["", f"{ZONE}a,,{ZONE}b"], [], "names of zones"),
    (
        "existing-network",
        "ControlPlaneSubnetIds",
        [trees.SUBNETS[0], ",".join(trees.SUBNETS[:2])],
        [",".join(trees.SUBNETS[1:4])],
        "at least 3 subnets",
    ),
    ("existing-network", "ControlPlaneSubnetIds", [",".join([trees.SUBNETS[0]] * 3)], [], "each one once"),
    (
        "existing-network",
        "WorkerSubnetIds",
        [trees.SUBNETS[3], ",".join(trees.SUBNETS[3:5]), ",".join(trees.SUBNETS[2:])],
        [",".join(trees.SUBNETS[:3])],
        "3 subnets, one for each of ControlPlaneSubnetIds",
    ),
    (
        "default",
        "ApiClientCidrs",
        [",".join(f"10.{number}.0.0/16" for number in range(1, count)) for count in (7, 8)],
        ["", ",".join(f"10.{number}.0.0/16" for number in range(1, 6))],
        "at most five ranges",
    ),
    (
        "existing-network",
        "EndpointCidrs",
        ["10.1.0.0/24,10.2.0.0/24,10.3.0.0/24,10.4.0.0/24", "10.1.0.0/24, 10.2.0.0/24", "10.1.0.0/24,"],
        ["10.1.0.0/24,10.2.0.0/24,10.3.0.0/24"],
        "one to three ranges",
    ),
    ("default", "ApiClientPrefixListId", ["10.0.0.0/8", "pl-0,pl-1"], ["", "pl-0123456789abcdef0"], "a prefix list"),
    # ranges
    ("default", "ApiClientCidrs", ["10.0.0.0/33", "300.1.1.1/8", "10.0.0.0/99"], ["10.0.0.0/8"], "range"),
    ("default", "ApiClientCidrs", ["0.0.0.0/0", "10.0.0.0/7", "fd00::/64"], ["192.0.2.1/32"], "ranges such as"),
    ("default", "ApiClientCidrs", ["10.1.2.3/16", "10.1.0.1/24"], [], "the same range written from its first address"),
    ("default", "ApiClientCidrs", ["10.1.0.0/16,10.1.0.0/16"], ["10.1.0.0/16,10.2.0.0/16"], "each range once"),
    ("default", "ApiClientCidrs", ["100.64.3.0/24", "172.20.0.0/30", "100.0.0.0/8"], [], "a range outside"),
    (
        "existing-network",
        "EndpointCidrs",
        ["999.1.2.3/77", "10.2.0.0/33", "10.2.0.0", "0.0.0.0/0", "", "100.64.0.0/24", "10.2.0.5/24"],
        ["10.128.0.0/28"],
        "range",
    ),
    # together
    ("production", "GeneralMaxSize", ["1000", "999"], ["900"], "100.64.0.0/14 has a /24"),
    ("default", "GeneralMaxSize", ["300", "253"], ["252"], "100.64.0.0/16 has a /24"),
    ("default", "GeneralMaxSize", ["2", "1"], ["3"], "more than GeneralMinSize (2)"),
    ("default", "DynamoDbPrefixListId", ["pl-63a5400a"], [""], "one alone has no effect"),
]


def lines(example: str, changed: dict[str, str]) -> list[str]:
    return parameters.wrong_values(trees.example(example), trees.GIVEN[example] | changed)


@pytest.mark.parametrize("example", trees.GIVEN)
def test_sound_values_of_an_example_are_good(example: str) -> None:
    assert lines(example, {}) == []


@pytest.mark.parametrize(
    ("example", "name", "value", "allowed"),
    [(example, name, value, allowed) for example, name, bad, _, allowed in TABLE for value in bad],
)
def test_a_wrong_value_is_one_line_with_what_is_allowed(example: str, name: str, value: str, allowed: str) -> None:
    (line,) = lines(example, {name: value})
    assert allowed in line
    assert "; allowed: " in line


@pytest.mark.parametrize(
    ("example", "name", "value"), [(example, name, value) for example, name, _, good, _ in TABLE for value in good]
)
def test_a_good_value_beside_it_is_not_refused(example: str, name: str, value: str) -> None:
    assert lines(example, {name: value}) == []


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_parameters() -> None:
    wrong = {"LogRetentionDays": "8", "GeneralMaxSize": "1", "WorkerImage": "x", "AvailabilityZones": "a"}
    with pytest.raises(Refusal) as refused:
        parameters.check_tree(trees.example("default"), trees.GIVEN["default"] | wrong)
    told = [line.partition(":")[0] for line in str(refused.value).splitlines()]
    assert told == ["WorkerImage", "AvailabilityZones", "GeneralMaxSize", "LogRetentionDays"]


def test_five_slots_over_three_subnets_take_exactly_three() -> None:
    bodies = trees.of(
        "name: five\nnetwork: {vpc: given, vpcCidr: 10.1.0.0/20, tenancy: default}\n"
        "controlPlane: {slots: 5, tenancy: default}\npools: [{name: general, tenancy: default}]\n"
    )
    given = trees.IMAGES | {"VpcId": trees.VPC, "RouteTableIds": "rtb-0123456789abcdef0"}
    four, three = ",".join(trees.SUBNETS[:4]), ",".join(trees.SUBNETS[:3])
    found = parameters.wrong_values(bodies, given | {"ControlPlaneSubnetIds": four, "WorkerSubnetIds": four})
    assert [line.partition(" allowed: ")[2] for line in found] == ["3 subnets, as many as the templates place slots in"]
    assert parameters.wrong_values(bodies, given | {"ControlPlaneSubnetIds": three, "WorkerSubnetIds": three}) == []


def test_more_workers_than_the_subnets_of_the_vpc_have_addresses_are_refused() -> None:
    bodies = trees.of(
        "name: small\nnetwork: {vpcCidr: 10.1.0.0/21, tenancy: default}\nkubernetes: {podCidr: 100.64.0.0/12}\n"
        "controlPlane: {tenancy: default}\npools: [{name: general, tenancy: default}]\n"
    )
    given = trees.GIVEN["default"]
    (line,) = parameters.wrong_values(bodies, given | {"GeneralMaxSize": "754"})
    whole = "a whole number from 1 to 753"
    assert line == f"GeneralMaxSize: given 754; allowed: {whole}: as many addresses have the workers' subnets"
    assert parameters.wrong_values(bodies, given | {"GeneralMaxSize": "753"}) == []


def test_what_a_stack_keeps_is_judged_beside_what_is_given() -> None:
    kept = trees.GIVEN["default"] | {"ApiClientCidrs": "10.0.0.0/33"}
    (line,) = parameters.wrong_values(trees.example("default"), {"LogRetentionDays": "7"}, kept)
    assert line.startswith("ApiClientCidrs: given 10.0.0.0/33")


EQUAL = {"Fn::Equals": [{"Ref": "A"}, {"Ref": "B"}]}
RULES: list[tuple[dict[str, Any], bool]] = [
    ({"Assert": EQUAL}, False),
    ({"Assert": {"Fn::Not": [EQUAL]}}, True),
    ({"Assert": {"Fn::Or": [EQUAL, {"Fn::Equals": [{"Ref": "A"}, "1"]}]}}, True),
    ({"Assert": {"Fn::And": [EQUAL, {"Fn::Equals": [{"Ref": "A"}, "1"]}]}}, False),
    ({"Assert": {"Fn::Contains": [["1", "2"], {"Ref": "A"}]}}, True),
    ({"Assert": {"Fn::Contains": [["2"], {"Ref": "A"}]}}, False),
    ({"Assert": {"Fn::EachMemberIn": [{"Ref": "L"}, ["x", "y", "z"]]}}, True),
    ({"Assert": {"Fn::EachMemberIn": [{"Ref": "L"}, ["x"]]}}, False),
    ({"Assert": {"Fn::EachMemberEquals": [{"Ref": "L"}, "x"]}}, False),
    # What only AWS can tell is left to it.
    ({"Assert": {"Fn::Contains": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, {"Ref": "A"}]}}, True),
    ({"Assert": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}}, True),
]


@pytest.mark.parametrize(("assertion", "held"), RULES, ids=str)
def test_a_rule_of_the_template_is_evaluated_as_far_as_it_can_be(assertion: dict[str, Any], held: bool) -> None:
    declared = {"A": {"Type": "String"}, "B": {"Type": "String"}, "L": {"Type": "CommaDelimitedList"}}
    values = {"A": "1", "B": "2", "L": "x, y"}
    template = {"Parameters": declared, "Rules": {"Rule": {"Assertions": [assertion]}}}
    assert ([*template_rules.broken(template, values)] == []) is held
    unless = {"RuleCondition": {"Fn::Equals": [{"Ref": "A"}, "2"]}, "Assertions": [assertion]}
    assert [*template_rules.broken(template | {"Rules": {"Rule": unless}}, values)] == []


def test_a_broken_rule_that_nothing_else_has_told_is_a_line_with_its_description() -> None:
    rule = {"Assertions": [{"Assert": {"Fn::Not": [EQUAL]}, "AssertDescription": "A and B must differ"}]}
    template = {"Resources": {}, "Parameters": {"A": {}, "B": {}}, "Rules": {"Differ": rule}}
    assert parameters.wrong_values({"": template}, {"A": "1", "B": "1"}) == ["Differ: A and B must differ"]
    assert parameters.wrong_values({"": template}, {"A": "1", "B": "2"}) == []


@pytest.mark.parametrize(
    ("body", "bad", "good"),
    [
        ({"Type": "String", "MinLength": 2, "MaxLength": 4}, ["a", "abcde", ""], ["ab", "abcd"]),
        ({"Type": "String", "AllowedValues": ["x", "y"]}, ["z", "", "X"], ["x"]),
        ({"Type": "String", "AllowedPattern": "[0-9]+"}, ["a1", "1\n", "", "\u0661"], ["12"]),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["x", "y"]}, ["x,z", ""], ["x, y"]),
        ({"Type": "Number", "MaxValue": 3}, ["4", "x"], ["-7", "3"]),
        ({"Type": "List<Number>", "MinValue": 1}, ["1,0", "1,x"], ["1,2"]),
    ],
)
def test_every_kind_of_constraint_is_held(body: dict[str, Any], bad: list[str], good: list[str]) -> None:
    template = {"Resources": {}, "Parameters": {"A": body}}
    for value in bad:
        assert len(parameters.wrong_values({"": template}, {"A": value})) == 1, value
    for value in good:
        assert parameters.wrong_values({"": template}, {"A": value}) == [], value

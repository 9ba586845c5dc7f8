"""What an update opens, resource by resource."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployment import firewalls, plans, widening
from deployment.changes import Change
from deployment.next_steps import Typed
from deployment.plans import Plan
from deployment.policies import UNKNOWN
from deployment.refusal import Refusal

TCP = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/24"}
GROUP, KEY, ROLE = "AWS::EC2::SecurityGroup", "AWS::KMS::Key", "AWS::IAM::Role"
TEMPLATE = "AWS::EC2::LaunchTemplate"
PARAMETER = "AWS::SSM::Parameter"
RESOLVER = "AWS::Route53Resolver::"
DOMAINS = f"{RESOLVER}FirewallDomainList"


def policy(*principals: str, effect: str = "Allow") -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Principal": {"AWS": list(principals)}, "Action": "a:b", "Resource": "*"}]}


def machine(*groups: str, tokens: str = "required", hops: int | str = 1) -> dict[str, Any]:
    options = {"HttpTokens": tokens, "HttpPutResponseHopLimit": hops}
    return {"LaunchTemplateData": {"NetworkInterfaces": [{"Groups": list(groups)}], "MetadataOptions": options}}


def issuer(**changed: object) -> dict[str, Any]:
    fields = {"url": "https://a.example", "audiences": ["a"], "groups": {"admin": ["a"]}, "groups-prefix": "a:"}
    return {"Name": "/holdfast/0b1c/oidc/1", "Value": json.dumps({**fields, **changed})}


def group(*ingress: dict[str, Any]) -> dict[str, Any]:
    return {"SecurityGroupIngress": list(ingress), "SecurityGroupEgress": []}


def people(setting: str, value: str) -> dict[str, Any]:
    return {"Name": f"/holdfast/0b1c/settings/{setting}", "Value": value}


def of_table(document: dict[str, Any]) -> dict[str, Any]:
    return {"ResourcePolicy": {"PolicyDocument": document}}


def found(kind: str, before: dict[str, Any] | None, after: dict[str, Any] | None, action: str = "Modify") -> list[str]:
    return [each.what for each in widening.found([Change("A/B", kind, action, before=before, after=after)])]


# From narrow to wide: the way there asks, and the way back does not.
OPENED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a rule": (GROUP, group(TCP), group(TCP, TCP | {"CidrIp": "192.168.0.0/24"})),
    "a wider range": (GROUP, group(TCP), group(TCP | {"CidrIp": "10.0.0.0/16"})),
    "everybody": (GROUP, group(TCP), group(TCP | {"CidrIp": "0.0.0.0/0"})),
    "more ports": (GROUP, group(TCP), group(TCP | {"FromPort": 1})),
    "every protocol": (GROUP, group(TCP), group({"IpProtocol": "-1", "CidrIp": "10.0.0.0/24"})),
    "all egress, by saying nothing": (GROUP, group(), {"SecurityGroupIngress": []}),
    "a rule of its own": (
        "AWS::EC2::SecurityGroupIngress",
        TCP | {"GroupId": "a"},
        TCP | {"GroupId": "a", "ToPort": 444},
    ),
    "an administrator": ("AWS::SSM::Parameter", people("administrators", "a,"), people("administrators", "a,b,")),
    "the first editor": ("AWS::SSM::Parameter", people("editors", ","), people("editors", "a,")),
    "a table without its policy": ("AWS::DynamoDB::Table", of_table(policy("*", effect="Deny")), {}),
    "a table whose policy denies less": (
        "AWS::DynamoDB::Table",
        of_table(policy("*", effect="Deny")),
        of_table(policy("a", effect="Deny")),
    ),
    "a key policy": (KEY, {"KeyPolicy": policy("a")}, {"KeyPolicy": policy("a", "b")}),
    "trust": (ROLE, {"AssumeRolePolicyDocument": policy("a")}, {"AssumeRolePolicyDocument": policy("a", "b")}),
    "an inline policy": (
        ROLE,
        {"Policies": [{"PolicyName": "a", "PolicyDocument": policy("a")}]},
        {"Policies": [{"PolicyName": "b", "PolicyDocument": policy("b")}, {"PolicyDocument": policy("a")}]},
    ),
    "a name that is resolved": (DOMAINS, {"Domains": ["a.example"]}, {"Domains": ["a.example", "*.b.example"]}),
    "a managed policy": (ROLE, {"ManagedPolicyArns": ["a"]}, {"ManagedPolicyArns": ["a", "b"]}),
    "a role that a policy is attached to": ("AWS::IAM::Policy", {"Roles": ["a"]}, {"Roles": ["a", "b"]}),
    "an endpoint without a policy": (
        "AWS::EC2::VPCEndpoint",
        {"PolicyDocument": policy("a")},
        {},
    ),
    "a policy in a text": (
        "AWS::SQS::QueuePolicy",
        {"PolicyDocument": json.dumps(policy("a"))},
        {"PolicyDocument": json.dumps(policy("a", "b"))},
    ),
    "a policy in a text with escapes": (
        "AWS::SQS::QueuePolicy",
        {"PolicyDocument": json.dumps(policy("a"))},
        {"PolicyDocument": json.dumps(policy("a", "b")).replace("Statement", "\\u0053tatement")},
    ),
    "a group of a machine": (TEMPLATE, machine("a"), machine("a", "b")),
    "metadata without a token": (TEMPLATE, machine(), machine(tokens="optional")),
    "metadata for pods": (TEMPLATE, machine(), machine(hops="2")),
    "an audience of an issuer": (PARAMETER, issuer(), issuer(audiences=["a", "b"])),
    "a group of an issuer": (PARAMETER, issuer(), issuer(groups={"admin": ["a"], "view": ["b"]})),
    "a member of an issuer's group": (PARAMETER, issuer(), issuer(groups={"admin": ["a", "b"]})),
    "a permission of a function": (
        "AWS::Lambda::Permission",
        {"Principal": "events.amazonaws.com", "Action": "lambda:InvokeFunction", "FunctionName": "f", "SourceArn": "a"},
        {"Principal": "events.amazonaws.com", "Action": "lambda:InvokeFunction", "FunctionName": "f"},
    ),
}


@pytest.mark.parametrize("name", OPENED)
def test_what_opens_is_found_and_what_closes_is_not(name: str) -> None:
    kind, narrow, wide = OPENED[name]
    assert found(kind, narrow, wide)
    assert found(kind, wide, narrow) == []


@pytest.mark.parametrize(
    ("kind", "before", "after", "said"),
    [
        ("AWS::IAM::RolePolicy", {"RoleName": "a"}, {"RoleName": "b"}, "RoleName is b instead of a"),
        ("AWS::Lambda::Function", {"Role": "a"}, {"Role": "b"}, "Role is b instead of a"),
        (
            "AWS::EC2::LaunchTemplate",
            {"LaunchTemplateData": {"IamInstanceProfile": {"Arn": "a"}}},
            {"LaunchTemplateData": {"IamInstanceProfile": {"Arn": "b"}}},
            'IamInstanceProfile is {"Arn": "b"} instead of {"Arn": "a"}',
        ),
    ],
)
def test_rights_that_are_given_to_somebody_else_are_found(
    kind: str, before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    document = {"PolicyDocument": policy("a")}
    assert found(kind, document | before, document | after) == [said]
    assert found(kind, document | before, document | before) == []
    unknown = json.loads(json.dumps(before).replace('"a"', f'"{UNKNOWN}"'))
    assert found(kind, document | before, document | unknown) == []


def test_a_boundary_that_goes_or_changes_is_found_and_one_that_comes_is_not() -> None:
    assert found(ROLE, {"PermissionsBoundary": "a"}, {}) == ["PermissionsBoundary is no longer a"]
    assert found(ROLE, {"PermissionsBoundary": "a"}, {"PermissionsBoundary": "b"})
    assert found(ROLE, {}, {"PermissionsBoundary": "a"}) == []


def test_a_new_resource_opens_what_it_holds_and_one_that_goes_what_it_denied() -> None:
    nowhere = {"SecurityGroupEgress": [{"IpProtocol": "icmp", "CidrIp": "255.255.255.255/32"}]}
    opened = "opens ingress tcp 443-443 from 10.0.0.0/24"
    assert opened in found(GROUP, None, group(TCP) | nowhere, "Add")
    # EC2 gives a group that is made without any rule of egress one that lets everything out.
    assert "opens egress all protocols to 0.0.0.0/0" not in found(GROUP, None, group(TCP) | nowhere, "Add")
    assert "opens egress all protocols to 0.0.0.0/0" in found(GROUP, None, group(TCP), "Add")
    anew = Change("A", GROUP, "Modify", replacement="True", before=group(TCP) | nowhere, after=group(TCP))
    assert next(each.what for each in widening.found([anew])) == "opens egress all protocols to 0.0.0.0/0"
    assert found(GROUP, group(TCP), None, "Remove") == []
    assert found("AWS::S3::BucketPolicy", {"PolicyDocument": policy("a", effect="Deny")}, None, "Remove") == [
        "PolicyDocument no longer denies a:b on * to AWS a"
    ]


def test_a_firewall_that_comes_opens_no_name_and_one_that_goes_every_one() -> None:
    association = f"{RESOLVER}FirewallRuleGroupAssociation"
    assert found(association, None, {"VpcId": "vpc-1"}, "Add") == []
    assert found(association, {"VpcId": "vpc-1"}, None, "Remove") == ["the VPC resolves every name"]
    assert found(DOMAINS, None, {"Domains": ["*.a.example"]}, "Add") == []


def test_other_rules_of_a_firewall_are_found_and_a_log_that_ends() -> None:
    rules = [{"Action": "ALLOW", "Priority": 100}, {"Action": "BLOCK", "Priority": 200}]
    group, name = f"{RESOLVER}FirewallRuleGroup", {"Name": "a"}
    assert found(group, name | {"FirewallRules": rules}, name | {"FirewallRules": rules[:1]}) == [
        "FirewallRules changes"
    ]
    assert found(group, name | {"FirewallRules": rules}, {"Name": "b", "FirewallRules": rules}) == []
    log = f"{RESOLVER}ResolverQueryLoggingConfigAssociation"
    assert found(log, {"ResourceId": "vpc-1"}, None, "Remove") == ["what the VPC resolves is not logged"]


def test_an_issuer_that_comes_or_is_another_lets_people_in_and_one_that_goes_does_not() -> None:
    assert found(PARAMETER, None, issuer(), "Add") == ["takes the tokens of https://a.example"]
    assert found(PARAMETER, issuer(), None, "Remove") == found(PARAMETER, issuer(), issuer()) == []
    for changed in ({"groups-prefix": "b:"}, {"certificate-authority": "b"}):
        (said,) = found(PARAMETER, issuer(), issuer(**changed))
        assert said == f"takes tokens by another {next(iter(changed))}"
    unknown = {**issuer(), "Value": UNKNOWN}
    assert found(PARAMETER, issuer(), unknown) != []
    assert found(PARAMETER, None, {**issuer(), "Name": "/holdfast/0b1c/settings/oidc"}, "Add") == []


def test_a_change_that_is_not_described_is_found_where_it_may_open_anything() -> None:
    assert found(ROLE, None, None) == found("AWS::S3::BucketPolicy", None, {}) != []
    assert found("AWS::SSM::Parameter", None, None) == []


def test_what_has_nothing_to_do_with_security_opens_nothing() -> None:
    assert found("AWS::SSM::Parameter", {"Value": "1"}, {"Value": "2"}) == []
    assert found(GROUP, group(TCP), group(TCP | {"Description": "other"})) == []


def test_a_refusal_names_every_widening_in_one_line_and_what_allows_it() -> None:
    kind, narrow, wide = OPENED["a key policy"]
    opened = widening.found([Change(path, kind, "Modify", before=narrow, after=wide) for path in ("A", "B")])
    with pytest.raises(Refusal, match=r"^[^\n]*A \(AWS::KMS::Key\)[^\n]*B \(AWS::KMS::Key\)[^\n]*SECURITY=1[^\n]*$"):
        plans.refuse_widenings(opened, [], Typed())
    plans.refuse_widenings([], [], Typed())


def test_programs_and_people_are_told_the_same() -> None:
    kind, narrow, wide = OPENED["a wider range"]
    changes = [Change("A", kind, "Modify", before=narrow, after=wide)]
    opened = widening.found(changes)
    assert Plan(changes, opened=opened).lines()[-2:] == [
        "opened (a deploy asks for SECURITY=1):",
        "  A (AWS::EC2::SecurityGroup): opens ingress tcp 443-443 from 10.0.0.0/16",
    ]
    assert json.loads(Plan(changes, opened=opened).json())["widenings"] == [
        {"path": "A", "type": kind, "what": "opens ingress tcp 443-443 from 10.0.0.0/16"}
    ]
    assert len(Plan(changes).lines()) == 2


RULES = st.builds(
    lambda protocol, low, more, cidr: {"IpProtocol": protocol, "FromPort": low, "ToPort": low + more, "CidrIp": cidr},
    st.sampled_from(["tcp", "udp", "-1"]),
    st.integers(1, 5),
    st.integers(0, 5),
    st.sampled_from(["10.0.0.0/24", "10.0.0.0/16", "0.0.0.0/0", "192.168.0.0/24"]),
)


@given(st.lists(RULES, max_size=4), RULES)
def test_a_further_rule_opens_or_is_covered_and_its_removal_opens_nothing(
    rules: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    small, large = (list(firewalls.rules_of_group(group(*each))) for each in (rules, [*rules, more]))
    assert firewalls.widenings(large, small) == []
    assert firewalls.widenings(small, small) == []
    if firewalls.widenings(small, large):
        assert firewalls.rule("ingress", more).text in firewalls.widenings(small, large)

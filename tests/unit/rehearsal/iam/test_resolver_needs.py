"""What requests to DNS Firewall and query logging need."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.aws.iam.requests.asked import NotModelled
from tests.unit.rehearsal.iam.test_creation_needs import PLACE, TAGGED, TAGS, needs, short

ARN = f"arn:aws:route53resolver:{PLACE}"
LIST, GROUP = "rslvr-fdl-1", "rslvr-frg-1"
VPCS = ("ec2:DescribeVpcs", "*")
RULE = {"FirewallRuleGroupId": GROUP, "FirewallDomainListId": LIST, "CreatorRequestId": "r"}


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("CreateFirewallDomainList", {"Name": "n"}, [("CreateFirewallDomainList", "firewall-domain-list/*")]),
        (
            "CreateFirewallRuleGroup",
            {"Name": "n", "Tags": TAGS},
            [("CreateFirewallRuleGroup", "firewall-rule-group/*"), ("TagResource", "firewall-rule-group/*")],
        ),
        (
            "UpdateFirewallDomains",
            {"FirewallDomainListId": LIST, "Domains": ["*"], "Operation": "ADD"},
            [("UpdateFirewallDomains", f"firewall-domain-list/{LIST}")],
        ),
        (
            "ListFirewallDomains",
            {"FirewallDomainListId": LIST},
            [("ListFirewallDomains", f"firewall-domain-list/{LIST}")],
        ),
        (
            "DeleteFirewallRule",
            RULE,
            [
                ("DeleteFirewallRule", f"firewall-domain-list/{LIST}"),
                ("DeleteFirewallRule", f"firewall-rule-group/{GROUP}"),
            ],
        ),
        (
            "DisassociateFirewallRuleGroup",
            {"FirewallRuleGroupAssociationId": "a"},
            [("DisassociateFirewallRuleGroup", "firewall-rule-group-association/a")],
        ),
        (
            "DisassociateResolverQueryLogConfig",
            {"ResolverQueryLogConfigId": "c", "ResourceId": "vpc-1"},
            [("DisassociateResolverQueryLogConfig", "resolver-query-log-config/c")],
        ),
        ("TagResource", {"ResourceArn": f"{ARN}:x/1", "Tags": TAGS}, [("TagResource", "x/1")]),
    ],
)
def test_an_action_is_on_what_it_is_always_on(
    operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = short(needs("route53resolver", operation, **parameters))
    assert found == [(f"route53resolver:{action}", f"{ARN}:{resource}") for action, resource in expected]


def test_lists_and_log_associations_have_no_resource() -> None:
    for operation, parameters in (
        ("ListFirewallRuleGroups", {}),
        ("GetResolverQueryLogConfigAssociation", {"ResolverQueryLogConfigAssociationId": "a"}),
    ):
        assert short(needs("route53resolver", operation, **parameters)) == [(f"route53resolver:{operation}", "*")]


def test_filtering_a_vpc_needs_to_see_it_and_the_tags_of_what_is_made() -> None:
    made = f"{ARN}:firewall-rule-group-association/*"
    found = needs("route53resolver", "AssociateFirewallRuleGroup", FirewallRuleGroupId=GROUP, VpcId="v", Tags=TAGS)
    assert short(found) == [
        ("route53resolver:AssociateFirewallRuleGroup", made),
        ("route53resolver:TagResource", made),
        VPCS,
    ]
    assert found[0].values == found[1].values == TAGGED


def test_logging_a_vpc_needs_to_see_it() -> None:
    request = {"ResolverQueryLogConfigId": "c", "ResourceId": "vpc-1"}
    found = short(needs("route53resolver", "AssociateResolverQueryLogConfig", **request))
    assert found == [("route53resolver:AssociateResolverQueryLogConfig", f"{ARN}:resolver-query-log-config/c"), VPCS]


def test_logging_to_a_log_group_needs_its_delivery() -> None:
    group = f"arn:aws:logs:{PLACE}:log-group:g:*"
    found = short(needs("route53resolver", "CreateResolverQueryLogConfig", Name="n", DestinationArn=group))
    assert found == [
        ("route53resolver:CreateResolverQueryLogConfig", f"{ARN}:resolver-query-log-config/*"),
        ("logs:CreateLogDelivery", "*"),
        ("logs:PutResourcePolicy", "*"),
        ("logs:DescribeResourcePolicies", "*"),
        ("logs:DescribeLogGroups", "*"),
    ]


def test_a_rule_without_a_list_is_not_modelled() -> None:
    request = {**RULE, "FirewallDomainListId": None, "DnsThreatProtection": "DGA"}
    with pytest.raises(NotModelled, match="route53resolver:CreateFirewallRule"):
        needs("route53resolver", "CreateFirewallRule", **request)

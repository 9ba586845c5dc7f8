"""The providers of DNS Firewall and of query logging."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Made, create_only_of, provider_for
from tests.rehearsal.provider_stack import SYSTEM_TAGS, Stack, tags_of

KIND = "AWS::Route53Resolver::"


@pytest.fixture
def vpc(stack: Stack) -> Made:
    return stack.create("Vpc", "AWS::EC2::VPC", CidrBlock="10.0.0.0/16")


def block(names: Made, priority: Any = "200", **more: Any) -> dict[str, Any]:
    named = {"FirewallDomainListId": names.physical_id, "Priority": priority}
    return {**named, "Action": "BLOCK", "BlockResponse": "NXDOMAIN", **more}


def allow(names: Made, priority: Any = "100") -> dict[str, Any]:
    return {"FirewallDomainListId": names.physical_id, "Priority": priority, "Action": "ALLOW"}


def names(stack: Stack, logical_id: str, *domains: str) -> Made:
    return stack.create(logical_id, f"{KIND}FirewallDomainList", Name=logical_id, Domains=list(domains))


def rules(stack: Stack, group: Made) -> list[tuple[str, str, int]]:
    listed = stack.client("route53resolver").list_firewall_rules(FirewallRuleGroupId=group.physical_id)
    return [(each["FirewallDomainListId"], each["Action"], each["Priority"]) for each in listed["FirewallRules"]]


def test_a_domain_list_changes_its_domains_and_tags_in_place(stack: Stack) -> None:
    many = [f"n{number}.example" for number in range(1001)]
    made = names(stack, "Allowed", *many)
    resolver = stack.client("route53resolver")
    assert made.attributes["DomainCount"] == 1001
    assert made.attributes["Arn"].endswith(f"firewall-domain-list/{made.physical_id}")
    changed = stack.update("Allowed", Domains=["*.example"], Tags=[{"Key": "a", "Value": "b"}])
    assert changed.physical_id == made.physical_id
    assert resolver.list_firewall_domains(FirewallDomainListId=made.physical_id)["Domains"] == ["*.example."]
    tags = tags_of(resolver.list_tags_for_resource(ResourceArn=made.attributes["Arn"])["Tags"])
    assert tags == {"team": "blue", "a": "b", **SYSTEM_TAGS}


def test_a_rule_groups_rules_change_in_place_even_where_they_exchange_priorities(stack: Stack) -> None:
    first, second, third = (names(stack, name, "*") for name in ("First", "Second", "Third"))
    group = stack.create("Rules", f"{KIND}FirewallRuleGroup", Name="rules", FirewallRules=[block(second), allow(first)])
    assert rules(stack, group) == [(first.physical_id, "ALLOW", 100), (second.physical_id, "BLOCK", 200)]
    stack.update("Rules", FirewallRules=[allow(first, 200), block(second, 100, BlockResponse="NODATA")])
    assert rules(stack, group) == [(second.physical_id, "BLOCK", 100), (first.physical_id, "ALLOW", 200)]
    changed = stack.update("Rules", FirewallRules=[allow(first, 200), block(third, 100)])
    assert rules(stack, group) == [(third.physical_id, "BLOCK", 100), (first.physical_id, "ALLOW", 200)]
    assert changed.attributes["RuleCount"] == 2


def test_an_association_moves_in_place(stack: Stack, vpc: Made) -> None:
    group = stack.create("Rules", f"{KIND}FirewallRuleGroup", FirewallRules=[])
    made = stack.create(
        "Filter",
        f"{KIND}FirewallRuleGroupAssociation",
        FirewallRuleGroupId=group.physical_id,
        VpcId=vpc.physical_id,
        Priority="101",
        MutationProtection="ENABLED",
    )
    changed = stack.update("Filter", Priority="102", MutationProtection=None)
    assert changed.physical_id == made.physical_id
    assert (changed.attributes["Priority"], changed.attributes["MutationProtection"]) == (102, "DISABLED")
    with pytest.raises(ClientError, match="ConflictException"):
        stack.client("route53resolver").delete_firewall_rule_group(FirewallRuleGroupId=group.physical_id)


def test_queries_are_logged_until_the_association_is_deleted(stack: Stack, vpc: Made) -> None:
    group = stack.create("Group", "AWS::Logs::LogGroup", LogGroupName="queries")
    config = stack.create(
        "Config", f"{KIND}ResolverQueryLoggingConfig", Name="queries", DestinationArn=group.attributes["Arn"]
    )
    resolver = stack.client("route53resolver")
    assert config.attributes["DestinationArn"] == group.attributes["Arn"]
    tags = tags_of(resolver.list_tags_for_resource(ResourceArn=config.attributes["Arn"])["Tags"])
    assert tags == {"team": "blue", **SYSTEM_TAGS}
    made = stack.create(
        "Logging",
        f"{KIND}ResolverQueryLoggingConfigAssociation",
        ResolverQueryLogConfigId=config.physical_id,
        ResourceId=vpc.physical_id,
    )
    assert made.attributes["Status"] == "ACTIVE"
    stack.delete("Logging")
    assert not resolver.list_resolver_query_log_config_associations()["ResolverQueryLogConfigAssociations"]


@pytest.mark.parametrize(
    ("kind", "replaced"),
    [
        ("FirewallDomainList", {"Name"}),
        ("FirewallRuleGroup", {"Name"}),
        ("FirewallRuleGroupAssociation", {"FirewallRuleGroupId", "VpcId"}),
        ("ResolverQueryLoggingConfig", {"DestinationArn", "Name", "Tags"}),
        ("ResolverQueryLoggingConfigAssociation", {"ResolverQueryLogConfigId", "ResourceId"}),
    ],
)
def test_what_replaces_a_resource_is_what_its_schema_says(stack: Stack, kind: str, replaced: set[str]) -> None:
    assert create_only_of(provider_for(KIND + kind)) == replaced

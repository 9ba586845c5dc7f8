"""DNS Firewall and query logging of the local Route 53 Resolver, through boto3."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from tests.rehearsal.iam_actors import error

_NUMBERS = itertools.count()
BLOCK = {"Action": "BLOCK", "BlockResponse": "NXDOMAIN"}


@pytest.fixture
def resolver(aws: LocalAws) -> Any:
    return aws.client("route53resolver")


def fresh() -> dict[str, str]:
    number = next(_NUMBERS)
    return {"CreatorRequestId": f"request {number}", "Name": f"name-{number}"}


def domain_list(resolver: Any, *domains: str) -> str:
    made = resolver.create_firewall_domain_list(**fresh())["FirewallDomainList"]["Id"]
    resolver.update_firewall_domains(FirewallDomainListId=made, Operation="REPLACE", Domains=list(domains))
    return str(made)


def rule_group(resolver: Any) -> str:
    return str(resolver.create_firewall_rule_group(**fresh())["FirewallRuleGroup"]["Id"])


def vpc(aws: LocalAws) -> str:
    return str(aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def log_group(aws: LocalAws) -> str:
    name = fresh()["Name"]
    aws.client("logs").create_log_group(logGroupName=name)
    return f"arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"


def log_config(aws: LocalAws, resolver: Any) -> str:
    made = resolver.create_resolver_query_log_config(**fresh(), DestinationArn=log_group(aws))
    return str(made["ResolverQueryLogConfig"]["Id"])


def domains_of(resolver: Any, list_id: str, size: int = 100) -> list[str]:
    pages = resolver.get_paginator("list_firewall_domains").paginate(
        FirewallDomainListId=list_id, PaginationConfig={"PageSize": size}
    )
    return [domain for page in pages for domain in page["Domains"]]


def test_domains_are_added_removed_and_replaced_and_shown_with_their_dot(resolver: Any) -> None:
    made = domain_list(resolver, "*", "Example.com", "*.example.com.")
    assert domains_of(resolver, made, 1) == ["*.", "example.com.", "*.example.com."]
    for operation, domains, left in (
        ("ADD", ["a.b", "example.com"], ["*.", "example.com.", "*.example.com.", "a.b."]),
        ("REMOVE", ["*", "a.b"], ["example.com.", "*.example.com."]),
        ("REPLACE", ["c.d"], ["c.d."]),
    ):
        resolver.update_firewall_domains(FirewallDomainListId=made, Operation=operation, Domains=domains)
        assert domains_of(resolver, made) == left
    shown = resolver.get_firewall_domain_list(FirewallDomainListId=made)["FirewallDomainList"]
    assert (shown["DomainCount"], shown["Status"]) == (1, "COMPLETE")


@pytest.mark.parametrize("domain", ["a.*.com", "**", "a_b.com", "a..b", ".", "a b", "x" * 255 + "y"])
def test_what_is_no_domain_is_refused(aws: LocalAws, domain: str) -> None:
    # Without boto3's own look at the length.
    client, made = aws.client("route53resolver"), domain_list(aws.client("route53resolver"), "a")
    code = error(client.update_firewall_domains, FirewallDomainListId=made, Operation="ADD", Domains=[domain])[0]
    assert code == "ValidationException"
    assert domains_of(client, made) == ["a."]


def test_a_domain_that_is_not_in_the_list_cannot_be_removed_and_a_request_has_at_most_a_thousand(resolver: Any) -> None:
    made = domain_list(resolver, "a")
    for operation, domains in (("REMOVE", ["b"]), ("ADD", [f"n{number}" for number in range(1001)])):
        told = error(resolver.update_firewall_domains, FirewallDomainListId=made, Operation=operation, Domains=domains)
        assert told[0] == "ValidationException"
    assert domains_of(resolver, made) == ["a."]


def test_a_list_in_a_rule_and_a_group_with_rules_or_a_vpc_cannot_be_deleted(aws: LocalAws, resolver: Any) -> None:
    names, group = domain_list(resolver, "*"), rule_group(resolver)
    rule = {"FirewallRuleGroupId": group, "FirewallDomainListId": names}
    resolver.create_firewall_rule(**fresh(), **rule, Priority=1, **BLOCK)
    made = resolver.associate_firewall_rule_group(**fresh(), FirewallRuleGroupId=group, VpcId=vpc(aws), Priority=101)[
        "FirewallRuleGroupAssociation"
    ]
    assert error(resolver.delete_firewall_domain_list, FirewallDomainListId=names)[0] == "ConflictException"
    assert error(resolver.delete_firewall_rule_group, FirewallRuleGroupId=group)[0] == "ConflictException"
    resolver.disassociate_firewall_rule_group(FirewallRuleGroupAssociationId=made["Id"])
    code, text = error(resolver.delete_firewall_rule_group, FirewallRuleGroupId=group)
    assert (code, "RSLVR-02103" in text) == ("ConflictException", True)
    resolver.delete_firewall_rule(**rule)
    resolver.delete_firewall_rule_group(FirewallRuleGroupId=group)
    resolver.delete_firewall_domain_list(FirewallDomainListId=names)
    assert error(resolver.get_firewall_domain_list, FirewallDomainListId=names)[0] == "ResourceNotFoundException"
    assert error(resolver.get_firewall_rule_group, FirewallRuleGroupId=group)[0] == "ResourceNotFoundException"


def test_rules_are_listed_in_their_order_and_told_apart_by_list_and_type(resolver: Any) -> None:
    names, group = domain_list(resolver, "*"), rule_group(resolver)
    rule = {"FirewallRuleGroupId": group, "FirewallDomainListId": names}
    resolver.create_firewall_rule(**fresh(), **rule, Priority=2, **BLOCK)
    resolver.create_firewall_rule(**fresh(), **rule, Priority=1, Action="ALLOW", Qtype="A")
    for change in ({"Priority": 3}, {"Priority": 2, "Qtype": "AAAA"}):
        assert error(resolver.create_firewall_rule, **fresh(), **rule, **BLOCK, **change)[0] == "ValidationException"
    listed = resolver.list_firewall_rules(FirewallRuleGroupId=group)["FirewallRules"]
    assert [(each["Priority"], each["Action"], each.get("Qtype")) for each in listed] == [
        (1, "ALLOW", "A"),
        (2, "BLOCK", None),
    ]
    assert {each["FirewallDomainRedirectionAction"] for each in listed} == {"INSPECT_REDIRECTION_DOMAIN"}
    changed = resolver.update_firewall_rule(**rule, Qtype="A", Priority=5)["FirewallRule"]
    assert (changed["Action"], changed["Priority"]) == ("ALLOW", 5)
    assert error(resolver.update_firewall_rule, **rule, Qtype="A", Priority=2)[0] == "ValidationException"
    assert resolver.get_firewall_rule_group(FirewallRuleGroupId=group)["FirewallRuleGroup"]["RuleCount"] == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"Action": "BLOCK"},
        {"Action": "BLOCK", "BlockResponse": "OVERRIDE", "BlockOverrideDomain": "a.b"},
        {"Action": "DENY"},
        {"Action": "ALLOW", "Qtype": "ANYTHING"},
        {"Action": "ALLOW", "FirewallDomainRedirectionAction": "TRUST"},
    ],
)
def test_a_rule_that_cannot_be_is_refused(resolver: Any, settings: dict[str, Any]) -> None:
    rule = {"FirewallRuleGroupId": rule_group(resolver), "FirewallDomainListId": domain_list(resolver, "*")}
    told = error(resolver.create_firewall_rule, **fresh(), **rule, Priority=1, **settings)
    assert told[0] == "ValidationException"


def test_advanced_rules_are_named_as_not_played(resolver: Any) -> None:
    request = {**fresh(), "FirewallRuleGroupId": rule_group(resolver), "Priority": 1, **BLOCK}
    told = error(resolver.create_firewall_rule, **request, DnsThreatProtection="DGA", ConfidenceThreshold="HIGH")
    assert told[0] == "NotImplemented"


@pytest.mark.parametrize("priority", [0, 100, 9900])
def test_priorities_at_the_ends_are_reserved(aws: LocalAws, resolver: Any, priority: int) -> None:
    code, text = error(
        resolver.associate_firewall_rule_group,
        **fresh(),
        FirewallRuleGroupId=rule_group(resolver),
        VpcId=vpc(aws),
        Priority=priority,
    )
    assert (code, "reserved" in text) == ("ValidationException", True)


def test_a_vpc_has_each_group_and_each_priority_once(aws: LocalAws, resolver: Any) -> None:
    first, second, vpc_id = rule_group(resolver), rule_group(resolver), vpc(aws)

    def associate(group: str, priority: int, vpc_id: str = vpc_id) -> dict[str, Any]:
        return {**fresh(), "FirewallRuleGroupId": group, "VpcId": vpc_id, "Priority": priority}

    made = resolver.associate_firewall_rule_group(**associate(first, 101))["FirewallRuleGroupAssociation"]
    for request in (associate(first, 102), associate(second, 101)):
        assert error(resolver.associate_firewall_rule_group, **request)[0] == "ValidationException"
    for request in (associate(first, 102, "vpc-gone"), associate("rslvr-frg-gone", 102)):
        assert error(resolver.associate_firewall_rule_group, **request)[0] == "ResourceNotFoundException"
    resolver.associate_firewall_rule_group(**associate(second, 102))
    name = {"FirewallRuleGroupAssociationId": made["Id"]}
    assert error(resolver.update_firewall_rule_group_association, **name, Priority=102)[0] == "ValidationException"
    resolver.update_firewall_rule_group_association(**name, Priority=103)
    listed = resolver.list_firewall_rule_group_associations(VpcId=vpc_id)["FirewallRuleGroupAssociations"]
    assert {each["FirewallRuleGroupId"]: each["Priority"] for each in listed} == {first: 103, second: 102}


def test_a_protected_association_neither_changes_nor_ends(aws: LocalAws, resolver: Any) -> None:
    request = {**fresh(), "FirewallRuleGroupId": rule_group(resolver), "VpcId": vpc(aws), "Priority": 200}
    made = resolver.associate_firewall_rule_group(**request, MutationProtection="ENABLED")
    name = {"FirewallRuleGroupAssociationId": made["FirewallRuleGroupAssociation"]["Id"]}
    assert "RSLVR-02307" in error(resolver.disassociate_firewall_rule_group, **name)[1]
    assert "RSLVR-02307" in error(resolver.update_firewall_rule_group_association, **name, Priority=201)[1]
    resolver.update_firewall_rule_group_association(**name, MutationProtection="DISABLED")
    resolver.disassociate_firewall_rule_group(**name)


def test_a_request_that_is_sent_again_makes_nothing_new(resolver: Any) -> None:
    request = fresh()
    made = [resolver.create_firewall_rule_group(**request)["FirewallRuleGroup"]["Id"] for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize("name", ["123", "a.b", ""])
def test_names_are_of_letters_digits_and_few_signs(resolver: Any, name: str) -> None:
    assert error(resolver.create_firewall_rule_group, CreatorRequestId=name or "-", Name=name)[0] == (
        "ValidationException"
    )


def test_a_log_group_has_to_exist_and_configurations_in_use_stay(aws: LocalAws, resolver: Any) -> None:
    place = "arn:aws:logs:us-east-1:123456789012:log-group"
    for destination, code in (
        (f"{place}:gone:*", "ResourceNotFoundException"),
        (f"{place.replace('us-east-1', 'eu-west-1')}:gone", "InvalidParameterException"),
        ("arn:aws:s3:::bucket", "NotImplemented"),
    ):
        told = error(resolver.create_resolver_query_log_config, **fresh(), DestinationArn=destination)
        assert told[0] == code
    config, vpc_id = log_config(aws, resolver), vpc(aws)
    both = {"ResolverQueryLogConfigId": config, "ResourceId": vpc_id}
    made = resolver.associate_resolver_query_log_config(**both)["ResolverQueryLogConfigAssociation"]
    assert (made["Status"], made["Error"]) == ("ACTIVE", "NONE")
    assert error(resolver.associate_resolver_query_log_config, **both)[0] == "ResourceExistsException"
    gone = {**both, "ResourceId": "vpc-gone"}
    assert error(resolver.associate_resolver_query_log_config, **gone)[0] == "InvalidParameterException"
    told = error(resolver.delete_resolver_query_log_config, ResolverQueryLogConfigId=config)
    assert told[0] == "InvalidRequestException"
    resolver.disassociate_resolver_query_log_config(**both)
    assert error(resolver.disassociate_resolver_query_log_config, **both)[0] == "ResourceNotFoundException"
    resolver.delete_resolver_query_log_config(ResolverQueryLogConfigId=config)


def test_a_vpc_delivers_to_one_log_group(aws: LocalAws, resolver: Any) -> None:
    first, second, vpc_id = log_config(aws, resolver), log_config(aws, resolver), vpc(aws)
    resolver.associate_resolver_query_log_config(ResolverQueryLogConfigId=first, ResourceId=vpc_id)
    told = error(resolver.associate_resolver_query_log_config, ResolverQueryLogConfigId=second, ResourceId=vpc_id)
    assert told[0] == "InvalidRequestException"


def test_an_association_fails_without_its_log_group_and_is_found_by_filters(aws: LocalAws, resolver: Any) -> None:
    config, vpc_id = log_config(aws, resolver), vpc(aws)
    resolver.associate_resolver_query_log_config(ResolverQueryLogConfigId=config, ResourceId=vpc_id)
    shown = resolver.get_resolver_query_log_config(ResolverQueryLogConfigId=config)["ResolverQueryLogConfig"]
    assert shown["AssociationCount"] == 1
    aws.client("logs").delete_log_group(logGroupName=shown["DestinationArn"].split(":")[6])
    filters = [{"Name": "ResourceId", "Values": [vpc_id]}]
    found = resolver.list_resolver_query_log_config_associations(Filters=filters)
    assert found["TotalFilteredCount"] == 1
    (made,) = found["ResolverQueryLogConfigAssociations"]
    assert (made["Status"], made["Error"]) == ("FAILED", "DESTINATION_NOT_FOUND")
    wrong = [{"Name": "Nothing", "Values": ["x"]}]
    told = error(resolver.list_resolver_query_log_config_associations, Filters=wrong)
    assert told[0] == "InvalidParameterException"


def test_everything_but_what_associates_logs_has_tags(aws: LocalAws, resolver: Any) -> None:
    made = resolver.create_firewall_rule_group(**fresh(), Tags=[{"Key": "a", "Value": "1"}])["FirewallRuleGroup"]
    resolver.tag_resource(ResourceArn=made["Arn"], Tags=[{"Key": "b", "Value": "2"}])
    resolver.untag_resource(ResourceArn=made["Arn"], TagKeys=["a"])
    assert resolver.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == [{"Key": "b", "Value": "2"}]
    told = error(resolver.list_tags_for_resource, ResourceArn=f"{made['Arn']}x")
    assert told[0] == "ResourceNotFoundException"

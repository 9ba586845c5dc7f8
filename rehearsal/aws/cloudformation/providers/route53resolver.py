"""Route 53 Resolver: DNS Firewall and query logging. What is replaced says the types' public schema.

Each calls what the handlers of its type's public schema name, so that a policy that is enough here has those actions.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    integer,
    tag_changes,
    tag_list,
    tags_of,
)

GONE = "ResourceNotFoundException"
NAME_LENGTH = 64
MOST_DOMAINS = 1000
"""In a request (API reference, UpdateFirewallDomains)."""


class FirewallDomainList:
    """AWS::Route53Resolver::FirewallDomainList. Ref is the list's id."""

    type_name = "AWS::Route53Resolver::FirewallDomainList"
    properties = frozenset({"Domains", "Name", "Tags"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the list, then fill it."""
        resolver = context.client("route53resolver")
        made = resolver.create_firewall_domain_list(**_new(context, properties))["FirewallDomainList"]
        context.initiated(made["Id"])
        self._fill(resolver, made["Id"], properties)
        return self._made(resolver, made["Id"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change domains and tags."""
        resolver = context.client("route53resolver")
        if new.get("Domains") != old.get("Domains"):
            self._fill(resolver, physical_id, new)
        made = self._made(resolver, physical_id)
        _retag(context, made.attributes["Arn"], new)
        return made

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the list; Resolver refuses while a rule uses it."""
        with already_gone(GONE):
            context.client("route53resolver").delete_firewall_domain_list(FirewallDomainListId=physical_id)

    @staticmethod
    def _fill(resolver: Any, list_id: str, properties: Mapping[str, Any]) -> None:
        domains = [str(domain) for domain in properties.get("Domains") or []]
        for start in range(0, len(domains) or 1, MOST_DOMAINS):
            resolver.update_firewall_domains(
                FirewallDomainListId=list_id,
                Operation="ADD" if start else "REPLACE",
                Domains=domains[start : start + MOST_DOMAINS],
            )

    @staticmethod
    def _made(resolver: Any, list_id: str) -> Made:
        return _shown(resolver.get_firewall_domain_list(FirewallDomainListId=list_id)["FirewallDomainList"])


class FirewallRuleGroup:
    """AWS::Route53Resolver::FirewallRuleGroup. Ref is the group's id; a rule has no name in a template."""

    type_name = "AWS::Route53Resolver::FirewallRuleGroup"
    properties = frozenset({"FirewallRules", "Name", "Tags"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the group, then its rules."""
        resolver = context.client("route53resolver")
        made = resolver.create_firewall_rule_group(**_new(context, properties))["FirewallRuleGroup"]
        context.initiated(made["Id"])
        for rule in properties.get("FirewallRules") or []:
            self._create(resolver, made["Id"], rule)
        return self._made(resolver, made["Id"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change rules and tags. A rule is another one when it has another domain list or query type."""
        resolver = context.client("route53resolver")
        present = {_key(rule): rule for rule in self._rules(resolver, physical_id)}
        wanted = {_key(rule): rule for rule in new.get("FirewallRules") or []}
        before = {_key(rule): rule for rule in old.get("FirewallRules") or []}
        changed = [key for key in wanted if key in present and wanted[key] != before.get(key)]
        # Of two rules that exchange their priorities Resolver would refuse the first update.
        priorities = {rule["Priority"] for key, rule in present.items() if key in wanted}
        moved = [key for key in changed if _moves(present[key], wanted[key], priorities)]
        for key in [*(key for key in present if key not in wanted), *moved]:
            resolver.delete_firewall_rule(FirewallRuleGroupId=physical_id, **_identity(key))
        for key, rule in wanted.items():
            if key in moved or key not in present:
                self._create(resolver, physical_id, rule)
            elif key in changed:
                values = {**rule, "FirewallRuleGroupId": physical_id}
                resolver.update_firewall_rule(**api_values(resolver, "UpdateFirewallRule", values))
        made = self._made(resolver, physical_id)
        _retag(context, made.attributes["Arn"], new)
        return made

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the rules, then the group; Resolver refuses while the group filters a VPC."""
        resolver = context.client("route53resolver")
        with already_gone(GONE):
            for rule in self._rules(resolver, physical_id):
                resolver.delete_firewall_rule(FirewallRuleGroupId=physical_id, **_identity(_key(rule)))
            resolver.delete_firewall_rule_group(FirewallRuleGroupId=physical_id)

    @staticmethod
    def _create(resolver: Any, group_id: str, rule: Mapping[str, Any]) -> None:
        request = uuid.uuid4().hex
        values = {**rule, "FirewallRuleGroupId": group_id, "CreatorRequestId": request, "Name": f"rule-{request}"}
        resolver.create_firewall_rule(**api_values(resolver, "CreateFirewallRule", values))

    @staticmethod
    def _rules(resolver: Any, group_id: str) -> list[dict[str, Any]]:
        pages = resolver.get_paginator("list_firewall_rules").paginate(FirewallRuleGroupId=group_id)
        return [rule for page in pages for rule in page["FirewallRules"]]

    @staticmethod
    def _made(resolver: Any, group_id: str) -> Made:
        return _shown(resolver.get_firewall_rule_group(FirewallRuleGroupId=group_id)["FirewallRuleGroup"])


class FirewallRuleGroupAssociation:
    """AWS::Route53Resolver::FirewallRuleGroupAssociation. Ref is the association's id."""

    type_name = "AWS::Route53Resolver::FirewallRuleGroupAssociation"
    properties = frozenset({"FirewallRuleGroupId", "MutationProtection", "Name", "Priority", "Tags", "VpcId"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Have the group filter the VPC."""
        resolver = context.client("route53resolver")
        values = {**{name: properties[name] for name in self.properties & set(properties)}, **_new(context, properties)}
        made = resolver.associate_firewall_rule_group(**api_values(resolver, "AssociateFirewallRuleGroup", values))
        return self._made(resolver, made["FirewallRuleGroupAssociation"]["Id"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change priority, protection, name and tags."""
        resolver = context.client("route53resolver")
        names = ("MutationProtection", "Name", "Priority")
        changes = {name: new.get(name) for name in names if new.get(name) != old.get(name)}
        if "MutationProtection" in changes:
            changes["MutationProtection"] = changes["MutationProtection"] or "DISABLED"
        if changes:
            values = {**changes, "FirewallRuleGroupAssociationId": physical_id}
            wanted = api_values(resolver, "UpdateFirewallRuleGroupAssociation", values)
            resolver.update_firewall_rule_group_association(**wanted)
        made = self._made(resolver, physical_id)
        _retag(context, made.attributes["Arn"], new)
        return made

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Stop filtering; Resolver refuses under mutation protection."""
        with already_gone(GONE):
            resolver = context.client("route53resolver")
            resolver.disassociate_firewall_rule_group(FirewallRuleGroupAssociationId=physical_id)

    @staticmethod
    def _made(resolver: Any, association_id: str) -> Made:
        found = resolver.get_firewall_rule_group_association(FirewallRuleGroupAssociationId=association_id)
        return _shown(found["FirewallRuleGroupAssociation"])


class ResolverQueryLoggingConfig:
    """AWS::Route53Resolver::ResolverQueryLoggingConfig. Ref is its id; every property, the tags too, replaces it."""

    type_name = "AWS::Route53Resolver::ResolverQueryLoggingConfig"
    properties = frozenset({"DestinationArn", "Name", "Tags"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the configuration."""
        resolver = context.client("route53resolver")
        if not properties.get("DestinationArn"):
            raise ProviderError("property DestinationArn is needed")
        values = {**_new(context, properties), "DestinationArn": properties["DestinationArn"]}
        return _shown(resolver.create_resolver_query_log_config(**values)["ResolverQueryLogConfig"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Nothing can change: the type's schema has no handler for it."""
        resolver = context.client("route53resolver")
        found = resolver.get_resolver_query_log_config(ResolverQueryLogConfigId=physical_id)
        return _shown(found["ResolverQueryLogConfig"])

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the configuration; Resolver refuses while a VPC has it."""
        with already_gone(GONE):
            resolver = context.client("route53resolver")
            resolver.delete_resolver_query_log_config(ResolverQueryLogConfigId=physical_id)


class ResolverQueryLoggingConfigAssociation:
    """AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation. Ref is its id; it has no tags."""

    type_name = "AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation"
    properties = frozenset({"ResolverQueryLogConfigId", "ResourceId"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Have the VPC's queries logged."""
        resolver = context.client("route53resolver")
        made = resolver.associate_resolver_query_log_config(**self._named(properties))
        return self._made(resolver, made["ResolverQueryLogConfigAssociation"]["Id"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Nothing can change: both properties replace it."""
        return self._made(context.client("route53resolver"), physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Stop logging the VPC's queries."""
        with already_gone(GONE):
            context.client("route53resolver").disassociate_resolver_query_log_config(**self._named(properties))

    def _named(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        for name in sorted(self.properties):
            if not properties.get(name):
                raise ProviderError(f"property {name} is needed")
        return {name: properties[name] for name in self.properties}

    @staticmethod
    def _made(resolver: Any, association_id: str) -> Made:
        found = resolver.get_resolver_query_log_config_association(ResolverQueryLogConfigAssociationId=association_id)
        return _shown(found["ResolverQueryLogConfigAssociation"])


def _new(context: Context, properties: Mapping[str, Any]) -> dict[str, Any]:
    """What every request that makes something names."""
    values = {"CreatorRequestId": uuid.uuid4().hex, "Name": properties.get("Name")}
    values["Name"] = values["Name"] or context.physical_name(NAME_LENGTH)
    return {**values, "Tags": tag_list(tags_of(context, properties.get("Tags")))}


def _shown(described: Mapping[str, Any]) -> Made:
    return Made(described["Id"], {name: value for name, value in described.items() if name != "Tags"})


def _retag(context: Context, arn: str, new: Mapping[str, Any]) -> None:
    resolver = context.client("route53resolver")
    pages = resolver.get_paginator("list_tags_for_resource").paginate(ResourceArn=arn)
    present = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    gone, changed = tag_changes(present, tags_of(context, new.get("Tags")))
    if gone:
        resolver.untag_resource(ResourceArn=arn, TagKeys=gone)
    if changed:
        resolver.tag_resource(ResourceArn=arn, Tags=tag_list(changed))


def _key(rule: Mapping[str, Any]) -> tuple[str, str]:
    return str(rule.get("FirewallDomainListId") or ""), str(rule.get("Qtype") or "")


def _identity(key: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in zip(("FirewallDomainListId", "Qtype"), key, strict=True) if value}


def _moves(present: Mapping[str, Any], wanted: Mapping[str, Any], taken: Iterable[int]) -> bool:
    priority = integer(wanted["Priority"], "FirewallRules.Priority")
    return priority != present["Priority"] and priority in taken


for provider in (
    FirewallDomainList(),
    FirewallRuleGroup(),
    FirewallRuleGroupAssociation(),
    ResolverQueryLoggingConfig(),
    ResolverQueryLoggingConfigAssociation(),
):
    register(provider)

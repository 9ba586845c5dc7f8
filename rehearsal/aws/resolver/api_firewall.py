"""The operations on rule groups of DNS Firewall and their rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.protocol import RequestContext
from rehearsal.aws.regional import not_played
from rehearsal.aws.resolver.api_base import (
    ResolverBase,
    conflict,
    find,
    invalid,
    made_before,
    moment,
    page,
)
from rehearsal.aws.resolver.model import StoredGroup

ACTIONS = ("ALLOW", "ALERT", "BLOCK")
RESPONSES = ("NODATA", "NXDOMAIN", "OVERRIDE")
OVERRIDE = ("BlockOverrideDomain", "BlockOverrideDnsType", "BlockOverrideTtl")
REDIRECTIONS = ("INSPECT_REDIRECTION_DOMAIN", "TRUST_REDIRECTION_DOMAIN")
QUERY_TYPES = re.compile("A|AAAA|CAA|CNAME|DS|MX|NAPTR|NS|PTR|SOA|SPF|SRV|TXT|TYPE[0-9]{1,5}")
"""The types that a rule may be about (API reference, CreateFirewallRule)."""
NOT_PLAYED = ("ConfidenceThreshold", "DnsThreatProtection", "FirewallRuleType", "FirewallThreatProtectionId")
"""DNS Firewall Advanced, which finds tunnels and generated names."""


class FirewallOperations(ResolverBase):
    """Rule groups and rules; they are complete at once."""

    def create_firewall_rule_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        groups = self.held(context).groups
        made = made_before(groups, request)
        if made is None:
            made = self.make(context, request, "rslvr-frg", "firewall-rule-group", StoredGroup)
            made.owner = context.account_id
            groups[made.identity] = made
        return {"FirewallRuleGroup": made.described()}

    def get_firewall_rule_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        return {"FirewallRuleGroup": self._group(context, request).described()}

    def list_firewall_rule_groups(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        shown, following = page([each.listed() for each in self.held(context).groups.values()], request)
        return {"FirewallRuleGroups": shown, **following}

    def delete_firewall_rule_group(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        held, found = self.held(context), self._group(context, request)
        vpcs = [each.vpc_id for each in held.associations.values() if each.group_id == found.identity]
        if vpcs:
            raise conflict(f"The rule group '{found.identity}' is associated with {', '.join(vpcs)}.")
        # CloudFormation's own handler deletes the rules before the group (handlers of the type's public schema).
        if found.rules:
            raise conflict(f"[RSLVR-02103] The rule group '{found.identity}' has rules.")
        del held.groups[found.identity]
        held.tags.pop(found.arn, None)
        return {"FirewallRuleGroup": {**found.described(), "Status": "DELETING"}}

    def create_firewall_rule(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        group, key = self._group(context, request), self._key(context, request)
        before = group.rules.get(key)
        if before is not None:
            if before["CreatorRequestId"] == request["CreatorRequestId"]:
                return {"FirewallRule": before}
            raise invalid(f"The rule group '{group.identity}' has a rule for the domain list '{key[0]}'.")
        rule = {**request, "CreationTime": moment()}
        rule.setdefault("FirewallDomainRedirectionAction", REDIRECTIONS[0])
        return {"FirewallRule": self._put(group, key, rule)}

    def update_firewall_rule(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        group, key = self._group(context, request), self._key(context, request)
        return {"FirewallRule": self._put(group, key, {**self._rule(group, key), **request})}

    def delete_firewall_rule(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        group, key = self._group(context, request), self._key(context, request)
        found = self._rule(group, key)
        del group.rules[key]
        return {"FirewallRule": found}

    def list_firewall_rules(self, context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
        rules = self._group(context, request).in_order()
        wanted = {name: request[name] for name in ("Action", "Priority") if request.get(name) is not None}
        chosen = [rule for rule in rules if all(rule[name] == value for name, value in wanted.items())]
        shown, following = page(chosen, request)
        return {"FirewallRules": shown, **following}

    def _put(self, group: StoredGroup, key: tuple[str, str], rule: dict[str, Any]) -> dict[str, Any]:
        _check(rule)
        taken = [each for other, each in group.rules.items() if other != key and each["Priority"] == rule["Priority"]]
        if taken:
            raise invalid(f"The priority {rule['Priority']} is used by another rule of '{group.identity}'.")
        group.modified = rule["ModificationTime"] = moment()
        group.rules[key] = rule
        return rule

    def _group(self, context: RequestContext, request: dict[str, Any]) -> StoredGroup:
        return find(self.held(context).groups, request["FirewallRuleGroupId"])

    def _key(self, context: RequestContext, request: Mapping[str, Any]) -> tuple[str, str]:
        """What tells a rule from the others of its group; its domain list has to exist."""
        for name in NOT_PLAYED:
            if request.get(name) is not None:
                raise not_played(name)
        if not request.get("FirewallDomainListId"):
            raise invalid("A rule needs FirewallDomainListId.")
        return find(self.held(context).lists, request["FirewallDomainListId"]).identity, request.get("Qtype") or ""

    @staticmethod
    def _rule(group: StoredGroup, key: tuple[str, str]) -> dict[str, Any]:
        if key not in group.rules:
            raise invalid(f"The rule group '{group.identity}' has no rule for the domain list '{key[0]}'.")
        return group.rules[key]


def _check(rule: Mapping[str, Any]) -> None:
    """What goes together in a rule (API reference, CreateFirewallRule)."""
    action, response = rule["Action"], rule.get("BlockResponse")
    if action not in ACTIONS:
        raise invalid(f"Action must be one of {', '.join(ACTIONS)}, not {action}.")
    if action == "BLOCK" and response not in RESPONSES:
        raise invalid(f"[RSLVR-02016] BLOCK needs a BlockResponse of {', '.join(RESPONSES)}.")
    if action == "BLOCK" and response == "OVERRIDE" and any(rule.get(name) is None for name in OVERRIDE):
        raise invalid(f"OVERRIDE needs {', '.join(OVERRIDE)}.")
    if rule.get("FirewallDomainRedirectionAction") not in REDIRECTIONS:
        raise invalid(f"FirewallDomainRedirectionAction must be one of {', '.join(REDIRECTIONS)}.")
    if rule.get("Qtype") and not QUERY_TYPES.fullmatch(rule["Qtype"]):
        raise invalid(f"Qtype '{rule['Qtype']}' is not a query type.")

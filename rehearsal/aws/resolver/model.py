"""What Route 53 Resolver holds in one region: domain lists, rule groups, query logging, and what VPCs have of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Thing:
    """What all that Resolver makes has in common."""

    identity: str
    arn: str
    name: str
    creator: str
    """The request's CreatorRequestId."""
    created: str
    """When, in RFC 3339."""
    modified: str


@dataclass
class StoredDomains(Thing):
    """A domain list of DNS Firewall."""

    domains: tuple[str, ...] = ()
    """Lower case, without the dot at the end, in order, none twice."""

    def described(self) -> dict[str, Any]:
        """As GetFirewallDomainList shows it."""
        return {**_shown(self), **_times(self), "DomainCount": len(self.domains), "Status": "COMPLETE"}

    def listed(self) -> dict[str, Any]:
        """As ListFirewallDomainLists shows it."""
        return _shown(self)


@dataclass
class StoredGroup(Thing):
    """A rule group of DNS Firewall; a rule is as CreateFirewallRule was asked for it."""

    owner: str = ""
    rules: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """By domain list and query type, which may be empty: nothing else tells the rules of a group apart."""

    def in_order(self) -> list[dict[str, Any]]:
        """The rules as they are applied."""
        return sorted(self.rules.values(), key=lambda rule: int(rule["Priority"]))

    def described(self) -> dict[str, Any]:
        """As GetFirewallRuleGroup shows it."""
        return {**self.listed(), **_times(self), "RuleCount": len(self.rules), "Status": "COMPLETE"}

    def listed(self) -> dict[str, Any]:
        """As ListFirewallRuleGroups shows it."""
        return {**_shown(self), "OwnerId": self.owner, "ShareStatus": "NOT_SHARED"}


@dataclass
class StoredAssociation(Thing):
    """A rule group that filters a VPC."""

    group_id: str = ""
    vpc_id: str = ""
    priority: int = 0
    protection: str = "DISABLED"

    def described(self) -> dict[str, Any]:
        """As GetFirewallRuleGroupAssociation shows it."""
        return {
            **_shown(self),
            **_times(self),
            "FirewallRuleGroupId": self.group_id,
            "VpcId": self.vpc_id,
            "Priority": self.priority,
            "MutationProtection": self.protection,
            "Status": "COMPLETE",
        }


@dataclass
class LogConfig(Thing):
    """A query logging configuration."""

    owner: str = ""
    destination: str = ""
    """The ARN as it was given."""
    group_name: str = ""
    """The log group that it names."""


@dataclass
class LogAssociation:
    """A VPC whose queries are logged."""

    identity: str
    config_id: str
    vpc_id: str
    created: str


@dataclass
class ResolverRegion:
    """Everything in one region. Hold the local AWS's lock while you read or change it."""

    lists: dict[str, StoredDomains] = field(default_factory=dict)
    groups: dict[str, StoredGroup] = field(default_factory=dict)
    associations: dict[str, StoredAssociation] = field(default_factory=dict)
    configs: dict[str, LogConfig] = field(default_factory=dict)
    log_associations: dict[str, LogAssociation] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """By ARN."""

    def tagged(self) -> Iterator[Thing]:
        """Everything that has tags."""
        for held in (self.lists, self.groups, self.associations, self.configs):
            yield from held.values()

    def filters(self, vpc_id: str) -> Iterator[tuple[StoredGroup, dict[str, Any]]]:
        """The rules that a VPC's questions meet, in order, each with its group: the lowest priorities come first."""
        associations = [each for each in self.associations.values() if each.vpc_id == vpc_id]
        for association in sorted(associations, key=lambda each: each.priority):
            group = self.groups[association.group_id]
            for rule in group.in_order():
                yield group, rule

    def logs(self, vpc_id: str) -> list[LogConfig]:
        """The configurations that log a VPC's questions."""
        return [self.configs[each.config_id] for each in self.log_associations.values() if each.vpc_id == vpc_id]


def new_id(kind: str) -> str:
    """An id as Resolver makes them, such as `rslvr-frg-0123456789abcdef`."""
    return f"{kind}-{secrets.token_hex(8)}"


def _shown(thing: Thing) -> dict[str, Any]:
    return {"Id": thing.identity, "Arn": thing.arn, "Name": thing.name, "CreatorRequestId": thing.creator}


def _times(thing: Thing) -> dict[str, Any]:
    return {"CreationTime": thing.created, "ModificationTime": thing.modified}

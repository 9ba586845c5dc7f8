"""What a made VPC's resolver answers, and that it logs what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any
from urllib.parse import urlsplit

from tests.templates.cluster import Cluster, Resource, substituted
from tests.templates.rules.encryption import OUR_KEY
from tests.templates.rules.rule import rule

# Outside of the range that is looked up in reverse and of the configuration's own: nobody but AWS answers these.
OWN = {"*.amazonaws.com", "*.6f1ab6a0.holdfast.internal", "*.compute.internal", "*.ec2.internal"}
VALUES = {"AWS::URLSuffix": "amazonaws.com", "ClusterUuid": "6f1ab6a0"}
REVERSE = ".in-addr.arpa"
# Route 53 API reference, AssociateFirewallRuleGroup and UpdateFirewallDomains; the CDK ends priorities at 9000.
GROUP_PRIORITIES = range(101, 9000)
MOST_DOMAINS = 1000


@rule
def a_made_vpc_resolves_only_what_is_listed(cluster: Cluster) -> Iterator[str]:
    associations = cluster.resources("AWS::Route53Resolver::FirewallRuleGroupAssociation")
    for association in associations:
        made = cluster.resource_of(association.layer, association.properties["VpcId"])
        if made is None or made.type != "AWS::EC2::VPC":
            yield f"{association}: is for a VPC that is not made here"
        if association.properties["Priority"] not in GROUP_PRIORITIES:
            yield f"{association}: priority {association.properties['Priority']}"
    for vpc in cluster.resources("AWS::EC2::VPC"):
        own = [each for each in associations if cluster.resource_of(each.layer, each.properties["VpcId"]) == vpc]
        if len(own) != 1:
            yield f"{vpc}: has {len(own)} firewalls"
        for association in own:
            group = cluster.resource_of(association.layer, association.properties["FirewallRuleGroupId"])
            yield from [f"{association}: no group"] if group is None else _wrong_rules(cluster, group)


def _wrong_rules(cluster: Cluster, group: Resource) -> Iterator[str]:
    *first, last = sorted(group.properties["FirewallRules"], key=lambda each: int(each["Priority"]))
    does = [last.get(key) for key in ("Action", "BlockResponse", "Qtype")]
    if does != ["BLOCK", "NXDOMAIN", None] or _domains(cluster, group, last) != ["*"]:
        yield f"{group}: blocks not everything at last, but does {last}"
    if [each["Action"] for each in first] != ["ALLOW"]:
        yield f"{group}: begins with {first}"
    for each in first:
        if each.get("FirewallDomainRedirectionAction", "INSPECT_REDIRECTION_DOMAIN") != "INSPECT_REDIRECTION_DOMAIN":
            yield f"{group}: follows an alias to wherever it leads"
        yield from (f"{group}: {wrong}" for wrong in _wrong_domains(cluster, _domains(cluster, group, each)))


def _wrong_domains(cluster: Cluster, domains: list[str]) -> Iterator[str]:
    vpc = IPv4Network(cluster.config.network.vpc_cidr)
    ranges = [_range(each) for each in domains if each.endswith(REVERSE)]
    yield from (f"allows the names of {each}" for each in ranges if not each.subnet_of(vpc))
    if sum(each.num_addresses for each in ranges) != vpc.num_addresses:
        yield f"allows the names of {ranges}, not of {vpc}"
    named = [each for each in domains if not each.endswith(REVERSE)]
    asked = {urlsplit(each.discovery_url or each.url).hostname for each in cluster.config.access.oidc}
    if set(named) != OWN | set(cluster.config.network.dns_allowed_domains) | asked:
        yield f"allows {named}"
    for each in named:
        labels = each.removeprefix("*.").split(".")
        # Below a top-level domain, and below `arpa`, anybody has names of his own.
        if len(labels) < 2 or labels[-1] == "arpa" or "*" in "".join(labels):
            yield f"allows {each}, which is everybody's"
    if len(domains) > MOST_DOMAINS or len(set(domains)) < len(domains):
        yield f"lists {len(domains)} domains, {len(set(domains))} different ones"


def _domains(cluster: Cluster, group: Resource, firewall_rule: dict[str, Any]) -> list[str]:
    listed = cluster.resource_of(group.layer, firewall_rule["FirewallDomainListId"])
    return [] if listed is None else [substituted(each, VALUES) for each in listed.properties["Domains"]]


def _range(reverse: str) -> IPv4Network:
    """The addresses whose names a domain of in-addr.arpa holds."""
    octets = [each for each in reverse.removesuffix(REVERSE).split(".")[::-1] if each != "*"]
    return IPv4Network((".".join([*octets, *4 * ["0"]][:4]), 8 * len(octets)))


@rule
def a_made_vpc_logs_its_queries(cluster: Cluster) -> Iterator[str]:
    groups: dict[str, list[Resource | None]] = {}
    for association in cluster.resources("AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation"):
        vpc = cluster.resource_of(association.layer, association.properties["ResourceId"])
        log = cluster.resource_of(association.layer, association.properties["ResolverQueryLogConfigId"])
        group = cluster.resource_of(log.layer, log.properties["DestinationArn"]) if log else None
        groups.setdefault(str(vpc), []).append(group)
        # Other tags would make a new configuration, and AWS refuses a VPC's second association.
        if log and "Tags" in log.properties:
            yield f"{log}: has tags, which an update cannot change"
    for vpc in cluster.resources("AWS::EC2::VPC"):
        if len(groups.get(str(vpc), [])) != 1:
            yield f"{vpc}: its queries are logged {len(groups.get(str(vpc), []))} times"
    for name, found in groups.items():
        for group in found:
            if group is None or group.type != "AWS::Logs::LogGroup":
                yield f"{name}: logs into {group}"
            elif cluster.resolve(group.layer, group.properties.get("KmsKeyId")) != OUR_KEY:
                yield f"{group}: is not encrypted with our key"
            elif "RetentionInDays" not in group.properties:
                yield f"{group}: keeps queries for ever"

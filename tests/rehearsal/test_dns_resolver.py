"""DNS Firewall and the query log of a VPC's DNS, asked over loopback: no router, no root."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.network.dns import Dns
from tests.rehearsal.loopback_vpc import LoopbackVpc, NoRouters
from tests.waiting import wait_for

PATIENCE_SECONDS = 60.0
_NUMBERS = itertools.count()


class FilteredVpc:
    """A VPC with a private zone, a firewall that lets one name through, and a query log."""

    def __init__(self, aws: LocalAws, name: str) -> None:
        self.aws = aws
        self.resolver = aws.client("route53resolver")
        self.loopback = LoopbackVpc(aws)
        self.vpc_id = self.loopback.vpc_id
        self.log_group = f"queries-{name}"
        aws.client("logs").create_log_group(logGroupName=self.log_group)
        self._zone("good.example", "A", "10.0.0.1")
        self._zone("evil.example", "A", "10.0.0.9")
        self.rules = self.resolver.create_firewall_rule_group(CreatorRequestId=name, Name=name)["FirewallRuleGroup"]
        self.lists = [self._rule(1, "ALLOW", "good.example", "*.good.example"), self._rule(2, "BLOCK", "*")]
        self.associated = self.resolver.associate_firewall_rule_group(
            CreatorRequestId=name, FirewallRuleGroupId=self.rules["Id"], VpcId=self.vpc_id, Priority=101, Name=name
        )["FirewallRuleGroupAssociation"]["Id"]
        destination = f"arn:aws:logs:us-east-1:123456789012:log-group:{self.log_group}:*"
        config = self.resolver.create_resolver_query_log_config(
            CreatorRequestId=name, Name=name, DestinationArn=destination
        )["ResolverQueryLogConfig"]["Id"]
        self.resolver.associate_resolver_query_log_config(ResolverQueryLogConfigId=config, ResourceId=self.vpc_id)

    def events(self) -> list[dict[str, Any]]:
        """The query log."""
        found = self.aws.client("logs").filter_log_events(logGroupName=self.log_group)["events"]
        return [json.loads(each["message"]) for each in found]

    def logged(self, **values: str) -> dict[str, Any]:
        """The one event with these values, once it is there."""

        def chosen() -> list[dict[str, Any]]:
            return [each for each in self.events() if all(each[name] == value for name, value in values.items())]

        (event,) = wait_for(chosen, f"a query is logged with {values}", PATIENCE_SECONDS, 0.1)
        return event

    def _zone(self, name: str, kind: str, value: str) -> None:
        route53 = self.aws.client("route53")
        zone = route53.create_hosted_zone(
            Name=name,
            CallerReference=f"{name} {self.vpc_id}",
            HostedZoneConfig={"PrivateZone": True},
            VPC={"VPCRegion": self.aws.region, "VPCId": self.vpc_id},
        )["HostedZone"]["Id"]
        record = {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value}]}
        changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)

    def _rule(self, priority: int, action: str, *domains: str) -> str:
        name = f"{self.rules['Name']}-{priority}"
        made = self.resolver.create_firewall_domain_list(CreatorRequestId=name, Name=name)["FirewallDomainList"]["Id"]
        self.resolver.update_firewall_domains(FirewallDomainListId=made, Operation="REPLACE", Domains=list(domains))
        self.resolver.create_firewall_rule(
            CreatorRequestId=name,
            FirewallRuleGroupId=self.rules["Id"],
            FirewallDomainListId=made,
            Priority=priority,
            Action=action,
            Name=name,
            **({"BlockResponse": "NXDOMAIN"} if action == "BLOCK" else {}),
        )
        return str(made)


@pytest.fixture(scope="module")
def server(aws: LocalAws) -> Iterator[Dns]:
    served = Dns(aws, NoRouters())
    served.start()
    yield served
    served.stop()


@pytest.fixture
def vpc(aws: LocalAws) -> FilteredVpc:
    return FilteredVpc(aws, f"vpc-{next(_NUMBERS)}")


@pytest.fixture
def ask(server: Dns, vpc: FilteredVpc) -> Callable[..., dns.message.Message]:
    bound = {}
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        bound[kind] = socket.socket(socket.AF_INET, kind)
        bound[kind].bind(("127.0.0.1", 0))
    bound[socket.SOCK_STREAM].listen()
    ports = {kind: each.getsockname()[1] for kind, each in bound.items()}
    for each in bound.values():
        server.serve(each, vpc.vpc_id)

    def asked(name: str, kind: str = "A", tcp: bool = False, source: str = "127.0.0.1") -> dns.message.Message:
        query, send = dns.message.make_query(name, kind), dns.query.tcp if tcp else dns.query.udp
        port = ports[socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM]
        return send(query, "127.0.0.1", timeout=PATIENCE_SECONDS, port=port, source=source)

    return asked


Ask = Callable[..., dns.message.Message]


def values(answer: dns.message.Message) -> list[str]:
    return [item.to_text() for rows in answer.answer for item in rows]


@pytest.mark.parametrize("tcp", [False, True])
def test_a_name_that_exists_is_refused_by_the_firewall_alone(vpc: FilteredVpc, ask: Ask, tcp: bool) -> None:
    assert values(ask("good.example", tcp=tcp)) == ["10.0.0.1"]
    assert ask("evil.example", tcp=tcp).rcode() == dns.rcode.NXDOMAIN
    vpc.resolver.disassociate_firewall_rule_group(FirewallRuleGroupAssociationId=vpc.associated)
    assert values(ask("evil.example", tcp=tcp)) == ["10.0.0.9"]


def test_a_changed_list_and_a_changed_rule_hold_from_the_next_question_on(vpc: FilteredVpc, ask: Ask) -> None:
    allowed, everything = vpc.lists
    vpc.resolver.update_firewall_domains(FirewallDomainListId=allowed, Operation="ADD", Domains=["evil.example"])
    assert values(ask("evil.example")) == ["10.0.0.9"]
    vpc.resolver.update_firewall_domains(FirewallDomainListId=allowed, Operation="REPLACE", Domains=["other.example"])
    assert ask("good.example").rcode() == dns.rcode.NXDOMAIN
    rule = {"FirewallRuleGroupId": vpc.rules["Id"], "FirewallDomainListId": everything}
    vpc.resolver.update_firewall_rule(**rule, BlockResponse="NODATA")
    assert ask("good.example").rcode() == dns.rcode.NOERROR
    vpc.resolver.update_firewall_rule(
        **rule,
        BlockResponse="OVERRIDE",
        BlockOverrideDomain="sorry.example",
        BlockOverrideDnsType="CNAME",
        BlockOverrideTtl=5,
    )
    assert [rows.to_text() for rows in ask("good.example").answer] == ["good.example. 5 IN CNAME sorry.example."]


def test_a_rule_of_a_type_is_known_by_its_number_too(vpc: FilteredVpc, ask: Ask) -> None:
    allowed, _ = vpc.lists
    vpc.resolver.create_firewall_rule(
        CreatorRequestId="numbered",
        FirewallRuleGroupId=vpc.rules["Id"],
        FirewallDomainListId=allowed,
        Priority=0,
        Action="BLOCK",
        BlockResponse="NXDOMAIN",
        Name="numbered",
        Qtype="TYPE28",
    )
    assert ask("good.example", "AAAA").rcode() == dns.rcode.NXDOMAIN
    assert values(ask("good.example")) == ["10.0.0.1"]


def test_questions_are_logged_with_what_was_answered_and_who_blocked_it(vpc: FilteredVpc, ask: Ask) -> None:
    instance, address = vpc.loopback.launch()
    for _ in range(3):
        ask("good.example", source=address)
    ask("evil.example", tcp=True, source=address)
    blocked = vpc.logged(query_name="evil.example.")
    assert (blocked["rcode"], blocked["transport"], blocked["answers"]) == ("NXDOMAIN", "TCP", [])
    assert blocked["firewall_rule_action"] == "BLOCK"
    assert blocked["firewall_rule_group_id"] == vpc.rules["Id"]
    assert blocked["firewall_domain_list_id"] == vpc.lists[1]
    # Once, for the others came from the resolver's cache.
    allowed = vpc.logged(query_name="good.example.")
    assert (allowed["vpc_id"], allowed["srcaddr"]) == (vpc.vpc_id, address)
    assert allowed["srcids"] == {"instance": instance}
    assert allowed["answers"] == [{"Rdata": "10.0.0.1", "Type": "A", "Class": "IN"}]
    assert not {name for name in allowed if name.startswith("firewall_")}
    streams = vpc.aws.client("logs").describe_log_streams(logGroupName=vpc.log_group)["logStreams"]
    assert [each["logStreamName"] for each in streams] == [f"{vpc.vpc_id}_{instance}"]


def test_a_log_group_that_is_gone_costs_no_answer(vpc: FilteredVpc, ask: Ask) -> None:
    ask("first.good.example")
    vpc.logged(query_name="first.good.example.")
    vpc.aws.client("logs").delete_log_group(logGroupName=vpc.log_group)
    assert values(ask("good.example")) == ["10.0.0.1"]
    vpc.aws.client("logs").create_log_group(logGroupName=vpc.log_group)

    def written() -> bool:
        ask("second.good.example")
        return any(each["query_name"] == "second.good.example." for each in vpc.events())

    wait_for(written, "queries are logged again", PATIENCE_SECONDS, 0.1)

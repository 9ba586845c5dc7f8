"""Names that are asked for inside namespaces, at both addresses of the resolver."""

from __future__ import annotations

import json
import socket

import dns.message
import dns.query
import dns.rcode
import pytest

from rehearsal.machines.network import namespaces
from rehearsal.machines.network.router import RESOLVER
from tests.machines.balancing.harness import PATIENCE_SECONDS, BalancerHarness, Target, wait

# Every rehearsal needs what is tested here, so what breaks it shows in CI; why it does shows here.
pytestmark = pytest.mark.slow

SECOND = "10.0.0.2"
ZONE = "0c0ffee.holdfast.internal"


def ask(source: Target, name: str, kind: str = "A", server: str = RESOLVER, tcp: bool = False) -> dns.message.Message:
    """The answer to a question from a target's machine."""
    query = dns.message.make_query(name, kind, use_edns=True)
    with namespaces.inside(source.namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    with made:
        made.settimeout(PATIENCE_SECONDS)
        if tcp:
            made.connect((server, 53))
            return dns.query.tcp(query, server, timeout=PATIENCE_SECONDS, sock=made)
        made.setblocking(False)
        return dns.query.udp(query, server, timeout=PATIENCE_SECONDS, sock=made)


def values(answer: dns.message.Message) -> set[str]:
    """The values of all records of an answer."""
    return {item.to_text() for rows in answer.answer for item in rows}


@pytest.fixture(scope="module")
def _zone(whole: BalancerHarness) -> None:
    """A private zone with an alias to the balancer, as the templates make it."""
    for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
        whole.ec2.modify_vpc_attribute(VpcId=whole.vpc_id, **{attribute: {"Value": True}})
    route53 = whole.aws.client("route53")
    zone = route53.create_hosted_zone(
        Name=ZONE,
        CallerReference="test",
        HostedZoneConfig={"PrivateZone": True},
        VPC={"VPCRegion": whole.aws.region, "VPCId": whole.vpc_id},
    )["HostedZone"]["Id"]
    target = {
        "DNSName": whole.balancer["DNSName"],
        "HostedZoneId": whole.balancer["CanonicalHostedZoneId"],
        "EvaluateTargetHealth": False,
    }
    record = {"Name": f"api.{ZONE}", "Type": "A", "AliasTarget": target}
    changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize("server", [RESOLVER, SECOND])
@pytest.mark.parametrize("tcp", [False, True])
def test_the_api_s_name_is_the_balancers_addresses(harness: BalancerHarness, server: str, tcp: bool) -> None:
    wait(lambda: values(ask(harness.targets[0], f"api.{ZONE}")) == set(harness.nodes().values()))
    assert values(ask(harness.targets[0], f"api.{ZONE}", server=server, tcp=tcp)) == set(harness.nodes().values())


@pytest.mark.usefixtures("_zone")
def test_a_node_that_reaches_no_healthy_target_is_left_out_until_none_does(harness: BalancerHarness) -> None:
    harness.set_cross_zone("false")
    first, second = harness.targets
    second.answer_with(500)
    wait(lambda: values(ask(first, f"api.{ZONE}")) == {harness.nodes()[first.zone]})
    first.answer_with(500)
    wait(lambda: values(ask(first, f"api.{ZONE}")) == set(harness.nodes().values()))


@pytest.mark.usefixtures("_zone")
def test_a_node_that_is_cut_off_is_left_out_although_others_reach_all_targets(harness: BalancerHarness) -> None:
    first, second = harness.targets
    name = "ELB " + harness.balancer["LoadBalancerArn"].partition(":loadbalancer/")[2]
    shown = harness.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [name]}])
    (node,) = (
        each["NetworkInterfaceId"] for each in shown["NetworkInterfaces"] if each["AvailabilityZone"] == second.zone
    )
    harness.fabric.cut(node)
    try:
        wait(lambda: values(ask(first, f"api.{ZONE}")) == {harness.nodes()[first.zone]})
        assert {state for state, _ in harness.health().values()} == {"healthy"}
    finally:
        harness.fabric.heal(node)
    wait(lambda: values(ask(first, f"api.{ZONE}")) == set(harness.nodes().values()))


def test_an_instance_has_a_name_and_its_address_leads_back_to_it(harness: BalancerHarness) -> None:
    first, second = harness.targets
    name = f"ip-{second.interface.address.replace('.', '-')}.ec2.internal"
    assert values(ask(first, name)) == {second.interface.address}
    reverse = ".".join(reversed(second.interface.address.split("."))) + ".in-addr.arpa"
    assert values(ask(first, reverse, "PTR")) == {f"{name}."}


def test_names_of_the_world_and_of_private_zones_of_other_networks_do_not_exist(harness: BalancerHarness) -> None:
    other = harness.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    harness.aws.client("route53").create_hosted_zone(
        Name="other.internal",
        CallerReference="other",
        HostedZoneConfig={"PrivateZone": True},
        VPC={"VPCRegion": harness.aws.region, "VPCId": other},
    )
    for name in ("kubernetes.io", "other.internal", "ip-10-0-9-9.ec2.internal"):
        assert ask(harness.targets[0], name).rcode() == dns.rcode.NXDOMAIN


def test_a_firewall_refuses_a_name_that_exists_and_the_log_names_the_instance(harness: BalancerHarness) -> None:
    resolver, logs, (first, _) = harness.aws.client("route53resolver"), harness.aws.client("logs"), harness.targets
    request = {"CreatorRequestId": "wire", "Name": "wire"}
    own = f"ip-{first.interface.address.replace('.', '-')}.ec2.internal"
    assert values(ask(first, own)) == {first.interface.address}
    group = resolver.create_firewall_rule_group(**request)["FirewallRuleGroup"]["Id"]
    names = resolver.create_firewall_domain_list(**request)["FirewallDomainList"]["Id"]
    resolver.update_firewall_domains(FirewallDomainListId=names, Operation="ADD", Domains=["*.ec2.internal"])
    resolver.create_firewall_rule(
        **request,
        FirewallRuleGroupId=group,
        FirewallDomainListId=names,
        Priority=1,
        Action="BLOCK",
        BlockResponse="NXDOMAIN",
    )
    logs.create_log_group(logGroupName="wire")
    destination = "arn:aws:logs:us-east-1:123456789012:log-group:wire:*"
    log = resolver.create_resolver_query_log_config(**request, DestinationArn=destination)["ResolverQueryLogConfig"]
    both = {"ResolverQueryLogConfigId": log["Id"], "ResourceId": harness.vpc_id}
    resolver.associate_resolver_query_log_config(**both)
    filtered = resolver.associate_firewall_rule_group(
        **request, FirewallRuleGroupId=group, VpcId=harness.vpc_id, Priority=101
    )["FirewallRuleGroupAssociation"]["Id"]
    try:
        for server in (RESOLVER, SECOND):
            assert ask(first, own, server=server).rcode() == dns.rcode.NXDOMAIN
        wait(lambda: len(logs.filter_log_events(logGroupName="wire")["events"]) == 2)
        events = [json.loads(each["message"]) for each in logs.filter_log_events(logGroupName="wire")["events"]]
        assert {each["srcids"]["instance"] for each in events} == {first.instance_id}
        assert {each["firewall_rule_action"] for each in events} == {"BLOCK"}
    finally:
        resolver.disassociate_firewall_rule_group(FirewallRuleGroupAssociationId=filtered)
        resolver.disassociate_resolver_query_log_config(**both)
    assert values(ask(first, own)) == {first.interface.address}

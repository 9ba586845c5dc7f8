"""Everything that an account holds, listed through public APIs, so that what a delete leaves behind is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Clients = Callable[[str], Any]
Inventory = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Listing:
    """One list operation: where the entries are in a page, and what identifies one."""

    kind: str
    service: str
    operation: str
    entries: str
    identity: str
    arguments: Mapping[str, Any]
    alive: Callable[[Mapping[str, Any]], bool] = lambda _: True


def _listing(
    kind: str,
    where: str,
    entries: str,
    identity: str,
    alive: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    **arguments: Any,
) -> _Listing:
    service, operation = where.split(".")
    return _Listing(kind, service, operation, entries, identity, arguments, alive)


def _not_aws(entry: Mapping[str, Any]) -> bool:
    return not entry["AliasName"].startswith("alias/aws/")


_LISTINGS = (
    _listing("VPC", "ec2.describe_vpcs", "Vpcs", "VpcId"),
    _listing("subnet", "ec2.describe_subnets", "Subnets", "SubnetId"),
    _listing("route table", "ec2.describe_route_tables", "RouteTables", "RouteTableId"),
    _listing("security group", "ec2.describe_security_groups", "SecurityGroups", "GroupId"),
    _listing(
        "endpoint",
        "ec2.describe_vpc_endpoints",
        "VpcEndpoints",
        "VpcEndpointId",
        alive=lambda endpoint: endpoint["State"].lower() != "deleted",
    ),
    _listing("network interface", "ec2.describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    _listing("flow log", "ec2.describe_flow_logs", "FlowLogs", "FlowLogId"),
    _listing("launch template", "ec2.describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    _listing("volume", "ec2.describe_volumes", "Volumes", "VolumeId"),
    _listing("load balancer", "elbv2.describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    _listing("target group", "elbv2.describe_target_groups", "TargetGroups", "TargetGroupArn"),
    _listing("group", "autoscaling.describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
    _listing("role", "iam.list_roles", "Roles", "RoleName"),
    _listing("instance profile", "iam.list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    _listing("policy", "iam.list_policies", "Policies", "PolicyName", Scope="Local"),
    _listing("key", "kms.list_keys", "Keys", "KeyId"),
    _listing("alias", "kms.list_aliases", "Aliases", "AliasName", alive=_not_aws),
    _listing("zone", "route53.list_hosted_zones", "HostedZones", "Id"),
    _listing("domain list", "route53resolver.list_firewall_domain_lists", "FirewallDomainLists", "Id"),
    _listing("rule group", "route53resolver.list_firewall_rule_groups", "FirewallRuleGroups", "Id"),
    _listing(
        "rule group association",
        "route53resolver.list_firewall_rule_group_associations",
        "FirewallRuleGroupAssociations",
        "Id",
    ),
    _listing("query log", "route53resolver.list_resolver_query_log_configs", "ResolverQueryLogConfigs", "Id"),
    _listing(
        "query log association",
        "route53resolver.list_resolver_query_log_config_associations",
        "ResolverQueryLogConfigAssociations",
        "Id",
    ),
    _listing("log group", "logs.describe_log_groups", "logGroups", "logGroupName"),
    _listing("parameter", "ssm.describe_parameters", "Parameters", "Name"),
    _listing("bucket", "s3.list_buckets", "Buckets", "Name"),
    _listing("function", "lambda.list_functions", "Functions", "FunctionName"),
    _listing("event source", "lambda.list_event_source_mappings", "EventSourceMappings", "UUID"),
    _listing("rule", "events.list_rules", "Rules", "Name"),
    _listing("alarm", "cloudwatch.describe_alarms", "MetricAlarms", "AlarmArn"),
    _listing("dashboard", "cloudwatch.list_dashboards", "DashboardEntries", "DashboardArn"),
    _listing("stack", "cloudformation.describe_stacks", "Stacks", "StackName"),
)


def take(client: Clients) -> Inventory:
    """Kind and id of everything there is now. What is only remembered (terminated, deleted, due to go) is not there."""
    found = {
        (listing.kind, str(entry[listing.identity]))
        for listing in _LISTINGS
        for page in _pages(client(listing.service), listing)
        for entry in page.get(listing.entries, [])
        if listing.alive(entry)
    }
    found |= {("table", name) for page in _all(client("dynamodb"), "list_tables") for name in page["TableNames"]}
    found |= {("queue", url) for page in _all(client("sqs"), "list_queues") for url in page.get("QueueUrls", [])}
    return frozenset(found | set(_instances(client("ec2"))))


def _pages(client: Any, listing: _Listing) -> Iterator[Any]:
    return _all(client, listing.operation, **listing.arguments)


def _all(client: Any, operation: str, **arguments: Any) -> Iterator[Any]:
    if client.can_paginate(operation):
        yield from client.get_paginator(operation).paginate(**arguments)
    else:
        yield getattr(client, operation)(**arguments)


def _instances(ec2: Any) -> Iterator[tuple[str, str]]:
    for page in _all(ec2, "describe_instances"):
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                if instance["State"]["Name"] != "terminated":
                    yield "instance", instance["InstanceId"]

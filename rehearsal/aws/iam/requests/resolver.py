"""The permissions of requests to Route 53 Resolver: DNS Firewall and query logging."""

from __future__ import annotations

from rehearsal.aws.iam import catalog
from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State

PREFIX = "route53resolver"
NAMED = {
    "firewall-domain-list": "FirewallDomainListId",
    "firewall-rule-group": "FirewallRuleGroupId",
    "firewall-rule-group-association": "FirewallRuleGroupAssociationId",
    "resolver-query-log-config": "ResolverQueryLogConfigId",
}
"""The parameters that name a resource, by the type of resource."""
MAKES = {
    "AssociateFirewallRuleGroup": "firewall-rule-group-association",
    "CreateFirewallDomainList": "firewall-domain-list",
    "CreateFirewallRuleGroup": "firewall-rule-group",
    "CreateResolverQueryLogConfig": "resolver-query-log-config",
}
"""What operations make that has an ARN: of that the ARN ends in `*`."""
LOOKS_AT_VPCS = frozenset(
    """AssociateFirewallRuleGroup AssociateResolverQueryLogConfig GetResolverQueryLogConfig
    ListResolverQueryLogConfigAssociations ListResolverQueryLogConfigs""".split()
)
"""Operations with ec2:DescribeVpcs as their dependent action (Service Authorization Reference)."""
LOG_DELIVERY = ("CreateLogDelivery", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups")
"""What sending logs to a log group for the first time needs of the caller (CloudWatch Logs user guide, "Logs sent to
CloudWatch Logs"); CreateResolverQueryLogConfig is what fails without it
(https://github.com/aws/aws-sdk-js/issues/4346). Those actions have no resource level."""


def needs(asked: Asked, state: State) -> list[Need]:
    """The action on each resource that it is always on, and what the service asks for beside it. Raises NotModelled."""
    name = f"{PREFIX}:{asked.operation}"
    action = catalog.action(name)
    if action is None:
        raise NotModelled(name)
    if asked.parameters.get("ResourceArn"):
        return [Need(name, asked.parameters["ResourceArn"], generic.tag_values(asked))]
    resources = [_resource(asked, name, kind) for kind, always in action.types.items() if always]
    needed = [Need(name, resource, generic.tag_values(asked)) for resource in resources or ["*"]]
    if asked.operation in MAKES:
        # Of the handlers' permissions in the types' public schemas.
        made = asked.arn(PREFIX, f"{MAKES[asked.operation]}/*")
        needed += generic.tagging(asked, f"{PREFIX}:TagResource", made)
    if asked.operation in LOOKS_AT_VPCS:
        needed.append(Need("ec2:DescribeVpcs"))
    if asked.operation == "CreateResolverQueryLogConfig" and ":log-group:" in asked.parameters["DestinationArn"]:
        needed += [Need(f"logs:{each}") for each in LOG_DELIVERY]
    return needed


def _resource(asked: Asked, name: str, kind: str) -> str:
    if MAKES.get(asked.operation) == kind:
        return asked.arn(PREFIX, f"{kind}/*")
    identity = asked.parameters.get(NAMED.get(kind, ""))
    if not identity:
        raise NotModelled(name)
    return asked.arn(PREFIX, f"{kind}/{identity}")

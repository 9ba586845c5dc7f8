"""CloudFormation makes DNS Firewall and query logging with its caller's rights."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from tests.rehearsal.iam_actors import Person, allow, person
from tests.rehearsal.test_iam_cloudformation import OWN_STACKS, body, create, fresh, reasons, settled

KIND = "AWS::Route53Resolver::"
FIREWALL = allow(
    [
        f"route53resolver:{each}"
        for each in (
            "CreateFirewallDomainList GetFirewallDomainList UpdateFirewallDomains DeleteFirewallDomainList "
            "CreateFirewallRuleGroup GetFirewallRuleGroup DeleteFirewallRuleGroup ListFirewallRules "
            "CreateFirewallRule DeleteFirewallRule TagResource"
        ).split()
    ]
)
ASSOCIATION = allow(
    [
        f"route53resolver:{each}"
        for each in "AssociateFirewallRuleGroup GetFirewallRuleGroupAssociation DisassociateFirewallRuleGroup".split()
    ]
)
QUERY_LOGS = allow(
    [
        f"route53resolver:{each}"
        for each in (
            "CreateResolverQueryLogConfig DeleteResolverQueryLogConfig AssociateResolverQueryLogConfig "
            "GetResolverQueryLogConfigAssociation DisassociateResolverQueryLogConfig"
        ).split()
    ]
)
DELIVERY = allow(
    ["logs:CreateLogDelivery", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"]
)
VPCS = allow("ec2:DescribeVpcs")
ENOUGH = {"firewall": FIREWALL, "association": ASSOCIATION, "logs": QUERY_LOGS, "delivery": DELIVERY, "vpcs": VPCS}


@pytest.fixture(scope="module")
def template(aws: LocalAws) -> str:
    vpc = aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    aws.client("logs").create_log_group(logGroupName="queries")

    def resource(kind: str, **properties: Any) -> dict[str, Any]:
        return {"Type": f"{KIND}{kind}", "Properties": properties}

    rules = [
        {"Action": "ALLOW", "FirewallDomainListId": {"Ref": "Allowed"}, "Priority": 100},
        {
            "Action": "BLOCK",
            "BlockResponse": "NXDOMAIN",
            "FirewallDomainListId": {"Fn::GetAtt": ["All", "Id"]},
            "Priority": 200,
        },
    ]
    return body(
        Allowed=resource("FirewallDomainList", Domains=["*.amazonaws.com"]),
        All=resource("FirewallDomainList", Domains=["*"]),
        Rules=resource("FirewallRuleGroup", FirewallRules=rules),
        Filter=resource("FirewallRuleGroupAssociation", FirewallRuleGroupId={"Ref": "Rules"}, VpcId=vpc, Priority=101),
        Logs=resource(
            "ResolverQueryLoggingConfig", DestinationArn="arn:aws:logs:us-east-1:123456789012:log-group:queries:*"
        ),
        Logging=resource(
            "ResolverQueryLoggingConfigAssociation", ResolverQueryLogConfigId={"Ref": "Logs"}, ResourceId=vpc
        ),
    )


def deployed(aws: LocalAws, who: Person, template: str) -> str:
    name = fresh()
    create(who.client("cloudformation"), name, template)
    return name


def test_a_policy_of_what_the_types_schemas_name_deploys_and_deletes(aws: LocalAws, template: str) -> None:
    user = person(aws, OWN_STACKS, *ENOUGH.values())
    name = deployed(aws, user, template)
    assert settled(aws, name) == "CREATE_COMPLETE", reasons(aws, name)
    user.client("cloudformation").delete_stack(StackName=name)
    aws.client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    resolver = aws.client("route53resolver")
    assert not resolver.list_firewall_rule_groups()["FirewallRuleGroups"]
    assert not resolver.list_resolver_query_log_configs()["ResolverQueryLogConfigs"]


@pytest.mark.parametrize(
    ("without", "named"),
    [("vpcs", "ec2:DescribeVpcs"), ("delivery", "logs:CreateLogDelivery"), ("firewall", "CreateFirewallDomainList")],
)
def test_a_stack_fails_with_what_is_missing(aws: LocalAws, template: str, without: str, named: str) -> None:
    may = [statement for name, statement in ENOUGH.items() if name != without]
    name = deployed(aws, person(aws, OWN_STACKS, *may), template)
    assert settled(aws, name) in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
    assert named in reasons(aws, name)

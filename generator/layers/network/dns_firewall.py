"""What the VPC's resolver answers, and a log of what it is asked.

The resolver asks servers of the internet, whatever routes the VPC has. A name holds data: without a firewall, whoever
can ask for `<data>.example.com` has a way out to the owner of example.com, and one back in by the answer.
"""

from __future__ import annotations

from troposphere import GetAtt, Ref, Sub, Template
from troposphere.logs import LogGroup
from troposphere.route53resolver import (
    FirewallDomainList,
    FirewallRule,
    FirewallRuleGroup,
    FirewallRuleGroupAssociation,
    ResolverQueryLoggingConfig,
    ResolverQueryLoggingConfigAssociation,
)

from generator.config.model import ClusterConfig
from generator.layers.network import resolved_names
from generator.values import KeyArn, Number, VpcId

# Of the groups of one VPC, the lowest is asked first: between 100 and 9900, whose ends the documentation leaves open
# (Route 53 API reference, AssociateFirewallRuleGroup). Behind this one nothing is left to decide, so a group of the
# account's own has room before it.
_GROUP_PRIORITY = 200
# Of the rules of the group: the lowest is asked first.
_ALLOW_PRIORITY, _BLOCK_PRIORITY = 100, 200


def add(template: Template, config: ClusterConfig, vpc_id: VpcId, key_arn: KeyArn, retention_days: Number) -> None:
    """Nodes boot after all of this: they are in other stacks, which need this one's outputs. A deletion goes the other
    way, for each resource refers to what it needs."""
    _add_firewall(template, config, vpc_id)
    _add_query_log(template, vpc_id, key_arn, retention_days)


def _add_firewall(template: Template, config: ClusterConfig, vpc_id: VpcId) -> None:
    allowed = template.add_resource(
        FirewallDomainList("AllowedDomains", Name=_name("allowed"), Domains=resolved_names.allowed(config))
    )
    every = template.add_resource(FirewallDomainList("EveryDomain", Name=_name("every"), Domains=["*"]))
    group = template.add_resource(
        FirewallRuleGroup(
            "DnsFirewall",
            Name=_name("dns"),
            FirewallRules=[
                # An alias is followed only to names that are allowed as well, which is the default
                # (FirewallDomainRedirectionAction: INSPECT_REDIRECTION_DOMAIN).
                FirewallRule(Priority=_ALLOW_PRIORITY, Action="ALLOW", FirewallDomainListId=Ref(allowed)),
                FirewallRule(
                    Priority=_BLOCK_PRIORITY,
                    Action="BLOCK",
                    # A resolver's library goes on to the next name of its search path. NODATA would end the search.
                    BlockResponse="NXDOMAIN",
                    FirewallDomainListId=Ref(every),
                ),
            ],
        )
    )
    # While the firewall itself does not answer, the resolver answers SERVFAIL: a VPC is fail closed unless somebody
    # changes it (Route 53 developer guide, "DNS Firewall VPC configuration"; CloudFormation has no resource for it).
    template.add_resource(
        FirewallRuleGroupAssociation(
            "DnsFirewallAssociation",
            Name=_name("dns"),
            FirewallRuleGroupId=Ref(group),
            VpcId=vpc_id,
            Priority=_GROUP_PRIORITY,
        )
    )


def _add_query_log(template: Template, vpc_id: VpcId, key_arn: KeyArn, retention_days: Number) -> None:
    group = template.add_resource(LogGroup("QueryLogGroup", KmsKeyId=key_arn, RetentionInDays=retention_days))
    # No policy here lets the resolver write: CloudWatch Logs adds the group to the account's resource policy when the
    # delivery is made (CloudWatch Logs user guide, "Logs sent to CloudWatch Logs").
    log = template.add_resource(
        ResolverQueryLoggingConfig("QueryLog", Name=_name("queries"), DestinationArn=GetAtt(group, "Arn"))
    )
    template.add_resource(
        ResolverQueryLoggingConfigAssociation(
            "QueryLogAssociation", ResolverQueryLogConfigId=Ref(log), ResourceId=vpc_id
        )
    )


def _name(what: str) -> Sub:
    """The API demands a name, of 64 characters at most; the uuid has 36."""
    return Sub(f"holdfast-${{ClusterUuid}}-{what}")

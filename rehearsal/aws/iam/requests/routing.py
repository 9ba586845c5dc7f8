"""The permissions of requests to Elastic Load Balancing and Route 53."""

from __future__ import annotations

from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, State

BALANCER_KINDS = {"network": "net", "application": "app", "gateway": "gwy"}
"""The types of balancers, and what their ARNs call them."""


def balancing(asked: Asked, state: State) -> list[Need]:
    """What is created has no id yet, so its ARN ends in `*`; tags need AddTags on it (Elastic Load Balancing guide,
    "ELB API permissions to tag resources during creation"). Raises NotModelled.
    """
    given = asked.parameters
    created = None
    if asked.operation == "CreateLoadBalancer":
        kind = BALANCER_KINDS[given.get("Type") or "application"]
        created = f"loadbalancer/{kind}/{given['Name']}/*"
    elif asked.operation == "CreateTargetGroup":
        created = f"targetgroup/{given['Name']}/*"
    if created is not None:
        arn = asked.arn("elasticloadbalancing", created)
        needed = [Need(f"elasticloadbalancing:{asked.operation}", arn, generic.tag_values(asked))]
        return needed + generic.tagging(asked, "elasticloadbalancing:AddTags", arn)
    needed = generic.needs(asked)
    if asked.operation == "CreateListener":
        listener = f"{given['LoadBalancerArn'].replace(':loadbalancer/', ':listener/')}/*"
        needed += generic.tagging(asked, "elasticloadbalancing:AddTags", listener)
    return needed


def route53(asked: Asked, state: State) -> list[Need]:
    """A zone is named by its id, with or without what stands before it in a path. Raises NotModelled."""
    given = asked.parameters
    if asked.operation == "CreateHostedZone":
        # Of the Service Authorization Reference; only a private zone has a VPC that is looked at.
        vpcs = [Need("ec2:DescribeVpcs")] if given.get("VPC") else []
        return [*generic.needs(asked), *vpcs]
    zone = given.get("HostedZoneId")
    if zone is None and given.get("ResourceType") == "hostedzone":
        zone = given.get("ResourceId")
    if zone is None:
        return generic.needs(asked)
    arn = f"arn:{asked.partition}:route53:::hostedzone/{str(zone).rpartition('/')[2]}"
    return [Need(f"route53:{asked.operation}", arn)]

"""The account itself: who asks, and the service-linked roles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import Plan

CREDENTIALS = About(Topic.ACCOUNT, "credentials")


def check(account: Aws, plan: Plan) -> list[Finding]:
    """The service-linked roles of the services by which a cluster is made.

    The key policy lets Auto Scaling's start instances with encrypted volumes. Where one is missing its service makes it
    with the first thing that needs it, if whoever deploys may; the policies that this project has for him do not let
    him. Auto Scaling's first launch may fail then, and is repeated.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html
    https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html
    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/using-service-linked-roles.html
    """
    found = _of(account, "Auto Scaling", "AutoScaling", "autoscaling", "group")
    if plan.load_balancers:
        found += _of(account, "Elastic Load Balancing", "ElasticLoadBalancing", "elasticloadbalancing", "balancer")
    if plan.vpcs:
        found += _of(account, "Route 53 Resolver", "Route53Resolver", "route53resolver", "log of DNS queries")
    return found


def _of(account: Aws, whose: str, name: str, service: str, maker: str) -> list[Finding]:
    about = About(Topic.ACCOUNT, f"role of {whose}")
    return about.answered(partial(_linked, account, about, f"AWSServiceRoleFor{name}", service, maker))


def _linked(account: Aws, about: About, role: str, service: str, maker: str) -> Iterator[Finding]:
    try:
        account.client("iam").get_role(RoleName=role)
    except ClientError as error:
        if aws.code(error) != "NoSuchEntity":
            raise
        yield about.note(
            f"{role} does not exist yet: the first {maker} makes it, if whoever deploys may call "
            "iam:CreateServiceLinkedRole",
            f"aws iam create-service-linked-role --aws-service-name {service}.amazonaws.com",
        )
    else:
        yield about.ok(role)

"""From a request to the permissions that it needs: one module for each service whose rules are its own."""

from __future__ import annotations

from collections.abc import Callable

from rehearsal.aws.iam.requests import (
    compute,
    dynamodb,
    ec2,
    generic,
    iam,
    imagebuilder,
    kms,
    others,
    resolver,
    routing,
    s3,
    servicecatalog,
    sqs,
    ssm,
    sts,
)
from rehearsal.aws.iam.requests.asked import Asked, Need, State

Rule = Callable[[Asked, State], list[Need]]

RULES: dict[str, Rule] = {
    "autoscaling": compute.autoscaling,
    "cloudformation": compute.cloudformation,
    "cloudwatch": others.cloudwatch,
    "dynamodb": dynamodb.needs,
    "dynamodbstreams": dynamodb.needs,
    "ec2": ec2.needs,
    "elbv2": routing.balancing,
    "events": others.events,
    "iam": iam.needs,
    "imagebuilder": imagebuilder.needs,
    "kms": kms.needs,
    "lambda": others.functions,
    "logs": others.logs,
    "route53": routing.route53,
    "route53resolver": resolver.needs,
    "s3": s3.needs,
    "servicecatalog": servicecatalog.needs,
    "sqs": sqs.needs,
    "ssm": ssm.needs,
    "sts": sts.needs,
}
FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})
"""Requests that need no permission (API reference of STS)."""


def needs(asked: Asked, state: State) -> list[Need]:
    """All permissions that a request needs, in the order in which AWS would ask for them. Raises NotModelled."""
    if (asked.service, asked.operation) in FREE:
        return []
    rule = RULES.get(asked.service)
    return rule(asked, state) if rule is not None else generic.needs(asked)

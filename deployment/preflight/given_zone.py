"""A private hosted zone that is there already: private, associated with the VPC, and of the API's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from deployment import aws
from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import Plan


def check(account: Aws, plan: Plan) -> list[Finding]:
    """Nothing where the templates make the zone."""
    if not plan.hosted_zone:
        return []
    about = About(Topic.NETWORK, f"hosted zone {plan.hosted_zone}")
    return about.answered(lambda: _zone(account.client("route53"), plan, about))


def _zone(route53: Any, plan: Plan, about: About) -> Iterator[Finding]:
    try:
        found = route53.get_hosted_zone(Id=plan.hosted_zone)
    except ClientError as error:
        if aws.code(error) not in ("NoSuchHostedZone", "InvalidInput"):
            raise
        yield about.failed("does not exist in this account")
        return
    name = found["HostedZone"]["Name"].rstrip(".")
    if not found["HostedZone"]["Config"]["PrivateZone"]:
        yield about.failed(f"{name} is a public zone", "give a private one")
        return
    yield about.ok(f"{name}, private")
    places = [(vpc["VPCRegion"], vpc["VPCId"]) for vpc in found["VPCs"]]
    if plan.given is not None and (plan.region, plan.given.vpc) not in places:
        yield about.failed(
            f"not associated with {plan.given.vpc}: nodes would not resolve the API's name",
            f"aws route53 associate-vpc-with-hosted-zone --hosted-zone-id {plan.hosted_zone} "
            f"--vpc VPCRegion={plan.region},VPCId={plan.given.vpc}",
        )
    named = About(Topic.NETWORK, f"ApiEndpointName {plan.api_name}")
    if plan.api_name != name and not plan.api_name.endswith(f".{name}"):
        yield named.failed(f"is not within the zone {name}")
    elif plan.creates:
        yield _free(route53, plan, named)


def _free(route53: Any, plan: Plan, named: About) -> Finding:
    """CloudFormation makes a record, and Route 53 refuses one that is there."""
    listed = route53.list_resource_record_sets(
        HostedZoneId=plan.hosted_zone, StartRecordName=plan.api_name, StartRecordType="A", MaxItems="1"
    )["ResourceRecordSets"]
    taken = [each for each in listed if each["Name"].rstrip(".") == plan.api_name and each["Type"] in ("A", "CNAME")]
    if taken:
        return named.failed(f"the zone has a record {taken[0]['Type']} of this name already", "give another name")
    return named.ok("within the zone, and free")

"""A VPC that is there already: its state, tenancy, ranges, DNS attributes and DHCP options."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import Plan

_RESOLVER = "AmazonProvidedDNS"
_ATTRIBUTES = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}


def check(account: Aws, plan: Plan) -> list[Finding]:
    """Nothing where the templates make the VPC."""
    if plan.given is None:
        return []
    about = About(Topic.NETWORK, f"VPC {plan.given.vpc}")
    return about.answered(lambda: _vpc(account.client("ec2"), plan, about))


def _vpc(ec2: Any, plan: Plan, about: About) -> Iterator[Finding]:
    assert plan.given is not None
    # By a filter: an id that does not exist is an empty answer then, and no error.
    found = ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [plan.given.vpc]}])["Vpcs"]
    if not found:
        yield about.failed(f"does not exist in {plan.region}, or is not shared with this account")
        return
    (vpc,) = found
    if vpc["State"] != "available":
        yield about.failed(f"its state is {vpc['State']}")
        return
    yield about.ok(f"available, {vpc['CidrBlock']}, tenancy {vpc['InstanceTenancy']}")
    yield from _tenancy(plan, about, vpc["InstanceTenancy"])
    yield from _ranges(plan, about, vpc)
    yield from _attributes(ec2, plan.given.vpc)
    yield from About(Topic.NETWORK, "DHCP options").answered(lambda: _dhcp(ec2, vpc["DhcpOptionsId"]))


def _tenancy(plan: Plan, about: About, tenancy: str) -> Iterator[Finding]:
    """In a VPC of tenancy dedicated EC2 runs an instance of tenancy default as a dedicated one, and it is billed so."""
    shared = sorted(machines.parameter for machines in plan.machines if machines.tenancy == "default")
    if tenancy == "dedicated" and shared:
        yield about.warning(
            f"its tenancy is dedicated: nodes of {', '.join(shared)} are dedicated instances there, and billed so",
            "let the configuration say tenancy: dedicated",
        )


def _ranges(plan: Plan, about: About, vpc: dict[str, Any]) -> Iterator[Finding]:
    for association in vpc["CidrBlockAssociationSet"]:
        ours = IPv4Network(association["CidrBlock"])
        overlapped = [str(other) for other in plan.ranges if ours.overlaps(other)]
        if overlapped and association["CidrBlockState"]["State"] in ("associated", "associating"):
            yield about.failed(
                f"its range {ours} overlaps the pods' or Services' range {', '.join(overlapped)}",
                "choose another kubernetes.podCidr or kubernetes.serviceCidr in the configuration",
            )


def _attributes(ec2: Any, vpc: str) -> Iterator[Finding]:
    """Private names, of endpoints and of hosted zones, are answered only with both.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html
    """
    for attribute, key in _ATTRIBUTES.items():
        about = About(Topic.NETWORK, f"{attribute} of {vpc}")
        if ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)[key]["Value"]:
            yield about.ok("on")
        else:
            yield about.failed(
                "off: names of endpoints and of private hosted zones are not resolved",
                f"""aws ec2 modify-vpc-attribute --vpc-id {vpc} --{_option(attribute)} '{{"Value": true}}'""",
            )


def _option(attribute: str) -> str:
    return "enable-dns-support" if attribute == "enableDnsSupport" else "enable-dns-hostnames"


def _dhcp(ec2: Any, options: str) -> Iterator[Finding]:
    about = About(Topic.NETWORK, f"DHCP options {options}")
    if options == "default":
        # So EC2 names the absence of a set. https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSet.html
        yield about.failed("the VPC has no DHCP option set: its instances get no DNS server", "associate one")
        return
    (found,) = ec2.describe_dhcp_options(DhcpOptionsIds=[options])["DhcpOptions"]
    servers = [
        value["Value"]
        for entry in found["DhcpConfigurations"]
        if entry["Key"] == "domain-name-servers"
        for value in entry["Values"]
    ]
    if _RESOLVER in servers:
        yield about.ok(_RESOLVER)
    elif servers:
        yield about.warning(
            f"the DNS servers are {', '.join(servers)}",
            "let them forward the names of endpoints and of the private hosted zone to the VPC's resolver",
        )
    else:
        yield about.failed("no domain-name-servers: instances resolve no names", f"add {_RESOLVER}")

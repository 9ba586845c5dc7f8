"""A VPC that is there already: its state, tenancy, ranges, DNS attributes and DHCP options."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

from deployment.aws import Aws
from deployment.preflight.finding import About, Finding, Topic
from deployment.preflight.plan import Plan
from deployment.shape import StatedNetwork

_ASSOCIATED = ("associated", "associating")
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
    ranges = _associated(vpc)
    yield about.ok(f"available, {', '.join(map(str, ranges))}, tenancy {vpc['InstanceTenancy']}")
    yield from _tenancy(plan, about, vpc["InstanceTenancy"])
    yield from _overlaps(plan, about, ranges)
    if plan.given.stated is not None:
        yield from _as_stated(plan.given.stated, about, ranges, vpc["InstanceTenancy"])
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


def _associated(vpc: dict[str, Any]) -> list[IPv4Network]:
    """All ranges that the VPC has or is about to have, the primary one first."""
    associations = vpc["CidrBlockAssociationSet"]
    found = {each["CidrBlock"] for each in associations if each["CidrBlockState"]["State"] in _ASSOCIATED}
    rest = sorted(IPv4Network(text) for text in found - {vpc["CidrBlock"]})
    return [IPv4Network(vpc["CidrBlock"]), *rest]


def _as_stated(stated: StatedNetwork, about: About, ranges: list[IPv4Network], tenancy: str) -> Iterator[Finding]:
    """The generator has held the other ranges, and the tenancies of nodes, against what is stated."""
    unstated = sorted(set(ranges) - stated.cidrs)
    if unstated:
        yield about.warning(
            f"the configuration does not state its ranges {', '.join(map(str, unstated))}",
            "add them to network.vpcCidr and network.vpcSecondaryCidrs, and generate again",
        )
    lacking = sorted(stated.cidrs - set(ranges))
    if lacking:
        yield about.failed(
            f"it has no range {', '.join(map(str, lacking))}, which the configuration states: is it another VPC?",
            "let network.vpcCidr and network.vpcSecondaryCidrs say what the VPC has, and generate again",
        )
    if tenancy != stated.tenancy:
        yield about.failed(
            f"its tenancy is {tenancy}, and the configuration states {stated.tenancy}",
            f"let the configuration say tenancy: {tenancy}",
        )


def _overlaps(plan: Plan, about: About, ranges: list[IPv4Network]) -> Iterator[Finding]:
    for ours in ranges:
        overlapped = [str(other) for other in plan.ranges if ours.overlaps(other)]
        if overlapped:
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

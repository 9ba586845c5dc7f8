"""The network that somebody else runs: a VPC with subnets and a route table, and central endpoints in another VPC.

All of it is made through the public API, before the cluster is. Where the configuration takes central interface
endpoints, those stand in a second VPC. A peering leads there, in the place of a transit gateway, and the services' own
names lead to them by private hosted zones that their owner shares with the first VPC.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.aws.protocol import partition_of, url_suffix_of

CENTRAL_SERVICES = (
    "autoscaling",
    "cloudformation",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "kms",
    "logs",
    "ssm",
    "ssmmessages",
    "sts",
)
"""Those that the owner of the central endpoints offers, as endpoints name them."""
GATEWAY_SERVICES = ("dynamodb", "s3")
_HOSTS = {"ecr.api": "api.ecr", "ecr.dkr": "dkr.ecr"}
# The second VPC has the first of these that meets nothing.
_HUBS = ("10.199.0.0/20", "172.31.240.0/20", "192.168.240.0/20")
# As many as the parameter EndpointCidrs takes.
_HUB_SUBNETS = 3

Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Wanted:
    """What a configuration says of the network that is there."""

    cidrs: tuple[str, ...]
    """Of the VPC, the primary one first."""
    tenancy: str
    taken: tuple[str, ...]
    """Ranges inside the cluster."""
    central_endpoints: bool
    gateway_endpoints: bool
    """Whether the VPC has gateway endpoints already."""
    private_zone: bool


@dataclass(frozen=True)
class _Vpc:
    vpc_id: str
    table_id: str
    """The route table of all its subnets."""
    control_planes: tuple[str, ...]
    """Their subnets, one per zone."""
    workers: tuple[str, ...]


def make(client: Clients, wanted: Wanted, region: str, zones: Sequence[str]) -> dict[str, str]:
    """Make it, and return values for all parameters of a root template that a given network may have."""
    ec2, route53 = client("ec2"), client("route53")
    vpc = _vpc(ec2, wanted, zones)
    values = {
        "VpcId": vpc.vpc_id,
        "ControlPlaneSubnetIds": ",".join(vpc.control_planes),
        "WorkerSubnetIds": ",".join(vpc.workers),
        "RouteTableIds": vpc.table_id,
    }
    if wanted.gateway_endpoints:
        make_gateway_endpoints(ec2, vpc.vpc_id, vpc.table_id, region)
    if wanted.central_endpoints:
        values["EndpointCidrs"] = ",".join(_central(ec2, route53, vpc, wanted, region, zones))
    if wanted.private_zone:
        zone = _zone(route53, "rehearsal.example.internal", region, vpc.vpc_id)
        values |= {"HostedZoneId": zone, "ApiEndpointName": "api.rehearsal.example.internal"}
    return values


def make_gateway_endpoints(ec2: Any, vpc_id: str, table_id: str, region: str) -> None:
    """Those of S3 and DynamoDB, in one route table."""
    for service in GATEWAY_SERVICES:
        name = f"com.amazonaws.{region}.{service}"
        ec2.create_vpc_endpoint(VpcEndpointType="Gateway", VpcId=vpc_id, ServiceName=name, RouteTableIds=[table_id])


def _vpc(ec2: Any, wanted: Wanted, zones: Sequence[str]) -> _Vpc:
    """With two subnets in each zone, those of workers in the secondary range, where there is one. The last addresses of
    the primary range are free."""
    vpc_id = _empty_vpc(ec2, wanted.cidrs[0], wanted.tenancy)
    for cidr in wanted.cidrs[1:]:
        ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=cidr)
    primary = _pieces(wanted.cidrs[0], 2 * len(zones) + 1)
    secondary = _pieces(wanted.cidrs[1], len(zones)) if wanted.cidrs[1:] else primary[len(zones) :]
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    control_planes, workers = (_subnets(ec2, vpc_id, zones, cidrs) for cidrs in (primary, secondary))
    for subnet in (*control_planes, *workers):
        ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet)
    return _Vpc(vpc_id, table_id, control_planes, workers)


def _empty_vpc(ec2: Any, cidr: str, tenancy: str) -> str:
    vpc_id = str(ec2.create_vpc(CidrBlock=cidr, InstanceTenancy=tenancy)["Vpc"]["VpcId"])
    for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=vpc_id, **{attribute: {"Value": True}})
    return vpc_id


def _pieces(cidr: str, least: int) -> list[str]:
    """A range cut into at least so many parts."""
    return [str(each) for each in ipaddress.ip_network(cidr).subnets(prefixlen_diff=(least - 1).bit_length())]


def _subnets(ec2: Any, vpc_id: str, zones: Sequence[str], cidrs: Sequence[str]) -> tuple[str, ...]:
    """One in each zone."""
    return tuple(
        str(ec2.create_subnet(VpcId=vpc_id, AvailabilityZone=zone, CidrBlock=cidr)["Subnet"]["SubnetId"])
        for zone, cidr in zip(zones, cidrs, strict=False)
    )


def _central(ec2: Any, route53: Any, vpc: _Vpc, wanted: Wanted, region: str, zones: Sequence[str]) -> list[str]:
    """The interface endpoints; the result are the ranges of their subnets."""
    hub = _hub_range(wanted)
    hub_id = _empty_vpc(ec2, hub, "default")
    cidrs = _pieces(hub, _HUB_SUBNETS)[: min(_HUB_SUBNETS, len(zones))]
    subnets = _subnets(ec2, hub_id, zones, cidrs)
    group = ec2.create_security_group(GroupName="endpoints", Description="Central endpoints", VpcId=hub_id)["GroupId"]
    clients = {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "IpRanges": [{"CidrIp": each} for each in wanted.cidrs],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[clients])
    for service in CENTRAL_SERVICES:
        endpoint = ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=hub_id,
            ServiceName=f"com.amazonaws.{region}.{service}",
            SubnetIds=list(subnets),
            SecurityGroupIds=[group],
            # The private name of an endpoint is known in its own VPC alone.
            PrivateDnsEnabled=False,
        )["VpcEndpoint"]
        interfaces = ec2.describe_network_interfaces(NetworkInterfaceIds=endpoint["NetworkInterfaceIds"])
        addresses = [each["PrivateIpAddress"] for each in interfaces["NetworkInterfaces"]]
        _share(route53, service, region, vpc.vpc_id, addresses)
    _peer(ec2, vpc, hub_id, hub, wanted.cidrs)
    return cidrs


def _hub_range(wanted: Wanted) -> str:
    others = [ipaddress.ip_network(each) for each in (*wanted.cidrs, *wanted.taken)]
    return next(each for each in _HUBS if not any(ipaddress.ip_network(each).overlaps(other) for other in others))


def _share(route53: Any, service: str, region: str, vpc_id: str, addresses: Sequence[str]) -> None:
    """Have a service's own name lead to addresses, in a VPC."""
    name = f"{_HOSTS.get(service, service)}.{region}.{url_suffix_of(partition_of(region))}"
    values = [{"Value": each} for each in addresses]
    # Registries have names of their own below the service's.
    names = [f"*.{name}" if service == "ecr.dkr" else name]
    records = [{"Name": each, "Type": "A", "TTL": 60, "ResourceRecords": values} for each in names]
    changes = [{"Action": "CREATE", "ResourceRecordSet": each} for each in records]
    zone = _zone(route53, name, region, vpc_id)
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def _zone(route53: Any, name: str, region: str, vpc_id: str) -> str:
    zone = route53.create_hosted_zone(
        Name=name,
        CallerReference=f"rehearsal-{name}",
        VPC={"VPCRegion": region, "VPCId": vpc_id},
        HostedZoneConfig={"PrivateZone": True},
    )["HostedZone"]
    return str(zone["Id"].rsplit("/", 1)[-1])


def _peer(ec2: Any, vpc: _Vpc, hub_id: str, hub: str, cidrs: Sequence[str]) -> None:
    """With routes on both sides."""
    made = ec2.create_vpc_peering_connection(VpcId=vpc.vpc_id, PeerVpcId=hub_id)["VpcPeeringConnection"]
    peering = made["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [hub_id]}])["RouteTables"]
    routes = [(vpc.table_id, hub), *((tables[0]["RouteTableId"], cidr) for cidr in cidrs)]
    for table, cidr in routes:
        ec2.create_route(RouteTableId=table, DestinationCidrBlock=cidr, VpcPeeringConnectionId=peering)

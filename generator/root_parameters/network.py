"""The root's parameters of the network: what is made in it by zone, what is given, and who may reach the API."""

from __future__ import annotations

from dataclasses import dataclass

from generator.config.model import ClusterConfig
from generator.layers.network.security_groups import MAX_API_CLIENT_CIDRS, MAX_ENDPOINT_CIDRS
from generator.parameters import Parameters
from generator.root_parameters.patterns import DNS_NAME
from generator.values import (
    CidrBlocks,
    DnsName,
    HostedZoneId,
    PrefixListId,
    RouteTableIds,
    SubnetIds,
    VpcId,
    ZoneNames,
)

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# A range that is not the whole internet, and with as few others not either.
_CIDR = rf"{_OCTET}(\.{_OCTET}){{3}}/([89]|[12]\d|3[0-2])"
_PREFIX_LIST = "^(pl-[0-9a-f]+)?$"
_SPELLED = {3: "three", 5: "five"}


@dataclass(frozen=True)
class NetworkParameters:
    """What depends on a VPC, endpoints or a zone that are made or given is None in the other case."""

    api_client_cidrs: CidrBlocks
    api_client_prefix_list_id: PrefixListId
    s3_prefix_list_id: PrefixListId
    dynamodb_prefix_list_id: PrefixListId
    zones: ZoneNames | None
    vpc_id: VpcId | None
    control_plane_subnet_ids: SubnetIds | None
    worker_subnet_ids: SubnetIds | None
    route_table_ids: RouteTableIds | None
    endpoint_cidrs: CidrBlocks | None
    hosted_zone_id: HostedZoneId | None
    api_endpoint_name: DnsName | None


def network(parameters: Parameters, config: ClusterConfig) -> NetworkParameters:
    """Declare those that the configuration has a use for."""
    settings, group = config.network, "Network"
    made = settings.vpc == "create"
    needs_routes = not made and settings.gateway_endpoints == "create"
    given_zone = settings.private_zone == "given"
    return NetworkParameters(
        zones=parameters.add(
            group,
            "AvailabilityZones",
            ZoneNames,
            "Availability Zones",
            f"The {_count(config, 'zone')} of the cluster; the order never changes, and each has to have the capacity",
        )
        if made
        else None,
        vpc_id=parameters.add(group, "VpcId", VpcId, "VPC", "ID of the VPC of the cluster") if not made else None,
        control_plane_subnet_ids=_subnets(
            parameters, config, "ControlPlane", "control-plane nodes and the load balancer"
        )
        if not made
        else None,
        worker_subnet_ids=_subnets(parameters, config, "Worker", "workers") if not made else None,
        route_table_ids=parameters.add(
            group,
            "RouteTableIds",
            RouteTableIds,
            "Route tables",
            "Comma-separated IDs of the route tables of the subnets; the gateway endpoints of S3 and DynamoDB add "
            "their routes to them",
        )
        if needs_routes
        else None,
        endpoint_cidrs=parameters.add(
            group,
            "EndpointCidrs",
            CidrBlocks,
            "CIDR blocks of the central endpoints",
            f"One to {_SPELLED[MAX_ENDPOINT_CIDRS]} comma-separated IPv4 CIDR blocks with the addresses of the central "
            "interface endpoints; nodes may reach them on port 443",
            AllowedPattern=f"^{_up_to(MAX_ENDPOINT_CIDRS)}$",
            ConstraintDescription=f"must be one to {_ranges(MAX_ENDPOINT_CIDRS)}",
        )
        if settings.endpoints == "given"
        else None,
        hosted_zone_id=parameters.add(
            group,
            "HostedZoneId",
            HostedZoneId,
            "Private hosted zone",
            "ID of the private hosted zone that gets the record of the API",
        )
        if given_zone
        else None,
        api_endpoint_name=parameters.add(
            group,
            "ApiEndpointName",
            DnsName,
            "DNS name of the API",
            "Fully qualified name of the Kubernetes API in the private hosted zone; it never changes",
            AllowedPattern=f"^{DNS_NAME}$",
            ConstraintDescription="must be a lower-case DNS name",
        )
        if given_zone
        else None,
        api_client_cidrs=parameters.add(
            group,
            "ApiClientCidrs",
            CidrBlocks,
            "API clients",
            f"Up to {_SPELLED[MAX_API_CLIENT_CIDRS]} comma-separated IPv4 CIDR blocks outside the cluster that may "
            "reach the API; empty for none",
            Default="",
            AllowedPattern=f"^({_up_to(MAX_API_CLIENT_CIDRS)})?$",
            ConstraintDescription=f"must be at most {_ranges(MAX_API_CLIENT_CIDRS)}",
        ),
        api_client_prefix_list_id=parameters.add(
            group,
            "ApiClientPrefixListId",
            PrefixListId,
            "Prefix list of API clients",
            "ID of an IPv4 prefix list of further clients outside the cluster that may reach the API; empty for none",
            Default="",
            AllowedPattern=_PREFIX_LIST,
            ConstraintDescription="must be empty or a prefix list such as pl-0123456789abcdef0",
        ),
        s3_prefix_list_id=_prefix_list(parameters, "S3PrefixListId", "S3"),
        dynamodb_prefix_list_id=_prefix_list(parameters, "DynamoDbPrefixListId", "DynamoDB"),
    )


def _subnets(parameters: Parameters, config: ClusterConfig, prefix: str, whose: str) -> SubnetIds:
    return parameters.add(
        "Network",
        f"{prefix}SubnetIds",
        SubnetIds,
        f"Subnets of {whose}",
        f"IDs of the {_count(config, 'subnet')} of {whose}, one per zone, in an order that never changes",
    )


def _up_to(count: int) -> str:
    """The pattern of one to `count` ranges. Of a list CloudFormation checks each entry by itself, and counts none."""
    return rf"{_CIDR}(,{_CIDR}){{0,{count - 1}}}"


def _ranges(count: int) -> str:
    return f"{_SPELLED[count]} ranges such as 10.1.0.0/16,10.2.0.0/16, separated by commas alone, each of /8 or smaller"


def _count(config: ClusterConfig, noun: str) -> str:
    return f"{config.zones} {noun}s" if config.zones > 1 else noun


def _prefix_list(parameters: Parameters, name: str, service: str) -> PrefixListId:
    return parameters.add(
        "Network",
        name,
        PrefixListId,
        f"Prefix list of {service}",
        f"ID of the region's prefix list of {service}; without it nodes may send to any address on port 443, although "
        "no route leads out of the VPC",
        Default="",
        AllowedPattern=_PREFIX_LIST,
        ConstraintDescription="must be empty or a prefix list such as pl-63a5400a",
    )

"""Every parameter of the root template, in the order in which the console shows them."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Template

from generator import parameter_rules
from generator.config.model import ClusterConfig, Pool
from generator.config.room import Most, largest_pool
from generator.layer import logical_id
from generator.layers.network.security_groups import MAX_API_CLIENT_CIDRS, MAX_ENDPOINT_CIDRS
from generator.parameters import Parameters
from generator.values import (
    CapacityReservationGroupArn,
    CidrBlocks,
    DnsName,
    DnsNames,
    HostedZoneId,
    HostResourceGroupArn,
    ImageId,
    InstanceType,
    LicenseConfigurationArn,
    Number,
    PolicyArn,
    PrefixListId,
    PrincipalArns,
    RolePath,
    RouteTableIds,
    SubnetIds,
    VpcId,
    ZoneNames,
)

# The retentions that CloudWatch Logs knows, in days.
RETENTION_DAYS = [
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
]
# A boot (one heartbeat), a drain and a removal have to fit into the hour that CloudFormation waits for a signal.
MAX_LAUNCH_HEARTBEAT_SECONDS = 2400

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# A range that is not the whole internet, and with as few others not either.
_CIDR = rf"{_OCTET}(\.{_OCTET}){{3}}/([89]|[12]\d|3[0-2])"
_PREFIX_LIST = "^(pl-[0-9a-f]+)?$"
_SPELLED = {3: "three", 5: "five"}
# How ARNs begin, as the services' own models have it.
_PARTITION = "arn:aws(-[a-z]+)*"
# As the GroupArn of the API of resource groups.
_RESOURCE_GROUP = f"^{_PARTITION}:resource-groups:[a-z0-9-]+:[0-9]{{12}}:group/[A-Za-z0-9_.-]+(/[a-z0-9]{{26}})?$"
# One character of a managed policy's path or name (PolicyPath and PolicyName of IAM's API).
_IAM_NAME = "[A-Za-z0-9+=,.@_-]"
_DNS_NAME = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"


@dataclass(frozen=True)
class HostGroup:
    arn: HostResourceGroupArn
    license: LicenseConfigurationArn


@dataclass(frozen=True)
class PoolParameters:
    pool: Pool
    image: ImageId
    instance_type: InstanceType
    min_size: Number
    max_size: Number


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


@dataclass(frozen=True)
class RootParameters:
    control_plane_image: ImageId
    control_plane_instance_type: InstanceType
    launch_hook_heartbeat_seconds: Number
    api_extra_names: DnsNames
    pools: list[PoolParameters]
    host_groups: dict[str, HostGroup]
    reservations: dict[str, CapacityReservationGroupArn]
    network: NetworkParameters
    permissions_boundary_arn: PolicyArn
    key_operator_arns: PrincipalArns
    viewer_arns: PrincipalArns
    editor_arns: PrincipalArns
    administrator_arns: PrincipalArns
    role_path: RolePath
    log_retention_days: Number
    audit_log_retention_days: Number


def declare(template: Template, config: ClusterConfig) -> RootParameters:
    parameters = Parameters(template)
    control_plane_image = _image(parameters, "ControlPlaneImage", "control-plane nodes")
    images = _pool_images(parameters, config)
    declared = RootParameters(
        control_plane_image=control_plane_image,
        network=_network(parameters, config),
        host_groups={name: _host_group(parameters, name) for name in config.host_resource_groups},
        reservations={name: _reservation(parameters, name) for name in config.capacity_reservations},
        control_plane_instance_type=_instance_type(
            parameters,
            "Control plane",
            "ControlPlaneInstanceType",
            "control-plane nodes",
            config.control_plane.instance_type,
        ),
        launch_hook_heartbeat_seconds=parameters.add(
            "Control plane",
            "LaunchHookHeartbeatSeconds",
            Number,
            "Heartbeat timeout of the launch hook (seconds)",
            "How long a new control-plane node may go without a heartbeat before its launch is abandoned",
            Default=1800,
            MinValue=30,
            MaxValue=MAX_LAUNCH_HEARTBEAT_SECONDS,
        ),
        api_extra_names=parameters.add(
            "Control plane",
            "ApiExtraNames",
            DnsNames,
            "Additional SANs of the API server certificate",
            "Comma-separated DNS names that the API server certificate is valid for besides the API's own name; empty "
            "for none",
            Default="",
            AllowedPattern=f"^({_DNS_NAME})?$",
            ConstraintDescription="must be lower-case DNS names, separated by commas",
        ),
        pools=[
            _pool(parameters, pool, image, largest_pool(config))
            for pool, image in zip(config.pools, images, strict=True)
        ],
        viewer_arns=_principals(
            parameters,
            "Access",
            "ViewerArns",
            "Viewers",
            "Comma-separated ARNs of roles and users that may get a client certificate with which they read the "
            "cluster; empty for none",
        ),
        editor_arns=_principals(
            parameters,
            "Access",
            "EditorArns",
            "Editors",
            "Comma-separated ARNs of roles and users that may get a client certificate with which they change what is "
            "in the namespaces that an administrator opens to them; empty for none",
        ),
        administrator_arns=_principals(
            parameters,
            "Access",
            "AdministratorArns",
            "Administrators",
            "Comma-separated ARNs of roles and users that may get a client certificate with which they do everything "
            "in the cluster; empty for none",
        ),
        key_operator_arns=_principals(
            parameters,
            "Access",
            "KeyOperatorArns",
            "Key operators",
            "Comma-separated ARNs of roles and users that may use the cluster's KMS key through AWS services, as its "
            "own roles do: to read the cluster table, and to approve; empty for none",
        ),
        permissions_boundary_arn=parameters.add(
            "Account",
            "PermissionsBoundaryArn",
            PolicyArn,
            "Permissions boundary",
            "ARN of the managed policy that is the permissions boundary of every role of the cluster; empty for none",
            Default="",
            AllowedPattern=f"^({_PARTITION}:iam::([0-9]{{12}}|aws):policy/({_IAM_NAME}+/)*{_IAM_NAME}{{1,128}})?$",
            ConstraintDescription="must be empty or the ARN of a managed policy",
        ),
        role_path=parameters.add(
            "Account",
            "RolePath",
            RolePath,
            "IAM role path",
            "IAM path of every role, instance profile and managed policy of the cluster",
            Default="/holdfast/",
            # The path of a managed policy takes less than that of a role, and is at most 512 characters long.
            AllowedPattern=f"^/({_IAM_NAME}+/)*$",
            MaxLength=512,
            ConstraintDescription="must start and end with a slash, and hold letters, digits and +=,.@_-",
        ),
        log_retention_days=parameters.add(
            "Account",
            "LogRetentionDays",
            Number,
            "Log retention (days)",
            "How long CloudWatch Logs keeps the logs of nodes, the reconcile function and the network",
            Default=90,
            AllowedValues=RETENTION_DAYS,
        ),
        audit_log_retention_days=parameters.add(
            "Account",
            "AuditLogRetentionDays",
            Number,
            "Audit log retention (days)",
            "How long CloudWatch Logs keeps the Kubernetes audit logs, and the logs of sessions on nodes",
            Default=365,
            AllowedValues=RETENTION_DAYS,
        ),
    )
    parameters.add_interface()
    for pool in config.pools:
        parameter_rules.sizes(template, logical_id(pool.name))
    parameter_rules.prefix_lists(template)
    if config.network.vpc == "given":
        parameter_rules.given_network(template)
    return declared


def _image(parameters: Parameters, name: str, whose: str) -> ImageId:
    # A plain id on purpose: neither a changed SSM parameter nor self-healing may move a cluster to another image.
    return parameters.add(
        "Images",
        name,
        ImageId,
        f"Image of {whose}",
        f"ID of the AMI of {whose}, built by the image pipeline; another one replaces every node",
    )


def _pool_images(parameters: Parameters, config: ClusterConfig) -> list[ImageId]:
    """The image of each pool; the shared one is a parameter where a pool shares it."""
    kinds = {pool.image for pool in config.pools}
    whose = "workers" if kinds == {"shared"} else "workers of pools that share an image"
    shared = _image(parameters, "WorkerImage", whose) if "shared" in kinds else None
    return [
        _image(parameters, f"{logical_id(pool.name)}Image", f'the pool "{pool.name}"')
        if shared is None or pool.image == "own"
        else shared
        for pool in config.pools
    ]


def _instance_type(parameters: Parameters, group: str, name: str, whose: str, default: str) -> InstanceType:
    return parameters.add(
        group,
        name,
        InstanceType,
        f"Instance type of {whose}",
        f"EC2 instance type of {whose}; every zone has to offer it with the tenancy of the configuration",
        Default=default,
        AllowedPattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$",
        ConstraintDescription="must be an instance type such as m7i.large",
    )


def _principals(parameters: Parameters, group: str, name: str, label: str, text: str) -> PrincipalArns:
    return parameters.add(
        group,
        name,
        PrincipalArns,
        label,
        text,
        Default="",
        # CloudFormation checks the pattern on every entry of a list. A path may hold every printable character: without
        # those that mean something in a list, in a policy, and in the keys of requests (coordination/names.py).
        AllowedPattern=rf"^({_PARTITION}:iam::[0-9]{{12}}:(role|user)/([!\"%-)+\-->@-~]+/)?[A-Za-z0-9+=.@_-]{{1,64}})?$",
        ConstraintDescription="must be ARNs of roles or users, separated by commas",
    )


def _pool(parameters: Parameters, pool: Pool, image: ImageId, most: Most) -> PoolParameters:
    group, prefix = f'Worker pool "{pool.name}"', logical_id(pool.name)
    return PoolParameters(
        pool,
        image,
        _instance_type(parameters, group, f"{prefix}InstanceType", f'the pool "{pool.name}"', pool.instance_type),
        min_size=parameters.add(
            group,
            f"{prefix}MinSize",
            Number,
            f'Minimum size of the pool "{pool.name}"',
            f'Minimum number of nodes in the pool "{pool.name}", less than the maximum; the cluster autoscaler stays '
            "between minimum and maximum, and an update keeps at least the minimum in service",
            Default=pool.min_size,
            MinValue=0,
            MaxValue=most.nodes - 1,
            **_described(0, most.nodes - 1, most.reason and f"less than {prefix}MaxSize can be"),
        ),
        max_size=parameters.add(
            group,
            f"{prefix}MaxSize",
            Number,
            f'Maximum size of the pool "{pool.name}"',
            f'Maximum number of nodes in the pool "{pool.name}", more than the minimum; the cluster autoscaler and '
            "updates never exceed it",
            Default=pool.max_size,
            MinValue=1,
            MaxValue=most.nodes,
            **_described(1, most.nodes, most.reason),
        ),
    )


def _described(least: int, most: int, reason: str) -> dict[str, str]:
    """What CloudFormation says of a size beyond its bounds, where there is more to say than the bounds."""
    words = f"must be a whole number from {least} to {most}: {reason}"
    return {"ConstraintDescription": words} if reason else {}


def _host_group(parameters: Parameters, name: str) -> HostGroup:
    prefix = logical_id(name)
    return HostGroup(
        parameters.add(
            "Dedicated hosts",
            f"HostResourceGroup{prefix}Arn",
            HostResourceGroupArn,
            f'Host resource group "{name}"',
            f'ARN of the host resource group that the configuration calls "{name}"',
            AllowedPattern=_RESOURCE_GROUP,
            ConstraintDescription="must be the ARN of a resource group",
        ),
        parameters.add(
            "Dedicated hosts",
            f"LicenseConfiguration{prefix}Arn",
            LicenseConfigurationArn,
            f'License configuration of the host resource group "{name}"',
            f'ARN of the license configuration that is associated with the host resource group "{name}"',
            AllowedPattern=f"^{_PARTITION}:license-manager:[a-z0-9-]+:[0-9]{{12}}:license-configuration:[A-Za-z0-9_-]+$",
            ConstraintDescription="must be the ARN of a license configuration",
        ),
    )


def _reservation(parameters: Parameters, name: str) -> CapacityReservationGroupArn:
    return parameters.add(
        "Capacity Reservations",
        f"CapacityReservationGroup{logical_id(name)}Arn",
        CapacityReservationGroupArn,
        f'Group of the Capacity Reservations "{name}"',
        f'ARN of the resource group of Capacity Reservations that the configuration calls "{name}"; where it has no '
        "room instances are On-Demand",
        AllowedPattern=_RESOURCE_GROUP,
        ConstraintDescription="must be the ARN of a resource group",
    )


def _network(parameters: Parameters, config: ClusterConfig) -> NetworkParameters:
    network, group = config.network, "Network"
    made = network.vpc == "create"
    needs_routes = not made and network.gateway_endpoints == "create"
    given_zone = network.private_zone == "given"
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
        if network.endpoints == "given"
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
            AllowedPattern=f"^{_DNS_NAME}$",
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

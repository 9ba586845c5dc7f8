"""The network layer: where nodes live, who may reach whom, how AWS is reached without the internet, the API's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

from troposphere import GetAtt, Ref, Template

from generator.config.model import ClusterConfig
from generator.layer import Layer
from generator.layers.network import api_endpoint, dns_firewall, endpoints, flow_logs, security_groups, vpc
from generator.values import (
    BalancerName,
    CidrBlocks,
    ClusterUuid,
    DnsName,
    HostedZoneId,
    KeyArn,
    Number,
    PrefixListId,
    RoleArn,
    RoleName,
    RouteTableIds,
    SecurityGroupId,
    SubnetIds,
    TargetGroupArn,
    TargetGroupName,
    VpcId,
    ZoneNames,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Inputs:
    api_client_cidrs: Annotated[
        CidrBlocks, "IPv4 ranges of clients outside the cluster that may reach the Kubernetes API"
    ]
    api_client_prefix_list_id: Annotated[
        PrefixListId, "ID of a prefix list of clients outside the cluster that may reach the Kubernetes API, or empty"
    ]
    s3_prefix_list_id: Annotated[PrefixListId, "ID of the region's prefix list of S3, or empty"]
    dynamodb_prefix_list_id: Annotated[PrefixListId, "ID of the region's prefix list of DynamoDB, or empty"]
    # a VPC made here
    zones: ZoneNames | None = None
    flow_log_role_name: Annotated[RoleName | None, "Name of the role that delivers VPC flow logs"] = None
    flow_log_role_arn: Annotated[RoleArn | None, "ARN of the role that delivers VPC flow logs"] = None
    key_arn: KeyArn | None = None
    log_retention_days: Annotated[Number | None, "Retention of flow logs and DNS query logs in days"] = None
    # a given VPC
    vpc_id: VpcId | None = None
    control_plane_subnet_ids: Annotated[
        SubnetIds | None, "IDs of the subnets of control-plane nodes and the load balancer, one per zone"
    ] = None
    worker_subnet_ids: Annotated[SubnetIds | None, "IDs of the subnets of workers, one per zone"] = None
    route_table_ids: RouteTableIds | None = None
    endpoint_cidrs: Annotated[CidrBlocks | None, "IPv4 ranges of the central interface endpoints"] = None
    # a private zone made here
    cluster_uuid: ClusterUuid | None = None
    # a given private zone
    hosted_zone_id: HostedZoneId | None = None
    api_endpoint_name: DnsName | None = None


@dataclass(frozen=True)
class Outputs:
    vpc_id: VpcId
    control_plane_subnet_ids: Annotated[
        SubnetIds, "IDs of the subnets of control-plane nodes and the load balancer, one per zone"
    ]
    worker_subnet_ids: Annotated[SubnetIds, "IDs of the subnets of workers, one per zone"]
    control_plane_security_group_id: Annotated[SecurityGroupId, "ID of the security group of control-plane nodes"]
    worker_security_group_id: Annotated[SecurityGroupId, "ID of the security group of workers"]
    api_target_group_arn: TargetGroupArn
    api_endpoint_name: DnsName
    api_balancer_name: Annotated[DnsName, "DNS name of the Kubernetes API's load balancer"]
    # where alarms or a dashboard show them
    api_balancer_full_name: BalancerName | None = None
    api_target_group_full_name: TargetGroupName | None = None
    # where the function is in the VPC
    function_security_group_id: Annotated[
        SecurityGroupId | None, "ID of the security group of the reconcile function"
    ] = None


def build(template: Template, config: ClusterConfig, inputs: Inputs) -> Outputs:
    network = vpc.made(template, config, _given(inputs.zones)) if config.network.vpc == "create" else _found(inputs)
    if config.network.vpc == "create":
        flow_logs.add(
            template,
            network.vpc_id,
            _given(inputs.flow_log_role_name),
            _given(inputs.flow_log_role_arn),
            _given(inputs.key_arn),
            _given(inputs.log_retention_days),
        )
        dns_firewall.add(template, config, network.vpc_id, _given(inputs.key_arn), _given(inputs.log_retention_days))

    groups = security_groups.add(template, config, network.vpc_id)
    security_groups.add_rules(template, security_groups.matrix(config), groups)
    security_groups.add_client_rules(
        template, groups.balancer, inputs.api_client_cidrs, inputs.api_client_prefix_list_id
    )
    security_groups.add_gateway_rules(template, groups, inputs.s3_prefix_list_id, inputs.dynamodb_prefix_list_id)
    if groups.endpoints is not None:
        endpoints.add_interfaces(template, config, network, groups.endpoints)
    else:
        security_groups.add_central_endpoint_rules(template, groups, _given(inputs.endpoint_cidrs))
    if config.network.gateway_endpoints == "create":
        endpoints.add_gateways(template, config, network.vpc_id, _given(network.route_table_ids))
    security_groups.add_issuer_rules(template, config, groups, inputs.endpoint_cidrs)

    balancer, target_group = api_endpoint.add_balancer(template, network, groups.balancer)
    if config.network.private_zone == "create":
        name = api_endpoint.add_zone(template, network.vpc_id, _given(inputs.cluster_uuid))
        zone_id = HostedZoneId(Ref("PrivateZone"))
    else:
        name, zone_id = _given(inputs.api_endpoint_name), _given(inputs.hosted_zone_id)
    api_endpoint.add_record(template, zone_id, name, balancer)

    watched = config.monitoring.any
    return Outputs(
        vpc_id=network.vpc_id,
        control_plane_subnet_ids=network.control_plane_subnet_ids,
        worker_subnet_ids=network.worker_subnet_ids,
        control_plane_security_group_id=SecurityGroupId(Ref(groups.control_plane)),
        worker_security_group_id=SecurityGroupId(Ref(groups.worker)),
        api_target_group_arn=TargetGroupArn(Ref(target_group)),
        api_endpoint_name=name,
        api_balancer_name=DnsName(GetAtt(balancer, "DNSName")),
        api_balancer_full_name=BalancerName(GetAtt(balancer, "LoadBalancerFullName")) if watched else None,
        api_target_group_full_name=TargetGroupName(GetAtt(target_group, "TargetGroupFullName")) if watched else None,
        function_security_group_id=SecurityGroupId(Ref(groups.function)) if groups.function else None,
    )


NETWORK = Layer("network", Inputs, Outputs, build)


def _found(inputs: Inputs) -> vpc.Network:
    return vpc.Network(
        _given(inputs.vpc_id),
        _given(inputs.control_plane_subnet_ids),
        _given(inputs.worker_subnet_ids),
        inputs.route_table_ids,
    )


def _given(value: T | None) -> T:
    """An optional input that this configuration needs; root gives it, or generating stops here."""
    if value is None:
        raise ValueError("network: root left out an input that this configuration needs")
    return value

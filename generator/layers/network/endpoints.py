"""VPC endpoints: exactly the services that are called from the VPC, derived from what roles may do, and no other."""

from __future__ import annotations

from awacs import s3
from awacs.aws import Action, Allow, AWSPrincipal, Statement
from troposphere import AccountId, Join, Ref, Region, Split, Sub, Template
from troposphere.ec2 import SecurityGroup, VPCEndpoint

from generator.config.model import ClusterConfig
from generator.layer import logical_id
from generator.layers.network.vpc import Network
from generator.partition import endpoint_service_name
from generator.policies import GATEWAY_SERVICES, called_actions, condition, policy_dict
from generator.values import RouteTableIds, VpcId

# Action prefix -> endpoint services, where they differ from the prefix.
_SERVICES = {"ecr": ("ecr.api", "ecr.dkr")}


def interface_services(config: ClusterConfig) -> dict[str, list[str]]:
    """Endpoint service -> the actions that are called through it."""
    return {
        service: actions
        for prefix, actions in called_actions(config).items()
        if prefix not in GATEWAY_SERVICES
        for service in _SERVICES.get(prefix, (prefix,))
    }


def add_interfaces(template: Template, config: ClusterConfig, network: Network, group: SecurityGroup) -> None:
    # In the development shape one zone pays for the interfaces and the other zones cross over.
    zones = 1 if config.network.endpoint_zones == "one" else config.zones
    subnets = network.control_plane_subnet_ids.first(zones)
    for service, actions in interface_services(config).items():
        template.add_resource(
            VPCEndpoint(
                f"{logical_id(service.replace('.', '-'))}Endpoint",
                VpcEndpointType="Interface",
                VpcId=network.vpc_id,
                ServiceName=endpoint_service_name(config.partition, service),
                SubnetIds=subnets,
                SecurityGroupIds=[Ref(group)],
                PrivateDnsEnabled=True,
                PolicyDocument=policy_dict([_own_account(actions, "aws:PrincipalAccount")]),
            )
        )


def add_gateways(template: Template, config: ClusterConfig, vpc_id: VpcId, route_tables: RouteTableIds) -> None:
    """One for each service, also where the interface endpoints are central: no route leads to those of another VPC."""
    called = called_actions(config)
    for service in GATEWAY_SERVICES:
        statements = [_own_account(called[service], "aws:PrincipalAccount", "aws:ResourceAccount")]
        if service == "s3":
            statements.append(_image_layers())
            if config.lifecycle.function_in_vpc:
                statements.append(_answers_to_cloudformation())
        template.add_resource(
            VPCEndpoint(
                f"{logical_id(service)}Endpoint",
                VpcEndpointType="Gateway",
                VpcId=vpc_id,
                ServiceName=endpoint_service_name(config.partition, service),
                RouteTableIds=route_tables,
                PolicyDocument=policy_dict(statements),
            )
        )


def _own_account(actions: list[str], *keys: str) -> Statement:
    """Only what nodes call, where each of `keys` is this account.

    aws:ResourceAccount stands in gateway endpoints alone: several actions behind the interface endpoints have no
    resource, and a condition on it would refuse them.
    """
    return Statement(
        Sid="OwnAccount",
        Effect=Allow,
        Principal=AWSPrincipal("*"),
        Action=[Action(*action.split(":")) for action in actions],
        Resource=["*"],
        Condition=condition({"StringEquals": dict.fromkeys(keys, AccountId)}),
    )


def _image_layers() -> Statement:
    """ECR keeps image layers in a bucket of its own account."""
    return Statement(
        Sid="ImageLayers",
        Effect=Allow,
        Principal=AWSPrincipal("*"),
        Action=[s3.GetObject],
        Resource=[Sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*")],
    )


def _answers_to_cloudformation() -> Statement:
    """The function answers custom resources by signed requests of CloudFormation's, to a bucket that is its own.

    Its name has the region without hyphens (CloudFormation guide, "VPC endpoints").
    """
    bucket = "arn:${AWS::Partition}:s3:::cloudformation-custom-resource-response-${Place}/*"
    return Statement(
        Sid="AnswersToCloudFormation",
        Effect=Allow,
        Principal=AWSPrincipal("*"),
        Action=[s3.PutObject],
        Resource=[Sub(bucket, Place=Join("", Split("-", Region)))],
    )

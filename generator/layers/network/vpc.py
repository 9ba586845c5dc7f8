"""The VPC: one private subnet per zone for the control plane and one for workers, and no way to the internet."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref, Select, Template
from troposphere.ec2 import VPC, RouteTable, Subnet, SubnetRouteTableAssociation

from generator.config.model import ClusterConfig
from generator.config.subnets import control_plane_subnets, worker_subnets
from generator.layer import logical_id
from generator.values import RouteTableIds, SubnetIds, VpcId, ZoneNames


@dataclass(frozen=True)
class Network:
    """The VPC that the rest of the layer works in; without route tables where the gateway endpoints are given, too."""

    vpc_id: VpcId
    control_plane_subnet_ids: SubnetIds
    worker_subnet_ids: SubnetIds
    route_table_ids: RouteTableIds | None


def made(template: Template, config: ClusterConfig, zones: ZoneNames) -> Network:
    vpc = template.add_resource(
        VPC(
            "Vpc",
            CidrBlock=config.network.vpc_cidr,
            InstanceTenancy=config.network.tenancy,
            # Private DNS of the endpoints and the private zone need both.
            EnableDnsSupport=True,
            EnableDnsHostnames=True,
        )
    )
    # One route table per zone: a zone's way out (a transit gateway, say) can then be changed alone.
    route_tables = [
        template.add_resource(RouteTable(f"RouteTable{index}", VpcId=Ref(vpc))) for index in range(config.zones)
    ]

    def subnets(kind: str, cidrs: list[str]) -> SubnetIds:
        made = []
        for index, cidr in enumerate(cidrs):
            name = f"{logical_id(kind)}Subnet{index}"
            subnet = Subnet(
                name,
                VpcId=Ref(vpc),
                AvailabilityZone=Select(index, zones),
                CidrBlock=cidr,
                MapPublicIpOnLaunch=False,
            )
            made.append(template.add_resource(subnet))
            association = SubnetRouteTableAssociation(
                f"{name}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(route_tables[index])
            )
            template.add_resource(association)
        return SubnetIds([Ref(subnet) for subnet in made])

    return Network(
        VpcId(Ref(vpc)),
        subnets("control-plane", control_plane_subnets(config)),
        subnets("worker", worker_subnets(config)),
        RouteTableIds([Ref(table) for table in route_tables]),
    )

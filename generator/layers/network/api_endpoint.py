"""The API endpoint: an internal network load balancer behind a name, so that the balancer stays replaceable."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Region, Sub, Tags, Template
from troposphere.ec2 import SecurityGroup
from troposphere.elasticloadbalancingv2 import (
    Action,
    Listener,
    ListenerAttribute,
    LoadBalancer,
    LoadBalancerAttributes,
    TargetGroup,
    TargetGroupAttribute,
)
from troposphere.route53 import HostedZone, HostedZoneVPCs, RecordSetType
from troposphere.validators.route53 import AliasTarget

from coordination.names import API_PORT, CLUSTER_TAG
from generator.layers.network.vpc import Network
from generator.values import ClusterUuid, DnsName, HostedZoneId, VpcId

# Connections to a control plane that leaves are drained for so long before they are cut.
_DEREGISTRATION_SECONDS = 60
# Watches are silent for long; the default of 350 s cuts them. 3600 stays below the listener's limit of 6000.
_IDLE_SECONDS = 3600


def add_balancer(template: Template, network: Network, group: SecurityGroup) -> tuple[LoadBalancer, TargetGroup]:
    balancer = template.add_resource(
        LoadBalancer(
            "ApiBalancer",
            Type="network",
            Scheme="internal",
            Subnets=network.control_plane_subnet_ids,
            # A network load balancer that is made without a group can never get one.
            SecurityGroups=[Ref(group)],
            LoadBalancerAttributes=[
                LoadBalancerAttributes(Key="load_balancing.cross_zone.enabled", Value="true"),
            ],
        )
    )
    target_group = template.add_resource(
        TargetGroup(
            "ApiTargetGroup",
            VpcId=network.vpc_id,
            TargetType="instance",
            Protocol="TCP",
            Port=API_PORT,
            # The check ends TLS 1.2 at the latest, so the API server must not insist on 1.3.
            HealthCheckProtocol="HTTPS",
            HealthCheckPath="/readyz",
            HealthCheckPort="traffic-port",
            HealthCheckIntervalSeconds=10,
            HealthCheckTimeoutSeconds=6,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
            TargetGroupAttributes=[
                # With the client's address preserved, a node cannot reach itself through the balancer.
                TargetGroupAttribute(Key="preserve_client_ip.enabled", Value="false"),
                TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value=str(_DEREGISTRATION_SECONDS)),
                TargetGroupAttribute(Key="deregistration_delay.connection_termination.enabled", Value="true"),
            ],
        )
    )
    template.add_resource(
        Listener(
            "ApiListener",
            LoadBalancerArn=Ref(balancer),
            Protocol="TCP",
            Port=API_PORT,
            DefaultActions=[Action(Type="forward", TargetGroupArn=Ref(target_group))],
            ListenerAttributes=[ListenerAttribute(Key="tcp.idle_timeout.seconds", Value=str(_IDLE_SECONDS))],
        )
    )
    return balancer, target_group


def add_zone(template: Template, vpc_id: VpcId, cluster_uuid: ClusterUuid) -> DnsName:
    """The private zone `<uuid>.holdfast.internal` and the API's name in it.

    The uuid keeps two clusters of one VPC apart; `.internal` is reserved by ICANN for private use.
    """
    template.add_resource(
        HostedZone(
            "PrivateZone",
            Name=Sub("${ClusterUuid}.holdfast.internal"),
            VPCs=[HostedZoneVPCs(VPCId=vpc_id, VPCRegion=Region)],
            # Route 53 takes no tags from the stack.
            HostedZoneTags=Tags(**{CLUSTER_TAG: cluster_uuid}),
        )
    )
    return DnsName(Sub("api.${ClusterUuid}.holdfast.internal"))


def add_record(template: Template, zone_id: HostedZoneId, name: DnsName, balancer: LoadBalancer) -> None:
    template.add_resource(
        RecordSetType(
            "ApiRecord",
            HostedZoneId=zone_id,
            Name=name,
            Type="A",
            AliasTarget=AliasTarget(
                DNSName=GetAtt(balancer, "DNSName"),
                HostedZoneId=GetAtt(balancer, "CanonicalHostedZoneID"),
                EvaluateTargetHealth=False,
            ),
        )
    )

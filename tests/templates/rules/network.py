"""No way in from the internet and no way out to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

ANYWHERE = ("0.0.0.0/0", "::/0")
# Resources that lead out of a VPC. The gateway endpoints add their own routes, so no template needs a route at all.
WAYS_OUT = {
    "AWS::EC2::CarrierGateway",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::EIP",
    "AWS::EC2::EIPAssociation",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::Route",
    "AWS::EC2::TransitGatewayAttachment",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::EC2::VPCPeeringConnection",
    "AWS::EC2::VPNGateway",
}
# The one rule that names every address, per group of those who call AWS, and the condition without which it does not
# exist. It leads nowhere but to the gateway endpoints, whose services keep public addresses.
EGRESS_TO_ANYWHERE = dict.fromkeys(
    ("ControlPlaneToGateways", "FunctionToGateways", "WorkerToGateways"), "LacksPrefixList"
)
# EC2 puts a rule that lets everything out into a group that is made without any; this one lets nothing out.
NOTHING_OUT = ("icmp", 252, 86, "255.255.255.255/32")


@rule
def nothing_leads_to_the_internet(cluster: Cluster) -> Iterator[str]:
    for resource in cluster.resources():
        if resource.type in WAYS_OUT:
            yield f"{resource}: {resource.type}"


@rule
def nothing_has_a_public_address(cluster: Cluster) -> Iterator[str]:
    for subnet in cluster.resources("AWS::EC2::Subnet"):
        if subnet.properties.get("MapPublicIpOnLaunch") is not False:
            yield f"{subnet}: gives public addresses to instances"
    for template in cluster.resources("AWS::EC2::LaunchTemplate"):
        for interface in template.properties["LaunchTemplateData"]["NetworkInterfaces"]:
            if interface.get("AssociatePublicIpAddress") is not False:
                yield f"{template}: an interface may get a public address"
    for balancer in cluster.resources("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        if balancer.properties.get("Scheme") != "internal":
            yield f"{balancer}: is not internal"


@rule
def nothing_lets_the_whole_world_in(cluster: Cluster) -> Iterator[str]:
    for ingress in cluster.resources("AWS::EC2::SecurityGroupIngress"):
        sources = [ingress.properties.get("CidrIp"), ingress.properties.get("CidrIpv6")]
        if any(source in ANYWHERE for source in sources):
            yield f"{ingress}: from {sources}"
    clients = cluster.templates["root"]["Parameters"]["ApiClientCidrs"]
    for block in ("0.0.0.0/0", "10.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "16.0.0.0/7"):
        for text in (block, f"10.1.0.0/16,{block}"):
            if re.fullmatch(clients["AllowedPattern"], text):
                yield f"root: the parameter ApiClientCidrs takes {text}"


@rule
def only_the_named_exception_lets_nodes_send_anywhere(cluster: Cluster) -> Iterator[str]:
    for egress in cluster.resources("AWS::EC2::SecurityGroupEgress"):
        targets = [egress.properties.get(key) for key in ("CidrIp", "CidrIpv6")]
        targets = [target for target in targets if target in ANYWHERE]
        if not targets:
            continue
        ports = [egress.properties.get(key) for key in ("IpProtocol", "FromPort", "ToPort")]
        condition = egress.body.get("Condition")
        if condition != EGRESS_TO_ANYWHERE.get(egress.logical_id, "no condition") or ports != ["tcp", 443, 443]:
            yield f"{egress}: to {targets}, {ports}, under the condition {condition}"


@rule
def a_group_is_made_without_the_rule_that_lets_everything_out(cluster: Cluster) -> Iterator[str]:
    for group in cluster.resources("AWS::EC2::SecurityGroup"):
        rules = [
            (entry.get("IpProtocol"), entry.get("FromPort"), entry.get("ToPort"), entry.get("CidrIp"))
            for entry in group.properties.get("SecurityGroupEgress", [])
        ]
        if rules != [NOTHING_OUT]:
            yield f"{group}: is made with {rules}"
        if "SecurityGroupIngress" in group.properties:
            yield f"{group}: has ingress that the matrix does not see"


@rule
def the_default_security_group_is_used_by_nothing(cluster: Cluster) -> Iterator[str]:
    """What is made in a VPC without a group of its own gets the default group."""
    used = []
    for template in cluster.resources("AWS::EC2::LaunchTemplate"):
        data = template.properties["LaunchTemplateData"]
        if "SecurityGroupIds" in data or "SecurityGroups" in data:
            yield f"{template}: groups stand beside the interface that has its own"
        used += [(template, interface.get("Groups")) for interface in data["NetworkInterfaces"]]
    for balancer in cluster.resources("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        used.append((balancer, balancer.properties.get("SecurityGroups")))
    for endpoint in cluster.resources("AWS::EC2::VPCEndpoint"):
        if endpoint.properties["VpcEndpointType"] == "Interface":
            used.append((endpoint, endpoint.properties.get("SecurityGroupIds")))
    for function in cluster.resources("AWS::Lambda::Function"):
        if "VpcConfig" in function.properties:
            used.append((function, function.properties["VpcConfig"].get("SecurityGroupIds")))
    for resource, groups in used:
        made = [cluster.resource_of(resource.layer, group) for group in groups or [None]]
        if not all(group and group.type == "AWS::EC2::SecurityGroup" for group in made):
            yield f"{resource}: security groups {groups}"
    for path, text in cluster.texts:
        if text == "DefaultSecurityGroup" or text.endswith(".DefaultSecurityGroup"):
            yield f"{path}: {text}"


@rule
def a_made_vpc_logs_its_traffic(cluster: Cluster) -> Iterator[str]:
    for vpc in cluster.resources("AWS::EC2::VPC"):
        if not any(
            log.properties["ResourceId"] == {"Ref": vpc.logical_id} and log.properties["TrafficType"] == "ALL"
            for log in cluster.resources("AWS::EC2::FlowLog")
        ):
            yield f"{vpc}: has no flow log of all traffic"


@rule
def a_made_vpc_has_the_tenancy_and_one_subnet_per_zone_and_kind(cluster: Cluster) -> Iterator[str]:
    config = cluster.config
    for vpc in cluster.resources("AWS::EC2::VPC"):
        if vpc.properties["InstanceTenancy"] != config.network.tenancy:
            yield f"{vpc}: tenancy {vpc.properties['InstanceTenancy']}"
        if not (vpc.properties.get("EnableDnsSupport") and vpc.properties.get("EnableDnsHostnames")):
            yield f"{vpc}: private names of endpoints and of the API would not resolve"
        for kind in ("ControlPlane", "Worker"):
            zones = [
                subnet.properties["AvailabilityZone"]
                for subnet in cluster.resources("AWS::EC2::Subnet")
                if subnet.logical_id.startswith(f"{kind}Subnet")
            ]
            if zones != [{"Fn::Select": [index, {"Ref": "Zones"}]} for index in range(config.zones)]:
                yield f"{vpc}: subnets of {kind} stand in {zones}"
        routed = {
            association.properties["SubnetId"]["Ref"]
            for association in cluster.resources("AWS::EC2::SubnetRouteTableAssociation")
        }
        for subnet in cluster.resources("AWS::EC2::Subnet"):
            if subnet.logical_id not in routed:
                # It would follow the VPC's main route table, which nobody here controls.
                yield f"{subnet}: has no route table of its own"


@rule
def the_api_is_reached_over_a_balancer_that_nodes_themselves_can_use(cluster: Cluster) -> Iterator[str]:
    for target in cluster.resources("AWS::ElasticLoadBalancingV2::TargetGroup"):
        attributes = {entry["Key"]: entry["Value"] for entry in target.properties["TargetGroupAttributes"]}
        # With the client's address preserved a node cannot reach itself.
        if attributes.get("preserve_client_ip.enabled") != "false":
            yield f"{target}: preserves the client's address"
        if attributes.get("deregistration_delay.timeout_seconds") != "60":
            yield f"{target}: deregistration takes {attributes.get('deregistration_delay.timeout_seconds')}"
        check = [target.properties.get(key) for key in ("Protocol", "Port", "HealthCheckProtocol", "HealthCheckPath")]
        if check != ["TCP", 6443, "HTTPS", "/readyz"]:
            yield f"{target}: {check}"
    for balancer in cluster.resources("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        cross_zone = {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}
        if cross_zone not in balancer.properties["LoadBalancerAttributes"]:
            yield f"{balancer}: a zone without a healthy control plane would lose the API"
    for listener in cluster.resources("AWS::ElasticLoadBalancingV2::Listener"):
        if (listener.properties["Protocol"], listener.properties["Port"]) != ("TCP", 6443):
            yield f"{listener}: listens elsewhere"
        if {"Key": "tcp.idle_timeout.seconds", "Value": "3600"} not in listener.properties["ListenerAttributes"]:
            yield f"{listener}: cuts watches that are silent"

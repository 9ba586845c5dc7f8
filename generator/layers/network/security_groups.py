"""Security groups: who may reach whom on which port, as one table.

Rules are resources of their own on both sides, so two groups can name each other and a rule can go without touching a
group. Amazon's DNS, NTP and metadata addresses are not subject to security groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from troposphere import And, Condition, Equals, Not, Ref, Template
from troposphere.ec2 import SecurityGroup, SecurityGroupEgress, SecurityGroupIngress, SecurityGroupRule

from coordination.names import API_PORT
from generator.config.model import ClusterConfig, NetworkEncryption
from generator.values import CidrBlocks, PrefixListId, VpcId

_HTTPS = 443
# How many blocks a parameter can hold: CloudFormation cannot loop over a list, so each has a rule of its own.
MAX_API_CLIENT_CIDRS = 5
MAX_ENDPOINT_CIDRS = 3
# Ports that Cilium listens at for the packets of pods on other nodes. Either is open, never both: with WireGuard every
# VXLAN packet travels inside of it (wg_maybe_redirect_to_encrypt in bpf/lib/wireguard.h of Cilium 1.20), so that what
# arrives as VXLAN was not sent by a node of the cluster.
_TUNNELS: dict[NetworkEncryption, tuple[int, str]] = {"wireguard": (51871, "wireguard"), "none": (8472, "vxlan")}

BALANCER = "Balancer"
CONTROL_PLANE = "ControlPlane"
WORKER = "Worker"
ENDPOINTS = "Endpoints"
FUNCTION = "Function"
# What descriptions of rules call the groups, and the traffic. Nothing in a description hangs on the
# configuration: EC2 would replace a group for another one. Up to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*
# (EC2 API reference, CreateSecurityGroup and IpRange).
_SPOKEN = {
    BALANCER: "the load balancer",
    CONTROL_PLANE: "control-plane nodes",
    WORKER: "workers",
    ENDPOINTS: "VPC endpoints",
    FUNCTION: "the reconcile function",
}
_PURPOSES = {
    "etcd": "etcd",
    "api": "Kubernetes API",
    "kubelet": "kubelet API",
    "wireguard": "WireGuard",
    "vxlan": "VXLAN",
    "cilium-health": "Cilium health checks",
    "ping": "ICMP echo requests",
    "aws": "HTTPS",
}


class Flow(NamedTuple):
    """Traffic that is allowed from one group to another; for icmp the ports are type and code.

    `name` is a part of logical ids, which never change.
    """

    source: str
    target: str
    protocol: str
    from_port: int
    to_port: int
    name: str

    @property
    def purpose(self) -> str:
        """What the traffic is, as descriptions of rules say it."""
        return _PURPOSES[self.name]


def matrix(config: ClusterConfig) -> list[Flow]:
    """Every allowed flow between groups; anything that does not stand here is refused."""
    nodes = (CONTROL_PLANE, WORKER)
    tunnel_port, tunnel = _TUNNELS[config.network.encryption]
    flows = [
        Flow(CONTROL_PLANE, CONTROL_PLANE, "tcp", 2379, 2380, "etcd"),
        Flow(BALANCER, CONTROL_PLANE, "tcp", API_PORT, API_PORT, "api"),
        # The ClusterIP of `kubernetes` leads straight to the API servers, past the balancer.
        *(Flow(node, CONTROL_PLANE, "tcp", API_PORT, API_PORT, "api") for node in nodes),
        *(Flow(node, BALANCER, "tcp", API_PORT, API_PORT, "api") for node in nodes),
    ]
    for source in nodes:
        for target in nodes:
            flows += [
                Flow(source, target, "tcp", 10250, 10250, "kubelet"),
                Flow(source, target, "udp", tunnel_port, tunnel_port, tunnel),
                Flow(source, target, "tcp", 4240, 4240, "cilium-health"),
                Flow(source, target, "icmp", 8, 0, "ping"),
            ]
    if config.network.endpoints == "create":
        callers = (*nodes, FUNCTION) if config.lifecycle.function_in_vpc else nodes
        flows += [Flow(caller, ENDPOINTS, "tcp", _HTTPS, _HTTPS, "aws") for caller in callers]
    return flows


@dataclass(frozen=True)
class Groups:
    balancer: SecurityGroup
    control_plane: SecurityGroup
    worker: SecurityGroup
    # None where the endpoints are given.
    endpoints: SecurityGroup | None
    # None where the function is outside the VPC.
    function: SecurityGroup | None

    def named(self) -> dict[str, SecurityGroup]:
        groups = {BALANCER: self.balancer, ENDPOINTS: self.endpoints, **self.callers()}
        return {name: group for name, group in groups.items() if group is not None}

    def callers(self) -> dict[str, SecurityGroup]:
        """The groups of those who call AWS."""
        callers = {CONTROL_PLANE: self.control_plane, WORKER: self.worker}
        return callers if self.function is None else {**callers, FUNCTION: self.function}


def add(template: Template, config: ClusterConfig, vpc_id: VpcId) -> Groups:
    def group(name: str, description: str) -> SecurityGroup:
        return template.add_resource(
            SecurityGroup(
                f"{name}Group",
                GroupDescription=description,
                VpcId=vpc_id,
                # EC2 gives a new group a rule that lets everything out, unless it is made with one of its own.
                SecurityGroupEgress=[
                    SecurityGroupRule(
                        IpProtocol="icmp",
                        FromPort=252,
                        ToPort=86,
                        CidrIp="255.255.255.255/32",
                        Description="Placeholder for the default rule, which would allow all egress",
                    )
                ],
            )
        )

    return Groups(
        group(BALANCER, "Load balancer of the Kubernetes API"),
        group(CONTROL_PLANE, "Control-plane nodes of the Kubernetes cluster"),
        group(WORKER, "Workers of the Kubernetes cluster"),
        group(ENDPOINTS, "VPC endpoints of the Kubernetes cluster") if config.network.endpoints == "create" else None,
        group(FUNCTION, "Reconcile function of the Kubernetes cluster") if config.lifecycle.function_in_vpc else None,
    )


def add_rules(template: Template, flows: Sequence[Flow], groups: Groups) -> None:
    """Both sides of every flow."""
    named = groups.named()
    for flow in flows:
        name = "".join(word.capitalize() for word in flow.name.split("-"))
        source, target = named[flow.source], named[flow.target]
        template.add_resource(
            SecurityGroupIngress(
                f"{flow.target}From{flow.source}{name}",
                GroupId=Ref(target),
                SourceSecurityGroupId=Ref(source),
                IpProtocol=flow.protocol,
                FromPort=flow.from_port,
                ToPort=flow.to_port,
                Description=f"{flow.purpose} from {_SPOKEN[flow.source]}",
            )
        )
        template.add_resource(
            SecurityGroupEgress(
                f"{flow.source}To{flow.target}{name}",
                GroupId=Ref(source),
                DestinationSecurityGroupId=Ref(target),
                IpProtocol=flow.protocol,
                FromPort=flow.from_port,
                ToPort=flow.to_port,
                Description=f"{flow.purpose} to {_SPOKEN[flow.target]}",
            )
        )


def add_client_rules(template: Template, balancer: SecurityGroup, cidrs: CidrBlocks, prefix_list: PrefixListId) -> None:
    """Clients outside the cluster reach the balancer from the blocks of ApiClientCidrs and of a prefix list."""
    for index in range(MAX_API_CLIENT_CIDRS):
        cidr = cidrs.entry(index, MAX_API_CLIENT_CIDRS)
        rule = _api_ingress(f"BalancerFromClient{index}", balancer)
        rule.Condition = template.add_condition(f"HasApiClient{index}", Not(Equals(cidr, "")))
        rule.CidrIp = cidr
        template.add_resource(rule)
    rule = _api_ingress("BalancerFromClientPrefixList", balancer)
    rule.Condition = template.add_condition("HasApiClientPrefixList", Not(Equals(prefix_list, "")))
    rule.SourcePrefixListId = prefix_list
    template.add_resource(rule)


def add_gateway_rules(template: Template, groups: Groups, s3: PrefixListId, dynamodb: PrefixListId) -> None:
    """Those who call AWS reach S3 and DynamoDB, whose gateway endpoints keep the services' public addresses.

    With the region's prefix lists the rule names exactly those addresses. Without them it is 443 to anywhere, which
    still leads nowhere but to the gateway endpoints, since the subnets have no other route out.
    """
    has_s3 = template.add_condition("HasS3PrefixList", Not(Equals(s3, "")))
    has_dynamodb = template.add_condition("HasDynamodbPrefixList", Not(Equals(dynamodb, "")))
    template.add_condition("HasPrefixLists", And(Condition(has_s3), Condition(has_dynamodb)))
    missing = template.add_condition("LacksPrefixList", Not(Condition("HasPrefixLists")))
    for name, group in groups.callers().items():
        for service, spoken, condition, prefix_list in (
            ("S3", "S3", has_s3, s3),
            ("Dynamodb", "DynamoDB", has_dynamodb, dynamodb),
        ):
            rule = _https_egress(f"{name}To{service}", group, f"HTTPS to {spoken} through its gateway endpoint")
            rule.DestinationPrefixListId = prefix_list
            rule.Condition = condition
            template.add_resource(rule)
        rule = _https_egress(f"{name}ToGateways", group, "HTTPS to S3 and DynamoDB, where a prefix list is not given")
        rule.CidrIp = "0.0.0.0/0"
        rule.Condition = missing
        template.add_resource(rule)


def add_central_endpoint_rules(template: Template, groups: Groups, cidrs: CidrBlocks) -> None:
    """Those who call AWS reach interface endpoints that stand in another VPC, by the addresses in EndpointCidrs."""
    for index in range(MAX_ENDPOINT_CIDRS):
        cidr = cidrs.entry(index, MAX_ENDPOINT_CIDRS)
        condition = template.add_condition(f"HasEndpoints{index}", Not(Equals(cidr, "")))
        for name, group in groups.callers().items():
            rule = _https_egress(f"{name}ToCentralEndpoints{index}", group, "HTTPS to central interface endpoints")
            rule.CidrIp = cidr
            rule.Condition = condition
            template.add_resource(rule)


def add_issuer_rules(
    template: Template, config: ClusterConfig, groups: Groups, central_endpoints: CidrBlocks | None
) -> None:
    """API servers reach the issuers of tokens, and nothing else does."""
    # EC2 takes no rule twice, and two issuers may be at one place.
    places = dict.fromkeys((issuer.endpoint.port, cidr) for issuer in config.access.oidc for cidr in issuer.cidrs)
    for port, cidr in places:
        place = f"{port}Of{''.join(part.zfill(3) for part in cidr.replace('/', '.').split('.'))}"
        rule = SecurityGroupEgress(
            f"{CONTROL_PLANE}ToIssuers{place}",
            GroupId=Ref(groups.control_plane),
            IpProtocol="tcp",
            FromPort=port,
            ToPort=port,
            CidrIp=cidr,
            Description="HTTPS to OIDC token issuers",
        )
        if central_endpoints is not None and port == _HTTPS:
            # A rule for the central endpoints, whose addresses only a deploy says, may be the very same.
            apart = [
                Not(Equals(central_endpoints.entry(index, MAX_ENDPOINT_CIDRS), cidr))
                for index in range(MAX_ENDPOINT_CIDRS)
            ]
            rule.Condition = template.add_condition(f"IssuersApart{place}", And(*apart))
        template.add_resource(rule)


def _api_ingress(name: str, balancer: SecurityGroup) -> SecurityGroupIngress:
    return SecurityGroupIngress(
        name,
        GroupId=Ref(balancer),
        IpProtocol="tcp",
        FromPort=API_PORT,
        ToPort=API_PORT,
        Description="Kubernetes API from outside the cluster",
    )


def _https_egress(name: str, group: SecurityGroup, description: str) -> SecurityGroupEgress:
    return SecurityGroupEgress(
        name, GroupId=Ref(group), IpProtocol="tcp", FromPort=_HTTPS, ToPort=_HTTPS, Description=description
    )

"""Who may reach whom on which port: the whole matrix, and the rules of both sides that have to say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.templates.cluster import Cluster, Place, Resource
from tests.templates.rules.rule import rule

# Group to group. A flow that is not here is refused; each stands in the templates twice, as the source's egress and
# as the target's ingress.
MATRIX = """
    from          to            protocol  ports      for
    ------------  ------------  --------  ---------  ------------------------------------------------------
    ControlPlane  ControlPlane  tcp       2379-2380  etcd: clients and peers, nobody else
    Balancer      ControlPlane  tcp       6443       the API behind the balancer, and its health checks
    ControlPlane  ControlPlane  tcp       6443       the ClusterIP of `kubernetes`, which leads past the balancer
    Worker        ControlPlane  tcp       6443       the same from workers
    ControlPlane  Balancer      tcp       6443       the API's name
    Worker        Balancer      tcp       6443       the API's name
    ControlPlane  ControlPlane  tcp       10250      kubelet: logs, exec, metrics
    ControlPlane  Worker        tcp       10250      kubelet
    Worker        ControlPlane  tcp       10250      kubelet: metrics-server runs on any node
    Worker        Worker        tcp       10250      kubelet
    ControlPlane  ControlPlane  tcp       4240       Cilium's health checks
    ControlPlane  Worker        tcp       4240       Cilium's health checks
    Worker        ControlPlane  tcp       4240       Cilium's health checks
    Worker        Worker        tcp       4240       Cilium's health checks
    ControlPlane  ControlPlane  icmp      8-0        Cilium's health checks: echo request
    ControlPlane  Worker        icmp      8-0        Cilium's health checks: echo request
    Worker        ControlPlane  icmp      8-0        Cilium's health checks: echo request
    Worker        Worker        icmp      8-0        Cilium's health checks: echo request
"""
# Either, by `network.encryption`: never both.
TUNNELS = {
    "wireguard": """
    from          to            protocol  ports      for
    ------------  ------------  --------  ---------  ------------------------------------------------------
    ControlPlane  ControlPlane  udp       51871      Cilium's WireGuard, and VXLAN inside of it
    ControlPlane  Worker        udp       51871      Cilium's WireGuard
    Worker        ControlPlane  udp       51871      Cilium's WireGuard
    Worker        Worker        udp       51871      Cilium's WireGuard
""",
    "none": """
    from          to            protocol  ports      for
    ------------  ------------  --------  ---------  ------------------------------------------------------
    ControlPlane  ControlPlane  udp       8472       Cilium's VXLAN
    ControlPlane  Worker        udp       8472       Cilium's VXLAN
    Worker        ControlPlane  udp       8472       Cilium's VXLAN
    Worker        Worker        udp       8472       Cilium's VXLAN
""",
}
# Where the endpoints are made.
ENDPOINTS = """
    from          to            protocol  ports      for
    ------------  ------------  --------  ---------  ------------------------------------------------------
    ControlPlane  Endpoints     tcp       443        AWS services
    Worker        Endpoints     tcp       443        AWS services
"""
# And the function is in the VPC.
FUNCTION = """
    from          to            protocol  ports      for
    ------------  ------------  --------  ---------  ------------------------------------------------------
    Function      Endpoints     tcp       443        AWS services
"""


def by_address(cluster: Cluster) -> set[tuple[str, str, str, str, str]]:
    """Rules to or from addresses instead of groups: the name, the group, its side, the ports, what the address is."""
    callers = _callers(cluster)
    places = {"S3": "S3PrefixListId", "Dynamodb": "DynamoDbPrefixListId", "Gateways": "0.0.0.0/0"}
    if cluster.config.network.endpoints == "given":
        places |= {f"CentralEndpoints{index}": f"EndpointCidrs {index}" for index in range(3)}
    return {
        *((f"{each}To{name}", each, "out", "tcp 443", place) for each in callers for name, place in places.items()),
        *(
            (f"BalancerFromClient{index}", "Balancer", "in", "tcp 6443", f"ApiClientCidrs {index}")
            for index in range(5)
        ),
        ("BalancerFromClientPrefixList", "Balancer", "in", "tcp 6443", "ApiClientPrefixListId"),
    }


def _callers(cluster: Cluster) -> list[str]:
    return ["ControlPlane", "Worker", *(["Function"] if cluster.config.lifecycle.function_in_vpc else [])]


class Flow(NamedTuple):
    source: str
    target: str
    ports: str


def table(text: str) -> list[Flow]:
    """The rows of a table like MATRIX."""
    rows = [line.split() for line in text.strip().splitlines()[2:]]
    return [Flow(source, target, f"{protocol} {ports}") for source, target, protocol, ports, *_ in rows]


@rule
def the_groups_reach_each_other_as_the_matrix_says(cluster: Cluster) -> Iterator[str]:
    wanted = table(MATRIX) + table(TUNNELS[cluster.config.network.encryption])
    if cluster.config.network.endpoints == "create":
        wanted += table(ENDPOINTS) + (table(FUNCTION) if cluster.config.lifecycle.function_in_vpc else [])
    for side, kind, own, other in (
        ("ingress", "AWS::EC2::SecurityGroupIngress", "target", "SourceSecurityGroupId"),
        ("egress", "AWS::EC2::SecurityGroupEgress", "source", "DestinationSecurityGroupId"),
    ):
        actual = []
        for entry in cluster.resources(kind):
            if other in entry.properties:
                mine, theirs = (_group(entry.properties[key]) for key in ("GroupId", other))
                source, target = (theirs, mine) if own == "target" else (mine, theirs)
                actual.append(Flow(source, target, _ports(entry)))
        for flow in sorted(set(actual) - set(wanted)):
            yield f"{side}: {flow.source} to {flow.target} on {flow.ports} is not in the matrix"
        for flow in sorted(set(wanted) - set(actual)):
            yield f"{side}: {flow.source} to {flow.target} on {flow.ports} is missing"
        if len(actual) != len(set(actual)):
            yield f"{side}: a flow stands there twice"


@rule
def only_the_named_rules_are_by_address(cluster: Cluster) -> Iterator[str]:
    wanted = by_address(cluster) | _of_issuers(cluster)
    actual = set()
    for entry in cluster.resources("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
        if {"SourceSecurityGroupId", "DestinationSecurityGroupId"} & entry.properties.keys():
            continue
        side = "in" if entry.type.endswith("Ingress") else "out"
        group = _group(entry.properties["GroupId"])
        actual.add((entry.logical_id, group, side, _ports(entry), _address(cluster, entry)))
    for found in sorted(actual ^ wanted):
        yield f"network/{found[0]}: {'is not expected' if found in actual else 'is missing'}: {', '.join(found[1:])}"


@rule
def a_rule_by_an_optional_address_exists_only_with_it(cluster: Cluster) -> Iterator[str]:
    conditions = cluster.templates["network"].get("Conditions", {})
    given = {
        "HasS3PrefixList": {"Fn::Not": [{"Fn::Equals": [{"Ref": "S3PrefixListId"}, ""]}]},
        "HasDynamodbPrefixList": {"Fn::Not": [{"Fn::Equals": [{"Ref": "DynamodbPrefixListId"}, ""]}]},
        "HasPrefixLists": {"Fn::And": [{"Condition": "HasS3PrefixList"}, {"Condition": "HasDynamodbPrefixList"}]},
        "LacksPrefixList": {"Fn::Not": [{"Condition": "HasPrefixLists"}]},
        "HasApiClientPrefixList": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ApiClientPrefixListId"}, ""]}]},
        **{f"HasApiClient{index}": _is_given("ApiClientCidrs", index, 5) for index in range(5)},
    }
    by_place = {"BalancerFromClientPrefixList": "HasApiClientPrefixList"}
    by_place |= {f"BalancerFromClient{index}": f"HasApiClient{index}" for index in range(5)}
    if cluster.config.network.endpoints == "given":
        given |= {f"HasEndpoints{index}": _is_given("EndpointCidrs", index, 3) for index in range(3)}
        by_place |= {
            f"{node}ToCentralEndpoints{index}": f"HasEndpoints{index}"
            for node in _callers(cluster)
            for index in range(3)
        }
    for name, expression in given.items():
        if conditions.get(name) != expression:
            yield f"network: the condition {name} is {conditions.get(name)}"
    wanted = {"S3": "HasS3PrefixList", "Dynamodb": "HasDynamodbPrefixList", "Gateways": "LacksPrefixList"}
    by_place |= {f"{node}To{target}": condition for node in _callers(cluster) for target, condition in wanted.items()}
    for name, condition in by_place.items():
        entry = cluster.resource("network", name)
        if entry.body.get("Condition") != condition:
            yield f"{entry}: exists under {entry.body.get('Condition')}, not under {condition}"


def _of_issuers(cluster: Cluster) -> set[tuple[str, str, str, str, str]]:
    """Control planes alone send to issuers: at the port of the URL that is asked, and to the named ranges."""
    found = set()
    for issuer in cluster.config.access.oidc:
        port = urlsplit(issuer.discovery_url or issuer.url).port or 443
        for cidr in issuer.cidrs:
            place = "".join(f"{int(part):03}" for part in re.split(r"[./]", cidr))
            found.add((f"ControlPlaneToIssuers{port}Of{place}", "ControlPlane", "out", f"tcp {port}", cidr))
    return found


@rule
def a_rule_for_an_issuer_is_no_rule_for_endpoints(cluster: Cluster) -> Iterator[str]:
    """EC2 refuses a rule that is there already, and where the central endpoints are only a deploy says."""
    conditions = cluster.templates["network"].get("Conditions", {})
    given = cluster.config.network.endpoints == "given"
    for entry in cluster.resources("AWS::EC2::SecurityGroupEgress"):
        if not entry.logical_id.startswith("ControlPlaneToIssuers"):
            continue
        name, cidr = entry.body.get("Condition"), entry.properties["CidrIp"]
        apart = {"Fn::And": [{"Fn::Not": [{"Fn::Equals": [_entry("EndpointCidrs", i, 3), cidr]}]} for i in range(3)]}
        wanted = apart if given and entry.properties["ToPort"] == 443 else None
        if (conditions[name] if name else None) != wanted:
            yield f"{entry}: exists under {name}, not under {wanted}"


def _entry(parameter: str, index: int, count: int) -> dict[str, Any]:
    """An entry of a text with up to `count` entries; empty where there are fewer."""
    return {"Fn::Select": [index, {"Fn::Split": [",", {"Fn::Join": ["", [{"Ref": parameter}, "," * count]]}]}]}


def _is_given(parameter: str, index: int, count: int) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [_entry(parameter, index, count), ""]}]}


def _group(expression: dict[str, str]) -> str:
    return expression["Ref"].removesuffix("Group")


def _ports(entry: Resource) -> str:
    protocol, first, last = (entry.properties.get(key) for key in ("IpProtocol", "FromPort", "ToPort"))
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


def _address(cluster: Cluster, entry: Resource) -> str:
    """Which parameter of the root, which entry of one, or which literal a rule's address is."""
    lists = (entry.properties.get(f"{side}PrefixListId") for side in ("Destination", "Source"))
    address = next(filter(None, lists), entry.properties.get("CidrIp"))
    match cluster.resolve(entry.layer, address):
        case Place("root", {"Ref": str(name)}):
            return name
        case Place(_, {"Fn::Select": [int(index), _] as selected}):
            for parameter, count in (("ApiClientCidrs", 5), ("EndpointCidrs", 3)):
                if {"Fn::Select": selected} == _entry(parameter, index, count):
                    return f"{parameter} {index}"
            return str(selected)
        case Place(_, expression):
            return str(expression)

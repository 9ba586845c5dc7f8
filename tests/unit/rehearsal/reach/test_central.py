"""Whether a call over a peering reaches an endpoint there: every part of the way has to be right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rehearsal.machines.network.topology import Group, Nic, Peer, PeerRoute, Rule, Subnet, Topology
from rehearsal.machines.reach.central import Peers, host_name, route_over_peers
from rehearsal.machines.reach.routes import NoRoute
from rehearsal.machines.reach.view import EndpointView, View
from tests.unit.rehearsal.reach.vpc import NODE, REGION, tcp, view

HUB_CIDR, AT = "10.7.0.0/16", "10.7.0.9"
TO_HUB, FROM_CALLERS = tcp(443, cidr=HUB_CIDR), tcp(443, cidr="10.0.0.0/16")
CENTRAL = EndpointView(
    "vpce-hub", "vpc-hub", f"com.amazonaws.{REGION}.sts", False, "available", False, None, addresses=(AT,)
)


def callers(egress: Rule = TO_HUB, routes: tuple[PeerRoute, ...] = (PeerRoute(HUB_CIDR, "pcx-1"),)) -> View:
    """The VPC of the caller, whose subnet's table has the routes."""
    plain = view(egress=(egress,))
    peers = (Peer("pcx-1", "vpc-hub", (HUB_CIDR,)),)
    return replace(plain, topology=replace(plain.topology, peers=peers, peer_routes={"rtb-own": routes}))


def hub(
    endpoint: EndpointView = CENTRAL,
    ingress: Rule = FROM_CALLERS,
    back: str = "10.0.0.0/16",
) -> View:
    """The VPC of the endpoint."""
    topology = Topology(
        "vpc-hub",
        (HUB_CIDR,),
        {"subnet-hub": Subnet("subnet-hub", "us-east-1a", "10.7.0.0/24")},
        (Nic("eni-hub", "subnet-hub", AT, ("sg-hub",), "endpoint"),),
        {"sg-hub": Group("sg-hub", "Hub", (ingress,), ())},
        {},
        peers=(Peer("pcx-1", "vpc-1", ("10.0.0.0/16",)),),
        table_of_subnet={"subnet-hub": "rtb-hub"},
        peer_routes={"rtb-hub": (PeerRoute(back, "pcx-1"),)},
    )
    return View(topology, (endpoint,))


def found(seen: View, there: View, *addresses: str, service: str = "sts") -> EndpointView | NoRoute:
    """Where a call of the node leads."""
    peers = Peers(host_name(service, REGION), addresses, {"vpc-hub": there})
    return route_over_peers(seen, peers, NODE, service, REGION)


def test_a_call_reaches_a_central_endpoint() -> None:
    assert found(callers(), hub(), AT) == CENTRAL
    assert found(callers(), hub(), "10.7.0.10", AT) == CENTRAL, "one of two is enough"


NARROW = (PeerRoute("10.7.1.0/24", "pcx-1"),)
WRONG: list[tuple[View, View, tuple[str, ...], str]] = [
    (
        callers(),
        hub(),
        (),
        "the VPC has no endpoint com.amazonaws.us-east-1.sts, and its resolver has no sts.us-east-1.amazonaws.com",
    ),
    (callers(routes=NARROW), hub(), (AT,), "the route table of subnet-own, rtb-own, has no route to 10.7.0.9"),
    (callers(), hub(), ("10.7.0.10",), "10.7.0.10 in vpc-hub is no endpoint com.amazonaws.us-east-1.sts"),
    (
        callers(),
        hub(replace(CENTRAL, service_name="x")),
        (AT,),
        "10.7.0.9 in vpc-hub is no endpoint com.amazonaws.us-east-1.sts",
    ),
    (callers(), hub(replace(CENTRAL, state="pending")), (AT,), "vpce-hub is pending"),
    (callers(), hub(back="10.0.9.0/24"), (AT,), "the route table of subnet-hub, rtb-hub, has no route to 10.0.0.10"),
    (callers(tcp(443, cidr="10.8.0.0/16")), hub(), (AT,), "vpce-hub: no egress rule of sg-node (Node) allows it"),
    (callers(), hub(ingress=tcp(80)), (AT,), "vpce-hub: no ingress rule of sg-hub (Hub) allows it"),
]


@pytest.mark.parametrize(("seen", "there", "addresses", "reason"), WRONG)
def test_a_part_of_the_way_that_is_missing_is_named(
    seen: View, there: View, addresses: tuple[str, ...], reason: str
) -> None:
    assert found(seen, there, *addresses) == NoRoute(reason)


@pytest.mark.parametrize(
    ("service", "region", "host"),
    [
        ("ssm", "eu-west-1", "ssm.eu-west-1.amazonaws.com"),
        ("ecr", "us-east-1", "api.ecr.us-east-1.amazonaws.com"),
        ("sts", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_service_has_its_own_name_in_its_partition(service: str, region: str, host: str) -> None:
    assert host_name(service, region) == host

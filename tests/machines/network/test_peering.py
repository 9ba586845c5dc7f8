"""Two VPCs that are peers, with packets: routes and security groups of both sides decide, and nothing is transitive."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.model import Interface
from rehearsal.machines.network.fabric import Fabric
from rehearsal.machines.network.router import resolver_in
from tests.machines.network.harness import ALL, ANYWHERE, NetworkHarness, tcp
from tests.machines.network.probing import connects, drops

OURS, SECONDARY, THEIRS, THIRD = "10.0.0.0/16", "100.64.0.0/18", "10.7.0.0/16", "10.8.0.0/16"
OPEN = ALL | ANYWHERE


@dataclass
class Pair:
    """Our VPC with a subnet in a secondary range, and a peer of it; each has an interface that listens."""

    ours: NetworkHarness
    theirs: NetworkHarness
    peering_id: str

    def main_table(self, vpc_id: str) -> str:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
        return str(self.ours.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])

    def route(self, side: NetworkHarness, cidr: str) -> None:
        self.ours.ec2.create_route(
            RouteTableId=self.main_table(side.vpc_id), DestinationCidrBlock=cidr, VpcPeeringConnectionId=self.peering_id
        )
        self.ours.fabric.refresh()

    def unroute(self, side: NetworkHarness, cidr: str) -> None:
        self.ours.ec2.delete_route(RouteTableId=self.main_table(side.vpc_id), DestinationCidrBlock=cidr)
        self.ours.fabric.refresh()


def peered(ours: NetworkHarness, theirs: NetworkHarness) -> Pair:
    made = ours.ec2.create_vpc_peering_connection(VpcId=ours.vpc_id, PeerVpcId=theirs.vpc_id)
    peering_id = made["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ours.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    return Pair(ours, theirs, peering_id)


@pytest.fixture
def pair(aws: LocalAws, fabric: Fabric) -> Pair:
    ours, theirs = NetworkHarness(aws, fabric), NetworkHarness(aws, fabric, THEIRS)
    ours.ec2.associate_vpc_cidr_block(VpcId=ours.vpc_id, CidrBlock=SECONDARY)
    return peered(ours, theirs)


def in_secondary(side: NetworkHarness, *groups: str) -> Interface:
    """An attached interface in the secondary range."""
    zone = side.zones[0]
    made = side.ec2.create_subnet(VpcId=side.vpc_id, CidrBlock="100.64.1.0/24", AvailabilityZone=zone)
    side.subnets[zone] = made["Subnet"]["SubnetId"]
    return side.attached(*groups, zone=zone)


def test_a_subnet_of_a_secondary_range_is_reached_as_any_other(pair: Pair) -> None:
    group = pair.ours.group(tcp(80))
    primary = pair.ours.attached(group)
    secondary = in_secondary(pair.ours, group)
    with pair.ours.listen(secondary, 80), pair.ours.listen(primary, 80):
        assert pair.ours.connects(primary, secondary, 80)
        assert pair.ours.connects(secondary, primary, 80)


def test_packets_cross_a_peering_where_both_sides_have_routes_and_groups_let_them(pair: Pair) -> None:
    source = in_secondary(pair.ours, pair.ours.group())
    target = pair.theirs.attached(pair.theirs.group(tcp(443, IpRanges=[{"CidrIp": SECONDARY}])))
    inside = pair.ours.namespace(source)
    with pair.theirs.listen(target, 443), pair.theirs.listen(target, 80):
        assert drops(inside, target.address, 443), "no route"
        pair.route(pair.ours, THEIRS)
        assert drops(inside, target.address, 443), "no route back"
        pair.route(pair.theirs, SECONDARY)
        assert connects(inside, target.address, 443)
        assert drops(inside, target.address, 80), "no ingress rule"
        pair.unroute(pair.ours, THEIRS)
        assert drops(inside, target.address, 443), "no route any more"
    told = [str(each) for each in pair.ours.fabric.refused() if each.source == source.address]
    assert any(f"{target.address}:80/tcp" in line and "no ingress rule of" in line for line in told), told
    assert any(f"has no route to {target.address}" in line for line in told), told


def test_a_group_that_lets_nothing_out_lets_nothing_into_a_peering(pair: Pair) -> None:
    pair.route(pair.ours, THEIRS)
    pair.route(pair.theirs, OURS)
    source = pair.ours.attached(pair.ours.group(open_egress=False))
    target = pair.theirs.attached(pair.theirs.group(OPEN))
    with pair.theirs.listen(target, 80):
        assert drops(pair.ours.namespace(source), target.address, 80)


def test_a_peers_resolver_does_not_answer(pair: Pair) -> None:
    pair.route(pair.ours, THEIRS)
    pair.route(pair.theirs, OURS)
    source = pair.ours.attached(pair.ours.group())
    assert drops(pair.ours.namespace(source), resolver_in(THEIRS), 53)


def test_a_peering_leads_to_no_peer_of_the_peer(aws: LocalAws, fabric: Fabric, pair: Pair) -> None:
    third = NetworkHarness(aws, fabric, THIRD)
    onwards = peered(pair.theirs, third)
    for side, way, cidr in (
        (pair.ours, pair, THEIRS),
        (pair.theirs, pair, OURS),
        (pair.theirs, onwards, THIRD),
        (third, onwards, THEIRS),
    ):
        way.route(side, cidr)
    # Tables that would lead there, if a peering passed on what another one brings.
    pair.route(pair.ours, THIRD)
    onwards.route(third, OURS)
    source, target = pair.ours.attached(pair.ours.group()), third.attached(third.group(OPEN))
    near = pair.theirs.attached(pair.theirs.group())
    with third.listen(target, 80):
        assert connects(pair.theirs.namespace(near), target.address, 80)
        assert drops(pair.ours.namespace(source), target.address, 80)


def test_a_peering_that_is_deleted_leads_nowhere(pair: Pair) -> None:
    pair.route(pair.ours, THEIRS)
    pair.route(pair.theirs, OURS)
    source = pair.ours.attached(pair.ours.group())
    target = pair.theirs.attached(pair.theirs.group(OPEN))
    with pair.theirs.listen(target, 80):
        assert connects(pair.ours.namespace(source), target.address, 80)
        pair.ours.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pair.peering_id)
        pair.ours.fabric.refresh()
        assert drops(pair.ours.namespace(source), target.address, 80)

"""What the network's firewalls read from the local EC2."""

from __future__ import annotations

import ipaddress

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.machines.network.topology import Peer, Rule, Subnet, Topology, read_topology
from tests.rehearsal.compute import make_network
from tests.rehearsal.ec2_network_probes import group_in, interface_endpoint, network, tcp


@pytest.fixture
def vpc(aws: LocalAws) -> tuple[str, str]:
    """A VPC and a subnet in it."""
    return network(aws.client("ec2"))


def groups_of(topology: Topology, owner: str) -> tuple[str, ...]:
    """The groups of whoever is named in an interface's owner."""
    (found,) = [nic.group_ids for nic in topology.nics if owner in nic.owner]
    return found


def test_subnets_have_their_zone_and_cidr(aws: LocalAws, vpc: tuple[str, str]) -> None:
    topology = read_topology(aws, vpc[0])
    zone = aws.client("ec2").describe_subnets(SubnetIds=[vpc[1]])["Subnets"][0]["AvailabilityZone"]
    assert topology.cidrs == ("10.0.0.0/16",)
    assert topology.subnets == {vpc[1]: Subnet(vpc[1], zone, "10.0.0.0/24")}


def test_an_instance_is_in_the_groups_of_its_launch_template(aws: LocalAws, vpc: tuple[str, str]) -> None:
    ec2 = aws.client("ec2")
    group = group_in(ec2, vpc[0])
    interface = {"DeviceIndex": 0, "Groups": [group], "SubnetId": vpc[1]}
    template = make_network(aws, NetworkInterfaces=[interface]).template
    launch = ec2.run_instances(LaunchTemplate={"LaunchTemplateId": template}, MinCount=1, MaxCount=1)
    started = launch["Instances"][0]
    topology = read_topology(aws, vpc[0])
    assert groups_of(topology, started["InstanceId"]) == (group,)
    assert topology.by_address[started["PrivateIpAddress"]].owner == started["InstanceId"]


def test_an_interface_s_groups_are_those_that_it_has_now(aws: LocalAws, vpc: tuple[str, str]) -> None:
    ec2 = aws.client("ec2")
    before, after = group_in(ec2, vpc[0]), group_in(ec2, vpc[0])
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    started = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=vpc[1], SecurityGroupIds=[before])
    instance = started["Instances"][0]
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert groups_of(read_topology(aws, vpc[0]), instance["InstanceId"]) == (before,)
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[after])
    assert groups_of(read_topology(aws, vpc[0]), instance["InstanceId"]) == (after,)


def test_an_endpoint_has_an_interface_with_its_groups(aws: LocalAws, vpc: tuple[str, str]) -> None:
    ec2 = aws.client("ec2")
    group = group_in(ec2, vpc[0])
    endpoint = interface_endpoint(ec2, *vpc, group)
    assert groups_of(read_topology(aws, vpc[0]), endpoint) == (group,)


def test_rules_name_cidrs_groups_and_prefix_lists(aws: LocalAws, vpc: tuple[str, str]) -> None:
    ec2 = aws.client("ec2")
    group, peer = group_in(ec2, vpc[0]), group_in(ec2, vpc[0])
    (s3,) = [
        each["PrefixListId"]
        for each in ec2.describe_managed_prefix_lists()["PrefixLists"]
        if each["PrefixListName"].endswith(".s3")
    ]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[
            tcp(80, IpRanges=[{"CidrIp": "10.0.0.0/8"}], UserIdGroupPairs=[{"GroupId": peer}]),
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        ],
    )
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(443, PrefixListIds=[{"PrefixListId": s3}])])
    topology = read_topology(aws, vpc[0])
    found = topology.groups[group]
    assert set(found.ingress) == {
        Rule("tcp", 80, 80, cidr="10.0.0.0/8"),
        Rule("tcp", 80, 80, group_id=peer),
        Rule("icmp", 8, -1, cidr="0.0.0.0/0"),
    }
    assert set(found.egress) == {Rule("-1", cidr="0.0.0.0/0"), Rule("tcp", 443, 443, prefix_list_id=s3)}
    assert set(topology.prefix_lists) == {s3}
    assert all(ipaddress.ip_network(cidr) for cidr in topology.prefix_lists[s3])


def test_a_prefix_list_has_the_entries_of_its_latest_version(aws: LocalAws, vpc: tuple[str, str]) -> None:
    ec2 = aws.client("ec2")
    made = ec2.create_managed_prefix_list(
        PrefixListName="peers", MaxEntries=5, AddressFamily="IPv4", Entries=[{"Cidr": "10.1.0.0/16"}]
    )["PrefixList"]["PrefixListId"]
    group = group_in(ec2, vpc[0])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(1, PrefixListIds=[{"PrefixListId": made}])])
    ec2.modify_managed_prefix_list(
        PrefixListId=made, CurrentVersion=1, AddEntries=[{"Cidr": "10.2.0.0/16"}], RemoveEntries=[]
    )
    assert read_topology(aws, vpc[0]).prefix_lists == {made: ("10.1.0.0/16", "10.2.0.0/16")}


def test_other_networks_are_left_out(aws: LocalAws, vpc: tuple[str, str]) -> None:
    ec2 = aws.client("ec2")
    other, subnet = network(ec2)
    group_in(ec2, other)
    ec2.create_network_interface(SubnetId=subnet)
    topology = read_topology(aws, vpc[0])
    assert topology.nics == ()
    assert [group.name for group in topology.groups.values()] == ["default"]


def test_secondary_ranges_come_after_the_primary_one(aws: LocalAws, vpc: tuple[str, str]) -> None:
    ec2 = aws.client("ec2")
    for cidr in ("100.64.0.0/18", "10.99.0.0/16"):
        made = ec2.associate_vpc_cidr_block(VpcId=vpc[0], CidrBlock=cidr)["CidrBlockAssociation"]
    ec2.create_subnet(VpcId=vpc[0], CidrBlock="100.64.1.0/24")
    topology = read_topology(aws, vpc[0])
    assert topology.cidrs == ("10.0.0.0/16", "10.99.0.0/16", "100.64.0.0/18")
    assert topology.holds("100.64.1.9")
    ec2.disassociate_vpc_cidr_block(AssociationId=made["AssociationId"])
    assert not read_topology(aws, vpc[0]).holds("10.99.0.1")


def test_a_peer_is_there_once_it_is_accepted_and_each_subnet_has_its_tables_routes(
    aws: LocalAws, vpc: tuple[str, str]
) -> None:
    ec2 = aws.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=vpc[0], PeerVpcId=other)["VpcPeeringConnection"][
        "VpcPeeringConnectionId"
    ]
    table = ec2.create_route_table(VpcId=vpc[0])["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.7.128.0/17", VpcPeeringConnectionId=peering)
    assert read_topology(aws, vpc[0]).peers == ()
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    topology = read_topology(aws, vpc[0])
    assert topology.peers == (Peer(peering, other, ("10.7.0.0/16",)),)
    assert read_topology(aws, other).peers == (Peer(peering, vpc[0], ("10.0.0.0/16",)),)
    assert topology.peer_towards(vpc[1], "10.7.128.1") is None, "by the main table"
    ec2.associate_route_table(RouteTableId=table, SubnetId=vpc[1])
    topology = read_topology(aws, vpc[0])
    assert topology.peer_towards(vpc[1], "10.7.128.1") == topology.peers[0]
    assert topology.peer_towards(vpc[1], "10.7.0.1") is None, "out of the route"
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert read_topology(aws, vpc[0]).peers == ()


def test_an_unknown_network_is_an_error(aws: LocalAws) -> None:
    with pytest.raises(KeyError, match="vpc-unknown"):
        read_topology(aws, "vpc-unknown")

"""EC2: the probes about networks, security groups and endpoints."""

from __future__ import annotations

import ipaddress
from typing import Any

import boto3

from tests.rehearsal.moto_probes import Clients, by_name, refused, unique

IN_USE = "DependencyViolation"
SERVICE = "com.amazonaws.us-east-1.ec2"


def network(ec2: Any) -> tuple[str, str]:
    """Return a new VPC, with DNS, and a subnet of it."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    # Without a zone moto takes any, and one of them has not every instance type.
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone=zone)
    return vpc, made["Subnet"]["SubnetId"]


def in_region(client: Clients, region: str) -> Any:
    """Return the EC2 client of another region of the same AWS."""
    endpoint = client("ec2").meta.endpoint_url
    local = endpoint if "localhost" in endpoint else None
    return boto3.client(
        "ec2", region_name=region, endpoint_url=local, aws_access_key_id="local", aws_secret_access_key="local"
    )


def group_in(ec2: Any, vpc: str) -> str:
    """Return a new security group of a VPC."""
    return str(ec2.create_security_group(GroupName=unique("group"), Description="probe", VpcId=vpc)["GroupId"])


def interface_endpoint(ec2: Any, vpc: str, subnet: str, *groups: str) -> str:
    """Return a new interface endpoint."""
    made = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface", VpcId=vpc, ServiceName=SERVICE, SubnetIds=[subnet], SecurityGroupIds=list(groups)
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def interfaces(ec2: Any, vpc: str) -> list[dict[str, Any]]:
    """Return the network interfaces of a VPC."""
    found: list[dict[str, Any]] = ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "NetworkInterfaces"
    ]
    return found


def tcp(port: int, **peer: Any) -> dict[str, Any]:
    """Return the permission of one TCP port."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def an_unknown_security_group_is_refused(client: Clients) -> bool:
    """An interface with a group that does not exist is not made."""
    ec2 = client("ec2")
    _, subnet = network(ec2)
    groups = ["sg-0123456789abcdef0"]
    return refused("InvalidGroup.NotFound", ec2.create_network_interface, SubnetId=subnet, Groups=groups)


def a_used_security_group_is_not_deleted(client: Clients) -> bool:
    """Neither one that an interface has nor one that another group's rule names."""
    ec2 = client("ec2")
    vpc, subnet = network(ec2)
    held, named, other = (group_in(ec2, vpc) for _ in range(3))
    ec2.create_network_interface(SubnetId=subnet, Groups=[held])
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[tcp(443, UserIdGroupPairs=[{"GroupId": named}])])
    delete = ec2.delete_security_group
    return refused(IN_USE, delete, GroupId=held) and refused(IN_USE, delete, GroupId=named)


def every_rule_has_its_description(client: Clients) -> bool:
    """A rule that names a group shows its description, also one that changed later."""
    ec2 = client("ec2")
    vpc, _ = network(ec2)
    group = group_in(ec2, vpc)
    peer = tcp(443, UserIdGroupPairs=[{"GroupId": group, "Description": "before"}])
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[peer])["SecurityGroupRules"][0]
    change = {"SecurityGroupRuleId": made["SecurityGroupRuleId"], "Description": "after"}
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, SecurityGroupRuleDescriptions=[change])
    by_id = ec2.describe_security_group_rules(SecurityGroupRuleIds=[made["SecurityGroupRuleId"]])
    return (made.get("Description"), by_id["SecurityGroupRules"][0].get("Description")) == ("before", "after")


def a_used_subnet_is_not_deleted(client: Clients) -> bool:
    """A subnet with an interface in it stays."""
    ec2 = client("ec2")
    _, subnet = network(ec2)
    ec2.create_network_interface(SubnetId=subnet)
    return refused(IN_USE, ec2.delete_subnet, SubnetId=subnet)


def a_used_vpc_is_not_deleted(client: Clients) -> bool:
    """A VPC with a security group of its own stays."""
    ec2 = client("ec2")
    vpc, subnet = network(ec2)
    ec2.delete_subnet(SubnetId=subnet)
    group_in(ec2, vpc)
    return refused(IN_USE, ec2.delete_vpc, VpcId=vpc)


def a_subnet_has_one_route_table(client: Clients) -> bool:
    """A second route table for the same subnet is refused."""
    ec2 = client("ec2")
    vpc, subnet = network(ec2)
    first, second = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    ec2.associate_route_table(RouteTableId=first, SubnetId=subnet)
    return refused("Resource.AlreadyAssociated", ec2.associate_route_table, RouteTableId=second, SubnetId=subnet)


def an_address_has_one_interface(client: Clients) -> bool:
    """A taken address is refused, and those that nobody asked for are other ones, above Amazon's four."""
    ec2 = client("ec2")
    _, subnet = network(ec2)
    make = ec2.create_network_interface
    make(SubnetId=subnet, PrivateIpAddress="10.0.0.5")
    given = [make(SubnetId=subnet)["NetworkInterface"] for _ in range(3)]
    ec2.delete_network_interface(NetworkInterfaceId=given[0]["NetworkInterfaceId"])
    again = make(SubnetId=subnet)["NetworkInterface"]["PrivateIpAddress"]
    return refused("InvalidIPAddress.InUse", make, SubnetId=subnet, PrivateIpAddress="10.0.0.5") and [
        *(each["PrivateIpAddress"] for each in given),
        again,
    ] == ["10.0.0.4", "10.0.0.6", "10.0.0.7", "10.0.0.4"]


def endpoint_interfaces_have_groups_and_addresses(client: Clients) -> bool:
    """An endpoint's interface has the endpoint's group and an address of its subnet."""
    ec2 = client("ec2")
    vpc, subnet = network(ec2)
    group = group_in(ec2, vpc)
    interface_endpoint(ec2, vpc, subnet, group)
    (made,) = interfaces(ec2, vpc)
    in_subnet = ipaddress.ip_address(made["PrivateIpAddress"]) in ipaddress.ip_network("10.0.0.0/24")
    return [found["GroupId"] for found in made["Groups"]] == [group] and in_subnet


def an_endpoint_needs_its_service_and_dns(client: Clients) -> bool:
    """A service that the region lacks, and private DNS in a VPC without host names, are refused."""
    ec2 = client("ec2")
    vpc, _ = network(ec2)
    plain_vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    make, kind = ec2.create_vpc_endpoint, "Interface"
    unknown = "com.amazonaws.us-east-1.nothing"
    return refused("InvalidServiceName", make, VpcEndpointType=kind, VpcId=vpc, ServiceName=unknown) and refused(
        "InvalidParameter", make, VpcEndpointType=kind, VpcId=plain_vpc, ServiceName=SERVICE, PrivateDnsEnabled=True
    )


def endpoint_services_have_the_names_of_their_partition(client: Clients) -> bool:
    """A region of China offers ECR by the name that begins with cn., and SSM by the common one."""
    offered = set(in_region(client, "cn-north-1").describe_vpc_endpoint_services()["ServiceNames"])
    names = [f"{prefix}com.amazonaws.cn-north-1.{name}" for name in ("ecr.api", "ssm") for prefix in ("cn.", "")]
    return [name in offered for name in names] == [True, False, False, True]


def a_modified_endpoint_changes_what_it_made(client: Clients) -> bool:
    """A subnet more is an interface more; a gateway's route goes with its route table."""
    ec2 = client("ec2")
    vpc, subnet = network(ec2)
    second = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone=f"{ec2.meta.region_name}a")[
        "Subnet"
    ]["SubnetId"]
    endpoint = interface_endpoint(ec2, vpc, subnet, group_in(ec2, vpc))
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[second], PrivateDnsEnabled=True)
    (found,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_vpc_endpoint(
        VpcEndpointType="Gateway", VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table]
    )["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=gateway, RemoveRouteTableIds=[table])
    (routes,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    left = [route for route in routes["Routes"] if route.get("GatewayId") == gateway]
    return (
        len(found["NetworkInterfaceIds"]) == len(interfaces(ec2, vpc)) == 2 and found["PrivateDnsEnabled"] and not left
    )


def a_deleted_endpoint_is_gone(client: Clients) -> bool:
    """A deleted endpoint is not described, and deleting it again is reported as a failure."""
    ec2 = client("ec2")
    vpc, subnet = network(ec2)
    endpoint = interface_endpoint(ec2, vpc, subnet)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    again = ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"]
    code = "InvalidVpcEndpointId.NotFound"
    return refused(code, ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint]) and len(again) == 1


def endpoints_are_found_by_id(client: Clients) -> bool:
    """The filter vpc-endpoint-id finds one of two endpoints."""
    ec2 = client("ec2")
    vpc, subnet = network(ec2)
    first, _ = (interface_endpoint(ec2, vpc, subnet) for _ in range(2))
    found = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-endpoint-id", "Values": [first]}])["VpcEndpoints"]
    return [endpoint["VpcEndpointId"] for endpoint in found] == [first]


def a_vpc_has_the_dhcp_options_of_the_region(client: Clients) -> bool:
    """A new VPC's set exists and names the resolver; one that was told to have none has none."""
    ec2 = client("ec2")
    vpc, _ = network(ec2)

    def options() -> str:
        return str(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"])

    (found,) = ec2.describe_dhcp_options(DhcpOptionsIds=[options()])["DhcpOptions"]
    servers = {entry["Key"]: entry["Values"] for entry in found["DhcpConfigurations"]}["domain-name-servers"]
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
    return [each["Value"] for each in servers] == ["AmazonProvidedDNS"] and options() == "default"


NETWORK_PROBES = by_name(
    an_unknown_security_group_is_refused,
    a_used_security_group_is_not_deleted,
    every_rule_has_its_description,
    a_used_subnet_is_not_deleted,
    a_used_vpc_is_not_deleted,
    a_subnet_has_one_route_table,
    an_address_has_one_interface,
    a_vpc_has_the_dhcp_options_of_the_region,
    endpoint_interfaces_have_groups_and_addresses,
    an_endpoint_needs_its_service_and_dns,
    endpoint_services_have_the_names_of_their_partition,
    a_modified_endpoint_changes_what_it_made,
    a_deleted_endpoint_is_gone,
    endpoints_are_found_by_id,
)

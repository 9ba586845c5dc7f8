"""Providers of EC2's networks, security groups, endpoints and launch templates on the local AWS."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Made, ProviderError
from tests.rehearsal.provider_stack import SYSTEM_TAGS, Stack, tags_of

ANYWHERE = "0.0.0.0/0"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def vpc(stack: Stack) -> Made:
    return stack.create("Vpc", "AWS::EC2::VPC", CidrBlock="10.0.0.0/16", EnableDnsHostnames="true")


@pytest.fixture
def subnet(stack: Stack, vpc: Made) -> Made:
    return stack.create(
        "Subnet", "AWS::EC2::Subnet", VpcId=vpc.physical_id, CidrBlock="10.0.0.0/24", AvailabilityZone="us-east-1b"
    )


def group(stack: Stack, vpc: Made, name: str = "Group", **more: Any) -> Made:
    """Return a new security group."""
    return stack.create(name, "AWS::EC2::SecurityGroup", GroupDescription="probe", VpcId=vpc.physical_id, **more)


def rules(stack: Stack, group_id: str, egress: bool) -> list[dict[str, Any]]:
    """Return a group's rules in one direction."""
    found = stack.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group_id]}])
    return [rule for rule in found["SecurityGroupRules"] if rule["IsEgress"] == egress]


def test_a_vpc_has_its_dns_tenancy_and_tags(stack: Stack) -> None:
    made = stack.create(
        "Vpc", "AWS::EC2::VPC", CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated", EnableDnsHostnames=True
    )
    ec2 = stack.client("ec2")
    (found,) = ec2.describe_vpcs(VpcIds=[made.physical_id])["Vpcs"]
    names = ec2.describe_vpc_attribute(VpcId=made.physical_id, Attribute="enableDnsHostnames")
    assert found["InstanceTenancy"] == "dedicated"
    assert names["EnableDnsHostnames"]["Value"] is True
    assert tags_of(found["Tags"]) == {"team": "blue", **SYSTEM_TAGS}
    assert made.attributes["CidrBlock"] == "10.0.0.0/16"
    assert made.attributes["DefaultSecurityGroup"].startswith("sg-")


def test_a_vpcs_tags_and_dns_change_in_place(stack: Stack, vpc: Made) -> None:
    stack.update("Vpc", EnableDnsHostnames=False, Tags=[{"Key": "Name", "Value": "cluster"}])
    stack.update("Vpc", Tags=[{"Key": "Purpose", "Value": "test"}])
    ec2 = stack.client("ec2")
    (found,) = ec2.describe_vpcs(VpcIds=[vpc.physical_id])["Vpcs"]
    names = ec2.describe_vpc_attribute(VpcId=vpc.physical_id, Attribute="enableDnsHostnames")
    assert names["EnableDnsHostnames"]["Value"] is False
    assert tags_of(found["Tags"]) == {"team": "blue", "Purpose": "test", **SYSTEM_TAGS}


def test_a_vpc_cannot_become_dedicated(stack: Stack, vpc: Made) -> None:
    with pytest.raises(ClientError, match="UnsupportedTenancy"):
        stack.update("Vpc", InstanceTenancy="dedicated")


def test_a_subnet_gives_its_zone_and_network(stack: Stack, vpc: Made, subnet: Made) -> None:
    assert subnet.attributes["AvailabilityZone"] == "us-east-1b"
    assert subnet.attributes["VpcId"] == vpc.physical_id
    assert subnet.attributes["NetworkAclAssociationId"].startswith("aclassoc-")


def test_a_route_table_serves_its_subnet(stack: Stack, vpc: Made, subnet: Made) -> None:
    table = stack.create("Table", "AWS::EC2::RouteTable", VpcId=vpc.physical_id)
    association = stack.create(
        "Association",
        "AWS::EC2::SubnetRouteTableAssociation",
        RouteTableId=table.physical_id,
        SubnetId=subnet.physical_id,
    )
    (found,) = stack.client("ec2").describe_route_tables(RouteTableIds=[table.physical_id])["RouteTables"]
    assert [item["RouteTableAssociationId"] for item in found["Associations"]] == [association.physical_id]


def test_a_group_without_egress_rules_of_its_own_may_reach_everything(stack: Stack, vpc: Made) -> None:
    made = group(stack, vpc)
    stack.create(
        "Egress",
        "AWS::EC2::SecurityGroupEgress",
        GroupId=made.physical_id,
        IpProtocol="tcp",
        FromPort=443,
        ToPort=443,
        CidrIp="10.0.0.0/16",
    )
    assert {rule["CidrIpv4"] for rule in rules(stack, made.physical_id, egress=True)} == {ANYWHERE, "10.0.0.0/16"}


def test_an_inline_egress_rule_takes_the_place_of_the_default(stack: Stack, vpc: Made) -> None:
    nothing = {"IpProtocol": "icmp", "FromPort": "252", "ToPort": "86", "CidrIp": "255.255.255.255/32"}
    made = group(stack, vpc, SecurityGroupEgress=[nothing])
    (only,) = rules(stack, made.physical_id, egress=True)
    assert (only["CidrIpv4"], only["FromPort"], only["ToPort"]) == ("255.255.255.255/32", 252, 86)


def test_inline_rules_are_exchanged_and_the_default_never_returns(stack: Stack, vpc: Made) -> None:
    made = group(stack, vpc)
    stack.update("Group", SecurityGroupEgress=[{"IpProtocol": "-1", "CidrIp": "10.1.0.0/16"}])
    assert [rule["CidrIpv4"] for rule in rules(stack, made.physical_id, egress=True)] == ["10.1.0.0/16"]
    stack.update("Group", SecurityGroupEgress=None)
    assert rules(stack, made.physical_id, egress=True) == []


def test_a_rule_names_a_group_or_a_prefix_list(stack: Stack, vpc: Made) -> None:
    made, peer = group(stack, vpc), group(stack, vpc, "Peer")
    lists = stack.client("ec2").describe_prefix_lists()["PrefixLists"][0]
    port = {"GroupId": made.physical_id, "IpProtocol": "tcp", "FromPort": "443", "ToPort": "443"}
    stack.create(
        "In", "AWS::EC2::SecurityGroupIngress", **port, SourceSecurityGroupId=peer.physical_id, Description="peer"
    )
    stack.create("Out", "AWS::EC2::SecurityGroupEgress", **port, DestinationPrefixListId=lists["PrefixListId"])
    (ingress,) = rules(stack, made.physical_id, egress=False)
    assert ingress["ReferencedGroupInfo"]["GroupId"] == peer.physical_id
    assert ingress["Description"] == "peer"
    assert lists["PrefixListId"] in [rule.get("PrefixListId") for rule in rules(stack, made.physical_id, egress=True)]


def test_only_the_description_of_a_rule_changes_in_place(stack: Stack, vpc: Made) -> None:
    made = group(stack, vpc)
    before = stack.create(
        "In", "AWS::EC2::SecurityGroupIngress", GroupId=made.physical_id, IpProtocol="-1", CidrIp=ANYWHERE
    )
    after = stack.update("In", Description="everything")
    assert after.physical_id == before.physical_id
    assert rules(stack, made.physical_id, egress=False)[0]["Description"] == "everything"


@pytest.mark.parametrize("peers", [{}, {"CidrIp": ANYWHERE, "SourcePrefixListId": "pl-1"}])
def test_a_rule_needs_exactly_one_peer(stack: Stack, peers: dict[str, str]) -> None:
    with pytest.raises(ProviderError, match="must name exactly one of CidrIp"):
        stack.create("In", "AWS::EC2::SecurityGroupIngress", GroupId="sg-1", IpProtocol="-1", **peers)


def test_the_same_rule_twice_is_refused(stack: Stack, vpc: Made) -> None:
    made = group(stack, vpc)
    rule = {"GroupId": made.physical_id, "IpProtocol": "-1", "CidrIp": ANYWHERE}
    stack.create("In", "AWS::EC2::SecurityGroupIngress", **rule)
    with pytest.raises(ClientError, match=r"InvalidPermission\.Duplicate"):
        stack.create("Again", "AWS::EC2::SecurityGroupIngress", **rule)


def test_a_gateway_endpoint_puts_routes_into_its_tables(stack: Stack, vpc: Made) -> None:
    table = stack.create("Table", "AWS::EC2::RouteTable", VpcId=vpc.physical_id)
    made = stack.create(
        "Endpoint",
        "AWS::EC2::VPCEndpoint",
        ServiceName="com.amazonaws.us-east-1.s3",
        VpcId=vpc.physical_id,
        RouteTableIds=[table.physical_id],
        PolicyDocument=POLICY,
    )
    (found,) = stack.client("ec2").describe_route_tables(RouteTableIds=[table.physical_id])["RouteTables"]
    assert made.physical_id in [route.get("GatewayId") for route in found["Routes"]]


def test_an_interface_endpoint_moves_to_another_subnet(stack: Stack, vpc: Made, subnet: Made) -> None:
    other = stack.create("Other", "AWS::EC2::Subnet", VpcId=vpc.physical_id, CidrBlock="10.0.1.0/24")
    owner = group(stack, vpc)
    made = stack.create(
        "Endpoint",
        "AWS::EC2::VPCEndpoint",
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.ec2",
        VpcId=vpc.physical_id,
        SubnetIds=[subnet.physical_id],
        SecurityGroupIds=[owner.physical_id],
        PrivateDnsEnabled="true",
        PolicyDocument=POLICY,
    )
    assert made.attributes["DnsEntries"][0].partition(":")[2].startswith(made.physical_id)
    moved = stack.update("Endpoint", SubnetIds=[other.physical_id])
    found = stack.client("ec2").describe_network_interfaces(NetworkInterfaceIds=moved.attributes["NetworkInterfaceIds"])
    assert [item["SubnetId"] for item in found["NetworkInterfaces"]] == [other.physical_id]


def test_a_flow_log_delivers_to_its_group(stack: Stack, vpc: Made) -> None:
    stack.client("logs").create_log_group(logGroupName="flows")
    made = stack.create(
        "Flows",
        "AWS::EC2::FlowLog",
        ResourceType="VPC",
        ResourceId=vpc.physical_id,
        TrafficType="ALL",
        LogGroupName="flows",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flows",
        MaxAggregationInterval="60",
    )
    (found,) = stack.client("ec2").describe_flow_logs(FlowLogIds=[made.physical_id])["FlowLogs"]
    assert (found["ResourceId"], found["LogGroupName"], found["MaxAggregationInterval"]) == (
        vpc.physical_id,
        "flows",
        60,
    )


def test_a_flow_log_that_the_api_refuses_inside_its_answer_fails(stack: Stack, vpc: Made) -> None:
    with pytest.raises(ProviderError, match="nobodys-bucket does not exist"):
        stack.create(
            "Flows",
            "AWS::EC2::FlowLog",
            ResourceType="VPC",
            ResourceId=vpc.physical_id,
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination="arn:aws:s3:::nobodys-bucket",
        )


def test_a_changed_launch_template_is_a_new_version_and_not_the_default(stack: Stack) -> None:
    data = {"InstanceType": "m5.large", "UserData": base64.b64encode(b"true").decode()}
    made = stack.create("Template", "AWS::EC2::LaunchTemplate", LaunchTemplateData=data)
    assert (made.attributes["LatestVersionNumber"], made.attributes["DefaultVersionNumber"]) == ("1", "1")
    changed = stack.update("Template", LaunchTemplateData={**data, "InstanceType": "m5.xlarge"})
    assert (changed.attributes["LatestVersionNumber"], changed.attributes["DefaultVersionNumber"]) == ("2", "1")
    tagged = stack.update(
        "Template",
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": [{"Key": "Name", "Value": "nodes"}]}],
    )
    assert tagged.attributes["LatestVersionNumber"] == "2"


def test_an_unknown_key_of_the_launch_templates_data_is_named(stack: Stack) -> None:
    with pytest.raises(ProviderError, match=r"LaunchTemplateData\.MetadataOptions\.HttpToken "):
        stack.create(
            "Template",
            "AWS::EC2::LaunchTemplate",
            LaunchTemplateData={"MetadataOptions": {"HttpToken": "required"}},
        )

"""Calls of instances at a local AWS: those that an endpoint leads to are answered, others get no answer at all."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from rehearsal.aws.server import LocalAws
from rehearsal.machines.reach import Reach, guard
from tests.rehearsal.loopback_vpc import ask
from tests.rehearsal.reach_harness import ReachHarness, https

LOGGER = "rehearsal.reach"


@pytest.fixture(scope="module")
def reach(aws: LocalAws) -> Reach:
    reach = Reach(aws)
    reach.start()
    return reach


@pytest.fixture
def harness(aws: LocalAws, reach: Reach, caplog: pytest.LogCaptureFixture) -> Iterator[ReachHarness]:
    with caplog.at_level(logging.WARNING, LOGGER):
        yield ReachHarness(aws)


def refused(call: Any, **parameters: Any) -> None:
    """A call that gets no answer."""
    with pytest.raises(ConnectionClosedError):
        call(**parameters)


def test_an_endpoint_leads_to_its_service_and_to_no_other(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.endpoint("ssm")
    harness.aws.client("ssm").put_parameter(Name="/greeting", Value="hello", Type="String", Overwrite=True)
    assert harness.client("ssm").get_parameter(Name="/greeting")["Parameter"]["Value"] == "hello"
    refused(harness.client("sts").get_caller_identity)
    assert caplog.messages == [
        f"{harness.instance_id} ({harness.address}) called sts GetCallerIdentity: nothing leads there: "
        "the VPC has no endpoint com.amazonaws.us-east-1.sts"
    ]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        ("dynamodb", "get_item", {"TableName": "t", "Key": {"k": {"S": "x"}}}, "dynamodb GetItem"),
        ("ec2", "describe_instances", {}, "ec2 DescribeInstances"),
        ("autoscaling", "describe_auto_scaling_groups", {}, "autoscaling DescribeAutoScalingGroups"),
        ("cloudformation", "signal_resource", None, "cloudformation SignalResource"),
        ("elbv2", "describe_target_health", {"TargetGroupArn": "x"}, "elasticloadbalancing DescribeTargetHealth"),
        ("cloudwatch", "put_metric_data", {"Namespace": "n", "MetricData": []}, "monitoring PutMetricData"),
        ("logs", "describe_log_groups", {}, "logs DescribeLogGroups"),
        ("ecr", "get_authorization_token", {}, "ecr GetAuthorizationToken"),
        ("kms", "list_keys", {}, "kms ListKeys"),
        ("sqs", "list_queues", {}, "sqs ListQueues"),
        ("events", "list_rules", {}, "events ListRules"),
        ("s3", "get_object", {"Bucket": "b", "Key": "folder/key"}, "s3 GetObject"),
        ("s3", "list_objects_v2", {"Bucket": "b"}, "s3 ListObjectsV2"),
        ("lambda", "list_functions", {}, "lambda ListFunctions"),
    ],
)
def test_the_log_names_service_and_operation(
    harness: ReachHarness,
    caplog: pytest.LogCaptureFixture,
    service: str,
    operation: str,
    parameters: dict[str, Any] | None,
    named: str,
) -> None:
    signal = {"StackName": "s", "LogicalResourceId": "r", "UniqueId": "u", "Status": "SUCCESS"}
    refused(getattr(harness.client(service), operation), **(signal if parameters is None else parameters))
    (line,) = caplog.messages
    assert f" called {named}: nothing leads there: the VPC has no endpoint com.amazonaws." in line


def test_a_request_that_is_no_operation_is_named_by_method_and_path(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/ssm/aws4_request, Signature=s"}
    with pytest.raises(http.client.RemoteDisconnected):
        ask(harness.address, harness.port, "GET", "/who/knows", signed)
    assert " called ssm GET /who/knows: " in caplog.messages[0]


def test_an_unsigned_request_is_refused_with_an_answer(harness: ReachHarness) -> None:
    assert ask(harness.address, harness.port, "GET", "/").status == 403


def test_operators_calls_from_outside_need_no_endpoint(harness: ReachHarness) -> None:
    assert harness.aws.client("sts").get_caller_identity()["Account"] == harness.aws.account_id


def test_an_endpoint_leads_to_its_own_region_alone(harness: ReachHarness, caplog: pytest.LogCaptureFixture) -> None:
    harness.endpoint("ssm")
    refused(harness.client("ssm", "eu-west-1").get_parameters, Names=["/x"])
    assert "no endpoint com.amazonaws.eu-west-1.ssm" in caplog.text


def test_the_name_of_a_service_leads_nowhere_without_private_dns(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = harness.endpoint("ssm", PrivateDnsEnabled=False)
    refused(harness.client("ssm").get_parameters, Names=["/x"])
    assert "private DNS" in caplog.text
    harness.vpc.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=True)
    assert harness.client("ssm").get_parameters(Names=["/x"])["InvalidParameters"] == ["/x"]


def test_the_endpoints_security_group_has_to_let_the_caller_in(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.endpoint("ssm")
    harness.keep_out()
    refused(harness.client("ssm").get_parameters, Names=["/x"])
    assert f"no ingress rule of {harness.endpoints} (endpoints) allows it" in caplog.text
    harness.let_in()
    assert harness.client("ssm").get_parameters(Names=["/x"])


def test_the_callers_security_group_has_to_let_it_out(harness: ReachHarness, caplog: pytest.LogCaptureFixture) -> None:
    harness.endpoint("ssm")
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    harness.vpc.ec2.revoke_security_group_egress(GroupId=harness.nodes, IpPermissions=everything)
    refused(harness.client("ssm").get_parameters, Names=["/x"])
    assert f"no egress rule of {harness.nodes} (nodes) allows it" in caplog.text
    harness.vpc.ec2.authorize_security_group_egress(GroupId=harness.nodes, IpPermissions=[https(harness.endpoints)])
    assert harness.client("ssm").get_parameters(Names=["/x"])


def test_a_gateway_endpoint_follows_the_subnets_route_table(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.aws.client("dynamodb").create_table(
        TableName=f"table-{harness.vpc.vpc_id}",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    ec2, table = harness.vpc.ec2, {"TableName": f"table-{harness.vpc.vpc_id}"}
    endpoint = harness.gateway("dynamodb", harness.main_table())
    assert harness.client("dynamodb").describe_table(**table)
    own = ec2.create_route_table(VpcId=harness.vpc.vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=own, SubnetId=harness.vpc.subnets[0])
    refused(harness.client("dynamodb").describe_table, **table)
    assert own in caplog.text
    # The main table is still that of the other subnet.
    _, other = harness.vpc.launch(1, SecurityGroupIds=[harness.nodes])
    assert harness.client("dynamodb", address=other).describe_table(**table)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[own], RemoveRouteTableIds=[harness.main_table()])
    assert harness.client("dynamodb").describe_table(**table)
    refused(harness.client("dynamodb", address=other).describe_table, **table)


@pytest.mark.parametrize(("egress", "passes"), [("prefix list", True), ("endpoints", False)])
def test_a_gateway_endpoint_needs_an_egress_rule_to_its_prefix_list(
    harness: ReachHarness, egress: str, passes: bool
) -> None:
    ec2 = harness.vpc.ec2
    harness.gateway("s3", harness.main_table())
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=harness.nodes, IpPermissions=everything)
    lists = ec2.describe_managed_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}]
    )["PrefixLists"]
    rule = https(harness.endpoints)
    if egress == "prefix list":
        rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
        rule["PrefixListIds"] = [{"PrefixListId": lists[0]["PrefixListId"]}]
    ec2.authorize_security_group_egress(GroupId=harness.nodes, IpPermissions=[rule])
    if passes:
        assert "Buckets" in harness.client("s3").list_buckets()
    else:
        refused(harness.client("s3").list_buckets)


def test_a_deleted_endpoint_leads_nowhere(harness: ReachHarness) -> None:
    endpoint = harness.endpoint("ssm")
    assert harness.client("ssm").get_parameters(Names=["/x"])
    harness.vpc.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    refused(harness.client("ssm").get_parameters, Names=["/x"])


def test_an_endpoint_of_another_vpc_leads_nowhere(harness: ReachHarness, aws: LocalAws) -> None:
    ReachHarness(aws).endpoint("ssm")
    refused(harness.client("ssm").get_parameters, Names=["/x"])


def test_an_address_that_no_interface_has_reaches_nothing(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.endpoint("ssm")
    refused(harness.client("ssm", address="127.0.0.250").get_parameters, Names=["/x"])
    assert caplog.messages[0].startswith("127.0.0.250 called ssm GetParameters: ")


def test_the_endpoints_policy_decides_beside_the_roles(harness: ReachHarness) -> None:
    policy = {"Effect": "Allow", "Principal": "*", "Action": "ssm:GetParameters", "Resource": "*"}
    harness.endpoint("ssm", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    assert harness.client("ssm").get_parameters(Names=["/x"])
    with pytest.raises(ClientError, match="AccessDenied"):
        harness.client("ssm").get_parameter(Name="/x")


def test_the_gateway_endpoint_of_dynamodb_leads_to_no_streams(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.gateway("dynamodb", harness.main_table())
    assert "TableNames" in harness.client("dynamodb").list_tables()
    refused(harness.client("dynamodbstreams").list_streams)
    assert "called dynamodb ListStreams: " in caplog.text
    assert "no endpoint com.amazonaws.us-east-1.dynamodb-streams" in caplog.text


def test_refusals_are_counted_and_logged_once_a_minute(
    harness: ReachHarness, reach: Reach, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = harness.client("kms")
    for _ in range(3):
        refused(kms.list_keys)
    (line,) = caplog.messages
    assert f"{line} (3 calls)" in reach.refusals()
    # As if the minute were over.
    monkeypatch.setattr(guard, "SAID_AGAIN_SECONDS", 0.0)
    refused(kms.list_keys)
    assert caplog.messages == [line, line]
    assert f"{line} (4 calls)" in reach.refusals()


def test_a_central_endpoint_is_reached_over_a_peering_by_the_zone_that_its_owner_shares(
    harness: ReachHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys of a policy say then that the call has come from the endpoint's VPC."""
    aws, vpc = harness.aws, harness.vpc
    hub = Hub(aws, vpc.vpc_id)
    call = harness.client("ssm").get_parameters
    refused(call, Names=["/x"])
    assert "its resolver has no ssm.us-east-1.amazonaws.com" in caplog.text
    hub.share("ssm", vpc.vpc_id)
    refused(call, Names=["/x"])
    assert f"{harness.main_table()}, has no route to {hub.address}" in caplog.text
    vpc.ec2.create_route(
        RouteTableId=harness.main_table(), DestinationCidrBlock=HUB, VpcPeeringConnectionId=hub.peering_id
    )
    assert call(Names=["/x"])["InvalidParameters"] == ["/x"]
    way = {"aws:SourceVpc": hub.vpc_id, "aws:VpcSourceIp": harness.address}
    everything = {"Action": "*", "Resource": "*", "Principal": "*"}
    allow = {**everything, "Effect": "Allow"}
    deny = {**everything, "Effect": "Deny", "Condition": {"StringEquals": way}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    vpc.ec2.modify_vpc_endpoint(VpcEndpointId=hub.endpoint_id, PolicyDocument=document)
    with pytest.raises(ClientError, match="AccessDenied"):
        call(Names=["/x"])


HUB = "10.7.0.0/16"


class Hub:
    """A peer of a VPC, with routes back and an endpoint of SSM that lets the VPC in."""

    def __init__(self, aws: LocalAws, vpc_id: str) -> None:
        self.aws, self.ec2 = aws, aws.client("ec2")
        self.vpc_id = self.ec2.create_vpc(CidrBlock=HUB)["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=self.vpc_id, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
        group = self.ec2.create_security_group(GroupName="hub", Description="hub", VpcId=self.vpc_id)["GroupId"]
        theirs = self.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlock"]
        let_in = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": theirs}]}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[let_in])
        endpoint = self.ec2.create_vpc_endpoint(
            VpcId=self.vpc_id,
            ServiceName="com.amazonaws.us-east-1.ssm",
            VpcEndpointType="Interface",
            SubnetIds=[subnet],
            SecurityGroupIds=[group],
            PrivateDnsEnabled=False,
        )["VpcEndpoint"]
        self.endpoint_id = endpoint["VpcEndpointId"]
        (interface,) = self.ec2.describe_network_interfaces(NetworkInterfaceIds=endpoint["NetworkInterfaceIds"])[
            "NetworkInterfaces"
        ]
        self.address = interface["PrivateIpAddress"]
        made = self.ec2.create_vpc_peering_connection(VpcId=vpc_id, PeerVpcId=self.vpc_id)["VpcPeeringConnection"]
        self.peering_id = made["VpcPeeringConnectionId"]
        self.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=self.peering_id)
        filters = [{"Name": "vpc-id", "Values": [self.vpc_id]}]
        (table,) = self.ec2.describe_route_tables(Filters=filters)["RouteTables"]
        self.ec2.create_route(
            RouteTableId=table["RouteTableId"], DestinationCidrBlock=theirs, VpcPeeringConnectionId=self.peering_id
        )

    def share(self, service: str, vpc_id: str) -> None:
        """Have the service's name lead to the endpoint, in a VPC."""
        self.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
        name, route53 = f"{service}.us-east-1.amazonaws.com", self.aws.client("route53")
        zone = route53.create_hosted_zone(
            Name=name,
            CallerReference=vpc_id,
            VPC={"VPCRegion": "us-east-1", "VPCId": vpc_id},
            HostedZoneConfig={"PrivateZone": True},
        )["HostedZone"]["Id"]
        record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": self.address}]}
        changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

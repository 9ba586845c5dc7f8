"""Providers of load balancing and of private zones on the local AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Made, ProviderError
from tests.rehearsal.provider_stack import SYSTEM_TAGS, Stack, tags_of

ZONES = ("us-east-1a", "us-east-1b")


@pytest.fixture
def vpc(stack: Stack) -> Made:
    return stack.create("Vpc", "AWS::EC2::VPC", CidrBlock="10.0.0.0/16")


@pytest.fixture
def balancer(stack: Stack, vpc: Made) -> Made:
    subnets = [
        stack.create(
            f"Subnet{number}",
            "AWS::EC2::Subnet",
            VpcId=vpc.physical_id,
            CidrBlock=f"10.0.{number}.0/24",
            AvailabilityZone=zone,
        )
        for number, zone in enumerate(ZONES)
    ]
    group = stack.create("Group", "AWS::EC2::SecurityGroup", GroupDescription="api", VpcId=vpc.physical_id)
    return stack.create(
        "Balancer",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        Type="network",
        Scheme="internal",
        Subnets=[subnet.physical_id for subnet in subnets],
        SecurityGroups=[group.physical_id],
        LoadBalancerAttributes=[{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}],
    )


@pytest.fixture
def targets(stack: Stack, vpc: Made) -> Made:
    return stack.create(
        "Targets",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        VpcId=vpc.physical_id,
        TargetType="instance",
        Protocol="TCP",
        Port="6443",
        HealthCheckProtocol="HTTPS",
        HealthCheckPath="/readyz",
        HealthCheckIntervalSeconds=10,
        TargetGroupAttributes=[{"Key": "preserve_client_ip.enabled", "Value": False}],
    )


def listener(stack: Stack, balancer: Made, targets: Made) -> Made:
    """Return a listener that forwards to the target group."""
    return stack.create(
        "Listener",
        "AWS::ElasticLoadBalancingV2::Listener",
        LoadBalancerArn=balancer.physical_id,
        Protocol="TCP",
        Port="6443",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": targets.physical_id}],
        ListenerAttributes=[{"Key": "tcp.idle_timeout.seconds", "Value": "3600"}],
    )


def test_a_network_balancer_is_made_as_its_template_says(stack: Stack, balancer: Made) -> None:
    elb, arn = stack.client("elbv2"), balancer.physical_id
    (found,) = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    settings = tags_of(elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"])
    assert (found["Type"], found["Scheme"], len(found["AvailabilityZones"])) == ("network", "internal", 2)
    assert settings["load_balancing.cross_zone.enabled"] == "true"
    assert balancer.attributes["DNSName"] == found["DNSName"]
    assert balancer.attributes["LoadBalancerFullName"].startswith("net/")
    assert arn.endswith(balancer.attributes["LoadBalancerFullName"])
    assert tags_of(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]) == {
        "team": "blue",
        **SYSTEM_TAGS,
    }


def test_a_balancer_without_groups_cannot_get_one_later(stack: Stack, vpc: Made, balancer: Made) -> None:
    subnets = stack.made["Balancer"][2]["Subnets"]
    stack.create("Open", "AWS::ElasticLoadBalancingV2::LoadBalancer", Type="network", Subnets=subnets)
    with pytest.raises(ClientError, match="InvalidConfigurationRequest"):
        stack.update("Open", SecurityGroups=balancer.attributes["SecurityGroups"])


def test_a_target_group_keeps_health_check_and_attributes(stack: Stack, targets: Made) -> None:
    stack.update("Targets", HealthCheckIntervalSeconds="30", Matcher={"HttpCode": "200"})
    elb, arn = stack.client("elbv2"), targets.physical_id
    (found,) = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    settings = tags_of(elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"])
    assert (found["HealthCheckProtocol"], found["HealthCheckPath"]) == ("HTTPS", "/readyz")
    assert (found["HealthCheckIntervalSeconds"], found["Port"]) == (30, 6443)
    assert settings["preserve_client_ip.enabled"] == "false"
    assert targets.attributes["TargetGroupFullName"].startswith("targetgroup/")


def test_a_tcp_listener_forwards_to_its_targets(stack: Stack, balancer: Made, targets: Made) -> None:
    made = listener(stack, balancer, targets)
    stack.update("Listener", Port=8443)
    elb = stack.client("elbv2")
    (found,) = elb.describe_listeners(ListenerArns=[made.physical_id])["Listeners"]
    settings = elb.describe_listener_attributes(ListenerArn=made.physical_id)["Attributes"]
    assert (found["Protocol"], found["Port"]) == ("TCP", 8443)
    assert found["DefaultActions"][0]["TargetGroupArn"] == targets.physical_id
    assert tags_of(settings)["tcp.idle_timeout.seconds"] == "3600"


def zone(stack: Stack, vpc: Made, **more: Any) -> Made:
    """Return a private zone of the VPC."""
    vpcs = [{"VPCId": vpc.physical_id, "VPCRegion": "us-east-1"}]
    return stack.create("Zone", "AWS::Route53::HostedZone", Name=f"{stack.name}.internal", VPCs=vpcs, **more)


def test_a_private_zone_belongs_to_its_vpc(stack: Stack, vpc: Made) -> None:
    made = zone(stack, vpc, HostedZoneConfig={"Comment": "api"}, HostedZoneTags=[{"Key": "Name", "Value": "api"}])
    stack.update("Zone", HostedZoneConfig={"Comment": "changed"})
    route53 = stack.client("route53")
    found = route53.get_hosted_zone(Id=made.physical_id)
    tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=made.physical_id)["ResourceTagSet"]
    assert found["HostedZone"]["Config"] == {"Comment": "changed", "PrivateZone": True}
    assert [item["VPCId"] for item in found["VPCs"]] == [vpc.physical_id]
    assert tags_of(tags["Tags"]) == {"team": "blue", "Name": "api"}


def test_a_private_zone_cannot_become_public(stack: Stack, vpc: Made) -> None:
    zone(stack, vpc)
    with pytest.raises(ProviderError, match="cannot change between public and private"):
        stack.update("Zone", VPCs=None)


def test_an_alias_record_points_at_the_balancer(stack: Stack, vpc: Made, balancer: Made) -> None:
    made, name = zone(stack, vpc), f"api.{stack.name}.internal"
    alias = {
        "DNSName": balancer.attributes["DNSName"],
        "HostedZoneId": balancer.attributes["CanonicalHostedZoneID"],
        "EvaluateTargetHealth": "false",
    }
    record = stack.create(
        "Record", "AWS::Route53::RecordSet", HostedZoneId=made.physical_id, Name=name, Type="A", AliasTarget=alias
    )
    assert record.physical_id == name
    found = stack.client("route53").list_resource_record_sets(HostedZoneId=made.physical_id)["ResourceRecordSets"]
    (target,) = [item["AliasTarget"]["DNSName"] for item in found if item["Type"] == "A"]
    assert target.rstrip(".") == balancer.attributes["DNSName"]


def test_a_record_that_exists_is_not_taken_over(stack: Stack, vpc: Made) -> None:
    made, name = zone(stack, vpc), f"api.{stack.name}.internal"
    values = {"HostedZoneId": made.physical_id, "Name": name, "Type": "A", "TTL": "60"}
    stack.create("Record", "AWS::Route53::RecordSet", **values, ResourceRecords=["10.0.0.1"])
    with pytest.raises(ClientError, match="already exists"):
        stack.create("Again", "AWS::Route53::RecordSet", **values, ResourceRecords=["10.0.0.2"])


def test_a_zone_with_foreign_records_is_not_deleted(stack: Stack, vpc: Made) -> None:
    made, name = zone(stack, vpc), f"api.{stack.name}.internal"
    values = {"HostedZoneId": made.physical_id, "Name": name, "Type": "A", "TTL": "60", "ResourceRecords": ["10.0.0.1"]}
    stack.create("Record", "AWS::Route53::RecordSet", **values)
    resource, record = stack.made["Zone"], stack.made.pop("Record")
    with pytest.raises(ClientError, match="HostedZoneNotEmpty"):
        stack.delete("Zone")
    stack.made |= {"Zone": resource, "Record": record}

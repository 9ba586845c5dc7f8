"""What is counted of an account after a cluster is gone."""

from __future__ import annotations

from rehearsal.aws.server import LocalAws
from rehearsal.local import inventory


def test_a_new_thing_of_any_kind_is_in_the_inventory(aws: LocalAws) -> None:
    before = inventory.take(aws.client)
    vpc = aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    queue = aws.client("sqs").create_queue(QueueName="left")["QueueUrl"]
    aws.client("logs").create_log_group(logGroupName="/left")
    resolver = aws.client("route53resolver")
    request = {"CreatorRequestId": "left", "Name": "left"}
    domains = resolver.create_firewall_domain_list(**request)["FirewallDomainList"]["Id"]
    group = resolver.create_firewall_rule_group(**request)["FirewallRuleGroup"]["Id"]
    filtered = resolver.associate_firewall_rule_group(**request, FirewallRuleGroupId=group, VpcId=vpc, Priority=101)
    destination = "arn:aws:logs:us-east-1:123456789012:log-group:/left:*"
    log = resolver.create_resolver_query_log_config(**request, DestinationArn=destination)["ResolverQueryLogConfig"]
    logged = resolver.associate_resolver_query_log_config(ResolverQueryLogConfigId=log["Id"], ResourceId=vpc)
    cloudwatch = aws.client("cloudwatch")
    watched = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
    cloudwatch.put_metric_alarm(
        AlarmName="left", EvaluationPeriods=1, ComparisonOperator="LessThanThreshold", **watched
    )
    cloudwatch.put_dashboard(DashboardName="left", DashboardBody="{}")
    assert {
        ("VPC", vpc),
        ("queue", queue),
        ("log group", "/left"),
        ("alarm", "arn:aws:cloudwatch:us-east-1:123456789012:alarm:left"),
        ("dashboard", "arn:aws:cloudwatch::123456789012:dashboard/left"),
        ("domain list", domains),
        ("rule group", group),
        ("rule group association", filtered["FirewallRuleGroupAssociation"]["Id"]),
        ("query log", log["Id"]),
        ("query log association", logged["ResolverQueryLogConfigAssociation"]["Id"]),
    } <= inventory.take(aws.client) - before


def test_what_is_only_remembered_is_not_in_the_inventory(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    image = ec2.describe_images(ImageIds=["ami-03cf127a"])["Images"][0]["ImageId"]
    before = {found for found in inventory.take(aws.client) if found[0] in ("instance", "volume")}
    (instance,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    assert ("instance", instance["InstanceId"]) in inventory.take(aws.client)
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert {found for found in inventory.take(aws.client) if found[0] in ("instance", "volume")} == before

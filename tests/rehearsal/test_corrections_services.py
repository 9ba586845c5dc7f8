"""The faults of plain moto that the local AWS corrects: balancers, tables, roles, keys, parameters, logs and zones."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.rehearsal.corrections_suite import suite
from tests.rehearsal.ec2_network_probes import group_in, network
from tests.rehearsal.moto_probes import Clients, by_name, refused, unique

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
)


ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def balancer(client: Clients, **values: Any) -> dict[str, Any]:
    """Return a new internal network load balancer."""
    _, subnet = network(client("ec2"))
    made: dict[str, Any] = client("elbv2").create_load_balancer(
        Name=unique("api"), Type="network", Scheme="internal", Subnets=[subnet], **values
    )["LoadBalancers"][0]
    return made


def a_network_balancer_has_its_own_names(client: Clients) -> bool:
    """The ARN says net/, and the tags and the listener follow it."""
    elb = client("elbv2")
    made = balancer(client, Tags=[{"Key": "Name", "Value": "api"}])
    arn = made["LoadBalancerArn"]
    tags = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    return (
        ":loadbalancer/net/" in arn
        and made["DNSName"].endswith(".elb.us-east-1.amazonaws.com")
        and tags == [{"Key": "Name", "Value": "api"}]
    )


def a_network_balancer_never_gets_its_first_group(client: Clients) -> bool:
    """Setting groups on one that was made without is refused."""
    elb, ec2 = client("elbv2"), client("ec2")
    group = group_in(ec2, network(ec2)[0])
    arn = balancer(client)["LoadBalancerArn"]
    return refused("InvalidConfigurationRequest", elb.set_security_groups, LoadBalancerArn=arn, SecurityGroups=[group])


def a_balancer_needs_groups_that_exist(client: Clients) -> bool:
    """A balancer with an unknown group is not made."""
    elb = client("elbv2")
    _, subnet = network(client("ec2"))
    arguments: dict[str, Any] = {"Name": unique("api"), "Type": "network", "Subnets": [subnet]}
    groups = ["sg-0123456789abcdef0"]
    return refused("InvalidSecurityGroup", elb.create_load_balancer, SecurityGroups=groups, **arguments)


def a_protected_balancer_is_not_deleted(client: Clients) -> bool:
    """With deletion protection the balancer stays."""
    elb, arn = client("elbv2"), balancer(client)["LoadBalancerArn"]
    protection = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protection)
    return refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)


def a_tcp_target_group_keeps_its_status_codes(client: Clients) -> bool:
    """Changed status codes of an HTTPS check behind TCP are kept."""
    elb = client("elbv2")
    vpc, _ = network(client("ec2"))
    arn = elb.create_target_group(
        Name=unique("api"), Protocol="TCP", Port=6443, VpcId=vpc, HealthCheckProtocol="HTTPS", HealthCheckPath="/readyz"
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=arn, Matcher={"HttpCode": "200-299"})
    found = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    return bool(found["Matcher"] == {"HttpCode": "200-299"})


def a_tcp_target_group_takes_redirects_for_health(client: Clients) -> bool:
    """The default codes of an HTTP check behind TCP."""
    vpc, _ = network(client("ec2"))
    made = client("elbv2").create_target_group(
        Name=unique("api"), Protocol="TCP", Port=6443, VpcId=vpc, HealthCheckProtocol="HTTP", HealthCheckPath="/readyz"
    )["TargetGroups"][0]
    return bool(made["Matcher"] == {"HttpCode": "200-399"})


def table(client: Clients, **values: Any) -> str:
    """Return the name of a new table."""
    name = unique("table")
    client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        **values,
    )
    return name


def a_table_changes_its_encryption(client: Clients) -> bool:
    """A key that UpdateTable names is described."""
    dynamodb = client("dynamodb")
    name, key = table(client), client("kms").create_key()["KeyMetadata"]["Arn"]
    wanted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    dynamodb.update_table(TableName=name, SSESpecification=wanted)
    found = dynamodb.describe_table(TableName=name)["Table"]
    return bool(found.get("SSEDescription", {}).get("KMSMasterKeyArn") == key)


def a_stream_can_start_again(client: Clients) -> bool:
    """A stream goes off and on; one that is on is refused again."""
    dynamodb = client("dynamodb")
    on = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    name = table(client, StreamSpecification=on)
    dynamodb.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    dynamodb.update_table(TableName=name, StreamSpecification=on)
    twice = refused("ResourceInUseException", dynamodb.update_table, TableName=name, StreamSpecification=on)
    return bool(dynamodb.describe_table(TableName=name)["Table"]["StreamSpecification"] == on) and twice


def a_table_is_made_with_its_policy(client: Clients) -> bool:
    """A table that is created with a resource policy has it."""
    dynamodb = client("dynamodb")
    statement = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "dynamodb:DeleteItem", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = table(client, ResourcePolicy=policy)
    arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
    try:
        return bool(json.loads(dynamodb.get_resource_policy(ResourceArn=arn)["Policy"])["Statement"] == [statement])
    except dynamodb.exceptions.PolicyNotFoundException:
        return False


def a_boundary_must_exist(client: Clients) -> bool:
    """A role with an unknown permissions boundary is not made; with one of AWS's own it is."""

    def create(boundary: str) -> Any:
        return client("iam").create_role(
            RoleName=unique("role"), AssumeRolePolicyDocument=TRUST, PermissionsBoundary=boundary
        )

    create("arn:aws:iam::aws:policy/PowerUserAccess")
    create("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess")
    unknown = ("123456789012:policy/nobody-made-this", "aws:policy/ViewOnlyAccess", "aws:policy/NobodyMadeThis")
    return all(refused("NoSuchEntity", create, boundary=f"arn:aws:iam::{each}") for each in unknown)


def a_service_principal_must_exist(client: Clients) -> bool:
    """One that is built from another partition's domain is refused, at the creation and later."""
    iam, name, wrong = client("iam"), unique("role"), TRUST.replace("amazonaws.com", "amazonaws.eu")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST)
    code = "MalformedPolicyDocument"
    return refused(code, iam.update_assume_role_policy, RoleName=name, PolicyDocument=wrong) and refused(
        code, iam.create_role, RoleName=unique("role"), AssumeRolePolicyDocument=wrong
    )


def a_user_has_a_boundary(client: Clients) -> bool:
    """An unknown boundary is refused, at the creation and later; one that exists is taken, and taken away."""
    iam, name = client("iam"), unique("user")
    unknown = "arn:aws:iam::123456789012:policy/nobody-made-this"
    if not refused("NoSuchEntity", iam.create_user, UserName=name, PermissionsBoundary=unknown):
        return False
    iam.create_user(UserName=name)
    iam.put_user_permissions_boundary(
        UserName=name,
        PermissionsBoundary=iam.create_policy(PolicyName=unique("policy"), PolicyDocument=ALL)["Policy"]["Arn"],
    )
    iam.delete_user_permissions_boundary(UserName=name)
    return refused("NoSuchEntity", iam.put_user_permissions_boundary, UserName=name, PermissionsBoundary=unknown)


def a_policy_in_use_is_not_deleted(client: Clients) -> bool:
    """Neither one that a user has, nor one with two versions; then it goes."""
    iam, user = client("iam"), unique("user")
    arn = iam.create_policy(PolicyName=unique("policy"), PolicyDocument=ALL)["Policy"]["Arn"]
    iam.create_user(UserName=user)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    attached = refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    if not attached:
        return False
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALL, SetAsDefault=True)
    versions = refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    return versions


def an_unusable_key_is_refused(client: Clients) -> bool:
    """A key that waits for its deletion encrypts nothing, and neither does a disabled one."""
    kms = client("kms")
    waiting, disabled = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.schedule_key_deletion(KeyId=waiting, PendingWindowInDays=7)
    kms.disable_key(KeyId=disabled)
    return refused("KMSInvalidStateException", kms.encrypt, KeyId=waiting, Plaintext=b"x") and refused(
        "DisabledException", kms.generate_data_key, KeyId=disabled, KeySpec="AES_256"
    )


def a_waiting_period_is_seven_to_thirty_days(client: Clients) -> bool:
    """Three days are refused."""
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    return refused("ValidationException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=3)


def a_key_policy_is_a_document(client: Clients) -> bool:
    """Text that is no policy is refused, at the creation and later."""
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    code = "MalformedPolicyDocumentException"
    return refused(code, kms.create_key, Policy="{}") and refused(
        code, kms.put_key_policy, KeyId=key, PolicyName="default", Policy="nothing"
    )


def a_parameter_keeps_its_type(client: Clients) -> bool:
    """A String cannot be overwritten as a SecureString."""
    ssm, name = client("ssm"), f"/{unique('setting')}"
    ssm.put_parameter(Name=name, Type="String", Value="x")
    code = "HierarchyTypeMismatchException"
    return refused(code, ssm.put_parameter, Name=name, Type="SecureString", Value="y", Overwrite=True)


def a_parameter_respects_pattern_and_size(client: Clients) -> bool:
    """A value that does not match, and one beyond 4 KiB in the standard tier, are refused."""
    put, name = client("ssm").put_parameter, f"/{unique('setting')}"
    return refused(
        "ParameterPatternMismatchException", put, Name=name, Type="String", Value="abc", AllowedPattern="^[0-9]+$"
    ) and refused("ValidationException", put, Name=name, Type="String", Value="x" * 4097)


def a_retention_is_one_of_the_allowed(client: Clients) -> bool:
    """Two days are refused."""
    logs, name = client("logs"), unique("group")
    logs.create_log_group(logGroupName=name)
    return refused("InvalidParameterException", logs.put_retention_policy, logGroupName=name, retentionInDays=2)


def a_log_group_changes_its_key(client: Clients) -> bool:
    """A key is associated with a log group and taken away again."""
    logs, name, key = client("logs"), unique("group"), key_of_logs(client, "*")
    logs.create_log_group(logGroupName=name)
    logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
    with_key = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0].get("kmsKeyId")
    logs.disassociate_kms_key(logGroupName=name)
    without = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0].get("kmsKeyId")
    return (with_key, without) == (key, None)


def a_batch_of_log_events_has_limits(client: Clients) -> bool:
    """What is too large, too many, too long or spans more than a day is refused as a whole; what is too old or too new
    is counted, and the rest is stored."""
    logs, name = client("logs"), unique("group")
    place = {"logGroupName": name, "logStreamName": "stream"}
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(**place)
    now, hour = int(time.time() * 1000), 3600 * 1000

    def events(*told: tuple[int, int]) -> list[dict[str, Any]]:
        return [{"timestamp": now + at, "message": "x" * length} for at, length in told]

    refusals = [
        events(*[(0, 1)] * 10_001),
        events((0, 1 << 20)),
        events(*[(0, 65_000)] * 17),
        events((0, 1), (-1, 1)),
        events((-25 * hour, 1), (0, 1)),
    ]
    all_refused = all(
        refused("InvalidParameterException", logs.put_log_events, **place, logEvents=batch) for batch in refusals
    )
    mixed = events(*((hours * hour, 1) for hours in (-400, -399, -1, 0, 3, 4)))
    told = logs.put_log_events(**place, logEvents=mixed).get("rejectedLogEventsInfo")
    stored = logs.get_log_events(**place, startFromHead=True)["events"]
    return (
        all_refused
        and told == {"tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 4}
        and [event["timestamp"] - now for event in stored] == [-hour, 0]
    )


def key_of_logs(client: Clients, groups: str) -> str:
    """A new key that CloudWatch Logs may use for the log groups of that pattern."""
    context = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:*:*:log-group:{groups}"}}
    logs = {
        "Effect": "Allow",
        "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": context,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [logs]})
    return str(client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"])


def a_log_groups_key_is_one_that_logs_may_use(client: Clients) -> bool:
    """A key for groups of another name, and one that nobody has, are refused."""
    logs, name = client("logs"), unique("group")
    other, own = key_of_logs(client, "other-*"), key_of_logs(client, f"{name}*")
    logs.create_log_group(logGroupName=name, kmsKeyId=own)
    return all(
        refused("AccessDeniedException", logs.create_log_group, logGroupName=f"{name}-2", kmsKeyId=key)
        for key in (other, f"{other[:-1]}{'0' if other[-1] != '0' else '1'}")
    ) and refused("AccessDeniedException", logs.associate_kms_key, logGroupName=name, kmsKeyId=other)


def a_private_zone_needs_its_vpc(client: Clients) -> bool:
    """A zone for an unknown VPC is not made."""
    create = client("route53").create_hosted_zone
    vpc = {"VPCId": "vpc-0123456789abcdef0", "VPCRegion": "us-east-1"}
    name, config = f"{unique('zone')}.internal", {"PrivateZone": True}
    return refused("InvalidVPCId", create, Name=name, CallerReference=name, VPC=vpc, HostedZoneConfig=config)


def a_change_fits_the_records_that_exist(client: Clients) -> bool:
    """A record with other values is not created beside the first; one that is gone is not deleted again."""
    route53, name = client("route53"), f"{unique('zone')}.internal"
    zone = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]

    def change(action: str, address: str) -> dict[str, Any]:
        record = {"Name": f"api.{name}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        return {"HostedZoneId": zone, "ChangeBatch": batch}

    apply, code = route53.change_resource_record_sets, "InvalidChangeBatch"
    apply(**change("CREATE", "10.0.0.1"))
    beside = refused(code, apply, **change("CREATE", "10.0.0.2"))
    apply(**change("DELETE", "10.0.0.1"))
    return beside and refused(code, apply, **change("DELETE", "10.0.0.1"))


def a_group_is_found_by_its_arn(client: Clients) -> bool:
    """By the ARN as well as by the name; another ARN is refused."""
    groups = client("resource-groups")
    host_management = [{"Type": "AWS::EC2::HostManagement", "Parameters": []}]
    made = groups.create_group(Name=unique("hosts"), Configuration=host_management)["Group"]
    found = [groups.get_group(Group=made[key])["Group"]["GroupArn"] for key in ("GroupArn", "Name")]
    unknown = refused("NotFoundException", groups.get_group, Group=f"{made['GroupArn']}-not")
    return found == [made["GroupArn"]] * 2 and unknown


def a_groups_configuration_and_members_are_told(client: Clients) -> bool:
    """By the group's ARN; of one that is not there both are refused."""
    groups = client("resource-groups")
    pool = [{"Type": "AWS::EC2::CapacityReservationPool"}]
    arn = groups.create_group(Name=unique("reserved"), Configuration=pool)["Group"]["GroupArn"]
    told = groups.get_group_configuration(Group=arn)["GroupConfiguration"]["Configuration"]
    asked = (groups.get_group_configuration, groups.list_group_resources)
    unknown = [refused("NotFoundException", each, Group=f"{arn}-not") for each in asked]
    return told == pool and groups.list_group_resources(Group=arn)["Resources"] == [] and all(unknown)


def quotas_of_the_services_in_use_are_known(client: Clients) -> bool:
    """EC2's quota has a value that the account was granted beside its default; that of balancers has only a default."""

    def value(operation: str, service: str, code: str) -> float | None:
        pages = client("service-quotas").get_paginator(operation).paginate(ServiceCode=service)
        found = {quota["QuotaCode"]: float(quota["Value"]) for page in pages for quota in page["Quotas"]}
        return found.get(code)

    asked = (("ec2", "L-1216C47A"), ("elasticloadbalancing", "L-69A177A2"), ("vpc", "L-F678F1CE"))
    default = [value("list_aws_default_service_quotas", *each) for each in asked]
    granted = [value("list_service_quotas", *each) for each in asked]
    return (default, granted) == ([5.0, 50.0, 5.0], [1920.0, None, None])


def a_conditional_deny_is_left_to_enforcement(client: Clients) -> bool:
    """A bucket that refuses plain HTTP takes an object; one that refuses everybody does not."""
    s3 = client("s3")
    deny = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:PutObject"}
    kept = []
    for condition in ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, {}):
        bucket = unique("bucket")
        s3.create_bucket(Bucket=bucket)
        statement = {**deny, "Resource": f"arn:aws:s3:::{bucket}/*", **condition}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        kept.append(not refused("403", s3.put_object, Bucket=bucket, Key="k", Body=b"x"))
    return kept == [True, False]


def dashboards_take_tags(client: Clients) -> bool:
    """With the dashboard, later, and one taken away; a second call that puts it leaves them."""
    cloudwatch, name = client("cloudwatch"), unique("board")
    first, second = {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody="{}", Tags=[first])
    cloudwatch.put_dashboard(DashboardName=name, DashboardBody="{}", Tags=[second])
    arn = cloudwatch.get_dashboard(DashboardName=name)["DashboardArn"]

    def tags() -> list[dict[str, str]]:
        return list(cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"])

    found = [tags()]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[second])
    found.append(tags())
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    found.append(tags())
    cloudwatch.delete_dashboards(DashboardNames=[name])
    return [*found, tags()] == [[first], [first, second], [second], []]


def an_alarm_notifies_topics_of_its_own_region(client: Clients) -> bool:
    watched = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
    watched |= {"EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold"}

    def put(**actions: list[str]) -> Any:
        return client("cloudwatch").put_metric_alarm(AlarmName=unique("alarm"), **watched, **actions)

    put(AlarmActions=["arn:aws:sns:us-east-1:123456789012:pager"])
    elsewhere, in_china = "arn:aws:sns:us-west-2:123456789012:pager", "arn:aws-cn:sns:us-east-1:123456789012:pager"
    return refused("ValidationError", put, AlarmActions=[elsewhere]) and refused(
        "ValidationError", put, OKActions=[in_china]
    )


PROBES = by_name(
    a_network_balancer_has_its_own_names,
    a_network_balancer_never_gets_its_first_group,
    a_balancer_needs_groups_that_exist,
    a_protected_balancer_is_not_deleted,
    a_tcp_target_group_keeps_its_status_codes,
    a_tcp_target_group_takes_redirects_for_health,
    a_table_changes_its_encryption,
    a_stream_can_start_again,
    a_table_is_made_with_its_policy,
    a_boundary_must_exist,
    a_service_principal_must_exist,
    a_user_has_a_boundary,
    a_policy_in_use_is_not_deleted,
    an_unusable_key_is_refused,
    a_waiting_period_is_seven_to_thirty_days,
    a_key_policy_is_a_document,
    a_parameter_keeps_its_type,
    a_parameter_respects_pattern_and_size,
    a_retention_is_one_of_the_allowed,
    a_log_group_changes_its_key,
    a_batch_of_log_events_has_limits,
    a_log_groups_key_is_one_that_logs_may_use,
    a_private_zone_needs_its_vpc,
    a_change_fits_the_records_that_exist,
    a_group_is_found_by_its_arn,
    a_groups_configuration_and_members_are_told,
    quotas_of_the_services_in_use_are_known,
    a_conditional_deny_is_left_to_enforcement,
    dashboards_take_tags,
    an_alarm_notifies_topics_of_its_own_region,
)
(
    plain_fixture,
    aws_fixture,
    test_plain_moto_still_has_the_fault,
    test_the_local_aws_does_not_have_the_fault,
    test_every_correction_has_a_probe,
) = suite(
    __name__,
    PROBES,
    "elbv2",
    "dynamodb",
    "iam",
    "kms",
    "ssm",
    "logs",
    "route53",
    "resourcegroups",
    "servicequotas",
    "s3",
    "cloudwatch",
)

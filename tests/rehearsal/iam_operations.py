"""Operations of boto3's clients with the action and the resource that each needs, protocol by protocol."""

from __future__ import annotations

from typing import Any

ACCOUNT = "us-east-1:123456789012"
TABLE = f"arn:aws:dynamodb:{ACCOUNT}:table/cluster"
OPEN_TABLE = f"arn:aws:dynamodb:{ACCOUNT}:table/open"
BUCKET = "arn:aws:s3:::backups"

OPERATIONS: list[tuple[str, str, dict[str, Any], str, str]] = [
    # json
    (
        "ssm",
        "get_parameter",
        {"Name": "/c/settings"},
        "ssm:GetParameter",
        f"arn:aws:ssm:{ACCOUNT}:parameter/c/settings",
    ),
    ("ssm", "get_parameter", {"Name": "c:2"}, "ssm:GetParameter", f"arn:aws:ssm:{ACCOUNT}:parameter/c"),
    ("ssm", "describe_parameters", {}, "ssm:DescribeParameters", "*"),
    ("kms", "list_keys", {}, "kms:ListKeys", "*"),
    ("dynamodb", "list_tables", {}, "dynamodb:ListTables", "*"),
    ("dynamodb", "describe_table", {"TableName": "open"}, "dynamodb:DescribeTable", OPEN_TABLE),
    ("dynamodb", "scan", {"TableName": "open"}, "dynamodb:Scan", OPEN_TABLE),
    ("dynamodb", "scan", {"TableName": "open", "IndexName": "idx"}, "dynamodb:Scan", f"{OPEN_TABLE}/index/idx"),
    ("dynamodb", "scan", {"TableName": OPEN_TABLE}, "dynamodb:Scan", OPEN_TABLE),
    ("ecr", "get_authorization_token", {}, "ecr:GetAuthorizationToken", "*"),
    (
        "ecr",
        "batch_get_image",
        {"repositoryName": "team/app", "imageIds": [{"imageTag": "t"}]},
        "ecr:BatchGetImage",
        f"arn:aws:ecr:{ACCOUNT}:repository/team/app",
    ),
    (
        "logs",
        "put_log_events",
        {"logGroupName": "nodes", "logStreamName": "i-1", "logEvents": [{"timestamp": 1, "message": "m"}]},
        "logs:PutLogEvents",
        f"arn:aws:logs:{ACCOUNT}:log-group:nodes:log-stream:i-1",
    ),
    (
        "logs",
        "describe_log_streams",
        {"logGroupName": "nodes"},
        "logs:DescribeLogStreams",
        f"arn:aws:logs:{ACCOUNT}:log-group:nodes:log-stream:",
    ),
    (
        "events",
        "put_events",
        {"Entries": [{"Source": "s", "DetailType": "t", "Detail": "{}"}]},
        "events:PutEvents",
        f"arn:aws:events:{ACCOUNT}:event-bus/default",
    ),
    (
        "cloudwatch",
        "put_metric_data",
        {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.0}]},
        "cloudwatch:PutMetricData",
        "*",
    ),
    # query
    ("autoscaling", "describe_auto_scaling_groups", {}, "autoscaling:DescribeAutoScalingGroups", "*"),
    (
        "elbv2",
        "describe_target_health",
        {"TargetGroupArn": f"arn:aws:elasticloadbalancing:{ACCOUNT}:targetgroup/t/1"},
        "elasticloadbalancing:DescribeTargetHealth",
        "*",
    ),
    (
        "elbv2",
        "register_targets",
        {"TargetGroupArn": f"arn:aws:elasticloadbalancing:{ACCOUNT}:targetgroup/t/1", "Targets": [{"Id": "i"}]},
        "elasticloadbalancing:RegisterTargets",
        f"arn:aws:elasticloadbalancing:{ACCOUNT}:targetgroup/t/1",
    ),
    ("cloudformation", "describe_stacks", {}, "cloudformation:DescribeStacks", "*"),
    ("resourcegroupstaggingapi", "get_resources", {}, "tag:GetResources", "*"),
    (
        "cloudformation",
        "describe_stacks",
        {"StackName": "nowhere"},
        "cloudformation:DescribeStacks",
        f"arn:aws:cloudformation:{ACCOUNT}:stack/nowhere/*",
    ),
    (
        "cloudformation",
        "delete_change_set",
        {"ChangeSetName": f"arn:aws:cloudformation:{ACCOUNT}:changeSet/first/1"},
        "cloudformation:DeleteChangeSet",
        f"arn:aws:cloudformation:{ACCOUNT}:stack/*/*",
    ),
    (
        "sts",
        "assume_role",
        {"RoleArn": "arn:aws:iam::123456789012:role/other", "RoleSessionName": "session"},
        "sts:AssumeRole",
        "arn:aws:iam::123456789012:role/other",
    ),
    # ec2
    ("ec2", "describe_instances", {"InstanceIds": ["i-1"]}, "ec2:DescribeInstances", "*"),
    (
        "ec2",
        "modify_instance_attribute",
        {"InstanceId": "i-1", "DisableApiTermination": {"Value": False}},
        "ec2:ModifyInstanceAttribute",
        f"arn:aws:ec2:{ACCOUNT}:instance/i-1",
    ),
    # rest-json
    ("lambda", "list_functions", {}, "lambda:ListFunctions", "*"),
    ("lambda", "invoke", {"FunctionName": "f"}, "lambda:InvokeFunction", f"arn:aws:lambda:{ACCOUNT}:function:f"),
    (
        "lambda",
        "invoke",
        {"FunctionName": f"arn:aws:lambda:{ACCOUNT}:function:f", "Qualifier": "2"},
        "lambda:InvokeFunction",
        f"arn:aws:lambda:{ACCOUNT}:function:f:2",
    ),
    # rest-xml
    ("s3", "list_buckets", {}, "s3:ListAllMyBuckets", "*"),
    ("s3", "head_bucket", {"Bucket": "plain-bucket"}, "s3:ListBucket", "arn:aws:s3:::plain-bucket"),
    ("s3", "list_objects_v2", {"Bucket": "plain-bucket"}, "s3:ListBucket", "arn:aws:s3:::plain-bucket"),
    ("s3", "get_bucket_location", {"Bucket": "backups"}, "s3:GetBucketLocation", BUCKET),
    ("s3", "get_bucket_encryption", {"Bucket": "backups"}, "s3:GetEncryptionConfiguration", BUCKET),
    (
        "s3",
        "get_object",
        {"Bucket": "plain-bucket", "Key": "a b/ü+?"},
        "s3:GetObject",
        "arn:aws:s3:::plain-bucket/a b/ü+?",
    ),
    ("s3", "head_object", {"Bucket": "plain-bucket", "Key": "k"}, "s3:GetObject", "arn:aws:s3:::plain-bucket/k"),
    (
        "s3",
        "get_object",
        {"Bucket": "plain-bucket", "Key": "k", "VersionId": "v"},
        "s3:GetObjectVersion",
        "arn:aws:s3:::plain-bucket/k",
    ),
    (
        "s3",
        "abort_multipart_upload",
        {"Bucket": "backups", "Key": "k", "UploadId": "u"},
        "s3:AbortMultipartUpload",
        f"{BUCKET}/k",
    ),
    (
        "s3",
        "list_parts",
        {"Bucket": "backups", "Key": "k", "UploadId": "u"},
        "s3:ListMultipartUploadParts",
        f"{BUCKET}/k",
    ),
    ("route53", "list_hosted_zones", {}, "route53:ListHostedZones", "*"),
    ("route53resolver", "list_firewall_rule_groups", {}, "route53resolver:ListFirewallRuleGroups", "*"),
    (
        "route53resolver",
        "get_firewall_domain_list",
        {"FirewallDomainListId": "rslvr-fdl-1"},
        "route53resolver:GetFirewallDomainList",
        f"arn:aws:route53resolver:{ACCOUNT}:firewall-domain-list/rslvr-fdl-1",
    ),
]
"""Service, operation, its parameters, action, resource."""

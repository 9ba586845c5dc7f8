"""Providers of DynamoDB, S3, SSM, Logs and SQS on the local AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Made, ProviderError
from rehearsal.aws.server import LocalAws
from tests.rehearsal.provider_stack import SYSTEM_TAGS, Stack, tags_of

TABLE = {
    "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
}
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}


# Whoever may, may use it: CloudWatch Logs, too.
FOR_ALL = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}


@pytest.fixture
def key(aws: LocalAws) -> str:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [FOR_ALL]})
    return str(aws.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])


def table(stack: Stack, made: Made) -> dict[str, Any]:
    """Return how DynamoDB describes a table."""
    found: dict[str, Any] = stack.client("dynamodb").describe_table(TableName=made.physical_id)["Table"]
    return found


def test_a_table_has_its_stream_key_recovery_and_expiry(stack: Stack, key: str) -> None:
    made = stack.create(
        "Table",
        "AWS::DynamoDB::Table",
        **TABLE,
        SSESpecification={"SSEEnabled": "true", "SSEType": "KMS", "KMSMasterKeyId": key},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        TimeToLiveSpecification={"AttributeName": "Until", "Enabled": "true"},
    )
    dynamodb, found = stack.client("dynamodb"), table(stack, made)
    assert made.attributes == {"Arn": found["TableArn"], "StreamArn": found["LatestStreamArn"]}
    assert found["SSEDescription"]["KMSMasterKeyArn"] == key
    assert found["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    backups = dynamodb.describe_continuous_backups(TableName=made.physical_id)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert (
        dynamodb.describe_time_to_live(TableName=made.physical_id)["TimeToLiveDescription"]["AttributeName"] == "Until"
    )
    assert tags_of(dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]) == {"team": "blue"}


def test_a_table_changes_in_place_and_keeps_its_items(stack: Stack, key: str) -> None:
    made = stack.create("Table", "AWS::DynamoDB::Table", **TABLE)
    dynamodb = stack.client("dynamodb")
    dynamodb.put_item(TableName=made.physical_id, Item={"Id": {"S": "cluster"}})
    changed = stack.update(
        "Table",
        SSESpecification={"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": "7"},
        StreamSpecification={"StreamViewType": "KEYS_ONLY"},
        Tags=[{"Key": "Name", "Value": "cluster"}],
    )
    found = table(stack, made)
    backups = dynamodb.describe_continuous_backups(TableName=made.physical_id)["ContinuousBackupsDescription"]
    assert found["ItemCount"] == 1
    assert found["SSEDescription"]["KMSMasterKeyArn"] == key
    assert found["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert changed.attributes["StreamArn"] != made.attributes["StreamArn"]
    assert backups["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 7


def test_a_protected_table_is_deleted_only_after_its_protection_ended(stack: Stack) -> None:
    stack.create("Table", "AWS::DynamoDB::Table", **TABLE, DeletionProtectionEnabled="true")
    resource = stack.made["Table"]
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        stack.delete("Table")
    stack.made["Table"] = resource
    stack.update("Table", DeletionProtectionEnabled=False)
    stack.delete("Table")
    assert resource[1] not in stack.client("dynamodb").list_tables()["TableNames"]


def test_an_unknown_key_inside_a_tables_property_is_named(stack: Stack) -> None:
    with pytest.raises(ProviderError, match=r"SSESpecification\.Algorithm"):
        stack.create("Table", "AWS::DynamoDB::Table", **TABLE, SSESpecification={"Algorithm": "x"})


def test_a_bucket_is_configured_as_its_template_says(stack: Stack, key: str) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    made = stack.create(
        "BackupBucket",
        "AWS::S3::Bucket",
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [{"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": default}]
        },
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        PublicAccessBlockConfiguration=dict.fromkeys(blocked, "true"),
        VersioningConfiguration={"Status": "Enabled"},
        LifecycleConfiguration={
            "Rules": [
                {
                    "Id": "recent",
                    "Status": "Enabled",
                    "Prefix": "recent/",
                    "ExpirationInDays": "1",
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                },
                {"Id": "parts", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
            ]
        },
        Tags=[{"Key": "Name", "Value": "backups"}],
    )
    s3, bucket = stack.client("s3"), made.physical_id
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    recent, parts = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert bucket == bucket.lower()
    assert made.attributes["Arn"] == f"arn:aws:s3:::{bucket}"
    assert made.attributes["RegionalDomainName"] == f"{bucket}.s3.us-east-1.amazonaws.com"
    assert encryption == {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert (recent["Filter"], recent["Expiration"]) == ({"Prefix": "recent/"}, {"Days": 1})
    assert recent["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert parts["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert tags_of(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]) == {"team": "blue", "Name": "backups"}


def test_what_a_buckets_template_no_longer_names_is_taken_away(stack: Stack) -> None:
    rule = {"Id": "all", "Status": "Enabled", "ExpirationInDays": 1}
    made = stack.create(
        "Bucket",
        "AWS::S3::Bucket",
        VersioningConfiguration={"Status": "Enabled"},
        LifecycleConfiguration={"Rules": [rule]},
    )
    stack.update("Bucket", VersioningConfiguration=None, LifecycleConfiguration=None)
    s3 = stack.client("s3")
    assert s3.get_bucket_versioning(Bucket=made.physical_id)["Status"] == "Suspended"
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=made.physical_id)


def test_a_bucket_that_holds_something_is_not_deleted(stack: Stack) -> None:
    made = stack.create("Bucket", "AWS::S3::Bucket", VersioningConfiguration={"Status": "Enabled"})
    s3, resource = stack.client("s3"), stack.made["Bucket"]
    version = s3.put_object(Bucket=made.physical_id, Key="snapshot", Body=b"x")["VersionId"]
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        stack.delete("Bucket")
    s3.delete_object(Bucket=made.physical_id, Key="snapshot", VersionId=version)
    stack.made["Bucket"] = resource


def test_a_bucket_policy_is_written_changed_and_taken_away(stack: Stack) -> None:
    made = stack.create("Bucket", "AWS::S3::Bucket")
    stack.create("Policy", "AWS::S3::BucketPolicy", Bucket=made.physical_id, PolicyDocument=DENY)
    with pytest.raises(ProviderError, match="already exists"):
        stack.create("Second", "AWS::S3::BucketPolicy", Bucket=made.physical_id, PolicyDocument=DENY)
    stack.update("Policy", PolicyDocument={**DENY, "Id": "changed"})
    s3 = stack.client("s3")
    assert json.loads(s3.get_bucket_policy(Bucket=made.physical_id)["Policy"])["Id"] == "changed"
    stack.delete("Policy")
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=made.physical_id)


def test_a_parameter_is_overwritten_in_place(stack: Stack) -> None:
    made = stack.create(
        "Setting", "AWS::SSM::Parameter", Name="/probe/setting", Type="String", Value="a", Tags={"Name": "setting"}
    )
    changed = stack.update("Setting", Value="b", Description="second", Tags={"Other": "tag"})
    ssm = stack.client("ssm")
    found = ssm.get_parameter(Name="/probe/setting")["Parameter"]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/probe/setting")["TagList"]
    assert (made.physical_id, found["Value"], found["Version"]) == ("/probe/setting", "b", 2)
    assert changed.attributes["Value"] == "b"
    assert tags_of(tags) == {"team": "blue", "Other": "tag", **SYSTEM_TAGS}


def test_cloudformation_makes_no_secure_string(stack: Stack) -> None:
    with pytest.raises(ProviderError, match="Type must be String or StringList, not 'SecureString'"):
        stack.create("Secret", "AWS::SSM::Parameter", Name="/probe/secret", Type="SecureString", Value="x")


def test_a_parameter_that_exists_is_not_taken_over(stack: Stack) -> None:
    stack.create("Setting", "AWS::SSM::Parameter", Name="/probe/taken", Type="String", Value="a")
    with pytest.raises(ClientError, match="ParameterAlreadyExists"):
        stack.create("Again", "AWS::SSM::Parameter", Name="/probe/taken", Type="String", Value="b")


SESSION = {
    "schemaVersion": "1.0",
    "sessionType": "Standard_Stream",
    "inputs": {"cloudWatchLogGroupName": "sessions", "idleSessionTimeout": "20", "maxSessionDuration": "60"},
}


def test_a_document_of_another_content_is_another_document(stack: Stack) -> None:
    made = stack.create("Session", "AWS::SSM::Document", Content=SESSION, DocumentType="Session")
    ssm = stack.client("ssm")
    found = ssm.get_document(Name=made.physical_id)
    tags = ssm.list_tags_for_resource(ResourceType="Document", ResourceId=made.physical_id)["TagList"]
    assert (json.loads(found["Content"]), found["DocumentType"]) == (SESSION, "Session")
    assert tags_of(tags) == {"team": "blue", **SYSTEM_TAGS}

    tagged = stack.update("Session", Tags=[{"Key": "Name", "Value": "session"}])
    assert tagged.physical_id == made.physical_id
    tags = ssm.list_tags_for_resource(ResourceType="Document", ResourceId=made.physical_id)["TagList"]
    assert tags_of(tags)["Name"] == "session"

    changed = stack.update("Session", Content={**SESSION, "description": "longer"})
    assert changed.physical_id != made.physical_id
    assert json.loads(ssm.get_document(Name=changed.physical_id)["Content"])["description"] == "longer"
    ssm.delete_document(Name=made.physical_id)


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"DocumentType": "Command"}, "DocumentType must be Session"),
        ({"UpdateMethod": "NewVersion"}, "UpdateMethod must be Replace"),
        ({"Content": {**SESSION, "sessionType": "Port"}}, "sessionType Standard_Stream"),
        ({"Content": {**SESSION, "inputs": {"cloudwatchLogGroupName": "x"}}}, "Content.inputs.cloudwatchLogGroupName"),
        ({"Content": {**SESSION, "inputs": {"idleSessionTimeout": "61"}}}, "minutes as text, 1 to 60, not '61'"),
        ({"Content": {**SESSION, "inputs": {"maxSessionDuration": 60}}}, "minutes as text, 1 to 1440, not 60"),
    ],
)
def test_a_session_document_that_systems_manager_would_not_follow_is_refused(
    stack: Stack, properties: dict[str, Any], text: str
) -> None:
    given = {"Content": SESSION, "DocumentType": "Session", **properties}
    with pytest.raises(ProviderError, match=text):
        stack.create("Session", "AWS::SSM::Document", **given)


def test_a_document_with_a_name_of_its_own_is_not_replaced(stack: Stack) -> None:
    stack.create("Named", "AWS::SSM::Document", Name="named", Content=SESSION, DocumentType="Session")
    with pytest.raises(ProviderError, match="custom-named resource requires replacing"):
        stack.update("Named", Content={**SESSION, "description": "longer"})


def test_a_log_group_changes_retention_and_key(stack: Stack, key: str) -> None:
    made = stack.create("Group", "AWS::Logs::LogGroup", RetentionInDays="30", KmsKeyId=key)
    logs = stack.client("logs")

    def found() -> dict[str, Any]:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=made.physical_id)["logGroups"]
        return dict(group)

    assert (found()["retentionInDays"], found()["kmsKeyId"]) == (30, key)
    assert made.attributes["Arn"] == found()["arn"]
    assert made.attributes["Arn"].endswith(f":log-group:{made.physical_id}:*")
    stack.update("Group", RetentionInDays=None, KmsKeyId=None, Tags=[{"Key": "Name", "Value": "logs"}])
    arn = made.attributes["Arn"].removesuffix(":*")
    assert not {"retentionInDays", "kmsKeyId"} & set(found())
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "blue", "Name": "logs", **SYSTEM_TAGS}


def test_a_log_group_with_a_retention_that_logs_does_not_know_fails(stack: Stack) -> None:
    with pytest.raises(ClientError, match="retentionInDays"):
        stack.create("Group", "AWS::Logs::LogGroup", RetentionInDays=2)


def test_a_queue_has_attributes_and_goes_back_to_defaults(stack: Stack, key: str) -> None:
    made = stack.create("Queue", "AWS::SQS::Queue", KmsMasterKeyId=key, MessageRetentionPeriod="1209600")
    sqs = stack.client("sqs")

    def found() -> dict[str, str]:
        return dict(sqs.get_queue_attributes(QueueUrl=made.physical_id, AttributeNames=["All"])["Attributes"])

    assert (found()["KmsMasterKeyId"], found()["MessageRetentionPeriod"]) == (key, "1209600")
    assert made.attributes["Arn"] == found()["QueueArn"]
    assert made.attributes["QueueUrl"] == made.physical_id
    stack.update("Queue", KmsMasterKeyId=None, MessageRetentionPeriod=None, Tags=[{"Key": "Name", "Value": "failures"}])
    assert found()["MessageRetentionPeriod"] == "345600"
    assert not found().get("KmsMasterKeyId")
    assert sqs.list_queue_tags(QueueUrl=made.physical_id)["Tags"] == {"team": "blue", "Name": "failures"}


def test_a_queue_policy_moves_to_another_queue(stack: Stack) -> None:
    first, second = (stack.create(name, "AWS::SQS::Queue") for name in ("First", "Second"))
    send = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    document = {"Version": "2012-10-17", "Statement": [send]}
    stack.create("Policy", "AWS::SQS::QueuePolicy", Queues=[first.physical_id], PolicyDocument=document)
    stack.update("Policy", Queues=[second.physical_id])

    def policy(made: Made) -> str | None:
        names = ["Policy"]
        found = stack.client("sqs").get_queue_attributes(QueueUrl=made.physical_id, AttributeNames=names)
        text: str | None = found.get("Attributes", {}).get("Policy")
        return text

    assert policy(first) is None
    assert json.loads(policy(second) or "{}") == document


def test_a_policy_for_a_queue_that_does_not_exist_fails(stack: Stack) -> None:
    url = f"{stack.aws.endpoint}/123456789012/nobodys-queue"
    with pytest.raises(ClientError, match="NonExistentQueue"):
        stack.create("Policy", "AWS::SQS::QueuePolicy", Queues=[url], PolicyDocument={"Statement": []})

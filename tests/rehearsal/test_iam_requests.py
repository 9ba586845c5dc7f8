"""From boto3's real requests to the permissions that they need, protocol by protocol."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws import resource_facts
from rehearsal.aws.iam import requests
from rehearsal.aws.iam.requests import parsing
from rehearsal.aws.iam.requests.asked import Need, NotModelled
from rehearsal.aws.iam.state import LocalState
from rehearsal.aws.server import Call, LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.iam_operations import ACCOUNT, BUCKET, OPERATIONS, TABLE

KEYS = [{"AttributeName": "Id", "KeyType": "HASH"}]
TYPES = [{"AttributeName": "Id", "AttributeType": "S"}]

Asking = Callable[..., list[Need]]


@dataclass(frozen=True)
class Resources:
    """What the requests of the tests are about."""

    key: str
    group: str
    stack: str


@pytest.fixture(scope="module")
def resources(aws: LocalAws, network: LaunchNetwork) -> Resources:
    """A customer key and what is encrypted with it, table, bucket, queue, parameter; also a group and a stack."""
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws.client("kms").create_alias(AliasName="alias/mine", TargetKeyId=key)
    table = {"KeySchema": KEYS, "AttributeDefinitions": TYPES, "BillingMode": "PAY_PER_REQUEST"}
    encryption = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    aws.client("dynamodb").create_table(TableName="cluster", SSESpecification=encryption, **table)
    aws.client("dynamodb").create_table(TableName="open", **table)
    aws.client("s3").create_bucket(Bucket="backups")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    aws.client("s3").put_bucket_encryption(Bucket="backups", ServerSideEncryptionConfiguration={"Rules": [rule]})
    aws.client("s3").put_object(Bucket="backups", Key="old", Body=b"x")
    aws.client("s3").create_bucket(Bucket="plain-bucket")
    aws.client("sqs").create_queue(QueueName="failures", Attributes={"KmsMasterKeyId": key})
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/c/pki/ca", Value="x", Type="SecureString", KeyId=key)
    ssm.put_parameter(Name="/c/pki/aws", Value="x", Type="SecureString")
    ssm.put_parameter(Name="/c/settings", Value="x", Type="String")
    aws.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="slot",
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=network.zones,
        LaunchTemplate={"LaunchTemplateId": network.template},
    )
    group = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"]
    template = json.dumps(
        {"Resources": {"Topic": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}}}
    )
    stack = aws.client("cloudformation").create_stack(StackName="root", TemplateBody=template)["StackId"]
    aws.client("cloudformation").get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    return Resources(key, group, stack)


@pytest.fixture
def asking(aws: LocalAws, resources: Resources) -> Iterator[Asking]:
    """Sends a request and returns the permissions that it needs; whether the service likes it does not matter."""
    seen: list[list[Need] | NotModelled] = []

    def look(call: Call) -> None:
        try:
            seen.append(requests.needs(parsing.parse(call, aws.account_id), LocalState(aws.facts)))
        except NotModelled as error:
            seen.append(error)

    def ask(service: str, operation: str, **parameters: Any) -> list[Need]:
        seen.clear()
        with contextlib.suppress(ClientError):
            getattr(aws.client(service), operation)(**parameters)
        (found,) = seen
        if isinstance(found, NotModelled):
            raise found
        return found

    aws.guard(look)
    yield ask
    aws._guards.remove(look)


def test_services_tell_of_every_kind_of_resource(aws: LocalAws) -> None:
    kinds = [each for each in vars(resource_facts).values() if isinstance(each, resource_facts.Kind)]
    assert [kind.name for kind in kinds if not aws.facts.of(kind)] == []
    assert len(kinds) > 1


def short(needs: list[Need]) -> list[tuple[str, str, str | None]]:
    return [(need.action, need.resource, need.via) for need in needs]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "action", "resource"),
    OPERATIONS,
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_operation_needs_its_action_on_the_resource_it_names(
    asking: Asking, service: str, operation: str, parameters: dict[str, Any], action: str, resource: str
) -> None:
    assert short(asking(service, operation, **parameters)) == [(action, resource, None)]


def test_asking_who_one_is_needs_nothing(asking: Asking) -> None:
    assert asking("sts", "get_caller_identity") == []


@pytest.mark.parametrize(
    ("operation", "parameters", "leading"),
    [
        ("get_item", {"Key": {"Id": {"S": "cluster"}}}, ("cluster",)),
        ("put_item", {"Item": {"Id": {"S": "boot#i"}, "Other": {"S": "x"}}}, ("boot#i",)),
        ("delete_item", {"Key": {"Id": {"S": "lease"}}}, ("lease",)),
        (
            "query",
            {
                "KeyConditionExpression": "#k = :v",
                "ExpressionAttributeNames": {"#k": "Id"},
                "ExpressionAttributeValues": {":v": {"S": "cluster"}},
            },
            ("cluster",),
        ),
        (
            "query",
            {"KeyConditions": {"Id": {"AttributeValueList": [{"S": "cluster"}], "ComparisonOperator": "EQ"}}},
            ("cluster",),
        ),
    ],
)
def test_an_item_gives_the_leading_key(
    asking: Asking, operation: str, parameters: dict[str, Any], leading: tuple[str, ...]
) -> None:
    (need,) = asking("dynamodb", operation, TableName="open", **parameters)
    assert need.values == {"dynamodb:LeadingKeys": leading}


def test_a_transaction_needs_the_action_of_each_part_and_the_tables_key(asking: Asking, resources: Resources) -> None:
    item = {"TableName": "cluster", "Key": {"Id": {"S": "a"}}}
    needs = asking(
        "dynamodb",
        "transact_write_items",
        TransactItems=[
            {"ConditionCheck": {**item, "ConditionExpression": "attribute_exists(Id)"}},
            {"Put": {"TableName": "cluster", "Item": {"Id": {"S": "b"}}}},
            {
                "Update": {
                    "TableName": "open",
                    "Key": {"Id": {"S": "c"}},
                    "UpdateExpression": "SET x = :x",
                    "ExpressionAttributeValues": {":x": {"S": "y"}},
                }
            },
            {"Delete": {"TableName": "cluster", "Key": {"Id": {"S": "d"}}}},
        ],
    )
    assert [(need.action, need.values.get("dynamodb:LeadingKeys")) for need in needs if need.via is None] == [
        ("dynamodb:ConditionCheckItem", ("a",)),
        ("dynamodb:PutItem", ("b",)),
        ("dynamodb:UpdateItem", ("c",)),
        ("dynamodb:DeleteItem", ("d",)),
    ]
    assert short([need for need in needs if need.via]) == [("kms:Decrypt", resources.key, "dynamodb")]


def test_a_batch_gives_the_leading_keys_of_all_its_items(asking: Asking) -> None:
    (need,) = asking(
        "dynamodb",
        "batch_write_item",
        RequestItems={
            "open": [{"PutRequest": {"Item": {"Id": {"S": "a"}}}}, {"DeleteRequest": {"Key": {"Id": {"S": "b"}}}}]
        },
    )
    assert (need.action, need.values) == ("dynamodb:BatchWriteItem", {"dynamodb:LeadingKeys": ("a", "b")})


def test_a_stream_is_its_own_resource(aws: LocalAws, asking: Asking) -> None:
    stream = f"{TABLE}/stream/now"
    assert short(asking("dynamodbstreams", "describe_stream", StreamArn=stream)) == [
        ("dynamodb:DescribeStream", stream, None)
    ]
    assert short(asking("dynamodbstreams", "get_records", ShardIterator=f"{stream}|1|x"))[0] == (
        "dynamodb:GetRecords",
        stream,
        None,
    )


def test_a_secret_needs_its_key_through_parameter_store(asking: Asking, resources: Resources) -> None:
    parameter = f"arn:aws:ssm:{ACCOUNT}:parameter/c/pki/ca"
    needs = asking("ssm", "get_parameter", Name="/c/pki/ca", WithDecryption=True)
    assert short(needs) == [("ssm:GetParameter", parameter, None), ("kms:Decrypt", resources.key, "ssm")]
    assert needs[1].values["kms:EncryptionContext:PARAMETER_ARN"] == parameter
    assert len(asking("ssm", "get_parameter", Name="/c/pki/ca")) == 1, "without decryption the key is not used"
    assert len(asking("ssm", "get_parameter", Name="/c/pki/aws", WithDecryption=True)) == 1, "AWS's own key is open"
    below = asking("ssm", "get_parameters_by_path", Path="/c", Recursive=True, WithDecryption=True)
    assert [need.action for need in below] == ["ssm:GetParametersByPath", "kms:Decrypt"]
    assert [need.action for need in asking("ssm", "get_parameters", Names=["/a", "/b"])] == ["ssm:GetParameters"] * 2


def test_a_document_that_gets_tags_takes_the_right_to_tag_it(asking: Asking) -> None:
    resource, tags = f"arn:aws:ssm:{ACCOUNT}:document/shells", [{"Key": "team", "Value": "blue"}]
    made = asking("ssm", "create_document", Name="shells", Content="{}", Tags=tags)
    assert short(made) == [("ssm:CreateDocument", resource, None), ("ssm:AddTagsToResource", resource, None)]
    assert {need.values["aws:RequestTag/team"] for need in made} == {"blue"}
    assert short(asking("ssm", "delete_document", Name="shells")) == [("ssm:DeleteDocument", resource, None)]
    tagged = {"ResourceType": "Document", "ResourceId": "shells"}
    assert short(asking("ssm", "list_tags_for_resource", **tagged)) == [("ssm:ListTagsForResource", resource, None)]


@pytest.mark.parametrize(("tier", "action"), [("Standard", "kms:Encrypt"), ("Advanced", "kms:GenerateDataKey")])
def test_a_secret_is_encrypted_as_its_tier_says(asking: Asking, resources: Resources, tier: str, action: str) -> None:
    needs = asking(
        "ssm", "put_parameter", Name=f"/{tier}", Value="x", Type="SecureString", KeyId="alias/mine", Tier=tier
    )
    assert short(needs)[1:] == [(action, resources.key, "ssm")]


def test_objects_need_the_key_of_their_bucket(asking: Asking, resources: Resources) -> None:
    put = asking("s3", "put_object", Bucket="backups", Key="new", Body=b"x")
    assert short(put) == [("s3:PutObject", f"{BUCKET}/new", None), ("kms:GenerateDataKey", resources.key, "s3")]
    assert put[1].values["kms:EncryptionContext:aws:s3:arn"] == f"{BUCKET}/new"
    got = asking("s3", "get_object", Bucket="backups", Key="old")
    assert short(got)[1:] == [("kms:Decrypt", resources.key, "s3")]
    plain = asking("s3", "put_object", Bucket="backups", Key="new", Body=b"x", ServerSideEncryption="AES256")
    assert len(plain) == 1
    upload = asking("s3", "create_multipart_upload", Bucket="backups", Key="big")
    assert [need.action for need in upload] == ["s3:PutObject", "kms:GenerateDataKey"]
    part = asking("s3", "upload_part", Bucket="backups", Key="big", UploadId="u", PartNumber=1, Body=b"x")
    assert [need.action for need in part] == ["s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt"]


def test_a_copy_needs_to_read_its_source(asking: Asking, resources: Resources) -> None:
    needs = asking(
        "s3", "copy_object", Bucket="plain-bucket", Key="copy", CopySource={"Bucket": "backups", "Key": "old"}
    )
    assert short(needs) == [
        ("s3:PutObject", "arn:aws:s3:::plain-bucket/copy", None),
        ("s3:GetObject", f"{BUCKET}/old", None),
        ("kms:Decrypt", resources.key, "s3"),
    ]


def test_deleting_several_objects_needs_the_action_on_each(asking: Asking) -> None:
    objects = [{"Key": "a"}, {"Key": "b", "VersionId": "1"}]
    assert short(asking("s3", "delete_objects", Bucket="backups", Delete={"Objects": objects})) == [
        ("s3:DeleteObject", f"{BUCKET}/a", None),
        ("s3:DeleteObjectVersion", f"{BUCKET}/b", None),
    ]


def test_a_listing_gives_prefix_and_delimiter(asking: Asking) -> None:
    (need,) = asking("s3", "list_objects_v2", Bucket="plain-bucket", Prefix="a/", Delimiter="/")
    assert need.values == {"s3:prefix": "a/", "s3:delimiter": "/"}


def test_a_queue_needs_its_key(aws: LocalAws, asking: Asking, resources: Resources) -> None:
    url = f"{aws.endpoint}/123456789012/failures"
    queue = f"arn:aws:sqs:{ACCOUNT}:failures"
    expected = [
        ("sqs:SendMessage", queue, None),
        ("kms:GenerateDataKey", resources.key, "sqs"),
        ("kms:Decrypt", resources.key, "sqs"),
    ]
    assert short(asking("sqs", "send_message", QueueUrl=url, MessageBody="m")) == expected
    entries = [{"Id": "1", "MessageBody": "m"}]
    assert short(asking("sqs", "send_message_batch", QueueUrl=url, Entries=entries)) == expected
    assert short(asking("sqs", "get_queue_url", QueueName="failures")) == [("sqs:GetQueueUrl", queue, None)]


def test_kms_names_keys_by_id_alias_or_ciphertext(aws: LocalAws, asking: Asking, resources: Resources) -> None:
    context = {"purpose": "test"}
    (encrypt,) = asking("kms", "encrypt", KeyId="alias/mine", Plaintext=b"x", EncryptionContext=context)
    assert (encrypt.action, encrypt.resource) == ("kms:Encrypt", resources.key)
    assert encrypt.values == {"kms:EncryptionContext:purpose": "test", "kms:EncryptionContextKeys": ("purpose",)}
    secret = aws.client("kms").encrypt(KeyId=resources.key, Plaintext=b"x")["CiphertextBlob"]
    assert short(asking("kms", "decrypt", CiphertextBlob=secret)) == [("kms:Decrypt", resources.key, None)]
    again = asking("kms", "re_encrypt", CiphertextBlob=secret, DestinationKeyId=resources.key)
    assert [need.action for need in again] == ["kms:ReEncryptFrom", "kms:ReEncryptTo"]
    (grant,) = asking("kms", "create_grant", KeyId=resources.key, GranteePrincipal="r", Operations=["Decrypt"])
    assert grant.values == {"kms:GrantIsForAWSResource": "false"}


def test_groups_are_found_by_name_and_stacks_by_name_or_id(asking: Asking, resources: Resources) -> None:
    hook = {"LifecycleHookName": "h", "LifecycleActionResult": "CONTINUE", "InstanceId": "i-1"}
    assert short(asking("autoscaling", "complete_lifecycle_action", AutoScalingGroupName="slot", **hook)) == [
        ("autoscaling:CompleteLifecycleAction", resources.group, None)
    ]
    nobodys = f"arn:aws:autoscaling:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/*"
    assert short(asking("autoscaling", "set_instance_health", InstanceId="i-1", HealthStatus="Unhealthy")) == [
        ("autoscaling:SetInstanceHealth", nobodys, None)
    ]
    signal = {"LogicalResourceId": "X", "UniqueId": "i", "Status": "SUCCESS"}
    for name in ("root", resources.stack):
        assert short(asking("cloudformation", "signal_resource", StackName=name, **signal)) == [
            ("cloudformation:SignalResource", resources.stack, None)
        ]


def test_a_change_set_stands_for_its_stack_and_one_that_is_not_there_for_any(
    aws: LocalAws, asking: Asking, resources: Resources
) -> None:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "y"}}
    template = json.dumps({"Resources": {"Topic": parameter}})
    made = aws.client("cloudformation").create_change_set(
        StackName="root", ChangeSetName="c", TemplateBody=template, ChangeSetType="UPDATE"
    )["Id"]
    for operation in ("describe_change_set", "delete_change_set"):
        needs = asking("cloudformation", operation, ChangeSetName=made)
        action = "".join(word.capitalize() for word in operation.split("_"))
        assert short(needs) == [(f"cloudformation:{action}", resources.stack, None)]
        assert needs[0].values == {"cloudformation:ChangeSetName": made}
    gone = f"arn:aws:cloudformation:{ACCOUNT}:changeSet/c/0"
    assert short(asking("cloudformation", "describe_change_set", ChangeSetName=gone)) == [
        ("cloudformation:DescribeChangeSet", f"arn:aws:cloudformation:{ACCOUNT}:stack/*/*", None)
    ]


def test_instances_need_all_that_they_use_and_make(asking: Asking) -> None:
    launch = {"MinCount": 1, "MaxCount": 1, "ImageId": "ami-1", "DryRun": True}
    made = [f"arn:aws:ec2:{ACCOUNT}:{kind}/*" for kind in ("instance", "network-interface", "volume")]
    image = "arn:aws:ec2:us-east-1::image/ami-1"
    found = [f"arn:aws:ec2:{ACCOUNT}:{kind}/*" for kind in ("subnet", "security-group")]
    assert [need.resource for need in asking("ec2", "run_instances", **launch)] == [image, *made, *found]
    named = {"SubnetId": "subnet-1", "SecurityGroupIds": ["sg-1"]}
    resources = [f"arn:aws:ec2:{ACCOUNT}:{each}" for each in ("security-group/sg-1", "subnet/subnet-1")]
    assert [need.resource for need in asking("ec2", "run_instances", **launch, **named)] == [image, *resources, *made]


def test_finding_by_tags_needs_the_tagging_services_permission(asking: Asking) -> None:
    needs = asking("resourcegroupstaggingapi", "get_resources", TagFilters=[{"Key": "a"}])
    assert short(needs) == [("tag:GetResources", "*", None)]


def test_tags_of_a_request_are_condition_keys(asking: Asking) -> None:
    needs = asking("ec2", "create_tags", Resources=["i-1", "vol-1"], Tags=[{"Key": "team", "Value": "a"}])
    assert [need.resource.rpartition(":")[2] for need in needs] == ["instance/i-1", "volume/vol-1"]
    assert needs[0].values == {"aws:RequestTag/team": "a", "aws:TagKeys": ("team",)}


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "action"),
    [
        (
            "ec2",
            "run_instances",
            {"MinCount": 1, "MaxCount": 1, "LaunchTemplate": {"LaunchTemplateName": "t"}},
            "ec2:RunInstances",
        ),
        ("dynamodb", "execute_statement", {"Statement": "SELECT * FROM x"}, "dynamodb:PartiQLSelect"),
        ("cloudtrail", "describe_trails", {}, "cloudtrail:DescribeTrails"),
    ],
)
def test_a_request_whose_resources_are_not_known_is_named(
    asking: Asking, service: str, operation: str, parameters: dict[str, Any], action: str
) -> None:
    with pytest.raises(NotModelled, match=f"does not know which resources {action} is about"):
        asking(service, operation, **parameters)

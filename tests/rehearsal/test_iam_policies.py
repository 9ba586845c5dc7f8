"""Which policies have a say in the requests of roles, and what the report of a run holds."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from rehearsal.aws.iam.enforcement import Enforcement, enforcement_of
from rehearsal.aws.server import Call, LocalAws
from tests.rehearsal.compute import make_queue
from tests.rehearsal.iam_actors import ACCOUNT, PARAMETER, Actor, act, allow, dial, document, error


@pytest.fixture
def enforcement(aws: LocalAws) -> Enforcement:
    return enforcement_of(aws)


def test_a_changed_policy_holds_from_the_next_request_on(aws: LocalAws) -> None:
    actor = act(aws, allow("ssm:DescribeParameters"))
    actor.client("ssm").describe_parameters()
    name = actor.session.identity_arn.rpartition("/")[2]
    aws.client("iam").put_role_policy(
        RoleName=name, PolicyName="no", PolicyDocument=document({**allow("ssm:*"), "Effect": "Deny"})
    )
    code, message = error(actor.client("ssm").describe_parameters)
    assert code == "AccessDeniedException"
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_managed_policies_and_boundaries_count(aws: LocalAws) -> None:
    iam = aws.client("iam")
    lists = iam.create_policy(PolicyName="lists", PolicyDocument=document(allow("sqs:ListQueues")))["Policy"]["Arn"]
    actor = act(aws, allow("ssm:DescribeParameters"), boundary=lists)
    assert error(actor.client("ssm").describe_parameters)[1].endswith(
        "because no permissions boundary allows the ssm:DescribeParameters action"
    )
    error(actor.client("sqs").list_queues)
    iam.attach_role_policy(RoleName=actor.session.identity_arn.rpartition("/")[2], PolicyArn=lists)
    actor.client("sqs").list_queues()


def test_a_secret_needs_its_key_as_well(aws: LocalAws) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws.client("ssm").put_parameter(Name="/secret", Value="v", Type="SecureString", KeyId=key)
    read = allow("ssm:GetParameter")
    without = act(aws, read)
    without.client("ssm").get_parameter(Name="/secret")
    told = error(without.client("ssm").get_parameter, Name="/secret", WithDecryption=True)
    assert f"kms:Decrypt on resource: {key} because no identity-based policy" in told[1]
    through = {"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}}
    through["StringEquals"]["kms:EncryptionContext:PARAMETER_ARN"] = f"{PARAMETER}/secret"
    actor = act(aws, read, allow("kms:Decrypt", key, Condition=through))
    assert actor.client("ssm").get_parameter(Name="/secret", WithDecryption=True)["Parameter"]["Value"] == "v"
    secret = aws.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert error(actor.client("kms").decrypt, CiphertextBlob=secret)[0] == "AccessDeniedException", "not by itself"


def test_a_key_that_does_not_leave_it_to_the_account_is_closed(aws: LocalAws) -> None:
    nobody = document({**allow("kms:*"), "Principal": {"AWS": "arn:aws:iam::123456789012:role/nobody"}})
    key = aws.client("kms").create_key(Policy=nobody)["KeyMetadata"]["Arn"]
    told = error(act(aws, allow("kms:*")).client("kms").encrypt, KeyId=key, Plaintext=b"x")
    assert told[1].endswith("because no resource-based policy allows the kms:Encrypt action")


def test_a_buckets_policy_counts(aws: LocalAws) -> None:
    aws.client("s3").create_bucket(Bucket="guarded")
    closed = {**allow("s3:DeleteObject", "arn:aws:s3:::guarded/*"), "Effect": "Deny", "Principal": "*"}
    insecure = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    plain = {**allow("s3:*", "arn:aws:s3:::guarded/*"), "Effect": "Deny", "Principal": "*", **insecure}
    aws.client("s3").put_bucket_policy(Bucket="guarded", Policy=document(closed, plain))
    s3 = act(aws, allow("s3:*")).client("s3")
    s3.put_object(Bucket="guarded", Key="k", Body=b"x")
    assert error(s3.delete_object, Bucket="guarded", Key="k")[1].endswith("explicit deny in a resource-based policy")


def test_the_tags_of_an_instance_count(aws: LocalAws) -> None:
    ec2 = aws.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    mine, other = (
        each["InstanceId"]
        for each in ec2.run_instances(ImageId=image, InstanceType="m5.large", MinCount=2, MaxCount=2)["Instances"]
    )
    ec2.create_tags(Resources=[mine], Tags=[{"Key": "Cluster", "Value": "c"}])
    tagged = {"StringEquals": {"aws:ResourceTag/Cluster": "c"}}
    actor = act(aws, allow("ec2:ModifyInstanceAttribute", f"arn:aws:ec2:{ACCOUNT}:instance/*", Condition=tagged))
    change = actor.client("ec2").modify_instance_attribute
    change(InstanceId=mine, DisableApiTermination={"Value": False})
    assert error(change, InstanceId=other, DisableApiTermination={"Value": False})[0] == "UnauthorizedOperation"


def test_an_instance_is_known_by_its_credentials(aws: LocalAws) -> None:
    table = {"AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
    aws.client("dynamodb").create_table(
        TableName="rows", KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}], **table
    )
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["boot#${ec2:SourceInstanceARN}"]}}
    vpc = {"StringEquals": {"aws:EC2InstanceSourceVPC": "vpc-1", "aws:EC2InstanceSourcePrivateIPv4": "10.0.0.5"}}
    statement = allow("dynamodb:PutItem", Condition={**own, **vpc})
    node: dict[str, Any] = {"instance_arn": "arn:i-1", "vpc_id": "vpc-1", "private_ip": "10.0.0.5"}

    def put(actor: Actor, row: str) -> None:
        actor.client("dynamodb").put_item(TableName="rows", Item={"Id": {"S": row}})

    put(act(aws, statement, **node), "boot#arn:i-1")
    for actor, row in (
        (act(aws, statement, **node), "boot#arn:i-2"),
        (act(aws, statement, **{**node, "vpc_id": "vpc-2"}), "boot#arn:i-1"),
        (act(aws, statement), "boot#arn:i-1"),
    ):
        assert error(put, actor=actor, row=row)[0] == "AccessDeniedException"


@dataclass(frozen=True)
class Gateway:
    """A VPC endpoint with a policy."""

    policy: str | None
    endpoint_id: str = "vpce-1"
    vpc_id: str = "vpc-2"


@pytest.fixture
def inside(aws: LocalAws, enforcement: Enforcement) -> Iterator[str]:
    """Where the local AWS is from inside a VPC, through an endpoint that lets only Parameter Store and S3 through."""
    policy = document({**allow(["ssm:*", "s3:*"]), "Principal": "*"})

    def lookup(call: Call) -> Gateway | None:
        return Gateway(policy) if call.origin is not None else None

    with socket.create_server(("127.0.0.1", 0)) as listening:
        aws.serve_inside(listening, "vpc-1")
        enforcement.endpoint_lookup = lookup
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        enforcement.endpoint_lookup = None


def test_a_request_from_inside_a_vpc_carries_its_endpoint_and_the_vpc_of_that(aws: LocalAws, inside: str) -> None:
    way = {"aws:SourceVpc": "vpc-2", "aws:SourceVpce": "vpce-1", "aws:VpcSourceIp": "127.0.0.1"}
    actor = act(aws, allow("ssm:DescribeParameters", Condition={"StringEquals": way, "Null": {"aws:SourceIp": "true"}}))
    dial(inside, "ssm", actor.session).describe_parameters()
    assert error(actor.client("ssm").describe_parameters)[0] == "AccessDeniedException", "not from outside"


def test_the_policy_of_an_endpoint_has_to_allow_it_too(aws: LocalAws, inside: str) -> None:
    actor = act(aws, allow("sqs:ListQueues"))
    actor.client("sqs").list_queues()
    told = error(dial(inside, "sqs", actor.session).list_queues)
    assert told[1].endswith("because no VPC endpoint policy allows the sqs:ListQueues action")


def test_a_service_acts_for_a_caller_from_outside_the_callers_network(aws: LocalAws, inside: str) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws.client("ssm").put_parameter(Name="/inside", Value="v", Type="SecureString", KeyId=key)
    in_vpc = {"StringEquals": {"aws:SourceVpc": "vpc-2"}}
    read = allow("ssm:GetParameter", Condition=in_vpc)
    get = dial(inside, "ssm", act(aws, read, allow("kms:Decrypt")).session).get_parameter
    assert get(Name="/inside", WithDecryption=True)["Parameter"]["Value"] == "v"
    confined = dial(inside, "ssm", act(aws, read, allow("kms:Decrypt", Condition=in_vpc)).session).get_parameter
    assert "kms:Decrypt" in error(confined, Name="/inside", WithDecryption=True)[1]


def test_signatures_fit_from_inside_too(aws: LocalAws, inside: str) -> None:
    aws.client("s3").create_bucket(Bucket="inside")
    s3 = dial(inside, "s3", act(aws, allow("s3:*")).session)
    s3.put_object(Bucket="inside", Key="a b", Body=b"x")
    assert s3.get_object(Bucket="inside", Key="a b")["Body"].read() == b"x"


def test_nobody_inside_a_vpc_is_an_operator(aws: LocalAws, inside: str) -> None:
    invented = replace(act(aws).session, access_key_id="local")
    assert error(dial(inside, "ssm", invented).describe_parameters)[0] == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("statement", "service", "operation", "parameters", "told"),
    [
        (
            allow("ssm:*", Condition={"StringEquals": {"aws:SourceVpcArn": "x"}}),
            "ssm",
            "describe_parameters",
            {},
            "does not know the condition key aws:SourceVpcArn",
        ),
        (
            allow("ec2:*"),
            "ec2",
            "run_instances",
            {"MinCount": 1, "MaxCount": 1, "LaunchTemplate": {"LaunchTemplateName": "t"}},
            "does not know which resources ec2:RunInstances is about",
        ),
        (
            allow("sqs:*", Condition={"StringEquals": {"aws:ResourceTag/a": "b"}}),
            "sqs",
            "get_queue_url",
            {"QueueName": "q"},
            "does not know the condition key aws:ResourceTag/a",
        ),
    ],
)
def test_what_cannot_be_judged_is_said_and_neither_allowed_nor_denied(
    aws: LocalAws, statement: dict[str, Any], service: str, operation: str, parameters: dict[str, Any], told: str
) -> None:
    code, message = error(getattr(act(aws, statement).client(service), operation), **parameters)
    assert code == "NotImplemented"
    assert told in message


def test_a_keys_tags_count(aws: LocalAws) -> None:
    kms, tagged = aws.client("kms"), [{"TagKey": "team", "TagValue": "blue"}]
    blue = kms.create_key(Tags=tagged)["KeyMetadata"]["KeyId"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    actor = act(aws, allow("kms:*", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}})).client("kms")
    assert actor.describe_key(KeyId=blue)["KeyMetadata"]["KeyId"] == blue
    assert error(actor.describe_key, KeyId=other)[0] == "AccessDeniedException"


def test_eventbridge_needs_the_queues_leave(aws: LocalAws, enforcement: Enforcement) -> None:
    _, queue = make_queue(aws, "letters")
    source = {"aws:SourceArn": "arn:rule", "aws:SourceAccount": "123456789012"}
    assert enforcement.sending_problem("events.amazonaws.com", queue, source) is None
    problem = enforcement.sending_problem("scheduler.amazonaws.com", queue, source)
    assert problem is not None
    assert problem.startswith(f"scheduler.amazonaws.com may not sqs:SendMessage on {queue}")


def test_eventbridge_tells_the_queue_its_rule_and_kms_nothing(aws: LocalAws, enforcement: Enforcement) -> None:
    source = {"aws:SourceArn": "arn:rule", "aws:SourceAccount": ACCOUNT}
    by_source = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    kms, sqs = aws.client("kms"), aws.client("sqs")
    service = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Resource": "*"}
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    url, queue = make_queue(aws, "encrypted-letters")
    sends = document({**service, "Action": "sqs:SendMessage", "Condition": by_source})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": sends, "KmsMasterKeyId": key})

    def problem(**condition: Any) -> str | None:
        uses = {**service, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], **condition}
        owner = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**owner, "Resource": "*"}, uses]})
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
        return enforcement.sending_problem("events.amazonaws.com", queue, source)

    assert problem() is None
    assert str(problem(Condition=by_source)).startswith("events.amazonaws.com may not kms:")
    assert enforcement.sending_problem("events.amazonaws.com", queue, {}) is not None


def test_the_report_lists_what_was_denied_and_what_was_never_used(aws: LocalAws) -> None:
    actor = act(aws, allow(["ssm:DescribeParameters", "ssm:GetParameter", "sqs:List*"], Sid="It"))
    for _ in range(2):
        error(actor.client("ssm").put_parameter, Name="/x", Value="v", Type="String")
    actor.client("ssm").describe_parameters()
    actor.client("sqs").list_queues()
    with urllib.request.urlopen(f"{aws.endpoint}/_iam/report") as answer:
        report = json.load(answer)
    role = actor.session.identity_arn
    (denied,) = [each for each in report["denied"] if each["identity"] == role]
    assert (denied["action"], denied["resource"], denied["count"]) == ("ssm:PutParameter", f"{PARAMETER}/x", 2)
    assert denied["reason"] == "because no identity-based policy allows the ssm:PutParameter action"
    unused = [each for each in report["unused"] if each["identity"] == role]
    assert [(each["sid"], each["action"]) for each in unused] == [("It", "ssm:GetParameter")]
    assert {each["action"] for each in report["used"] if each["identity"] == role} == {
        "ssm:DescribeParameters",
        "sqs:ListQueues",
    }
    with urllib.request.urlopen(f"{aws.endpoint}/_iam/report?text") as answer:
        text = answer.read().decode()
    assert f"ssm:PutParameter on {PARAMETER}/x because no identity-based policy allows" in text
    assert f"{role.rpartition('/')[2]}: ssm:GetParameter (It)" in text

"""What the tests of groups, functions and events share: a network to launch into, zips, queues, and waiting."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rehearsal.aws.cloudformation.provider import Context
from rehearsal.aws.server import LocalAws

T = TypeVar("T")


@dataclass(frozen=True)
class LaunchNetwork:
    """Where groups are made: three subnets in three zones, and a launch template."""

    subnets: tuple[str, ...]
    template: str

    @property
    def zones(self) -> str:
        return ",".join(self.subnets)


def make_network(aws: LocalAws, **template: Any) -> LaunchNetwork:
    """A VPC with a subnet in each of three zones and a launch template of a protected instance."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{aws.region}{zone}")["Subnet"][
            "SubnetId"
        ]
        for number, zone in enumerate("abc")
    )
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    data = {"ImageId": image, "InstanceType": "m5.large", "DisableApiTermination": True, **template}
    made = ec2.create_launch_template(LaunchTemplateName=f"network-{vpc}", LaunchTemplateData=data)
    return LaunchNetwork(subnets, made["LaunchTemplate"]["LaunchTemplateId"])


def zip_of(files: Mapping[str, str]) -> bytes:
    """A zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


EXECUTION_ACTIONS = """dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams
logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents sqs:SendMessage""".split()
"""What Lambda does with a function's role: AWSLambdaDynamoDBExecutionRole, and messages on failures."""


def make_role(iam: Any, name: str) -> str:
    """The ARN of a role that lets Lambda serve a function."""
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    allow = {"Effect": "Allow", "Action": EXECUTION_ACTIONS, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allow]}
    iam.put_role_policy(RoleName=name, PolicyName="execution", PolicyDocument=json.dumps(document))
    return str(made["Role"]["Arn"])


def make_function(aws: LocalAws, name: str, code: str, **settings: Any) -> str:
    """A function whose module `app` is the given code and whose handler is `app.handle`; returns its ARN."""
    request = {
        "Runtime": "python3.13",
        "Handler": "app.handle",
        "Role": make_role(aws.client("iam"), f"{name}-role"),
        **settings,
    }
    made = aws.client("lambda").create_function(
        FunctionName=name, Code={"ZipFile": zip_of({"app.py": code})}, **request
    )
    return str(made["FunctionArn"])


def make_queue(aws: LocalAws, name: str) -> tuple[str, str]:
    """The URL and ARN of a queue that EventBridge may send to."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    return url, arn


def take(aws: LocalAws, url: str) -> list[dict[str, Any]]:
    """The messages that are in a queue now, taken out of it; `Body` is parsed, `Attributes` are plain texts."""
    sqs = aws.client("sqs")
    taken: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
    ).get("Messages", []):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            attributes = {key: value["StringValue"] for key, value in message.get("MessageAttributes", {}).items()}
            taken.append({"Body": json.loads(message["Body"]), "Attributes": attributes})
    return taken


def log_lines(aws: LocalAws, group: str) -> list[str]:
    """Everything that stands in a log group."""
    events = aws.client("logs").filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in events]


def context(aws: LocalAws, logical_id: str, **more: Any) -> Context:
    """A resource's surroundings in a stack, for calling a provider as the engine does."""
    stack_id = f"arn:aws:cloudformation:{aws.region}:{aws.account_id}:stack/test/0b1c"
    tags = {"aws:cloudformation:stack-name": "test", "aws:cloudformation:stack-id": stack_id, "owner": "tests"}
    return Context(
        aws.region, aws.account_id, "aws", stack_id, "test", logical_id, tags, aws.clock, client_for=aws.client, **more
    )

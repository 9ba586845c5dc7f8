"""Plain moto's answers, one for each fault that the local AWS corrects in Lambda, EventBridge and streams.

Run as a module in a process of its own, where nothing is corrected. Prints one JSON object: probe -> what moto did.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import boto3
from moto import mock_aws

from tests.rehearsal.compute import zip_of

REGION = "us-east-1"
Made = dict[str, Any]


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def function(**settings: Any) -> str:
    role = client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = {"ZipFile": zip_of({"app.py": "def handle(event, context):\n    return 41 + 1\n"})}
    made = client("lambda").create_function(
        FunctionName="f", Runtime="python3.13", Handler="app.handle", Role=role, Code=code, **settings
    )
    return str(made["FunctionArn"])


def invoke() -> str:
    """What a function that returns 42 answers."""
    function()
    return str(client("lambda").invoke(FunctionName="f")["Payload"].read().decode())


def logging_config() -> Any:
    """The log group that a function was created with."""
    function(LoggingConfig={"LogGroup": "mine"})
    return client("lambda").get_function_configuration(FunctionName="f").get("LoggingConfig", {}).get("LogGroup")


def updated_key() -> Any:
    """The key that an update gave the function."""
    function()
    client("lambda").update_function_configuration(FunctionName="f", KMSKeyArn="arn:aws:kms:us-east-1:1:key/k")
    return client("lambda").get_function_configuration(FunctionName="f").get("KMSKeyArn")


def second_invoke_config() -> Any:
    """The attempts in force after they were first put to 2 and then to 0."""
    function()
    for attempts in (2, 0):
        client("lambda").put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=attempts)
    return client("lambda").get_function_event_invoke_config(FunctionName="f")["MaximumRetryAttempts"]


def lambda_target() -> str:
    """What becomes of an event whose rule has a function as target."""
    arn = function()
    events = client("events")
    events.put_rule(Name="r", EventPattern='{"source": ["s"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn}])
    try:
        events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}])
    except Exception as error:
        return type(error).__name__
    return "delivered"


def schedule_and_events() -> int:
    """How many of one ordinary event a rule gets that has only a schedule."""
    url = client("sqs").create_queue(QueueName="q")["QueueUrl"]
    events = client("events")
    events.put_rule(Name="r", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": f"arn:aws:sqs:{REGION}:123456789012:q"}])
    events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}])
    return len(client("sqs").receive_message(QueueUrl=url).get("Messages", []))


def aws_source() -> int:
    """How many entries with one of AWS's own sources are refused."""
    entry = {"Source": "aws.autoscaling", "DetailType": "d", "Detail": "{}"}
    return int(client("events").put_events(Entries=[entry])["FailedEntryCount"])


def stream_records() -> list[int]:
    """How many records a mapped function gets within each of two writes."""
    from moto.awslambda.models import LambdaBackend

    arn = function()
    table = client("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    client("dynamodb").put_item(TableName="t", Item={"Id": {"S": "before"}})
    client("lambda").create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"], FunctionName=arn, StartingPosition="LATEST"
    )
    sent: list[int] = []
    # Plain moto would start a container here; only how many records it hands over is of interest.
    LambdaBackend.send_dynamodb_items = lambda self, arn, items, source: sent.append(len(items))  # type: ignore
    client("dynamodb").put_item(TableName="t", Item={"Id": {"S": "after"}})
    return sent


PROBES: tuple[Callable[[], Any], ...] = (
    invoke,
    logging_config,
    updated_key,
    second_invoke_config,
    lambda_target,
    schedule_and_events,
    aws_source,
    stream_records,
)


def main() -> None:
    os.environ.update(AWS_ACCESS_KEY_ID="probe", AWS_SECRET_ACCESS_KEY="probe", AWS_DEFAULT_REGION=REGION)
    # Where there is a Docker, plain moto would download a runtime's image.
    os.environ["DOCKER_HOST"] = "unix:///nonexistent"
    answers = {}
    for probe in PROBES:
        with mock_aws():
            answers[probe.__name__] = probe()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()

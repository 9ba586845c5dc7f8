"""What Lambda and EventBridge may do for a function is what its role, and the policies of the others, allow."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from rehearsal.aws.clock import Clock
from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.lambda_credentials import LIFETIME_SECONDS, Credentials
from rehearsal.aws.sessions import Sessions
from tests.rehearsal.compute import EXECUTION_ACTIONS, log_lines, make_function, make_queue, take
from tests.waiting import wait_for

SPEED = 600
ASK = """
import boto3
def handle(event, context):
    try:
        boto3.client("ssm").describe_parameters()
    except Exception as error:
        return str(error)
    return "done"
"""
FAIL = "def handle(event, context):\n    raise ValueError('no')\n"
READ = "def handle(event, context):\n    print('GOT', len(event['Records']))\n"


def invoke(aws: LocalAws, name: str, **more: Any) -> Any:
    reply = aws.client("lambda").invoke(FunctionName=name, **more)["Payload"].read()
    return json.loads(reply) if reply else None


def without(aws: LocalAws, function: str, *actions: str) -> None:
    """Take actions from the role of a function."""
    put(aws, function, [action for action in EXECUTION_ACTIONS if action not in actions])


def put(aws: LocalAws, function: str, actions: list[str]) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    aws.client("iam").put_role_policy(
        RoleName=f"{function}-role", PolicyName="execution", PolicyDocument=json.dumps(document)
    )


def test_a_function_may_do_what_its_role_allows(aws: LocalAws) -> None:
    make_function(aws, "asks", ASK, Timeout=20)
    refused = invoke(aws, "asks")
    assert "assumed-role/asks-role/asks is not authorized to perform: ssm:DescribeParameters" in refused
    put(aws, "asks", ["ssm:DescribeParameters"])
    assert invoke(aws, "asks") == "done"


def test_one_session_serves_all_invocations(aws: LocalAws) -> None:
    make_function(aws, "kept", "import os\ndef handle(event, context):\n    return os.environ['AWS_ACCESS_KEY_ID']\n")
    assert invoke(aws, "kept") == invoke(aws, "kept")


def test_a_session_is_renewed_when_half_of_its_time_has_passed_or_the_role_is_another() -> None:
    clock = Clock(speed=200_000)
    credentials = Credentials(Sessions(clock), clock)
    function = SimpleNamespace(function_arn="arn:f", function_name="f", role="arn:aws:iam::1:role/a")
    first = credentials.of(function)
    assert (first.name, first.identity_arn) == ("f", function.role)
    clock.sleep(LIFETIME_SECONDS / 2 + 60)
    second = credentials.of(function)
    assert second.access_key_id != first.access_key_id
    assert first.expires_at > clock.now(), "what runs with the old one can end"
    function.role = "arn:aws:iam::1:role/b"
    assert credentials.of(function).identity_arn == function.role


@pytest.mark.parametrize("action", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_a_log_that_the_role_may_not_write_is_lost(aws: LocalAws, action: str) -> None:
    name = action.rpartition(":")[2]
    make_function(aws, name, "def handle(event, context):\n    return 1\n")
    without(aws, name, action)
    assert invoke(aws, name) == 1
    assert log_lines(aws, f"/aws/lambda/{name}") == []
    without(aws, name)
    invoke(aws, name)
    assert log_lines(aws, f"/aws/lambda/{name}")


def test_a_failure_is_told_to_a_queue_that_the_role_may_send_to(aws: LocalAws) -> None:
    url, queue = make_queue(aws, "told")
    for name, permitted in (("silent", False), ("telling", True)):
        make_function(aws, name, FAIL)
        if not permitted:
            without(aws, name, "sqs:SendMessage")
        aws.client("lambda").put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": queue}}
        )
        invoke(aws, name, InvocationType="Event", Payload=b"{}")
    (message,) = wait_for(lambda: take(aws, url), "the message of the one that may")
    assert message["Body"]["requestContext"]["functionArn"].endswith(":telling:$LATEST")


def test_a_stream_is_read_as_soon_as_the_role_may(aws: LocalAws) -> None:
    table = {"AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
    made = aws.client("dynamodb").create_table(
        TableName="streamed",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        **table,
    )
    make_function(aws, "reads", READ)
    without(aws, "reads", "dynamodb:GetRecords")
    aws.client("lambda").create_event_source_mapping(
        FunctionName="reads", EventSourceArn=made["TableDescription"]["LatestStreamArn"], StartingPosition="LATEST"
    )
    aws.client("dynamodb").put_item(TableName="streamed", Item={"Id": {"S": "a"}})
    aws.clock.sleep(SPEED)
    assert aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/reads")["logGroups"] == []
    without(aws, "reads")
    group = "/aws/lambda/reads"

    def got() -> bool:
        groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        return bool(groups) and any(line == "GOT 1" for line in log_lines(aws, group))

    wait_for(got, "the record")


def test_eventbridge_sends_to_a_queue_whose_policy_lets_it(aws: LocalAws) -> None:
    events, sqs = aws.client("events"), aws.client("sqs")
    url, queue = make_queue(aws, "events-queue")
    open_policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    events.put_rule(Name="to-queue", EventPattern=json.dumps({"source": ["tests"]}))
    events.put_targets(Rule="to-queue", Targets=[{"Id": "queue", "Arn": queue}])

    def send(number: int) -> None:
        events.put_events(Entries=[{"Source": "tests", "DetailType": "t", "Detail": json.dumps({"number": number})}])

    send(1)
    aws.clock.sleep(SPEED)
    assert take(aws, url) == []
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": open_policy})
    send(2)
    (message,) = wait_for(lambda: take(aws, url), "the second event")
    assert message["Body"]["detail"] == {"number": 2}

"""Functions of the local AWS: real code in a process, logs, retries, destinations, and what plain moto gets wrong."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import log_lines, make_function, make_queue, take, zip_of
from tests.waiting import wait_for

ECHO = """
import os, sys
calls = 0
print("loading")
def handle(event, context):
    global calls
    calls += 1
    print("hello", event)
    print("careful", file=sys.stderr)
    return {"event": event, "calls": calls, "environment": dict(os.environ), "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "stream": context.log_stream_name}
"""
FAIL = "def handle(event, context):\n    raise ValueError('no ' + event['what'])\n"
CALL_BACK = """
import boto3
def handle(event, context):
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


SPEED = 600


def invoke(aws: LocalAws, name: str, event: Any = None, **options: Any) -> dict[str, Any]:
    reply: dict[str, Any] = aws.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event).encode(), **options
    )
    return {**reply, "Payload": reply["Payload"].read().decode()}


def test_the_real_zip_runs_with_the_functions_environment(aws: LocalAws) -> None:
    arn = make_function(aws, "echo", ECHO, MemorySize=256, Timeout=9, Environment={"Variables": {"COLOUR": "blue"}})
    reply = invoke(aws, "echo", {"a": 1}, LogType="Tail")
    answer = json.loads(reply["Payload"])
    assert answer["event"] == {"a": 1}
    assert answer["arn"] == arn
    assert 8000 < answer["left"] <= 9000
    environment = answer["environment"]
    expected = {
        "COLOUR": "blue",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "echo",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_ENDPOINT_URL": aws.endpoint,
    }
    assert {key: environment.get(key) for key in expected} == expected
    session = aws.sessions.find(environment["AWS_ACCESS_KEY_ID"])
    assert session is not None
    assert (session.identity_arn, session.name) == ("arn:aws:iam::123456789012:role/echo-role", "echo")
    tail = base64.b64decode(reply["LogResult"]).decode()
    assert "hello {'a': 1}" in tail
    assert "FunctionError" not in reply


def test_the_log_has_start_output_end_and_report_with_the_cold_start(aws: LocalAws) -> None:
    make_function(aws, "logged", ECHO)
    first, second = (json.loads(invoke(aws, "logged", number)["Payload"]) for number in (1, 2))
    assert (first["calls"], second["calls"]) == (1, 2), "an environment is used again"
    assert first["stream"] == second["stream"]
    lines = log_lines(aws, "/aws/lambda/logged")
    assert [line.split(" ")[0].split("\t")[0] for line in lines] == [
        "START",
        "loading",
        "hello",
        "careful",
        "END",
        "REPORT",
        "START",
        "hello",
        "careful",
        "END",
        "REPORT",
    ]
    reports = [line for line in lines if line.startswith("REPORT")]
    assert ["Init Duration" in report for report in reports] == [True, False]
    assert "Duration: " in reports[0]
    assert "Memory Size: 128 MB" in reports[0]


def test_a_named_log_group_is_used_and_not_made(aws: LocalAws) -> None:
    aws.client("logs").create_log_group(logGroupName="mine")
    make_function(aws, "named", ECHO, LoggingConfig={"LogGroup": "mine"})
    invoke(aws, "named")
    assert any(line.startswith("REPORT") for line in log_lines(aws, "mine"))
    make_function(aws, "lost", ECHO, LoggingConfig={"LogGroup": "nobody-made-it"})
    invoke(aws, "lost")
    assert aws.client("logs").describe_log_groups(logGroupNamePrefix="nobody")["logGroups"] == []


def test_an_exception_is_an_unhandled_error_with_its_stack(aws: LocalAws) -> None:
    make_function(aws, "failing", FAIL)
    reply = invoke(aws, "failing", {"what": "way"})
    error = json.loads(reply["Payload"])
    assert reply["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no way")
    assert "handle" in error["stackTrace"][0]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import time\ndef handle(event, context):\n    time.sleep(60)\n", "Task timed out after 1.00 seconds"),
        ("import os\ndef handle(event, context):\n    os._exit(3)\n", "Runtime exited with error: exit status 3"),
        ("import nowhere\n", "No module named 'nowhere'"),
    ],
    ids=["late", "crashed", "unloadable"],
)
def test_a_function_that_does_not_answer_is_an_error_and_the_next_call_starts_afresh(
    aws: LocalAws, code: str, told: str
) -> None:
    name = f"broken-{told.split()[-1].strip(chr(39))}"
    make_function(aws, name, code, Timeout=1 if "sleep" in code else 9)
    for _ in range(2):
        reply = invoke(aws, name)
        assert reply["FunctionError"] == "Unhandled"
        assert told in json.loads(reply["Payload"])["errorMessage"]


def test_a_function_calls_the_local_aws_while_it_is_invoked(aws: LocalAws) -> None:
    make_function(aws, "caller", CALL_BACK, Timeout=20)
    caller = "arn:aws:sts::123456789012:assumed-role/caller-role/caller"
    assert json.loads(invoke(aws, "caller")["Payload"]) == caller


def test_new_code_is_used_at_once(aws: LocalAws) -> None:
    make_function(aws, "changing", "def handle(event, context):\n    return 1\n")
    assert invoke(aws, "changing")["Payload"] == "1"
    code = zip_of({"app.py": "def handle(event, context):\n    return 2\n"})
    aws.client("lambda").update_function_code(FunctionName="changing", ZipFile=code)
    assert invoke(aws, "changing")["Payload"] == "2"


def test_invocations_run_side_by_side_up_to_the_reserved_concurrency(aws: LocalAws) -> None:
    make_function(
        aws, "slow", "import time\ndef handle(event, context):\n    time.sleep(3)\n    return 'done'\n", Timeout=9
    )
    answers: list[str] = []

    def call() -> None:
        try:
            answers.append(invoke(aws, "slow")["Payload"])
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])

    def together() -> list[str]:
        answers.clear()
        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(answers)

    assert together() == ['"done"'] * 3
    aws.client("lambda").put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=2)
    assert together() == ['"done"', '"done"', "TooManyRequestsException"]


def test_an_asynchronous_failure_is_tried_three_times_and_then_told_to_the_destination(aws: LocalAws) -> None:
    url, queue = make_queue(aws, "failures")
    arn = make_function(aws, "async", FAIL)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="async", DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    reply = invoke(aws, "async", {"what": "luck"}, InvocationType="Event")
    assert (reply["StatusCode"], reply["Payload"]) == (202, "")
    (message,) = wait_for(lambda: take(aws, url), "the message on the failure")
    body = message["Body"]
    assert body["requestContext"] == {
        "requestId": body["requestContext"]["requestId"],
        "functionArn": f"{arn}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert body["requestPayload"] == {"what": "luck"}
    assert body["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert body["responsePayload"]["errorMessage"] == "no luck"
    assert sum(line.startswith("START") for line in log_lines(aws, "/aws/lambda/async")) == 3


def test_an_event_that_is_too_old_for_a_retry_is_given_up(aws: LocalAws) -> None:
    url, queue = make_queue(aws, "too-old")
    make_function(aws, "old", FAIL)
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="old",
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    invoke(aws, "old", {"what": "time"}, InvocationType="Event")
    (message,) = wait_for(lambda: take(aws, url), "the message on the failure")
    assert message["Body"]["requestContext"]["condition"] == "EventAgeExceeded"


def test_a_dry_run_runs_nothing(aws: LocalAws) -> None:
    make_function(aws, "dry", ECHO)
    assert invoke(aws, "dry", InvocationType="DryRun")["StatusCode"] == 204
    assert not aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/dry")["logGroups"]


def test_a_configuration_is_updated_as_a_whole(aws: LocalAws) -> None:
    make_function(aws, "configured", ECHO, Environment={"Variables": {"A": "1"}})
    client = aws.client("lambda")
    key = "arn:aws:kms:us-east-1:123456789012:key/k"
    client.update_function_configuration(
        FunctionName="configured",
        KMSKeyArn=key,
        LoggingConfig={"LogGroup": "mine"},
        TracingConfig={"Mode": "Active"},
        Environment={},
    )
    seen = client.get_function_configuration(FunctionName="configured")
    assert (seen["KMSKeyArn"], seen["LoggingConfig"]["LogGroup"]) == (key, "mine")
    assert seen["TracingConfig"] == {"Mode": "Active"}
    assert "Environment" not in seen


def test_the_last_event_invoke_config_is_in_force(aws: LocalAws) -> None:
    make_function(aws, "twice", ECHO)
    client = aws.client("lambda")
    for attempts in (2, 0):
        client.put_function_event_invoke_config(FunctionName="twice", MaximumRetryAttempts=attempts)
    assert client.get_function_event_invoke_config(FunctionName="twice")["MaximumRetryAttempts"] == 0

"""Events, schedules and streams on their way to functions and queues, on a clock that runs ten minutes a second."""

from __future__ import annotations

import itertools
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.clock import Clock
from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.event_router import Router
from tests.rehearsal.compute import log_lines, make_function, make_queue, take
from tests.waiting import wait_for

REPEAT = "import json\ndef handle(event, context):\n    print('GOT ' + json.dumps(event))\n"
REFUSE_BAD = """
import json
def handle(event, context):
    ids = [record["dynamodb"]["Keys"]["Id"]["S"] for record in event["Records"]]
    print("GOT " + json.dumps(ids))
    if any(each.startswith("bad") for each in ids):
        raise ValueError("bad record")
"""
NUMBERS = itertools.count()


SPEED = 600


def got(aws: LocalAws, name: str) -> list[Any]:
    """What a function was called with."""
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    lines = log_lines(aws, f"/aws/lambda/{name}") if groups else []
    return [json.loads(line.removeprefix("GOT ")) for line in lines if line.startswith("GOT ")]


def put_rule(aws: LocalAws, name: str, target: dict[str, Any], **rule: Any) -> str:
    events = aws.client("events")
    arn = events.put_rule(Name=name, **rule)["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "target", **target}])
    return str(arn)


def permit(aws: LocalAws, function: str, rule_arn: str) -> None:
    aws.client("lambda").add_permission(
        FunctionName=function,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )


def send(aws: LocalAws, source: str, detail: Any = None) -> None:
    entry = {"Source": source, "DetailType": "Note", "Detail": json.dumps(detail or {})}
    aws.client("events").put_events(Entries=[entry])


def test_an_event_reaches_the_function_of_a_matching_rule(aws: LocalAws) -> None:
    arn = make_function(aws, "matched", REPEAT)
    pattern = json.dumps({"source": ["notes"], "detail": {"name": [{"prefix": "a"}]}})
    permit(aws, "matched", put_rule(aws, "matched", {"Arn": arn}, EventPattern=pattern))
    send(aws, "notes", {"name": "beta"})
    send(aws, "notes", {"name": "alpha"})
    (event,) = wait_for(lambda: got(aws, "matched"), "the call of the function")
    assert event["detail"] == {"name": "alpha"}
    assert event["detail-type"] == "Note"
    assert event["time"].endswith("Z")
    assert set(event) == {
        "version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"
    }  # fmt: skip


def test_without_a_permission_the_event_goes_to_the_dead_letters(aws: LocalAws) -> None:
    arn = make_function(aws, "forbidden", REPEAT)
    url, queue = make_queue(aws, "dead-letters")
    target = {"Arn": arn, "DeadLetterConfig": {"Arn": queue}}
    rule = put_rule(aws, "forbidden", target, EventPattern='{"source": ["secrets"]}')
    permit(aws, "forbidden", f"{rule}-another")
    send(aws, "secrets", {"a": 1})
    (message,) = wait_for(lambda: take(aws, url), "the dead letter")
    assert message["Body"]["detail"] == {"a": 1}
    assert message["Attributes"]["ERROR_CODE"] == "NO_PERMISSIONS"
    assert (message["Attributes"]["RULE_ARN"], message["Attributes"]["TARGET_ARN"]) == (rule, arn)
    assert got(aws, "forbidden") == []


def test_the_event_for_a_function_that_is_gone_goes_to_the_dead_letters(aws: LocalAws) -> None:
    url, queue = make_queue(aws, "given-up")
    arn = make_function(aws, "gone", REPEAT)
    target = {"Arn": arn, "DeadLetterConfig": {"Arn": queue}}
    permit(aws, "gone", put_rule(aws, "gone", target, EventPattern='{"source": ["gone"]}'))
    aws.client("lambda").delete_function(FunctionName="gone")
    send(aws, "gone", {"a": 1})
    (message,) = wait_for(lambda: take(aws, url), "the dead letter")
    assert message["Body"]["detail"] == {"a": 1}


@pytest.mark.parametrize(("failures", "taken"), [(2, True), (3, False)])
def test_a_target_that_fails_is_tried_as_often_as_its_policy_says(failures: int, taken: bool) -> None:
    """The only fake here: a function's service that is out of order for a while."""
    tried, letters = [], []

    class OutOfOrder:
        def get_policy(self, **_: Any) -> dict[str, Any]:
            allow = {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
            }
            return {"Policy": json.dumps({"Statement": [allow]})}

        def invoke(self, **_: Any) -> None:
            tried.append(1)
            if len(tried) <= failures:
                raise ClientError({"Error": {"Code": "ServiceException", "Message": "later"}}, "Invoke")

        def get_queue_url(self, **_: Any) -> dict[str, str]:
            return {"QueueUrl": "queue"}

        def send_message(self, **request: Any) -> None:
            letters.append(request["MessageAttributes"]["EXHAUSTED_RETRY_CONDITION"]["StringValue"])

    router = Router(Clock(speed=600), lambda service, region: OutOfOrder(), list, lambda queue, rule: None)
    target = {
        "Arn": "arn:aws:lambda:us-east-1:1:function:f",
        "RetryPolicy": {"MaximumRetryAttempts": 2},
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:1:letters"},
    }
    router.start()
    router.deliver(SimpleNamespace(arn="rule", targets=[target]), {"detail": {}})
    wait_for(lambda: len(tried) == 3, "three attempts")
    wait_for(lambda: taken or letters == ["MaximumRetryAttempts"], "the dead letter")
    router.close()
    assert (len(tried), bool(letters)) == (3, not taken)


def test_a_schedule_fires_on_the_clock_and_gets_no_other_event(aws: LocalAws) -> None:
    url, queue = make_queue(aws, "ticks")
    rule = put_rule(aws, "ticks", {"Arn": queue}, ScheduleExpression="rate(1 minute)")
    send(aws, "anything")
    ticks: list[Any] = []

    def three() -> bool:
        ticks.extend(take(aws, url))
        return len(ticks) >= 3

    wait_for(three, "three ticks")
    aws.client("events").disable_rule(Name="ticks")
    event = ticks[0]["Body"]
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.events", "Scheduled Event", [rule])
    assert {tick["Body"]["source"] for tick in ticks} == {"aws.events"}


def test_a_target_can_ask_for_a_part_of_the_event(aws: LocalAws) -> None:
    url, queue = make_queue(aws, "parts")
    put_rule(aws, "parts", {"Arn": queue, "InputPath": "$.detail"}, EventPattern='{"source": ["parts"]}')
    send(aws, "parts", {"only": "this"})
    (message,) = wait_for(lambda: take(aws, url), "the event")
    assert message["Body"] == {"only": "this"}


def test_a_caller_cannot_send_events_of_aws(aws: LocalAws) -> None:
    entries = [
        {"Source": "aws.autoscaling", "DetailType": "Note", "Detail": "{}"},
        {"Source": "mine", "DetailType": "Note", "Detail": "{}"},
    ]
    reply = aws.client("events").put_events(Entries=entries)
    assert reply["FailedEntryCount"] == 1
    assert reply["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert "EventId" in reply["Entries"][1]


class Table:
    """A table with a stream, and a function that is mapped to it."""

    def __init__(self, aws: LocalAws) -> None:
        self.name = f"table-{next(NUMBERS)}"
        self.aws = aws
        self.dynamodb = aws.client("dynamodb")
        made = self.dynamodb.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        self.stream = made["LatestStreamArn"]

    def put(self, *ids: str, **attributes: str) -> None:
        extra = {name: {"S": value} for name, value in attributes.items()}
        for each in ids:
            self.dynamodb.put_item(TableName=self.name, Item={"Id": {"S": each}, **extra})

    def map(self, code: str, timeout_seconds: int = 3, **settings: Any) -> None:
        make_function(self.aws, self.name, code, Timeout=timeout_seconds)
        request = {"StartingPosition": "LATEST", **settings}
        self.aws.client("lambda").create_event_source_mapping(
            EventSourceArn=self.stream, FunctionName=self.name, **request
        )

    def got(self) -> list[Any]:
        return got(self.aws, self.name)


def test_a_change_of_the_table_reaches_the_function_with_both_images(aws: LocalAws) -> None:
    table = Table(aws)
    table.put("before")
    table.map(REPEAT)
    table.put("a", Colour="blue")
    table.put("a", Colour="red")
    table.dynamodb.delete_item(TableName=table.name, Key={"Id": {"S": "a"}})

    def records() -> list[Any]:
        return [record for event in table.got() for record in event["Records"]]

    wait_for(lambda: len(records()) == 3, "three records")
    assert [record["eventName"] for record in records()] == ["INSERT", "MODIFY", "REMOVE"]
    change = records()[1]
    assert change["dynamodb"]["OldImage"]["Colour"] == {"S": "blue"}
    assert change["dynamodb"]["NewImage"]["Colour"] == {"S": "red"}
    assert (change["eventSource"], change["eventSourceARN"]) == ("aws:dynamodb", table.stream)


def test_trim_horizon_begins_with_the_oldest_record_and_batches_are_limited(aws: LocalAws) -> None:
    table = Table(aws)
    table.put("one", "two", "three")
    table.map(REPEAT, StartingPosition="TRIM_HORIZON", BatchSize=2)
    wait_for(lambda: len(table.got()) == 2, "two batches")
    assert [len(event["Records"]) for event in table.got()] == [2, 1]


def test_a_write_that_changes_nothing_makes_no_record(aws: LocalAws) -> None:
    table = Table(aws)
    table.map(REPEAT)
    table.put("a", Colour="blue")
    table.put("a", Colour="blue")
    table.put("b")
    wait_for(lambda: "b" in json.dumps(table.got()), "the last record")
    ids = [record["dynamodb"]["Keys"]["Id"]["S"] for event in table.got() for record in event["Records"]]
    assert ids == ["a", "b"]


def test_a_filter_keeps_records_from_the_function(aws: LocalAws) -> None:
    table = Table(aws)
    pattern = json.dumps({"dynamodb": {"Keys": {"Id": {"S": ["cluster", {"prefix": "member#"}]}}}})
    table.map(REPEAT, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    table.put("lease#function", "member#i-1", "condition#x", "cluster")
    wait_for(lambda: "cluster" in json.dumps(table.got()), "the records that pass")
    ids = [record["dynamodb"]["Keys"]["Id"]["S"] for event in table.got() for record in event["Records"]]
    assert ids == ["member#i-1", "cluster"]


def test_a_failed_batch_is_halved_until_only_the_bad_record_is_given_up(aws: LocalAws) -> None:
    url, queue = make_queue(aws, "bad-records")
    table = Table(aws)
    table.put("one", "bad", "three", "four")
    table.map(
        REFUSE_BAD,
        StartingPosition="TRIM_HORIZON",
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    (message,) = wait_for(lambda: take(aws, url), "the message on the failure")
    body = message["Body"]
    assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert body["DDBStreamBatchInfo"]["batchSize"] == 1
    assert body["DDBStreamBatchInfo"]["streamArn"] == table.stream
    wait_for(lambda: ["three", "four"] in table.got(), "the records after the bad one")
    assert table.got().count(["bad"]) == 2


def test_a_slow_function_does_not_hold_up_a_write(aws: LocalAws) -> None:
    table = Table(aws)
    table.map("import time\ndef handle(event, context):\n    time.sleep(60)\n", timeout_seconds=90)
    begun = time.monotonic()
    table.put("a")
    table.put("b")
    assert time.monotonic() - begun < 30

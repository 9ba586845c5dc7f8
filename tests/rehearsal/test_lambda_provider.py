"""The resource types of Lambda and EventBridge, called as the engine calls them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation import providers
from rehearsal.aws.cloudformation.provider import Made, ProviderError, provider_for
from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import context, make_queue, make_role, zip_of

SPEED = 60
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def aws(local_aws: LocalAws) -> LocalAws:
    providers.load_all()
    local_aws.client("s3").create_bucket(Bucket="code")
    return local_aws


def upload(aws: LocalAws, answer: str) -> dict[str, str]:
    """The Code of a function that answers this."""
    key = f"{answer}.zip"
    body = zip_of({"app.py": f"def handle(event, context):\n    return {answer!r}\n"})
    aws.client("s3").put_object(Bucket="code", Key=key, Body=body)
    return {"S3Bucket": "code", "S3Key": key}


def function(aws: LocalAws, **changes: Any) -> dict[str, Any]:
    """A function as a template has it."""
    return {
        "Code": upload(aws, "first"),
        "Handler": "app.handle",
        "Role": make_role(aws.client("iam"), f"role-{next(NUMBERS)}"),
        "Runtime": "python3.13",
        "Timeout": "9",
        **changes,
    }


def create(aws: LocalAws, type_name: str, properties: dict[str, Any]) -> Made:
    return provider_for(type_name).create(context(aws, "Thing"), properties)


def update(aws: LocalAws, type_name: str, made: Made, old: dict[str, Any], new: dict[str, Any]) -> Made:
    return provider_for(type_name).update(context(aws, "Thing"), made.physical_id, old, new)


def answer(aws: LocalAws, name: str) -> Any:
    return json.loads(aws.client("lambda").invoke(FunctionName=name)["Payload"].read())


def test_a_function_is_made_from_its_zip_with_its_tags(aws: LocalAws) -> None:
    made = create(aws, "AWS::Lambda::Function", function(aws, Tags=[{"Key": "a", "Value": "b"}]))
    seen = aws.client("lambda").get_function(FunctionName=made.physical_id)
    assert made.attributes["Arn"] == seen["Configuration"]["FunctionArn"]
    assert seen["Configuration"]["Timeout"] == 9
    assert seen["Tags"].items() >= {"a": "b", "owner": "tests"}.items()
    assert answer(aws, made.physical_id) == "first"


def test_a_new_key_brings_new_code_and_nothing_else_is_lost(aws: LocalAws) -> None:
    old = function(aws, Environment={"Variables": {"A": "1"}}, LoggingConfig={"LogGroup": "mine"})
    made = create(aws, "AWS::Lambda::Function", old)
    update(aws, "AWS::Lambda::Function", made, old, {**old, "Code": upload(aws, "second")})
    assert answer(aws, made.physical_id) == "second"
    seen = aws.client("lambda").get_function_configuration(FunctionName=made.physical_id)
    assert seen["Environment"]["Variables"] == {"A": "1"}
    assert seen["LoggingConfig"]["LogGroup"] == "mine"


def test_a_setting_that_the_template_drops_goes_back_to_its_default(aws: LocalAws) -> None:
    old = function(aws, Environment={"Variables": {"A": "1"}}, MemorySize="256", ReservedConcurrentExecutions="2")
    made = create(aws, "AWS::Lambda::Function", old)
    new = {key: old[key] for key in ("Code", "Handler", "Role", "Runtime")}
    update(aws, "AWS::Lambda::Function", made, old, new)
    seen = aws.client("lambda").get_function(FunctionName=made.physical_id)
    assert (seen["Configuration"]["MemorySize"], seen["Configuration"]["Timeout"]) == (128, 3)
    assert "Environment" not in seen["Configuration"]
    assert "Concurrency" not in seen


def test_a_path_instead_of_an_uploaded_zip_is_refused(aws: LocalAws) -> None:
    with pytest.raises(ProviderError, match="property Code must name S3Bucket and S3Key"):
        create(aws, "AWS::Lambda::Function", function(aws, Code="../build/reconcile.zip"))


def test_a_permission_is_added_to_the_policy_and_taken_out_again(aws: LocalAws) -> None:
    made = create(aws, "AWS::Lambda::Function", function(aws))
    wanted = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": made.physical_id,
        "Principal": "events.amazonaws.com",
        "SourceArn": "arn:aws:events:us-east-1:123456789012:rule/r",
    }
    permission = create(aws, "AWS::Lambda::Permission", wanted)
    client = aws.client("lambda")
    (statement,) = json.loads(client.get_policy(FunctionName=made.physical_id)["Policy"])["Statement"]
    assert statement["Sid"] == permission.physical_id
    for _ in range(2):
        provider_for("AWS::Lambda::Permission").delete(context(aws, "Thing"), permission.physical_id, wanted)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_policy(FunctionName=made.physical_id)


def test_an_invoke_config_is_put_changed_and_deleted(aws: LocalAws) -> None:
    made = create(aws, "AWS::Lambda::Function", function(aws))
    old = {"FunctionName": made.physical_id, "Qualifier": "$LATEST", "MaximumRetryAttempts": "2"}
    config = create(aws, "AWS::Lambda::EventInvokeConfig", old)
    update(aws, "AWS::Lambda::EventInvokeConfig", config, old, {**old, "MaximumRetryAttempts": "0"})
    client = aws.client("lambda")
    seen = client.get_function_event_invoke_config(FunctionName=made.physical_id)
    assert seen["MaximumRetryAttempts"] == 0
    provider_for("AWS::Lambda::EventInvokeConfig").delete(context(aws, "Thing"), config.physical_id, old)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_function_event_invoke_config(FunctionName=made.physical_id)


def test_a_mapping_connects_a_tables_stream_only(aws: LocalAws) -> None:
    made = create(aws, "AWS::Lambda::Function", function(aws))
    table = aws.client("dynamodb").create_table(
        TableName="mapped",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    old = {
        "EventSourceArn": table["LatestStreamArn"],
        "FunctionName": made.physical_id,
        "StartingPosition": "LATEST",
        "BatchSize": "100",
        "BisectBatchOnFunctionError": "true",
    }
    mapping = create(aws, "AWS::Lambda::EventSourceMapping", old)
    update(aws, "AWS::Lambda::EventSourceMapping", mapping, old, {**old, "BatchSize": "10"})
    seen = aws.client("lambda").get_event_source_mapping(UUID=mapping.physical_id)
    assert (seen["BatchSize"], seen["BisectBatchOnFunctionError"]) == (10, True)
    for _ in range(2):
        provider_for("AWS::Lambda::EventSourceMapping").delete(context(aws, "Thing"), mapping.physical_id, old)
    with pytest.raises(ProviderError, match="reads DynamoDB streams"):
        create(
            aws, "AWS::Lambda::EventSourceMapping", {**old, "EventSourceArn": "arn:aws:kinesis:us-east-1:1:stream/s"}
        )


def test_a_rules_targets_follow_the_template(aws: LocalAws) -> None:
    (_, first), (_, second) = make_queue(aws, "target-one"), make_queue(aws, "target-two")
    old = {
        "State": "ENABLED",
        "ScheduleExpression": "rate(1 day)",
        "Targets": [{"Id": "one", "Arn": first, "RetryPolicy": {"MaximumRetryAttempts": "2"}}],
    }
    rule = create(aws, "AWS::Events::Rule", old)
    events = aws.client("events")
    new = {**old, "Targets": [{"Id": "two", "Arn": second, "DeadLetterConfig": {"Arn": first}}]}
    update(aws, "AWS::Events::Rule", rule, old, new)
    (target,) = events.list_targets_by_rule(Rule=rule.physical_id)["Targets"]
    assert (target["Id"], target["DeadLetterConfig"]) == ("two", {"Arn": first})
    assert rule.attributes["Arn"] == events.describe_rule(Name=rule.physical_id)["Arn"]
    for _ in range(2):
        provider_for("AWS::Events::Rule").delete(context(aws, "Thing"), rule.physical_id, new)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        events.describe_rule(Name=rule.physical_id)


def test_a_target_that_nothing_delivers_to_is_refused(aws: LocalAws) -> None:
    target = {"Id": "one", "Arn": "arn:aws:sns:us-east-1:123456789012:topic"}
    with pytest.raises(ProviderError, match="the local AWS delivers to: lambda, sqs"):
        create(aws, "AWS::Events::Rule", {"ScheduleExpression": "rate(1 day)", "Targets": [target]})

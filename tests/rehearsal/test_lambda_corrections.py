"""The faults of plain moto that the local AWS corrects: functions, rules and streams."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from unittest.mock import patch

from tests.rehearsal.compute import make_role, zip_of
from tests.rehearsal.corrections_suite import suite
from tests.rehearsal.moto_probes import Clients, by_name, refused, unique

SEVENTEEN = "def handle(event, context):\n    return 17\n"


def function(client: Clients, **settings: Any) -> dict[str, Any]:
    """A function that answers 17."""
    name = unique("function")
    role = make_role(client("iam"), name)
    made: dict[str, Any] = client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handle",
        Role=role,
        Code={"ZipFile": zip_of({"app.py": SEVENTEEN})},
        **settings,
    )
    return made


def without_docker() -> Any:
    """Where there is a Docker, plain moto would download a runtime's image."""
    return patch.dict(os.environ, DOCKER_HOST="unix:///nonexistent")


def functions_run_without_docker(client: Clients) -> bool:
    """A function answers."""
    name = function(client)["FunctionName"]
    with without_docker():
        return bool(client("lambda").invoke(FunctionName=name)["Payload"].read() == b"17")


def function_settings_are_kept(client: Clients) -> bool:
    """The log group survives the creation, the key and the architecture an update."""
    name = function(client, LoggingConfig={"LogGroup": "mine"})["FunctionName"]
    lambda_ = client("lambda")
    key = "arn:aws:kms:us-east-1:123456789012:key/k"
    lambda_.update_function_configuration(FunctionName=name, KMSKeyArn=key)
    lambda_.update_function_code(FunctionName=name, ZipFile=zip_of({"app.py": SEVENTEEN}), Architectures=["arm64"])
    seen = lambda_.get_function_configuration(FunctionName=name)
    return (seen.get("LoggingConfig"), seen.get("KMSKeyArn"), seen["Architectures"]) == (
        {"LogGroup": "mine"},
        key,
        ["arm64"],
    )


def functions_are_connected_to_no_dedicated_vpc(client: Clients) -> bool:
    """A function is made in a shared VPC, and neither made in a dedicated one nor moved there."""
    ec2, configs = client("ec2"), {}
    for tenancy in ("default", "dedicated"):
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", InstanceTenancy=tenancy)["Vpc"]["VpcId"]
        group = ec2.create_security_group(GroupName="function", Description="f", VpcId=vpc)["GroupId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
        configs[tenancy] = {"SubnetIds": [subnet], "SecurityGroupIds": [group]}
    name = function(client, VpcConfig=configs["default"])["FunctionName"]
    code, there = "InvalidParameterValueException", configs["dedicated"]
    move = client("lambda").update_function_configuration
    return refused(code, move, FunctionName=name, VpcConfig=there) and refused(
        code, function, client=client, VpcConfig=there
    )


def code_is_of_the_version_that_is_named(client: Clients) -> bool:
    """A function is made of an older version, and updated to it, although a newer one is there."""
    s3, bucket = client("s3"), unique("code")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old, _ = (
        s3.put_object(Bucket=bucket, Key="code", Body=zip_of({"app.py": text}))["VersionId"]
        for text in (SEVENTEEN, SEVENTEEN.replace("17", "18"))
    )
    made = function(client)
    code = {"S3Bucket": bucket, "S3Key": "code", "S3ObjectVersion": old}
    updated = client("lambda").update_function_code(FunctionName=made["FunctionName"], **code)
    name = unique("function")
    role = make_role(client("iam"), name)
    created = client("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Handler="app.handle", Role=role, Code=code
    )
    return bool(updated["CodeSha256"] == created["CodeSha256"] == made["CodeSha256"])


def the_last_event_invoke_config_is_in_force(client: Clients) -> bool:
    """The second of two configurations is the one that is shown."""
    name = function(client)["FunctionName"]
    for attempts in (2, 0):
        client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=attempts)
    seen = client("lambda").get_function_event_invoke_config(FunctionName=name)
    return bool(seen["MaximumRetryAttempts"] == 0)


def a_destination_may_be_in_any_region(client: Clients) -> bool:
    """One of the Sovereign Cloud is taken, and what is no ARN refused."""
    name, put = function(client)["FunctionName"], client("lambda").put_function_event_invoke_config
    queue = "arn:aws-eusc:sqs:eusc-de-east-1:123456789012:queue"
    put(FunctionName=name, DestinationConfig={"OnFailure": {"Destination": queue}})
    nowhere = {"OnFailure": {"Destination": "nowhere"}}
    return refused("ValidationException", put, FunctionName=name, DestinationConfig=nowhere)


def rules_reach_functions(client: Clients) -> bool:
    """An event leaves a log of the rule's function."""
    made, source = function(client), unique("source")
    events = client("events")
    rule = events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(Rule=source, Targets=[{"Id": "function", "Arn": made["FunctionArn"]}])
    client("lambda").add_permission(
        FunctionName=made["FunctionName"],
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    with without_docker():
        events.put_events(Entries=[{"Source": source, "DetailType": "Note", "Detail": "{}"}])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        prefix = f"/aws/lambda/{made['FunctionName']}"
        if client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
            return True
        time.sleep(0.05)
    return False


def a_schedule_matches_no_event(client: Clients) -> bool:
    """What happens reaches the queue of the rule with its pattern, and not the one of a rule with a schedule."""
    sqs, events, source = client("sqs"), client("events"), unique("source")

    def queue_of_rule(**trigger: str) -> str:
        name = unique("rule")
        url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
        events.put_rule(Name=name, **trigger)
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        return url

    scheduled = queue_of_rule(ScheduleExpression="rate(1 day)")
    matching = queue_of_rule(EventPattern=json.dumps({"source": [source]}))
    events.put_events(Entries=[{"Source": source, "DetailType": "Note", "Detail": "{}"}])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not sqs.receive_message(QueueUrl=matching).get("Messages"):
        time.sleep(0.05)
    return not sqs.receive_message(QueueUrl=scheduled).get("Messages")


def sources_of_aws_are_refused(client: Clients) -> bool:
    """Only AWS's own services send such events."""
    entry = {"Source": "aws.autoscaling", "DetailType": "Note", "Detail": "{}"}
    return bool(client("events").put_events(Entries=[entry])["FailedEntryCount"] == 1)


def stream(client: Clients) -> tuple[str, str]:
    """A new table's name and the ARN of its stream."""
    name = unique("table")
    made = client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    return name, made["LatestStreamArn"]


def records(client: Clients, arn: str) -> list[dict[str, Any]]:
    """Everything that stands in a stream."""
    streams = client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    found: list[dict[str, Any]] = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return found


def streams_are_read_not_pushed(client: Clients) -> bool:
    """A record stays in the stream although a function is mapped to it."""
    name, arn = stream(client)
    client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function(client)["FunctionName"], StartingPosition="LATEST"
    )
    with without_docker():
        client("dynamodb").put_item(TableName=name, Item={"Id": {"S": "a"}})
    return len(records(client, arn)) == 1


def a_write_that_changes_nothing_makes_no_record(client: Clients) -> bool:
    """The same item twice is one record."""
    name, arn = stream(client)
    for _ in range(2):
        client("dynamodb").put_item(TableName=name, Item={"Id": {"S": "a"}})
    return len(records(client, arn)) == 1


PROBES = by_name(
    a_destination_may_be_in_any_region,
    a_schedule_matches_no_event,
    a_write_that_changes_nothing_makes_no_record,
    code_is_of_the_version_that_is_named,
    function_settings_are_kept,
    functions_are_connected_to_no_dedicated_vpc,
    functions_run_without_docker,
    rules_reach_functions,
    sources_of_aws_are_refused,
    streams_are_read_not_pushed,
    the_last_event_invoke_config_is_in_force,
)

(
    plain,
    aws,
    test_plain_moto_still_has_the_fault,
    test_the_local_aws_does_not_have_the_fault,
    test_every_correction_has_a_probe,
) = suite(__name__, PROBES, "awslambda", "events", "streams")

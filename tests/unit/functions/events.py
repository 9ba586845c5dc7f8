"""Events as AWS sends them, as far as the function reads them."""

from __future__ import annotations

from typing import Any

from tests.unit.functions.harness import CLUSTER_ID, TABLE, UUID

SCHEDULE = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
STREAM = f"arn:aws:dynamodb:us-east-1:123456789012:table/{TABLE}/stream/2026-01-01T00:00:00.000"


def lifecycle(**changes: Any) -> dict[str, Any]:
    detail = {
        "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
        "AutoScalingGroupName": "slot0",
        "LifecycleHookName": f"{UUID}-terminating",
        "EC2InstanceId": "i-1",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        **changes,
    }
    return {
        "version": "0",
        "detail-type": "EC2 Instance-terminate Lifecycle Action",
        "source": "aws.autoscaling",
        "detail": detail,
    }


def stream(*keys: str, arn: str = STREAM) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventName": "MODIFY",
                "eventSource": "aws:dynamodb",
                "eventSourceARN": arn,
                "dynamodb": {"Keys": {"Id": {"S": key}}, "NewImage": {"ResponseUrl": {"S": "https://secret"}}},
            }
            for key in keys
        ]
    }


def custom_resource(kind: str = "Delete", **changes: Any) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://answers.example/secret",
        "StackId": CLUSTER_ID,
        "RequestId": "request-1",
        "LogicalResourceId": "Teardown",
        "ResourceType": "Custom::Teardown",
        "PhysicalResourceId": f"teardown-{UUID}",
        "ResourceProperties": {"ClusterId": CLUSTER_ID},
        **changes,
    }

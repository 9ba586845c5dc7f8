"""What has left the nodes of a cluster: the lines in its log groups."""

from __future__ import annotations

from typing import Any

from tests.e2e.harness import ClusterHarness

AUDIT, CONTROL_PLANES, WORKERS = "AuditLogGroup", "ControlPlaneLogGroup", "WorkerLogGroup"
"""The groups' logical ids."""


def log_group(cluster: ClusterHarness, logical_id: str) -> str:
    """The name of a group of the cluster."""
    pages = cluster.rehearsal.local.client("logs").get_paginator("describe_log_groups").paginate()
    (name,) = [
        each["logGroupName"] for page in pages for each in page["logGroups"] if logical_id in each["logGroupName"]
    ]
    return str(name)


def lines(cluster: ClusterHarness, logical_id: str, stream: str = "") -> list[str]:
    """The lines of a group; those of the streams alone whose names begin so, where one is given."""
    logs: Any = cluster.rehearsal.local.client("logs")
    group = log_group(cluster, logical_id)
    told = logs.describe_log_streams(logGroupName=group, **({"logStreamNamePrefix": stream} if stream else {}))
    names = [each["logStreamName"] for each in told["logStreams"]]
    pages = [
        logs.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNames=[name]) for name in names
    ]
    return [event["message"] for found in pages for page in found for event in page["events"]]

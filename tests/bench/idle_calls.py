"""The requests to AWS of a cluster that has nothing to do, counted by the local AWS while real nodes run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.harness import ClusterHarness

SECONDS = 120.0
"""Two passes of the function, four looks of the leading agent."""
ROLES = {"ControlPlane": "agents", "Function": "function", "Worker": "workers"}
"""What stands in a role's name, and who has it."""

Used = Sequence[Mapping[str, Any]]


def idle_calls(cluster: ClusterHarness, seconds: float = SECONDS) -> dict[str, dict[str, float]]:
    """Requests an hour of all agents, of all workers' programs and of the function, by action."""
    before: Used = cluster.rehearsal.control.permissions()["used"]
    began = time.monotonic()
    time.sleep(seconds)
    after: Used = cluster.rehearsal.control.permissions()["used"]
    return per_hour(before, after, time.monotonic() - began)


def table_bytes(cluster: ClusterHarness) -> int:
    """What a scan of the cluster table reads: every attribute's name and value, as DynamoDB bills them, nearly."""
    client = cluster.rehearsal.local.client("dynamodb")
    (name,) = client.list_tables()["TableNames"]
    items = client.scan(TableName=name)["Items"]
    return sum(len(field) + len(str(next(iter(value.values())))) for item in items for field, value in item.items())


def per_hour(before: Used, after: Used, seconds: float) -> dict[str, dict[str, float]]:
    """The difference of two reports (rehearsal.aws.iam.report) that lie so far apart."""
    found: dict[str, Counter[str]] = {who: Counter() for who in ROLES.values()}
    for report, sign in ((before, -1), (after, 1)):
        for use in report:
            # A request with several permissions is one: what is encrypted asks for its key, too.
            if not use["action"].startswith("kms:") and (who := _who(use["role"])):
                found[who][use["action"]] += sign * use["count"]
    return {
        who: {action: round(count * 3600 / seconds, 1) for action, count in sorted(counts.items()) if count}
        for who, counts in found.items()
    }


def _who(role_arn: str) -> str:
    return next((who for part, who in ROLES.items() if part in role_arn.rpartition("/")[2]), "")

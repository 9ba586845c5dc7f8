"""The live table of a rehearsal: every instance, its place, its states, and how far its boot has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ROLE_TAG = "holdfast:role"
SLOT_TAG = "holdfast:slot"
POOL_TAG = "holdfast:pool"
CLUSTER_TAG = "holdfast:cluster"
BOOT_ITEM_PREFIX = "boot#"
HEADINGS = ("instance", "place", "ec2", "auto scaling", "target", "stage", "seconds")

Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Row:
    """One instance."""

    instance_id: str
    place: str
    """`slot 0`, or the pool's name."""
    state: str
    lifecycle_state: str
    target_health: str
    stage: str
    """The stage that the node itself wrote into its `boot#` row, and the reason if it gave one."""
    seconds: int
    """Since its launch."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of HEADINGS."""
        return (
            self.instance_id,
            self.place,
            self.state,
            self.lifecycle_state,
            self.target_health,
            self.stage,
            str(self.seconds),
        )


def rows(clients: Clients, now: datetime | None = None) -> list[Row]:
    """Every instance of a cluster that EC2 still shows, by place and age. Raises ClientError."""
    instances = [
        instance
        for page in clients("ec2")
        .get_paginator("describe_instances")
        .paginate(Filters=[{"Name": "tag-key", "Values": [CLUSTER_TAG]}])
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]
    lifecycle = {
        each["InstanceId"]: each["LifecycleState"]
        for page in clients("autoscaling").get_paginator("describe_auto_scaling_instances").paginate()
        for each in page["AutoScalingInstances"]
    }
    health = _target_health(clients("elbv2"))
    stages = _stages(clients("dynamodb"))
    now = now or datetime.now(UTC)
    found = [
        Row(
            instance["InstanceId"],
            _place(instance),
            instance["State"]["Name"],
            lifecycle.get(instance["InstanceId"], "-"),
            health.get(instance["InstanceId"], "-"),
            stages.get(instance["InstanceId"], "-"),
            max(0, int((now - instance["LaunchTime"]).total_seconds())),
        )
        for instance in instances
    ]
    return sorted(found, key=lambda row: (row.place, -row.seconds))


def render(found: Sequence[Row]) -> list[str]:
    """The table as lines of text, one for the headings and one for each row."""
    cells = [HEADINGS, *(row.cells for row in found)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _place(instance: Mapping[str, Any]) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return f"slot {tags[SLOT_TAG]}" if SLOT_TAG in tags else tags.get(POOL_TAG, "-")


def _target_health(elbv2: Any) -> dict[str, str]:
    return {
        each["Target"]["Id"]: each["TargetHealth"]["State"]
        for group in elbv2.describe_target_groups()["TargetGroups"]
        for each in elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    }


def cluster_tables(dynamodb: Any) -> list[str]:
    """The names of all clusters' tables, without those in which people ask for access: these go with their stacks."""
    return [name for name in dynamodb.list_tables()["TableNames"] if "-AccessTable-" not in name]


def _stages(dynamodb: Any) -> dict[str, str]:
    """Instance id -> what its row says; the tables of all clusters are looked at."""
    found = {}
    for name in cluster_tables(dynamodb):
        for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True):
            for item in page["Items"]:
                key = item.get("Id", {}).get("S", "")
                if key.startswith(BOOT_ITEM_PREFIX):
                    stage, reason = (item.get(field, {}).get("S", "") for field in ("Stage", "Reason"))
                    found[key.rpartition("/")[2]] = f"{stage}: {reason}" if reason else stage
    return found

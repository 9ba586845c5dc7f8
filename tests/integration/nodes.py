"""The machines of a cluster, its table and its function's log, looked at and changed through public APIs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from coordination.names import CLUSTER_TAG, CONDITION_ITEM_PREFIX, ROLE_TAG, TABLE_KEY, launching_hook, member_item
from tests.integration.cluster import Cluster

SLOT_TAG = "holdfast:slot"
WAITS_TO_LAUNCH = "Pending:Wait"
WAITS_TO_TERMINATE = "Terminating:Wait"
IN_SERVICE = "InService"
Description = Mapping[str, Any]


class Nodes:
    """What a cluster's Auto Scaling groups, table and function say."""

    def __init__(self, cluster: Cluster) -> None:
        client = cluster.harness.client
        self._autoscaling, self._ec2 = client("autoscaling"), client("ec2")
        self._dynamodb, self._logs = client("dynamodb"), client("logs")
        self._uuid = cluster.uuid
        ids = cluster.physical_ids()
        self.table = ids["Database/Table"]
        self.log_group = ids["Lifecycle/FunctionLogGroup"]
        self.function = ids["Lifecycle/Reconcile"]

    # machines

    def groups(self) -> list[Description]:
        """The cluster's groups."""
        chosen = [{"Name": f"tag:{CLUSTER_TAG}", "Values": [self._uuid]}]
        pages = self._autoscaling.get_paginator("describe_auto_scaling_groups").paginate(Filters=chosen)
        return [group for page in pages for group in page["AutoScalingGroups"]]

    def states(self, role: str = "") -> dict[str, str]:
        """The lifecycle state of every instance of the groups, by instance id."""
        return {
            instance["InstanceId"]: instance["LifecycleState"]
            for group in self.groups()
            if role in ("", tags_of(group)[ROLE_TAG])
            for instance in group["Instances"]
        }

    def slot(self, number: int) -> Description:
        """The group of a slot."""
        found = [group for group in self.groups() if tags_of(group).get(SLOT_TAG) == str(number)]
        assert len(found) == 1, f"groups of slot {number}: {found}"
        return found[0]

    def only_instance(self, slot: int) -> str:
        """The one instance of a slot, in service."""
        instances = self.slot(slot)["Instances"]
        assert [each["LifecycleState"] for each in instances] == [IN_SERVICE], instances
        return str(instances[0]["InstanceId"])

    def instances(self) -> list[Description]:
        """EC2's description of the cluster's instances that are not terminated."""
        chosen = [{"Name": f"tag:{CLUSTER_TAG}", "Values": [self._uuid]}]
        pages = self._ec2.get_paginator("describe_instances").paginate(Filters=chosen)
        found = [each for page in pages for reservation in page["Reservations"] for each in reservation["Instances"]]
        return [instance for instance in found if instance["State"]["Name"] != "terminated"]

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance through its group, as a failed health check does."""
        self._autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
        )

    def abandon(self, instance_id: str) -> None:
        """Give up a node that boots, as its program does after it has failed."""
        (group,) = (
            group["AutoScalingGroupName"]
            for group in self.groups()
            if instance_id in [each["InstanceId"] for each in group["Instances"]]
        )
        self._autoscaling.complete_lifecycle_action(
            AutoScalingGroupName=group,
            InstanceId=instance_id,
            LifecycleHookName=launching_hook(self._uuid),
            LifecycleActionResult="ABANDON",
        )

    def activities(self, slot: int) -> list[Description]:
        """What Auto Scaling did in a slot, the newest first."""
        name = self.slot(slot)["AutoScalingGroupName"]
        found: list[Description] = self._autoscaling.describe_scaling_activities(AutoScalingGroupName=name)[
            "Activities"
        ]
        return found

    def become_voters(self) -> list[str]:
        """Play the control plane up to its membership: a voter's row for each waiting node, then its hook's answer."""
        waiting = [
            (group["AutoScalingGroupName"], instance["InstanceId"])
            for group in self.groups()
            for instance in group["Instances"]
            if instance["LifecycleState"] == WAITS_TO_LAUNCH
        ]
        for group, instance_id in waiting:
            self.write_row(instance_id, "voter")
            self._autoscaling.complete_lifecycle_action(
                AutoScalingGroupName=group,
                InstanceId=instance_id,
                LifecycleHookName=launching_hook(self._uuid),
                LifecycleActionResult="CONTINUE",
            )
        return [instance_id for _, instance_id in waiting]

    # table

    def write_row(self, instance_id: str, state: str) -> None:
        """Write an instance's member row."""
        row = {TABLE_KEY: {"S": member_item(instance_id)}, "Epoch": {"N": "1"}, "State": {"S": state}}
        self._dynamodb.put_item(TableName=self.table, Item=row)

    def conditions(self, instance_id: str) -> list[dict[str, Any]]:
        """The conditions that name an instance."""
        items = self._dynamodb.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return [
            item
            for item in items
            if item[TABLE_KEY]["S"].startswith(CONDITION_ITEM_PREFIX) and instance_id in item[TABLE_KEY]["S"]
        ]

    # function

    def reports(self) -> Iterator[Description]:
        """What the function has logged, one report a call; metrics, which stand between them, are none."""
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self.log_group)
        for page in pages:
            for event in page["events"]:
                if event["message"].startswith("{") and "_aws" not in (report := json.loads(event["message"])):
                    yield report

    def decisions(self, instance_id: str, action: str) -> list[Description]:
        """The reports in which the function decided on this action for an instance, and did it."""
        return [
            report
            for report in self.reports()
            for decision in report.get("decisions", [])
            if (decision["subject"], decision["action"], decision["outcome"]) == (instance_id, action, "Done")
        ]


def tags_of(described: Description) -> dict[str, str]:
    """Tags by key."""
    return {tag["Key"]: tag["Value"] for tag in described["Tags"]}

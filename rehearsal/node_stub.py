"""Stands in for the nodes of clusters on the local AWS: a process of its own that uses nothing but public APIs.

For every group with the tag `holdfast:cluster` it completes the launch hooks of waiting instances, as a node does once
it is healthy, sends the one signal that a control plane waits for when all its slots are in service, and tells the
group's stack of each new instance in service, as an update that rolls nodes waits for. It never touches a terminating
hook: those belong to the reconcile function.

Run as `python -m rehearsal.node_stub --endpoint URL --region REGION`; one JSON line on standard output for every act.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.shutdown import shutdown_event

CLUSTER_TAG = "holdfast:cluster"
ROLE_TAG = "holdfast:role"
SLOT_TAG = "holdfast:slot"
STACK_TAG = "aws:cloudformation:stack-id"
LOGICAL_ID_TAG = "aws:cloudformation:logical-id"
CONTROL_PLANE_ROLE = "control-plane"
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
READY_RESOURCE = "ClusterReady"
DATABASE_STACK = "Database"
POLL_SECONDS = 0.2
"""How often the groups are looked at, in real seconds."""
HOOK_GONE = "No active Lifecycle Action found"
REFUSED = "ValidationError"
"""What CloudFormation answers to a signal that no resource waits for."""


@dataclass(frozen=True)
class Behaviour:
    """How the nodes behave."""

    voters: bool = False
    """Whether each of the control plane's has a voter's row in the table."""
    signals: bool = True
    """Whether new ones signal their group's stack."""
    failing_type: str = ""
    """The instance type whose nodes signal FAILURE."""


class NodeStub:
    """What the nodes of the clusters do, one round at a time."""

    def __init__(self, session: Any, endpoint: str, cluster: str | None, behaviour: Behaviour) -> None:
        self._scaling = session.client("autoscaling", endpoint_url=endpoint)
        self._stacks = session.client("cloudformation", endpoint_url=endpoint)
        self._dynamodb = session.client("dynamodb", endpoint_url=endpoint)
        self._cluster = cluster
        self._behaviour = behaviour
        self._signalled: set[str] = set()
        self._told: set[str] = set()
        """The instances that have had their one signal, whether it was waited for or not."""
        self._tables: dict[str, str] = {}
        self._written: set[str] = set()

    def run_once(self) -> None:
        """One round: answer launch hooks, signal for new instances, then for control planes that are complete."""
        control_planes: dict[str, list[dict[str, Any]]] = {}
        for group in self._groups():
            self._answer_hooks(group)
            tags = tags_of(group)
            if self._behaviour.signals and STACK_TAG in tags:
                self._tell(group, tags[STACK_TAG], tags[LOGICAL_ID_TAG])
            if tags.get(ROLE_TAG) == CONTROL_PLANE_ROLE and STACK_TAG in tags:
                control_planes.setdefault(tags[STACK_TAG], []).append(group)
        for stack_id, groups in control_planes.items():
            self._signal(stack_id, groups)

    def _groups(self) -> Iterator[dict[str, Any]]:
        chosen = {"Name": f"tag:{CLUSTER_TAG}", "Values": [self._cluster]}
        filters = [chosen if self._cluster else {"Name": "tag-key", "Values": [CLUSTER_TAG]}]
        for page in self._scaling.get_paginator("describe_auto_scaling_groups").paginate(Filters=filters):
            yield from page["AutoScalingGroups"]

    def _answer_hooks(self, group: dict[str, Any]) -> None:
        name = group["AutoScalingGroupName"]
        waiting = [each["InstanceId"] for each in group["Instances"] if each["LifecycleState"] == "Pending:Wait"]
        if not waiting:
            return
        hooks = self._scaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        for instance_id in waiting:
            # As on a real node: the voter's row is there before the hook is completed.
            self._write_voter(group, instance_id)
            for hook in hooks:
                if hook["LifecycleTransition"] == LAUNCHING:
                    self._complete(name, hook["LifecycleHookName"], instance_id)

    def _complete(self, group_name: str, hook_name: str, instance_id: str) -> None:
        try:
            self._scaling.complete_lifecycle_action(
                AutoScalingGroupName=group_name,
                LifecycleHookName=hook_name,
                InstanceId=instance_id,
                LifecycleActionResult="CONTINUE",
            )
        except ClientError as error:
            if HOOK_GONE not in error.response["Error"]["Message"]:
                raise
            return
        say("launch hook completed", group=group_name, hook=hook_name, instance=instance_id)

    def _write_voter(self, group: dict[str, Any], instance_id: str) -> None:
        tags = tags_of(group)
        if not self._behaviour.voters or tags.get(ROLE_TAG) != CONTROL_PLANE_ROLE or instance_id in self._written:
            return
        table = self._table(tags[STACK_TAG])
        row = {
            "Id": {"S": f"member#{instance_id}"},
            "Epoch": {"N": "1"},
            "State": {"S": "voter"},
            "Slot": {"S": tags.get(SLOT_TAG, "")},
        }
        self._dynamodb.put_item(TableName=table, Item=row)
        self._written.add(instance_id)
        say("voter's row written", table=table, instance=instance_id)

    def _table(self, stack_id: str) -> str:
        """The cluster's table: in the database stack of the same root."""
        if stack_id not in self._tables:
            stack = self._stacks.describe_stacks(StackName=stack_id)["Stacks"][0]
            database = self._resources(stack.get("RootId") or stack["ParentId"])[DATABASE_STACK]["PhysicalResourceId"]
            found = [
                resource["PhysicalResourceId"]
                for resource in self._resources(database).values()
                if resource["ResourceType"] == "AWS::DynamoDB::Table"
            ]
            self._tables[stack_id] = found[0]
        return self._tables[stack_id]

    def _resources(self, stack_id: str) -> dict[str, dict[str, Any]]:
        reply = self._stacks.describe_stack_resources(StackName=stack_id)
        return {resource["LogicalResourceId"]: resource for resource in reply["StackResources"]}

    def _tell(self, group: dict[str, Any], stack_id: str, logical_id: str) -> None:
        """Tell the group's stack of each instance that is new in service.

        As real nodes are told of: once, and none of an older launch template than the group's, which a stack that waits
        for the new ones would take for one of them.
        """
        for instance in group["Instances"]:
            name = instance["InstanceId"]
            new = name not in self._told and version_of(instance) == version_of(group)
            if not new or instance["LifecycleState"] != "InService":
                continue
            status = "FAILURE" if instance["InstanceType"] == self._behaviour.failing_type else "SUCCESS"
            heard = True
            try:
                self._stacks.signal_resource(
                    StackName=stack_id, LogicalResourceId=logical_id, UniqueId=name, Status=status
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != REFUSED:
                    raise
                heard = False
            self._told.add(name)
            if heard:
                say("instance signalled", stack=stack_id, resource=logical_id, instance=name, status=status)

    def _signal(self, stack_id: str, groups: list[dict[str, Any]]) -> None:
        """Signal that the cluster is there, once, when every group of the control plane has an instance in service."""
        serving = [
            instance["InstanceId"]
            for group in groups
            for instance in group["Instances"]
            if instance["LifecycleState"] == "InService"
        ]
        complete = all(any(i["LifecycleState"] == "InService" for i in group["Instances"]) for group in groups)
        if not complete or stack_id in self._signalled:
            return
        # The resource waits only after all groups were made, so no slot can be missing from them then.
        resource = self._resources(stack_id).get(READY_RESOURCE)
        if resource is None or resource["ResourceStatus"] != "CREATE_IN_PROGRESS":
            return
        self._stacks.signal_resource(
            StackName=stack_id, LogicalResourceId=READY_RESOURCE, UniqueId=serving[0], Status="SUCCESS"
        )
        self._signalled.add(stack_id)
        say("cluster signalled", stack=stack_id, instance=serving[0])


def tags_of(group: dict[str, Any]) -> dict[str, str]:
    """A group's tags by key."""
    return {tag["Key"]: tag["Value"] for tag in group["Tags"]}


def version_of(described: dict[str, Any]) -> tuple[str, str]:
    """Of an instance or a group: the launch template and its version."""
    template = described.get("LaunchTemplate") or {}
    return template.get("LaunchTemplateId", ""), template.get("Version", "")


def say(act: str, **facts: str) -> None:
    """Log one act as a JSON line."""
    print(json.dumps({"act": act, **facts}), flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.node_stub",
        description="Stands in for the nodes of clusters.",
        epilog="exit codes: 0 after a clean stop, 2 for bad input",
    )
    parser.add_argument("--endpoint", required=True, help="address of the local AWS")
    parser.add_argument("--region", required=True, help="region of the clusters")
    parser.add_argument(
        "--poll-seconds",
        type=float,
        default=POLL_SECONDS,
        help="real seconds between two rounds (default: %(default)s)",
    )
    parser.add_argument("--cluster", help="uuid of the only cluster to stand in for (default: all)")
    parser.add_argument("--voters", action="store_true", help="write a voter's row for every control-plane instance")
    parser.add_argument("--no-signals", action="store_true", help="let no new instance signal its group's stack")
    parser.add_argument(
        "--failing-type", default="", help="instance type whose new instances signal FAILURE (default: none)"
    )
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input is closed")
    options = parser.parse_args(arguments)
    stopping = shutdown_event(with_stdin=options.stop_with_stdin)
    # The local AWS takes any credentials; the caller's own must not be sent anywhere by mistake.
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=options.region)
    behaviour = Behaviour(options.voters, not options.no_signals, options.failing_type)
    stub = NodeStub(session, options.endpoint, options.cluster, behaviour)
    failing = ""
    while not stopping.is_set():
        try:
            stub.run_once()
            failing = ""
        except (ClientError, BotoCoreError) as error:
            # A node keeps trying; the same trouble is reported once.
            if str(error) != failing:
                failing = str(error)
                print(json.dumps({"trouble": failing}), file=sys.stderr, flush=True)
        stopping.wait(options.poll_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

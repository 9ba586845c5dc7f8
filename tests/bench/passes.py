"""Figures of the reconcile function: a cold start, memory, and the requests of a pass over the largest cluster.

The function's zip is unpacked without byte code, as Lambda finds it, and called in a process of its own.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from coordination.boots import Boot, tell
from coordination.members import Member, MemberState
from coordination.names import (
    CLUSTER_TAG,
    CONTROL_PLANE_ROLE,
    POOL_TAG,
    ROLE_TAG,
    SLOT_TAG,
    TABLE_KEY,
    WORKER_ROLE,
    FunctionVariable,
)
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Item
from coordination.record import ClusterRecord, Phase
from coordination.writes import as_item
from functions.package import bundle
from functions.reconcile.measures import CALLS, PASS
from tests.integration.harness import Processes

SLOTS, POOLS = 5, 10
COLD_STARTS = 5
MOST_CALLS = 12
IMPORT_MILLISECONDS = 300
MEMORY_MIB = 128
"""Limits that the project set itself."""

_CALLED = Path(__file__).with_name("called.py")
_REGION = "us-east-1"
_TABLE = "holdfast"
_ROOT_STACK = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
_CREATED_AT = 1_800_000_000

Clients = Callable[[str], Any]


@dataclass(frozen=True)
class Stage:
    """What a call of the function is told by its environment."""

    environment: dict[str, str]


def passes() -> dict[str, Any]:
    """Medians over cold starts, in a local AWS that holds a cluster at rest of 5 slots and 10 pools.

    Milliseconds of CPU of the import; milliseconds of the first call, which imports boto3, of the next, and of the pass
    in it, without the making of its clients; the most MiB at their end; and the requests of a pass.
    """
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(Path(folder))
        try:
            endpoint = processes.start_aws(1)
            stage = cluster(lambda service: _client(service, endpoint))
            code = Path(folder, "code")
            zipfile.ZipFile(io.BytesIO(bundle())).extractall(code)
            called = [_call(code, stage, endpoint) for _ in range(COLD_STARTS)]
        finally:
            processes.stop()
    return figures(called)


def figures(called: list[dict[str, Any]]) -> dict[str, Any]:
    """What the calls together say."""
    return {
        "cold_starts": len(called),
        "import_milliseconds": statistics.median(each["import"] for each in called),
        "first_call_milliseconds": statistics.median(each["first_call"] for each in called),
        "warm_call_milliseconds": statistics.median(each["warm_call"] for each in called),
        "warm_pass_milliseconds": statistics.median(each["passes"][-1][PASS.name] for each in called),
        "memory_mib": max(each["memory_mib"] for each in called),
        "calls": max(one[CALLS.name] for each in called for one in each["passes"]),
    }


def cluster(clients: Clients) -> Stage:
    """A cluster at rest as far as the function sees it, made through these clients."""
    stack = clients("cloudformation").create_stack(StackName="holdfast", TemplateBody=json.dumps(_ROOT_STACK))
    uuid = stack["StackId"].rpartition("/")[2]
    _groups(clients, uuid)
    dynamodb = clients("dynamodb")
    dynamodb.create_table(
        TableName=_TABLE,
        KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    names = _instances(clients("autoscaling"))
    for item in items(stack["StackId"], names):
        dynamodb.put_item(TableName=_TABLE, Item={name: _stored(value) for name, value in item.items()})
    return Stage(
        {
            FunctionVariable.CLUSTER_ID: stack["StackId"],
            FunctionVariable.CLUSTER_UUID: uuid,
            FunctionVariable.TABLE: _TABLE,
            FunctionVariable.TIMEOUT_SECONDS: "60",
        }
    )


def items(cluster_id: str, names: dict[str, str]) -> list[Item]:
    """The rows of such a cluster's table; `names` are the instances and their slots, empty for a worker."""
    voters = sorted(name for name, slot in names.items() if slot)
    seen = tuple(SeenMember(f"{number:016x}", name, False, "") for number, name in enumerate(voters, 1))
    rows: list[Item] = [
        ClusterRecord(cluster_id, Phase.READY, 1, voters[0], 9, 1, "cdf818194e3a8c32", len(voters)).item(),
        ClusterObservation(
            _CREATED_AT, voters[0], 1, "cdf818194e3a8c32", seen[0].etcd_member_id, seen, 9_000_000, len(names)
        ).item(),
    ]
    for number, name in enumerate(voters, 1):
        etcd_id = f"{number:016x}"
        rows.append(
            Member(name, 1, MemberState.VOTER, names[name], f"10.0.0.{number}", etcd_id, created_at=_CREATED_AT).item()
        )
    for name, slot in names.items():
        arn = f"arn:aws:ec2:{_REGION}:123456789012:instance/{name}"
        told = tell(Boot(arn, "start-agent", fingerprint="0" * 64, started_at=_CREATED_AT, place=slot or "pool-0"))
        rows.append(as_item(told.item_id, dict(told.changes)))
    return rows


def _groups(clients: Clients, uuid: str) -> None:
    ec2, autoscaling = clients("ec2"), clients("autoscaling")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.create_launch_template(
        LaunchTemplateName="node", LaunchTemplateData={"ImageId": image, "InstanceType": "m5.large"}
    )
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    places = [(CONTROL_PLANE_ROLE, SLOT_TAG, str(number)) for number in range(SLOTS)]
    places += [(WORKER_ROLE, POOL_TAG, f"pool-{number}") for number in range(POOLS)]
    for role, tag, place in places:
        tags = {CLUSTER_TAG: uuid, ROLE_TAG: role, tag: place}
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=f"{role}-{place}",
            MinSize=0,
            MaxSize=2,
            DesiredCapacity=1,
            LaunchTemplate={"LaunchTemplateName": "node", "Version": "$Latest"},
            VPCZoneIdentifier=subnet,
            Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
        )


def _instances(autoscaling: Any) -> dict[str, str]:
    """The slot of each instance, empty for a worker, once every group has one in service."""
    while True:
        groups = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        found = {
            each["InstanceId"]: next((tag["Value"] for tag in group["Tags"] if tag["Key"] == SLOT_TAG), "")
            for group in groups
            for each in group["Instances"]
            if each["LifecycleState"] == "InService"
        }
        if len(found) == len(groups):
            return found


def _stored(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


def _client(service: str, endpoint: str) -> Any:
    session: Any = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=_REGION)
    return session.client(service, endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1}))


def _call(code: Path, stage: Stage, endpoint: str) -> dict[str, Any]:
    """What one process of the function says of itself."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
        **stage.environment,
        "PYTHONPATH": str(code),
        # Lambda's folder of code cannot be written to, so nothing is compiled for the next cold start.
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    done = subprocess.run(
        [sys.executable, str(_CALLED)], cwd=code, env=environment, capture_output=True, text=True, check=True
    )
    *lines, own = [json.loads(line) for line in done.stdout.splitlines()]
    return {**own, "passes": [line for line in lines if PASS.name in line]}

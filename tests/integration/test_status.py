"""`make status` and `make follow` of a deployed cluster, by somebody who may do what they document and no more."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import deployment.status
from coordination.adapters.table import ANYTHING, ClusterTable
from coordination.conditions import Condition
from coordination.members import Member, MemberState
from coordination.node_leases import LeaseName, NodeLease, take
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Done, Item
from coordination.record import ClusterRecord, Phase
from coordination.writes import as_item
from rehearsal.local import surroundings
from tests.integration.conftest import Generated
from tests.integration.harness import REPOSITORY, LocalAwsHarness, Processes, wait_for

SPEED = 20
STACK = "watched"
ACCOUNT = "123456789012"
LINE_SECONDS = 60.0


@dataclass(frozen=True)
class Watched:
    """A deployed cluster, its table, and people who look at it."""

    aws: LocalAwsHarness
    uuid: str
    outputs: dict[str, str]
    table: ClusterTable
    operator: LocalAwsHarness
    """Who may do what the commands document."""
    nobody: LocalAwsHarness
    """Who may not read the table."""
    packaged: Path

    def put(self, *items: Item) -> None:
        for each in items:
            assert self.table.put(each, ANYTHING) == Done()


def documented() -> set[str]:
    """The actions that the package's own page names."""
    return set(re.findall(r"`((?:cloudformation|dynamodb|kms|autoscaling):\w+)`", deployment.status.__doc__ or "")) - {
        "kms:ViaService"
    }


def person(aws: LocalAwsHarness, processes: Processes, name: str) -> LocalAwsHarness:
    """The commands as a new user types them; nothing is allowed yet."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = LocalAwsHarness(processes, aws.endpoint, aws.region)
    own.environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return own


def policy(region: str, outputs: dict[str, str], without: str = "") -> str:
    """The documented permissions, on the cluster's own resources."""
    stacks = f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack"
    resources: dict[str, Any] = {
        "cloudformation": [f"{stacks}/{STACK}/*", f"{stacks}/{STACK}-*"],
        "dynamodb": f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{outputs['TableName']}",
        "kms": outputs["KeyArn"],
        "autoscaling": "*",
    }
    via = {"StringEquals": {"kms:ViaService": f"dynamodb.{region}.amazonaws.com"}}
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": resources[action.partition(":")[0]]}
        | ({"Condition": via} if action.startswith("kms:") else {})
        for action in sorted(documented() - {without})
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def cluster(
    harness: LocalAwsHarness, processes: Processes, generated: Generated, tmp_path_factory: pytest.TempPathFactory
) -> Watched:
    config, root = generated("minimal")
    packaged = tmp_path_factory.mktemp("watched") / "packaged.json"
    people = {name: person(harness, processes, name) for name in ("operator", "nobody")}
    surroundings.make_bucket(harness.client("s3"), harness.region)
    declared = json.loads(root.read_text())["Parameters"]
    values = surroundings.prepare(harness.client, surroundings.facts(config), declared)
    values["KeyOperatorArns"] = ",".join(f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in people)
    harness.stub_nodes()
    bucket = surroundings.BUCKET
    code, said = harness.deployment("package", "--template", str(root), "--bucket", bucket, "--output", str(packaged))
    assert code == 0, said
    given = [word for pair in values.items() for word in ("--set", "=".join(pair))]
    code, said = harness.deployment("deploy", "--stack", STACK, "--template", str(packaged), *given)
    assert code == 0, said
    stack = harness.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    iam = harness.client("iam")
    for name, without in (("operator", ""), ("nobody", "dynamodb:Scan")):
        iam.put_user_policy(UserName=name, PolicyName="status", PolicyDocument=policy(harness.region, outputs, without))
    made = Watched(
        harness,
        outputs["ClusterUuid"],
        outputs,
        ClusterTable(harness.client("dynamodb"), outputs["TableName"]),
        people["operator"],
        people["nobody"],
        packaged,
    )
    well(made)
    return made


def well(cluster: Watched) -> None:
    """Fill the table as nodes of a healthy cluster would; those of this AWS are stubs."""
    now = int(time.time())
    groups = cluster.aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    slots = {
        tags["holdfast:slot"]: group["Instances"][0]["InstanceId"]
        for group in groups
        if "holdfast:slot" in (tags := {tag["Key"]: tag["Value"] for tag in group["Tags"]})
    }
    first = min(slots.values())
    record = ClusterRecord(cluster.uuid, Phase.READY, 1, first, 3, 1, "abc", len(slots), kubernetes_version="v1.37.2")
    seen = tuple(SeenMember(f"a{slot}", name, False, "") for slot, name in sorted(slots.items()))
    cluster.put(
        record.item(),
        *(Member(name, 1, MemberState.VOTER, slot, "10.0.0.9", f"a{slot}", now).item() for slot, name in slots.items()),
        as_item("lease#agent", dict(take(LeaseName.AGENT, NodeLease(LeaseName.AGENT, "", 1, 1), first).write.changes)),
        ClusterObservation(now, first, 1, "abc", "a0", seen, 30 << 20, 5, 5, 300).item(),
    )


def status(who: LocalAwsHarness, *arguments: str) -> tuple[int, str]:
    return who.deployment("status", "--stack", STACK, *arguments)


def test_who_may_do_what_is_documented_sees_a_healthy_cluster(cluster: Watched) -> None:
    well(cluster)
    code, said = status(cluster.operator)
    assert code == 0, said
    assert said.startswith(f"cluster {STACK} in us-east-1 ({cluster.uuid}): healthy\n")
    assert len(re.findall(r"^  i-\w+  voter.* serves$", said, re.MULTILINE)) == 3
    assert len(re.findall(r"^  slot \d +1 of 1 in service", said, re.MULTILINE)) == 3
    assert max(map(len, said.splitlines())) <= 100
    assert len(said.splitlines()) <= 40
    with urllib.request.urlopen(f"{cluster.aws.endpoint}/_iam/report") as answer:
        report = json.load(answer)
    mine = {kind: [each["action"] for each in report[kind] if each["identity"].endswith("/operator")] for kind in report
            if kind in ("used", "denied")}  # fmt: skip
    assert mine["denied"] == []
    assert set(mine["used"]) <= documented()


def test_a_condition_is_told_with_its_next_step_and_somebody_has_to_act(cluster: Watched) -> None:
    well(cluster)
    waits = Condition("QuorumLost", "no majority", "Bring members back: aws ec2 start-instances …", int(time.time()))
    cluster.put(waits.item())
    try:
        code, said = status(cluster.operator)
        assert code == 1
        assert "  ! QuorumLost: no majority\n      next: Bring members back: aws ec2 start-instances …\n" in said
        found = json.loads(status(cluster.operator, "--json")[1])
        assert found["verdict"] == "attention"
        assert found["parts"]["conditions"]["attention"] == [
            {"what": "QuorumLost: no majority", "next_step": waits.next_step}
        ]
    finally:
        cluster.table.delete("condition#QuorumLost", ANYTHING)


def test_the_table_that_may_not_be_read_is_unknown_and_the_groups_are_there(cluster: Watched) -> None:
    code, said = status(cluster.nobody)
    assert code == 2
    assert re.search(r"^  \? record, members, .*: Scan: AccessDeniedException: .*dynamodb:Scan", said, re.MULTILINE)
    assert "  slot 0        1 of 1 in service" in said


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("kms:Decrypt", "Scan: AccessDeniedException"),
        (
            "autoscaling:DescribeAutoScalingGroups",
            "? groups, instances not in service: DescribeAutoScalingGroups: AccessDenied",
        ),
        ("cloudformation:DescribeStacks", "? stack: DescribeStacks: AccessDenied"),
    ],
)
def test_each_documented_permission_is_needed(cluster: Watched, processes: Processes, action: str, words: str) -> None:
    name = f"without-{action.partition(':')[2]}"
    who = person(cluster.aws, processes, name)
    document = policy(cluster.aws.region, cluster.outputs, action)
    cluster.aws.client("iam").put_user_policy(UserName=name, PolicyName="status", PolicyDocument=document)
    code, said = status(who)
    assert (code, words in said) == (2, True), said


def test_a_stack_that_may_not_be_read_is_unknown(cluster: Watched, processes: Processes) -> None:
    code, said = status(person(cluster.aws, processes, "stranger"))
    assert code == 2
    assert "  ? stack: DescribeStacks: AccessDenied" in said


def test_the_commands_of_next_steps_find_the_groups_of_logs(cluster: Watched) -> None:
    well(cluster)
    cluster.table.delete("lease#agent", ANYTHING)
    code, said = status(cluster.aws)
    assert code == 1
    (command,) = re.findall(r'"\$\((aws logs describe-log-groups .*?)\)"', said)
    done = subprocess.run(
        ["sh", "-c", command], env={**cluster.aws.environment, "PATH": cluster.aws.environment["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (name,) = done.stdout.split()
    assert name in {each["logGroupName"] for each in cluster.aws.client("logs").describe_log_groups()["logGroups"]}
    assert "ControlPlaneLogGroup" in name
    well(cluster)


def test_what_is_no_cluster_is_one_line(cluster: Watched) -> None:
    stacks = cluster.aws.client("cloudformation")
    body = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    stacks.create_stack(StackName="foreign", TemplateBody=json.dumps(body))
    wait_for(
        lambda: stacks.describe_stacks(StackName="foreign")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE",
        "the foreign stack is there",
    )
    network = stacks.describe_stack_resource(StackName=STACK, LogicalResourceId="Network")["StackResourceDetail"]
    for name, words in (
        ("nothing", "there is no stack nothing"),
        ("foreign", "the stack foreign is no cluster of this project"),
        (
            network["PhysicalResourceId"],
            f"is nested in {STACK}, and no cluster by itself: make status STACK={STACK} REGION=us-east-1",
        ),
    ):
        code, said = cluster.aws.deployment("status", "--stack", name)
        assert (code, words in said, said.count("\n")) == (2, True, 1), said


class Following:
    """`follow` as it runs; its lines as they come."""

    def __init__(self, who: LocalAwsHarness, *arguments: str) -> None:
        command = [sys.executable, "-m", "deployment", "follow", "--stack", STACK, *arguments]
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=who.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []

    def until(self, words: str) -> str:
        """The next line that holds these words."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + LINE_SECONDS
        for line in self._process.stdout:
            self.said.append(line)
            if words in line:
                return line
            assert time.monotonic() < deadline, self.said
        raise AssertionError(f"it ended: {''.join(self.said)}")

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        rest, _ = self._process.communicate(timeout=LINE_SECONDS)
        self.said.append(rest)
        return self._process.returncode

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@pytest.fixture
def following(cluster: Watched) -> Iterator[list[Following]]:
    started: list[Following] = []
    yield started
    for each in started:
        each.stop()


def test_a_stack_at_rest_is_watched_until_somebody_has_seen_enough(
    cluster: Watched, following: list[Following]
) -> None:
    well(cluster)
    cluster.put(Condition("QuorumLost", "no majority", "bring members back", int(time.time())).item())
    watch = Following(cluster.operator)
    following.append(watch)
    watch.until("what happens from now on is told until Ctrl-C")
    # What waits for somebody is told at the first look, with which the next ones are compared.
    told = watch.until("CONDITION").split(maxsplit=3)
    assert told[3] == "QuorumLost: no majority; next: bring members back\n"
    autoscaling = cluster.aws.client("autoscaling")
    asked = {"AutoScalingGroupNames": cluster.outputs["WorkerGroups"].split(",")}
    worker = autoscaling.describe_auto_scaling_groups(**asked)["AutoScalingGroups"][0]["Instances"][0]["InstanceId"]
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=worker, ShouldDecrementDesiredCapacity=False)
    cluster.table.delete("condition#QuorumLost", ANYTHING)
    cluster.put({"Id": "boot#arn/i-0123", "Stage": "gate", "Reason": "a learner is listed"})
    watch.until(f"{worker} (pool general) is Terminating")
    watch.until("i-0123 is at gate: a learner is listed")
    watch.until("QuorumLost is cleared")
    assert watch.interrupt() == 0
    assert "Traceback" not in "".join(watch.said)
    assert not [line for line in watch.said if "UNKNOWN" in line]


def test_a_table_that_may_not_be_read_is_told_once_and_events_go_on(
    cluster: Watched, following: list[Following]
) -> None:
    watch = Following(cluster.nobody)
    following.append(watch)
    watch.until("what happens in the cluster table is unknown: Scan: AccessDeniedException")
    code, said = cluster.aws.deployment(
        "deploy", "--stack", STACK, "--template", str(cluster.packaged), "--set", "LogRetentionDays=14"
    )
    assert code == 0, said
    watch.until(f"UPDATE_COMPLETE              {STACK}")
    assert watch.interrupt() == 0
    assert len([line for line in watch.said if "cluster table is unknown" in line]) == 1


def test_an_operation_that_has_ended_is_told_to_its_end_where_it_alone_is_asked_for(cluster: Watched) -> None:
    code, said = cluster.operator.deployment("follow", "--stack", STACK, "--operation", "--stacks-only")
    assert code == 0, said
    assert "TableName" in said

"""The node stub in a process of its own: it answers launch hooks, signals once, and leaves everything else alone."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from rehearsal.aws.server import LocalAws
from tests.rehearsal.compute import LaunchNetwork
from tests.rehearsal.engine import Stacks, template
from tests.rehearsal.rolled import SURGE, in_service, instance_types
from tests.waiting import BUSY_SECONDS, wait_for

HOOKS = [
    {"LifecycleHookName": "launching", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"},
    {"LifecycleHookName": "terminating", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"},
]


class Process:
    """A running stub and what it has said."""

    def __init__(self, endpoint: str, *options: str) -> None:
        command = [sys.executable, "-m", "rehearsal.node_stub", "--endpoint", endpoint, "--region", "us-east-1"]
        # The stub must do without the caller's credentials.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._process = subprocess.Popen(
            [*command, "--poll-seconds", "0.05", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._acts: queue.Queue[dict[str, Any]] = queue.Queue()
        self.said: list[dict[str, Any]] = []
        self.trouble: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_trouble)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._acts.put(json.loads(line))

    def _read_trouble(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.trouble.append(line)

    def acts(self, kind: str) -> list[dict[str, Any]]:
        while not self._acts.empty():
            self.said.append(self._acts.get())
        return [act for act in self.said if act["act"] == kind]

    def close_stdin(self) -> int:
        """The exit status after the end of standard input, as when whoever started the stub was killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(timeout=BUSY_SECONDS)

    def stop(self) -> tuple[int, str]:
        """The exit status after SIGTERM, and what stood on standard error."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(timeout=BUSY_SECONDS)
        for reader in self._readers:
            reader.join(timeout=BUSY_SECONDS)
        return status, "".join(self.trouble)


def make_group(aws: LocalAws, network: LaunchNetwork, name: str, cluster: str | None, **settings: Any) -> None:
    tags = [{"Key": "holdfast:cluster", "Value": cluster, "PropagateAtLaunch": True}] if cluster else []
    aws.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=2,
        DesiredCapacity=1,
        LaunchTemplate={"LaunchTemplateId": network.template},
        VPCZoneIdentifier=network.zones,
        LifecycleHookSpecificationList=HOOKS,
        Tags=tags,
        **settings,
    )


def states(aws: LocalAws, name: str) -> list[str]:
    (group,) = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return [instance["LifecycleState"] for instance in group["Instances"]]


def test_it_completes_the_launch_hooks_of_clusters_and_touches_nothing_else(
    aws: LocalAws, network: LaunchNetwork
) -> None:
    make_group(aws, network, "mine", "uuid-1")
    make_group(aws, network, "stranger", None)
    stub = Process(aws.endpoint)
    wait_for(lambda: states(aws, "mine") == ["InService"], "the cluster's instance in service")
    (act,) = wait_for(lambda: stub.acts("launch hook completed"), "the line about it")
    assert (act["group"], act["hook"]) == ("mine", "launching")
    aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=act["instance"], ShouldDecrementDesiredCapacity=True
    )
    wait_for(lambda: states(aws, "mine") == ["Terminating:Wait"], "the instance at its terminating hook")
    wait_for(lambda: states(aws, "stranger") == ["Pending:Wait"], "the stranger's instance at its hook")
    aws.clock.sleep(0.5)
    assert states(aws, "mine") == ["Terminating:Wait"]
    assert states(aws, "stranger") == ["Pending:Wait"]
    assert stub.stop() == (0, "")


def test_it_plays_only_the_cluster_that_it_was_told(aws: LocalAws, network: LaunchNetwork) -> None:
    make_group(aws, network, "chosen", "uuid-2")
    make_group(aws, network, "other", "uuid-3")
    stub = Process(aws.endpoint, "--cluster", "uuid-2")
    wait_for(lambda: states(aws, "chosen") == ["InService"], "the chosen cluster's instance in service")
    aws.clock.sleep(0.3)
    assert states(aws, "other") == ["Pending:Wait"]
    assert stub.stop() == (0, "")


def test_it_ends_with_its_standard_input_when_asked_to(aws: LocalAws) -> None:
    assert Process(aws.endpoint, "--stop-with-stdin").close_stdin() == 0


def test_it_signals_a_complete_control_plane_once_and_writes_its_voters(aws: LocalAws, network: LaunchNetwork) -> None:
    upload(aws, "database", {"Resources": {"Table": TABLE}})
    upload(aws, "controlplane", {"Resources": control_plane(network)})
    nested = {name: nested_stack(name.lower()) for name in ("Database", "Controlplane")}
    nested["Controlplane"]["DependsOn"] = "Database"
    stacks = aws.client("cloudformation")
    stub = Process(aws.endpoint, "--cluster", "uuid-4", "--voters")
    stacks.create_stack(StackName="stubbed", TemplateBody=json.dumps({"Resources": nested}))
    wait_for(
        lambda: stacks.describe_stacks(StackName="stubbed")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE",
        "a cluster that is complete",
        seconds=60,
    )
    (signalled,) = stub.acts("cluster signalled")
    written = stub.acts("voter's row written")
    assert len(written) == 2
    assert signalled["instance"] in {act["instance"] for act in written}
    rows = aws.client("dynamodb").scan(TableName=written[0]["table"])["Items"]
    assert {row["Id"]["S"] for row in rows} == {f"member#{act['instance']}" for act in written}
    assert {row["State"]["S"] for row in rows} == {"voter"}
    assert stub.stop() == (0, "")


def test_it_signals_for_new_instances_so_that_a_rolling_update_ends_and_for_a_failing_type_that_it_failed(
    aws: LocalAws, network: LaunchNetwork, stacks: Stacks
) -> None:
    stub = Process(aws.endpoint, "--cluster", "uuid-5", "--failing-type", "m5.2xlarge")
    name = stacks.create(rolled(aws, network, "m5.large"))
    groups = [str(stacks.resource(name, each)["PhysicalResourceId"]) for each in ("Slot", "Pool")]

    def types() -> list[set[str]]:
        return [instance_types(aws, serving(aws, group)) for group in groups]

    assert types() == [{"m5.large"}, {"m5.large"}]
    assert stub.acts("instance signalled") == []
    stacks.update(name, rolled(aws, network, "m5.xlarge"))
    assert types() == [{"m5.xlarge"}, {"m5.xlarge"}]
    assert sorted((act["resource"], act["status"]) for act in stub.acts("instance signalled")) == [
        ("Pool", "SUCCESS"),
        ("Slot", "SUCCESS"),
    ]
    stacks.update(name, rolled(aws, network, "m5.2xlarge"), wait="UPDATE_ROLLBACK_COMPLETE")
    assert types() == [{"m5.xlarge"}, {"m5.xlarge"}]
    (failed,) = [act for act in stub.acts("instance signalled") if act["status"] == "FAILURE"]
    assert failed["resource"] == "Slot"
    assert stub.stop() == (0, "")


def rolled(aws: LocalAws, network: LaunchNetwork, kind: str) -> str:
    """A slot and, after it, a pool, each with an instance, which an update replaces once the new one has signalled."""
    image = aws.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    group: dict[str, Any] = {
        "MinSize": "1",
        "MaxSize": "2",
        "VPCZoneIdentifier": [network.subnets[0]],
        "LaunchTemplate": {
            "LaunchTemplateId": {"Ref": "Machine"},
            "Version": {"Fn::GetAtt": ["Machine", "LatestVersionNumber"]},
        },
        "Tags": [{"Key": "holdfast:cluster", "Value": "uuid-5", "PropagateAtLaunch": True}],
    }
    of_a_group = {"Type": "AWS::AutoScaling::AutoScalingGroup", "UpdatePolicy": {"AutoScalingRollingUpdate": SURGE}}
    return template(
        {
            "Machine": {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {"LaunchTemplateData": {"ImageId": image, "InstanceType": kind}},
            },
            "Slot": {**of_a_group, "Properties": {**group, "LifecycleHookSpecificationList": HOOKS[:1]}},
            "Pool": {**of_a_group, "Properties": group, "DependsOn": "Slot"},
        }
    )


def serving(aws: LocalAws, name: str) -> list[str]:
    """The instances of a group that are in service."""
    (group,) = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return in_service(group)


TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "Id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "Id", "AttributeType": "S"}],
    },
}


def control_plane(network: LaunchNetwork) -> dict[str, Any]:
    """Two slots and the signal that they wait for."""
    tags = {"holdfast:cluster": "uuid-4", "holdfast:role": "control-plane", "holdfast:slot": "0"}
    slot = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {
            "MinSize": "1",
            "MaxSize": "2",
            "VPCZoneIdentifier": list(network.subnets),
            "LaunchTemplate": {"LaunchTemplateId": network.template, "Version": "1"},
            "LifecycleHookSpecificationList": HOOKS[:1],
            "Tags": [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
        },
    }
    ready = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT1H"}},
        "DependsOn": ["Slot0", "Slot1"],
    }
    return {"Slot0": slot, "Slot1": slot, "ClusterReady": ready}


def upload(aws: LocalAws, name: str, template: dict[str, Any]) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="stubbed")
    s3.put_object(Bucket="stubbed", Key=f"{name}.json", Body=json.dumps(template).encode())


def nested_stack(name: str) -> dict[str, Any]:
    url = f"https://s3.amazonaws.com/stubbed/{name}.json"
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}


def test_it_keeps_trying_while_the_local_aws_is_away_and_says_so_once() -> None:
    with socket.socket() as taken:
        # Bound and never listening: nobody answers there, and nobody else takes the port.
        taken.bind(("127.0.0.1", 0))
        stub = Process(f"http://localhost:{taken.getsockname()[1]}")
        first = wait_for(lambda: stub.trouble[:1], "the first trouble")
        time.sleep(0.5)
        assert stub.stop() == (0, "".join(first))
    assert "Could not connect" in json.loads(first[0])["trouble"]

#!/usr/bin/python3
"""The probe that user data starts on every node until the node program exists; it proves the bed, not a cluster.

It asks the metadata service who it is, reads settings and the table with its role, and tells its stage in its `boot#`
row. On slot 0 it runs `kubeadm init` with a fixed configuration; every control-plane node completes its launch hook,
slot 0 signals the stack, and a worker waits until the API answers through the balancer's name.

It ends with 1 and one line that says what failed. It needs nothing but the standard library and boto3.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, "/opt/holdfast/lib")

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

NODE_FILE = Path("/etc/holdfast/node.json")
KUBEADM_FILE = Path("/etc/holdfast/kubeadm.yaml")
METADATA = "http://169.254.169.254/latest"
API_PORT = 6443
CONNECT_SECONDS = 3.0
"""How long one connection may take; a packet that a firewall drops is noticed by it."""
DROPPED_LIMIT = 5
"""After so many connections in a row that nothing answered, a rule is missing: a balancer without targets refuses."""
SERVING_SECONDS = 240.0
"""How long the API may take until it answers: one boot and one `kubeadm init` on a busy machine."""
SIGNAL_SECONDS = 120.0


class Failed(Exception):
    """The probe cannot go on; the text says why."""


def metadata(path: str, token: str) -> str:
    """One item of the instance's metadata."""
    return _http("GET", f"{METADATA}/{path}", {"X-aws-ec2-metadata-token": token})


def main() -> int:
    """Boot as far as a probe does."""
    node = json.loads(NODE_FILE.read_text(encoding="utf-8"))
    token = _http("PUT", f"{METADATA}/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
    identity = json.loads(metadata("dynamic/instance-identity/document", token))
    probe = Probe(node, identity)
    try:
        probe.tell("identified")
        probe.boot()
    except (Failed, BotoCoreError, ClientError) as error:
        print(f"probe failed: {error}", file=sys.stderr, flush=True)
        probe.tell("failed", str(error))
        return 1
    probe.tell("done")
    return 0


class Probe:
    """One node's boot."""

    def __init__(self, node: dict[str, str], identity: dict[str, str]) -> None:
        self._node = node
        self._instance_id = identity["instanceId"]
        self._address = identity["privateIp"]
        partition = "aws-cn" if node["region"].startswith("cn-") else "aws"
        partition = "aws-us-gov" if node["region"].startswith("us-gov-") else partition
        self._arn = f"arn:{partition}:ec2:{node['region']}:{identity['accountId']}:instance/{self._instance_id}"
        self._session: Any = boto3.Session(region_name=node["region"])
        self._started = time.monotonic()

    def boot(self) -> None:
        """Everything up to `done`. Raises Failed, ClientError, BotoCoreError."""
        settings = self._settings()
        self.tell("settings")
        if self._node["role"] == "worker":
            self._wait_for_api(settings["api-endpoint"])
            return
        self._client("dynamodb").scan(TableName=self._node["table"], ConsistentRead=True)
        founder = self._node["slot"] == "0"
        if founder:
            self.tell("kubeadm init")
            self._kubeadm_init(settings)
            self.tell("api serves")
        self._complete_launch_hook()
        self.tell("launch hook completed")
        if founder:
            self._signal(settings["control-plane-stack"])

    def tell(self, stage: str, reason: str = "") -> None:
        """Write the stage to the console and to this instance's row, the only one that it may write."""
        seconds = round(time.monotonic() - self._started, 1)
        print(json.dumps({"stage": stage, "seconds": seconds, "reason": reason}), flush=True)
        try:
            self._client("dynamodb").update_item(
                TableName=self._node["table"],
                Key={"Id": {"S": f"boot#{self._arn}"}},
                UpdateExpression="SET Stage = :stage, Reason = :reason",
                ExpressionAttributeValues={":stage": {"S": stage}, ":reason": {"S": reason}},
            )
        except (BotoCoreError, ClientError) as error:
            if stage != "failed":
                raise
            print(f"the row cannot be written either: {error}", file=sys.stderr, flush=True)

    def _settings(self) -> dict[str, str]:
        path = f"{self._node['parameters']}/settings"
        pages = self._client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
        return {item["Name"].rpartition("/")[2]: item["Value"] for page in pages for item in page["Parameters"]}

    def _kubeadm_init(self, settings: dict[str, str]) -> None:
        version = _run(["kubeadm", "version", "-o", "short"]).strip()
        KUBEADM_FILE.write_text(
            KUBEADM.format(
                address=self._address,
                name=self._instance_id,
                version=version,
                endpoint=settings["api-endpoint"],
                pods=settings["pod-cidr"],
                services=settings["service-cidr"],
            ),
            encoding="utf-8",
        )
        _run(["kubeadm", "init", "--config", str(KUBEADM_FILE), "--skip-phases", "addon"])
        self._until(lambda: _ready(self._address), "the API server of this node", SERVING_SECONDS)

    def _complete_launch_hook(self) -> None:
        scaling = self._client("autoscaling")
        found = scaling.describe_auto_scaling_instances(InstanceIds=[self._instance_id])["AutoScalingInstances"]
        if not found:
            raise Failed(f"{self._instance_id} is in no Auto Scaling group")
        scaling.complete_lifecycle_action(
            AutoScalingGroupName=found[0]["AutoScalingGroupName"],
            LifecycleHookName=f"{self._node['cluster']}-launching",
            InstanceId=self._instance_id,
            LifecycleActionResult="CONTINUE",
        )

    def _signal(self, stack: str) -> None:
        """Tell the stack that the cluster is there; it takes the signal once it has begun to wait for it."""
        deadline = time.monotonic() + SIGNAL_SECONDS
        while True:
            try:
                self._client("cloudformation").signal_resource(
                    StackName=stack, LogicalResourceId="ClusterReady", UniqueId=self._instance_id, Status="SUCCESS"
                )
                return
            except ClientError as error:
                if error.response["Error"]["Code"] != "ValidationError" or time.monotonic() > deadline:
                    raise
            time.sleep(1)

    def _wait_for_api(self, name: str) -> None:
        self.tell("waiting for the API")
        dropped = 0

        def serves() -> bool:
            nonlocal dropped
            try:
                return _ready(name)
            except TimeoutError as error:
                dropped += 1
                if dropped >= DROPPED_LIMIT:
                    raise Failed(f"{name}:{API_PORT}: {dropped} connections in a row were not answered") from error
            return False

        self._until(serves, f"the API at {name}", SERVING_SECONDS)

    def _client(self, service: str) -> Any:
        config = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})
        return self._session.client(service, config=config)

    @staticmethod
    def _until(look: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not look():
            if time.monotonic() > deadline:
                raise Failed(f"{what} does not serve /readyz after {seconds:.0f} s")
            time.sleep(1)


def _ready(host: str) -> bool:
    """Whether the API at a host says that it is ready. TimeoutError when nothing answers a connection at all."""
    try:
        with socket.create_connection((host, API_PORT), timeout=CONNECT_SECONDS):
            pass
    except TimeoutError:
        raise
    except OSError:
        return False
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://{host}:{API_PORT}/readyz", timeout=10, context=unverified) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def _http(method: str, url: str, headers: dict[str, str]) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=10) as answer:
        return str(answer.read().decode())


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command[:2])} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


# failCgroupV1 and SystemVerification: this computer may still have cgroup v1, which kubelet refuses by default.
KUBEADM = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: {address}
  bindPort: 6443
nodeRegistration:
  name: {name}
  criSocket: unix:///run/containerd/containerd.sock
  ignorePreflightErrors: [SystemVerification]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
controlPlaneEndpoint: "{endpoint}:6443"
networking:
  podSubnet: {pods}
  serviceSubnet: {services}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
"""


if __name__ == "__main__":
    sys.exit(main())

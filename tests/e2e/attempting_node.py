"""Runs on a node of a test, with credentials that lie there, and tries what it must not get. Prints JSON."""

from __future__ import annotations

import sys

sys.path.insert(0, "/opt/holdfast/lib")

import base64
import json
import os
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from coordination.adapters.clients import client
from coordination.adapters.table import ClusterTable
from coordination.boots import boot, tell
from coordination.names import boot_item
from coordination.outcomes import Done, Known
from userdata.addons.places import AUTOSCALER
from userdata.boot import bootstrap_csr
from userdata.boot.bootstrap_csr import Asker, Denied, Key
from userdata.config import node_file
from userdata.host.https import Credentials
from userdata.host.instance import Metadata
from userdata.join.data import JoinData
from userdata.join.store import JoinStore
from userdata.kube import rights
from userdata.kube.client import Api
from userdata.kube.resources import NODES, SIGNING_REQUESTS
from userdata.kubeadm import discovery
from userdata.kubeadm.documents import text
from userdata.pki.material import ITEMS
from userdata.pki.placing import CLUSTER_CA

ROOT = Path("/")
RESOLVERS = Path("/etc/resolv.conf")
DNS_PORT, DNS_SECONDS, DNS_BYTES = 53, 10.0, 512
KUBELET = "/var/lib/kubelet/pki/kubelet-client-current.pem"
JUDGED_SECONDS = 40.0

Calls = dict[str, Callable[[], Any]]


def attempts(told: dict[str, Any]) -> object:
    """The code of each call's refusal, empty where it was not refused. Nothing is changed where one is not."""
    about = node_file.read(ROOT)
    calls = {**_parameters(about.parameters, told["epoch"]), **_rows(about.table, told["items"])}
    return {name: _refusal(call) for name, call in calls.items()}


def _parameters(prefix: str, epoch: int) -> Calls:
    ssm = client("ssm")
    names = [f"{prefix}/{epoch}/{item}" for item in ITEMS]

    def read(name: str) -> Callable[[], Any]:
        return lambda: ssm.get_parameter(Name=name, WithDecryption=True)

    calls: Calls = {f"GetParameter {name}": read(name) for name in names}
    calls["GetParameters"] = lambda: ssm.get_parameters(Names=names, WithDecryption=True)
    for path in (prefix, f"{prefix}/{epoch}"):
        calls[f"GetParametersByPath {path}"] = lambda path=path: ssm.get_parameters_by_path(  # type: ignore[misc]
            Path=path, Recursive=True, WithDecryption=True
        )
    for name in (f"{prefix}/join/data", f"{prefix}/{epoch}/forged"):
        # The name and the type do not go together, so that nothing is overwritten.
        calls[f"PutParameter {name}"] = lambda name=name: ssm.put_parameter(  # type: ignore[misc]
            Name=name, Value="forged", Type="String", Overwrite=False
        )
    return calls


def _rows(table: str, items: list[str]) -> Calls:
    dynamodb = client("dynamodb")
    # Never true, so that nothing is changed where the call is allowed: the refusal has another code then.
    never = {"ConditionExpression": "attribute_exists(Id) AND attribute_not_exists(Id)"}

    def of(item_id: str) -> Calls:
        key = {"Id": {"S": item_id}}
        setting = {"UpdateExpression": "SET Forged = :yes", "ExpressionAttributeValues": {":yes": {"BOOL": True}}}
        update = {"TableName": table, "Key": key, **setting, **never}
        return {
            f"UpdateItem {item_id}": lambda: dynamodb.update_item(**update),
            f"PutItem {item_id}": lambda: dynamodb.put_item(TableName=table, Item=key, **never),
            f"DeleteItem {item_id}": lambda: dynamodb.delete_item(TableName=table, Key=key, **never),
            f"TransactWriteItems {item_id}": lambda: dynamodb.transact_write_items(TransactItems=[{"Update": update}]),
        }

    calls: Calls = {}
    for item_id in items:
        calls |= of(item_id)
    calls["Scan"] = lambda: dynamodb.scan(TableName=table)
    return calls


def _refusal(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def attempts_as_autoscaler(told: dict[str, Any]) -> object:
    """On a control plane, with the credentials that its agent hands the autoscaler, the codes of refusals as above."""
    about = node_file.read(ROOT)
    os.environ |= {"AWS_SHARED_CREDENTIALS_FILE": AUTOSCALER.file, "AWS_EC2_METADATA_DISABLED": "true"}
    groups, ssm = client("autoscaling"), client("ssm")

    def scale(name: str, size: int) -> Callable[[], Any]:
        return lambda: groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=size)

    calls: Calls = {
        "DescribeAutoScalingGroups": groups.describe_auto_scaling_groups,
        "DescribeInstanceTypes": lambda: client("ec2").describe_instance_types(InstanceTypes=["m5.large"]),
        "GetParameter": lambda: ssm.get_parameter(Name=told["key"], WithDecryption=True),
        "GetParametersByPath": lambda: ssm.get_parameters_by_path(Path=about.parameters, Recursive=True),
        "GetItem": lambda: client("dynamodb").get_item(TableName=about.table, Key={"Id": {"S": "cluster"}}),
    }
    calls |= {f"SetDesiredCapacity of {kind}": scale(*group) for kind, group in told["groups"].items()}
    return {name: _refusal(call) for name, call in calls.items()}


def own(told: dict[str, Any]) -> object:
    """What a worker may: read the record, its join data, and write its own boot row."""
    about = node_file.read(ROOT)
    identity = Metadata().identity()
    assert isinstance(identity, Known), identity
    table = ClusterTable(client("dynamodb"), about.table)
    record = table.get("cluster")
    written = table.apply(tell(boot({**told["row"], "Id": boot_item(identity.value.arn)})))
    return {"cluster": isinstance(record, Known), "row": isinstance(written, Done), "join data": bool(_data().token)}


def steal(told: dict[str, Any]) -> object:
    """Ask for a node's client certificate by another one's name, with the join token alone; how it was judged."""
    with tempfile.TemporaryDirectory() as folder:
        key = bootstrap_csr.new(Path(folder), told["named"])
    asker = Asker(_data(), told["named"], key)
    asked = asker.ask()
    assert isinstance(asked, Known), asked
    deadline = time.monotonic() + JUDGED_SECONDS
    while time.monotonic() < deadline:
        found = asker.issued()
        if isinstance(found, Denied):
            return {"denied": found.reason}
        if isinstance(found, Known) and found.value is not None:
            return {"issued": True}
        time.sleep(0.5)
    return {}


def ask_as_token_holder(told: dict[str, Any]) -> object:
    """Store a request for a server's certificate with the join token alone; what kubectl says."""
    data = _data()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "token.conf")
        file.touch(mode=0o600)
        found_by = discovery.kubeconfig(data.bundle, data.server, {"token": data.token.text})
        file.write_text(text(found_by), encoding="utf-8")
        command = ["kubectl", f"--kubeconfig={file}", "create", "--filename=-", "--request-timeout=10s"]
        request = json.dumps(_serving(told["name"], told["request"]))
        done = subprocess.run(command, input=request, capture_output=True, text=True, check=False)
    return {"stored": done.returncode == 0, "said": done.stdout + done.stderr}


def ask_as_kubelet(told: dict[str, Any]) -> object:
    """Store a request for a server's certificate with this kubelet's own client certificate; empty when it was."""
    api = Api(told["address"], lambda: Credentials(CLUSTER_CA, KUBELET, KUBELET))
    return getattr(api.create(SIGNING_REQUESTS, _serving(told["name"], told["request"])), "reason", "")


def flood(told: dict[str, Any]) -> object:
    """Store so many requests for the first certificate of an instance that nobody has, with the join token alone; how
    many there are."""
    data, stored, said = _data(), 0, ""
    for number in range(told["count"]):
        key = Key("", told["request"], f"{number:012x}")
        outcome = Asker(data, f"i-{number:017x}", key).ask()
        if isinstance(outcome, Known):
            stored += 1
        else:
            said = outcome.reason
    return {"stored": stored, "said": said}


def write_logs(told: dict[str, Any]) -> object:
    """Write a line into a stream of each group; the code of its refusal, empty where it was not refused."""
    logs = client("logs")

    def write(group: str) -> None:
        place = {"logGroupName": group, "logStreamName": told["stream"]}
        logs.put_log_events(**place, logEvents=[{"timestamp": int(time.time() * 1000), "message": "forged"}])

    def make(group: str) -> None:
        logs.create_log_stream(logGroupName=group, logStreamName=f"{told['stream']}-forged")

    return {group: [_refusal(partial(call, group)) for call in (write, make)] for group in told["groups"]}


def ask_resolver(told: dict[str, Any]) -> object:
    """Of each name: the resolver's response code, and whether its answer has an address (RFC 1035, 4.1)."""
    lines = [line.split() for line in RESOLVERS.read_text(encoding="utf-8").splitlines()]
    server = next(words[1] for words in lines if words[:1] == ["nameserver"])
    return {name: _asked(server, name) for name in told["names"]}


def _asked(server: str, name: str) -> tuple[int, bool]:
    own, recursive, address, internet = os.getpid() & 0xFFFF, 0x0100, 1, 1
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", own, recursive, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, address, internet)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(DNS_SECONDS)
        asking.connect((server, DNS_PORT))
        asking.send(question)
        number, flags, _, answers = struct.unpack(">4H", asking.recv(DNS_BYTES)[:8])
    assert number == own
    return flags & 0xF, answers > 0


def relabel(told: dict[str, Any]) -> object:
    """Label this worker's Node with its own certificate; what the API server says."""
    api = Api(told["address"], lambda: Credentials(CLUSTER_CA, KUBELET, KUBELET))
    changed = api.merge(NODES, told["name"], {"metadata": {"labels": {told["label"]: told["value"]}}})
    return getattr(changed, "reason", "")


def _serving(name: str, request: str) -> dict[str, Any]:
    return {
        "apiVersion": SIGNING_REQUESTS.api,
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": base64.b64encode(request.encode()).decode(),
            "signerName": rights.SERVING_SIGNER,
            "usages": ["digital signature", "server auth"],
        },
    }


def _data() -> JoinData:
    found = JoinStore(client("ssm"), node_file.read(ROOT).parameters, "").read()
    assert isinstance(found, Known), found
    assert found.value is not None
    return found.value


VERBS: dict[str, Callable[[dict[str, Any]], object]] = {
    "attempts": attempts,
    "attempts_as_autoscaler": attempts_as_autoscaler,
    "own": own,
    "steal": steal,
    "ask_as_token_holder": ask_as_token_holder,
    "ask_as_kubelet": ask_as_kubelet,
    "ask_resolver": ask_resolver,
    "flood": flood,
    "relabel": relabel,
    "write_logs": write_logs,
}

if __name__ == "__main__":
    os.environ["AWS_DEFAULT_REGION"] = node_file.read(ROOT).region
    print(json.dumps(VERBS[sys.argv[1]](json.loads(sys.argv[2]))))

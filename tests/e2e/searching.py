"""Every secret that a running cluster made, and every place in which none of them may be."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from coordination.outcomes import Known
from rehearsal.cloud import table
from rehearsal.machines import local_clouds
from rehearsal.machines.instance.cgroups import group_of
from rehearsal.machines.instance.plan import DATA_FOLDERS
from tests.e2e.harness import ClusterHarness
from tests.unit.userdata.secrecy import all_files, pki_secrets
from userdata.join.store import JoinStore
from userdata.pki.material import ITEMS
from userdata.pki.store import PkiStore

Place = tuple[str, bytes]
"""A name that may be shown, and what is there."""

SAMPLE_SECONDS = 0.05
"""Between two looks at all processes; what lives shorter may be missed."""
LOGS = "var/log/holdfast"
_KEY_FOLDERS = ("etc/kubernetes", "etc/holdfast", "var/lib/kubelet/pki", "var/lib/holdfast")
_LARGEST_KEY_FILE = 1 << 16
# Beside what an instance has written over its image: its other disks, and what it keeps in memory.
_OTHER_FOLDERS = (*DATA_FOLDERS, "var/lib/etcd", "run", "tmp", "dev/shm")
_NOT_FILES = "run/netns"
"""Names of network namespaces, which nobody can read."""
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END [A-Z ]*PRIVATE KEY-----\n")
_KEY_IN_CONFIGURATION = re.compile(rb"client-key-data: ([A-Za-z0-9+/=]+)")
_CLOUD = "local cloud"


class Sampler:
    """Notes arguments and environment of every process of this computer, of those of instances too, while it lasts."""

    def __init__(self) -> None:
        self._seen: dict[bytes, str] = {}
        self._known: dict[str, bytes] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def places(self) -> list[Place]:
        """What was seen so far."""
        return [(name, content) for content, name in list(self._seen.items())]

    def ran(self, *arguments: str) -> bool:
        """Whether a program was seen that has these arguments, one right after the other."""
        wanted = "\0".join(arguments).encode()
        return any(wanted in content for content, name in list(self._seen.items()) if name.startswith("arguments"))

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            pids = [name for name in os.listdir("/proc") if name.isdecimal()]
            for pid in pids:
                # It may end at any moment.
                with contextlib.suppress(OSError):
                    self._look(pid)
            self._known = {pid: self._known[pid] for pid in pids if pid in self._known}

    def _look(self, pid: str) -> None:
        arguments = Path("/proc", pid, "cmdline").read_bytes()
        if not arguments or self._known.get(pid) == arguments:
            return
        self._known[pid] = arguments
        self._seen.setdefault(arguments, f"arguments of process {pid}")
        self._seen.setdefault(Path("/proc", pid, "environ").read_bytes(), f"environment of process {pid}")


@dataclass(frozen=True)
class KeyFile:
    """A file of an instance that holds private keys."""

    place: str
    mode: int
    keys: tuple[str, ...]


def instance_folder(instance_id: str) -> tuple[str, Path]:
    """The id of the local cloud that has an instance, and the folder of the instance's disks."""
    found = [(each.cloud_id, Path(each.run_dir, "instances", instance_id)) for each in local_clouds.records()]
    ((cloud_id, folder),) = [each for each in found if each[1].is_dir()]
    return cloud_id, folder


def instance_root(instance_id: str) -> Path:
    """The root folder of an instance that runs, as this computer sees it."""
    cloud_id, _ = instance_folder(instance_id)
    for pid in group_of(cloud_id, instance_id).pids():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
            (inside,) = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
            # The first process of the first namespace below this computer's own: not that of a container.
            if len(inside) == 2 and inside[1] == "1":
                return Path(f"/proc/{pid}/root")
    raise AssertionError(f"{instance_id} has no first process")


def key_files(instance_id: str) -> list[KeyFile]:
    """The files with private keys where a node keeps such, whoever made them."""
    root = instance_root(instance_id)
    found = []
    for folder in _KEY_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_KEY_FILE:
                continue
            content = path.read_bytes()
            content += b"".join(base64.b64decode(data) for data in _KEY_IN_CONFIGURATION.findall(content))
            if keys := tuple(key.decode() for key in _KEY.findall(content)):
                found.append(KeyFile(f"{instance_id}:/{path.relative_to(root)}", stat.S_IMODE(status.st_mode), keys))
    return found


def secrets_made(cluster: ClusterHarness) -> dict[str, str]:
    """Every secret of the cluster by a name that may be shown: of SSM, of the API server, and of nodes' own keys."""
    found = {**secrets_in_ssm(cluster), **_tokens(cluster)}
    for instance_id in sorted(cluster.look().running):
        for file in key_files(instance_id):
            for number, key in enumerate(file.keys):
                if key not in found.values():
                    found[f"key {number} of {file.place}"] = key
    # A line is enough, and logs write line ends in many ways. The last ones may be short, or of the public part.
    lines = {f"a line of {name}": secret.splitlines()[-3] for name, secret in found.items() if "-----BEGIN" in secret}
    return {**found, **lines}


def secret_parameters(cluster: ClusterHarness) -> set[str]:
    """The names of what lies in SSM encrypted."""
    return {name for name, kind in _parameters(cluster.rehearsal.local.client("ssm")) if kind == "SecureString"}


def secrets_in_ssm(cluster: ClusterHarness) -> dict[str, str]:
    """The keys that control planes share, and the join token. AssertionError where SSM holds anything else secret."""
    ssm = cluster.rehearsal.local.client("ssm")
    names = secret_parameters(cluster)
    prefixes = {name.rpartition("/")[0] for name in names if not name.endswith("/join/data")}
    found: dict[str, str] = {}
    expected = set()
    for each in sorted(prefixes):
        prefix, _, epoch = each.rpartition("/")
        read = PkiStore(ssm, prefix, "", {}).read(int(epoch))
        assert isinstance(read, Known), read
        found |= {f"{name} of epoch {epoch}": secret for name, secret in pki_secrets(read.value).items()}
        joining = JoinStore(ssm, prefix, "").read()
        assert isinstance(joining, Known), joining
        assert joining.value is not None
        found["join token"] = joining.value.token.secret
        expected |= {f"{each}/{item}" for item in ITEMS} | {f"{prefix}/join/data"}
    assert names == expected, "a secret in SSM is not searched for"
    assert found
    return found


def _tokens(cluster: ClusterHarness) -> dict[str, str]:
    selected = ("--namespace=kube-system", "--field-selector=type=bootstrap.kubernetes.io/token")
    secrets = {each["metadata"]["name"]: each["data"] for each in cluster.kubectl.items("secrets", *selected)}
    assert secrets, "the API server has no join token"
    return {f"secret of {name}": base64.b64decode(data["token-secret"]).decode() for name, data in secrets.items()}


def places(cluster: ClusterHarness, folder: Path, sampler: Sampler) -> Iterator[Place]:
    """Everything that is searched. `folder` is where the local cloud and the deployment write."""
    clients = cluster.rehearsal.local.client
    for name, content in all_files(folder):
        yield f"{_CLOUD}: {name}", content
    yield from sampler.places()
    yield from _logs_of(clients("logs"))
    yield from ((f"table: {item['Id']['S']}", _text(item)) for item in _pages(clients("dynamodb"), table_name(cluster)))
    yield from _ec2(clients("ec2"))
    yield from _stacks(clients("cloudformation"))
    ssm = clients("ssm")
    for name, kind in _parameters(ssm):
        if kind != "SecureString":
            yield f"parameter: {name}", ssm.get_parameter(Name=name)["Parameter"]["Value"].encode()
    for instance_id in sorted(cluster.look().running):
        yield from _of_instance(cluster, instance_id)


def _of_instance(cluster: ClusterHarness, instance_id: str) -> Iterator[Place]:
    root = instance_root(instance_id)
    for name, content in all_files(root / LOGS):
        yield f"log: {instance_id} {Path(name).name}", content
    yield f"journal: {instance_id}", cluster.shell(instance_id, "journalctl --no-pager --output cat").stdout.encode()
    for name, path in written_files(instance_id, 0o077):
        yield f"readable file: {name}", path.read_bytes()


def written_files(instance_id: str, modes: int = 0o777) -> Iterator[tuple[str, Path]]:
    """The files of an instance that have one of the bits of `modes`: what each is called there, and its path here.

    Not those of its image, which lie below what it has written, or which it shares with others by hard links.
    """
    root = instance_root(instance_id)
    written = instance_folder(instance_id)[1] / "disk" / "upper"
    for top, below in ((written, written), *((root / each, root) for each in _OTHER_FOLDERS)):
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if Path(folder, name) != root / _NOT_FILES]
            for name in files:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode) and status.st_mode & modes and status.st_nlink == 1:
                        yield f"{instance_id}:/{path.relative_to(below)}", path


def table_name(cluster: ClusterHarness) -> str:
    """The cluster table's name."""
    (name,) = table.cluster_tables(cluster.rehearsal.local.client("dynamodb"))
    return name


def _logs_of(logs: Any) -> Iterator[Place]:
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            yield f"CloudWatch: {name}", _text([event["message"] for event in page["events"]])


def _pages(dynamodb: Any, table: str) -> Sequence[Mapping[str, Any]]:
    return [item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]


def _ec2(ec2: Any) -> Iterator[Place]:
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        name = template["LaunchTemplateId"]
        for version in ec2.describe_launch_template_versions(LaunchTemplateId=name)["LaunchTemplateVersions"]:
            data = version["LaunchTemplateData"]
            yield f"launch template: {name}", _text(data) + base64.b64decode(data.get("UserData", ""))
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            name = instance["InstanceId"]
            given = ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")["UserData"]
            yield f"user data: {name}", base64.b64decode(given.get("Value", ""))
            yield f"console: {name}", ec2.get_console_output(InstanceId=name).get("Output", "").encode()


def _stacks(cloudformation: Any) -> Iterator[Place]:
    for stack in cloudformation.describe_stacks()["Stacks"]:
        yield f"stack: {stack['StackName']}", _text(stack)
        events = cloudformation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
        yield f"stack: events of {stack['StackName']}", _text(events)


def _parameters(ssm: Any) -> list[tuple[str, str]]:
    pages = ssm.get_paginator("describe_parameters").paginate()
    return [(each["Name"], each["Type"]) for page in pages for each in page["Parameters"]]


def _text(found: object) -> bytes:
    return json.dumps(found, default=str).encode()

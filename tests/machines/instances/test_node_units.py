"""The units of the node program on instances: who starts them and when, and what the agent may still do when fenced in.

A small program stands in the node program's place. What it may do is what the kernel and systemd of an instance allow,
so that a setting of the unit that does not work inside the local cloud is seen here first.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from coordination.names import BOOT_UNIT, NODE_FILE
from imagebuilder import configure, places
from imagebuilder.configure import Settings, metadata
from tests.machines.instances.harness import InstanceHarness
from tests.waiting import wait_for
from userdata.shipping.formats import journal
from userdata.shipping.journal import command

USER_DATA = f"""#!/bin/bash
set -eu
install -d {places.SETTINGS_FOLDER}
echo '{{}}' >{NODE_FILE}
echo ran >>/var/log/user-data
exec systemctl start --no-block {BOOT_UNIT}
"""
# As `boot` it fails the first time, which counts in a file; as `agent` and `logs` it reports what it may do, and stays.
PROGRAM = """#!/usr/bin/python3 -I
import json, os, socket, subprocess, sys, time
from pathlib import Path

def allowed(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__ + " " + os.strerror(error.errno)
    return "allowed"

def write(path):
    place = Path(path, "probe")
    place.write_text("x")
    place.unlink()

if sys.argv[1] == "etcd-disk":
    sys.exit(0)

if sys.argv[1] == "boot":
    tries = Path("/var/log/holdfast/tries")
    tries.write_text((tries.read_text() if tries.exists() else "") + "x")
    sys.exit(1 if len(tries.read_text()) == 1 else 0)

places = ("/etc/kubernetes", "/etc/holdfast", "/var/lib/kubelet", "/var/log/holdfast", "/run/holdfast", "/tmp",
    "/usr", "/etc", "/var/lib/etcd", "/var/lib/holdfast", "/root")
found = {path: allowed(lambda: write(path)) for path in places}
found["systemctl"] = subprocess.run(["systemctl", "is-active", "containerd"], capture_output=True, text=True).stdout
found["openssl"] = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout
found["memory file"] = allowed(lambda: os.close(os.memfd_create("key")))
found["inet"] = allowed(lambda: socket.socket(socket.AF_INET).close())
found["packet"] = allowed(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close())
found["privileges"] = [line for line in Path("/proc/self/status").read_text().splitlines() if "NoNewPrivs" in line]
found["journal"] = subprocess.run(["journalctl", "--no-pager", "--boot", "--output=json", "--output-fields=MESSAGE",
    "--unit=holdfast-boot.service"], capture_output=True, text=True).stdout
found["private file"] = allowed(lambda: Path("/var/log/private").read_text())
Path("/var/log/holdfast/" + sys.argv[1] + ".json").write_text(json.dumps(found))
while sys.argv[1] == "logs":
    time.sleep(1)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect(os.environ["NOTIFY_SOCKET"])
notify.send(b"READY=1")
while True:
    time.sleep(1)
"""

ASK = (
    "curl --silent --output /dev/null --write-out %{http_code} --max-time 10 --request PUT "
    f"--header 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://{metadata.ADDRESSES[0]}/latest/api/token"
)
# Where version 2 is: alone, or below the others.
IN_A_PODS_GROUP = (
    "tree=/sys/fs/cgroup; [ ! -d $tree/unified ] || tree=$tree/unified; "
    "mkdir -p $tree/kubepods/pod1 && echo $$ >$tree/kubepods/pod1/cgroup.procs"
)


@pytest.fixture(scope="module")
def node(harness: InstanceHarness) -> Iterator[str]:
    """An instance that user data made a node, after the boot program has ended well."""
    layer = harness.image.layer
    made = configure.entries(Settings("registry.k8s.io/pause:3.10.2"))
    configure.write(layer, {path: entry for path, entry in made.items() if "containerd" not in path})
    program = layer / places.NODE_PROGRAM.lstrip("/")
    program.write_text(PROGRAM, encoding="utf-8")
    program.chmod(0o755)
    instance = harness.boot(USER_DATA)
    yield instance
    harness.terminate(instance)
    shutil.rmtree(layer)


def shown(harness: InstanceHarness, instance: str, unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit as systemd has them."""
    text = harness.run(instance, f"systemctl show {unit} {' '.join(f'--property {name}' for name in names)}")
    return dict(line.split("=", 1) for line in text.splitlines())


def test_user_data_starts_the_boot_unit_which_tries_again_until_it_ends_well(
    harness: InstanceHarness, node: str
) -> None:
    wait_for(lambda: tries(harness, node) == 2, "the second try", 30)
    wait_for(
        lambda: (
            shown(harness, node, BOOT_UNIT, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
        ),
        "the end of the boot unit",
    )


def tries(harness: InstanceHarness, instance: str) -> int:
    return len(harness.run(instance, "cat /var/log/holdfast/tries || true"))


def test_a_machine_without_a_node_file_boots_no_node(harness: InstanceHarness, node: str) -> None:
    other = harness.boot("#!/bin/sh\n")
    assert shown(harness, other, BOOT_UNIT, "ConditionResult", "ActiveState") == {
        "ConditionResult": "no",
        "ActiveState": "inactive",
    }
    harness.terminate(other)


def test_the_agent_may_do_what_it_has_to_and_nothing_else(harness: InstanceHarness, node: str) -> None:
    harness.run(node, f"systemctl start {places.AGENT_UNIT}", 30)
    found: dict[str, Any] = json.loads(harness.run(node, "cat /var/log/holdfast/agent.json"))
    needed = ("/etc/kubernetes", "/etc/holdfast", "/var/lib/kubelet", "/var/log/holdfast", "/run/holdfast", "/tmp")
    for what in (*needed, "memory file", "inet"):
        assert found[what] == "allowed", (what, found)
    for path in ("/usr", "/etc", "/var/lib/etcd"):
        assert found[path] == "OSError Read-only file system", (path, found)
    assert found["/root"] != "allowed"
    assert found["packet"] != "allowed"
    assert found["systemctl"].strip() == "inactive"
    assert found["openssl"].startswith("OpenSSL")
    assert found["privileges"] == ["NoNewPrivs:\t1"]


def test_logs_are_shipped_by_a_program_that_reads_roots_files_and_the_journal_and_writes_its_own_files_only(
    harness: InstanceHarness, node: str
) -> None:
    # The report of its first start would be read otherwise.
    harness.run(node, "install -m 600 /dev/null /var/log/private; rm -f /var/log/holdfast/logs.json")
    harness.run(node, f"systemctl restart {places.LOGS_UNIT}", 60)
    wait_for(lambda: bool(harness.run(node, "cat /var/log/holdfast/logs.json || true")), "its report", 30)
    found: dict[str, Any] = json.loads(harness.run(node, "cat /var/log/holdfast/logs.json"))
    for what in ("/var/log/holdfast", "/run/holdfast", "/var/lib/holdfast", "/tmp", "inet", "private file"):
        assert found[what] == "allowed", (what, found)
    for path in ("/usr", "/etc", "/etc/kubernetes", "/etc/holdfast", "/var/lib/kubelet", "/var/lib/etcd"):
        assert found[path] == "OSError Read-only file system", (path, found)
    assert "Holdfast: found or join the cluster" in found["journal"]
    assert found["packet"] != "allowed"
    assert found["privileges"] == ["NoNewPrivs:\t1"]


def test_the_boot_unit_starts_the_shipping_of_logs(harness: InstanceHarness, node: str) -> None:
    assert shown(harness, node, places.LOGS_UNIT, "ActiveState") == {"ActiveState": "active"}


def test_journalctl_goes_on_after_an_entry_as_the_shipping_of_logs_has_it_follow_a_unit(
    harness: InstanceHarness, node: str
) -> None:
    def followed(cursor: str) -> list[tuple[str, str]]:
        told = shlex.join(command(BOOT_UNIT, cursor))
        printed = harness.run(node, f"timeout 3 {told}; true", 30).encode().splitlines()
        records = [journal(line) for line in printed]
        return [
            (each.cursor, each.line.text.decode()) for each in records if each is not None and each.line is not None
        ]

    whole = followed("")
    assert len(whole) > 3
    assert any("Holdfast: found or join the cluster" in text for _, text in whole)
    assert followed(whole[1][0])[: len(whole) - 2] == whole[2:]


def test_systemd_understands_every_line_of_the_units(harness: InstanceHarness, node: str) -> None:
    for unit in (places.BOOT_UNIT, places.AGENT_UNIT, places.METADATA_UNIT, places.LOGS_UNIT, places.ETCD_DISK_UNIT):
        said = harness.run(node, f"systemd-analyze verify --man=no {unit} 2>&1; true", 30)
        assert unit not in said, said


def test_the_metadata_service_hears_units_and_shells_and_nothing_in_a_pods_group(
    harness: InstanceHarness, node: str
) -> None:
    assert shown(harness, node, places.METADATA_UNIT, "ActiveState", "Result") == {
        "ActiveState": "active",
        "Result": "success",
    }
    assert harness.run(node, ASK).strip() == "200"
    harness.run(node, f'systemd-run --quiet --unit asking sh -c "{ASK} >/root/asked"')
    assert wait_for(lambda: harness.run(node, "cat /root/asked || true").strip(), "the unit's answer", 30) == "200"
    assert harness.run(node, f"{IN_A_PODS_GROUP}; {ASK} || true").strip() == "000"


def test_neither_kubelet_nor_a_container_starts_without_the_rules(harness: InstanceHarness, node: str) -> None:
    rules = places.METADATA_RULES
    harness.run(node, f"cp {rules} /root/kept; echo broken >{rules}; systemctl restart {places.METADATA_UNIT} || true")
    said = harness.run(node, "systemctl start kubelet 2>&1 || true")
    assert "A dependency job for kubelet.service failed" in said
    harness.run(node, f"mv /root/kept {rules}; systemctl restart {places.METADATA_UNIT}")
    assert "dependency" not in harness.run(node, "systemctl start kubelet 2>&1; systemctl stop kubelet")


def test_after_a_reboot_the_unit_starts_by_itself_for_user_data_does_not_run_again(
    harness: InstanceHarness, node: str
) -> None:
    before = tries(harness, node)
    harness.ec2.reboot_instances(InstanceIds=[node])
    wait_for(lambda: again(harness, node) > before, "the boot program after the reboot", 60)
    assert harness.run(node, "cat /var/log/user-data") == "ran\n"


def again(harness: InstanceHarness, instance: str) -> int:
    """The tries so far; 0 while the instance is between two boots."""
    try:
        return tries(harness, instance)
    except (ProcessLookupError, AssertionError):
        return 0

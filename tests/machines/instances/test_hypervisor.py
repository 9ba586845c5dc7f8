"""What tests do to instances, each as EC2, the instance and its peers see it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rehearsal.machines.instance import life
from tests.machines.instances.harness import SHUTDOWN_SECONDS, InstanceHarness
from tests.waiting import wait_for

# Every rehearsal needs what is tested here, so what breaks it shows in CI; why it does shows here.
pytestmark = pytest.mark.slow

STUBBORN = """#!/bin/bash
mkdir -p /run/systemd/system
cat >/run/systemd/system/stubborn.service <<'UNIT'
[Service]
ExecStart=/bin/bash -c 'trap "" TERM; while :; do sleep 1; done'
TimeoutStopSec=1000
UNIT
systemctl start stubborn
"""
TICKING = """#!/bin/bash
systemd-run --unit ticking bash -c 'while :; do date +%s.%N >/root/tick; sleep 0.05; done'
cat >/root/listen.py <<'LISTEN'
import socket
with socket.create_server(("", 8080)) as server:
    while True:
        client, _ = server.accept()
        client.setblocking(False)
        client.send(b"HTTP/1.0 204 No Content\\r\\n\\r\\n")
        kept = client
LISTEN
systemd-run --unit listening python3 /root/listen.py
"""


@pytest.fixture
def pair(harness: InstanceHarness) -> Iterator[tuple[str, str]]:
    """Two instances in two zones that answer each other on port 8080, and write down the time all the time."""
    launched = [harness.launch(TICKING, zone=zone) for zone in (0, 1)]
    for instance_id in launched:
        harness.wait_up(instance_id)
    first, second = launched
    wait_for(lambda: reaches(harness, first, second) and reaches(harness, second, first), "the two to reach each other")
    yield first, second
    for zone in "ab":
        harness.hypervisor.rejoin_zone(harness.aws.region + zone)
    harness.terminate(*launched)


@pytest.fixture
def instance(harness: InstanceHarness) -> Iterator[str]:
    instance_id = harness.boot(TICKING)
    yield instance_id
    harness.terminate(instance_id)


def reaches(harness: InstanceHarness, source: str, target: str) -> bool:
    return asked(harness, source, target) == "204"


def asked(harness: InstanceHarness, source: str, target: str) -> str:
    """What came of a request on port 8080: an HTTP status, or curl's error."""
    address = harness.described(target).get("PrivateIpAddress", "")
    script = f"curl -sS -o /dev/null -w '%{{http_code}}' --max-time 1 http://{address}:8080/ 2>&1 || true"
    return harness.run(source, script).strip().replace("000", "", 1)


def tick(harness: InstanceHarness, instance: str) -> float:
    return float(harness.run(instance, "cat /root/tick") or 0)


def test_a_lost_instance_is_gone_at_once_and_its_peers_hear_nothing(
    harness: InstanceHarness, pair: tuple[str, str]
) -> None:
    lost, peer = pair
    address = harness.described(lost)["PrivateIpAddress"]
    # A connection that is open while the power goes.
    harness.run(
        peer,
        f"systemd-run --unit held bash -c 'exec 3<>/dev/tcp/{address}/8080; "
        "timeout 2 cat <&3; echo $? >/root/held' && sleep 0.3",
    )
    began = time.monotonic()
    harness.hypervisor.lose(lost)
    harness.wait_state(lost, "terminated")
    assert time.monotonic() - began < SHUTDOWN_SECONDS
    assert wait_for(lambda: harness.run(peer, "cat /root/held 2>/dev/null || true"), "the peer's patience") == "124\n"
    with pytest.raises(ProcessLookupError):
        harness.hypervisor.execute(lost, ["true"])


@pytest.mark.slow
def test_a_hung_instance_still_runs_for_ec2_and_answers_nobody(harness: InstanceHarness, pair: tuple[str, str]) -> None:
    hung, peer = pair
    harness.hypervisor.hang(hung)
    assert "timed out" in asked(harness, peer, hung).lower()
    assert harness.state(hung) == "running"
    harness.ec2.reboot_instances(InstanceIds=[hung])
    wait_for(
        lambda: "couldn't connect" in asked(harness, peer, hung).lower(),
        "the instance, where nothing listens after its reboot",
    )
    assert harness.state(hung) == "running"


@pytest.mark.slow
def test_only_a_hung_instance_fails_its_status_check_until_it_is_rebooted(
    harness: InstanceHarness, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance, other = pair
    harness.hypervisor.hang(other)
    assert status(harness, other) == "ok"
    monkeypatch.setattr(life, "STATUS_CHECK_SECONDS", 0.0)
    assert status(harness, other) == "impaired"
    harness.hypervisor.thaw(other)
    assert status(harness, other) == "impaired"
    harness.hypervisor.freeze(instance)
    harness.hypervisor.isolate(instance)
    assert status(harness, instance) == "ok"
    harness.ec2.reboot_instances(InstanceIds=[other])
    wait_for(lambda: status(harness, other) == "ok", "the end of the system that hung")


def status(harness: InstanceHarness, instance: str) -> str:
    """The instance's own status check, as EC2 tells it."""
    (found,) = harness.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
    return str(found["InstanceStatus"]["Status"])


@pytest.mark.slow
def test_a_hung_instance_can_be_terminated(harness: InstanceHarness, instance: str) -> None:
    harness.hypervisor.hang(instance)
    began = time.monotonic()
    harness.terminate(instance)
    assert time.monotonic() - began >= SHUTDOWN_SECONDS


def test_a_frozen_instance_pauses_and_goes_on(harness: InstanceHarness, instance: str) -> None:
    harness.hypervisor.freeze(instance)
    with pytest.raises(subprocess.TimeoutExpired):
        harness.hypervisor.execute(instance, ["true"], 0.5)
    harness.hypervisor.thaw(instance)
    thawed_at = time.time()
    last = wait_for(lambda: max(tick(harness, instance) - thawed_at, 0.0), "a tick after the pause")
    assert last > 0
    assert harness.state(instance) == "running"


def test_an_isolated_instance_runs_on_alone(harness: InstanceHarness, pair: tuple[str, str]) -> None:
    alone, peer = pair
    harness.hypervisor.isolate(alone)
    assert "timed out" in asked(harness, peer, alone).lower()
    assert "timed out" in asked(harness, alone, peer).lower()
    before = tick(harness, alone)
    wait_for(lambda: tick(harness, alone) > before, "the instance to go on")
    harness.hypervisor.rejoin(alone)
    assert reaches(harness, peer, alone)


def test_an_isolated_instance_stays_so_across_a_reboot(harness: InstanceHarness, pair: tuple[str, str]) -> None:
    alone, peer = pair
    harness.hypervisor.isolate(alone)
    harness.run(alone, "touch /run/first-boot")
    harness.ec2.reboot_instances(InstanceIds=[alone])
    wait_for(lambda: started_anew(harness, alone), "the second boot")
    assert "timed out" in asked(harness, peer, alone).lower()
    harness.hypervisor.rejoin(alone)


def started_anew(harness: InstanceHarness, instance: str) -> bool:
    """Whether the system runs, and what was in /run is gone."""
    try:
        return (
            harness.run(instance, "test -e /run/first-boot || systemctl is-active multi-user.target || true")
            == "active\n"
        )
    except (ProcessLookupError, AssertionError):
        return False


def test_an_isolated_zone_is_cut_off_the_others(harness: InstanceHarness, pair: tuple[str, str]) -> None:
    first, second = pair
    harness.hypervisor.isolate_zone(f"{harness.aws.region}b")
    assert "timed out" in asked(harness, first, second).lower()
    harness.hypervisor.rejoin_zone(f"{harness.aws.region}b")
    assert reaches(harness, first, second)


def test_a_reboot_keeps_disks_and_address_and_nothing_else(harness: InstanceHarness, instance: str) -> None:
    address = harness.described(instance)["PrivateIpAddress"]
    harness.run(instance, "echo kept >/root/kept; touch /run/first-boot; ip link add left type bridge")
    harness.ec2.reboot_instances(InstanceIds=[instance])
    wait_for(lambda: started_anew(harness, instance), "the second boot")
    assert harness.run(instance, "cat /root/kept") == "kept\n"
    assert "left" not in harness.run(instance, "ip -o link")
    assert address in harness.run(instance, "ip -4 -o address show dev eth0")
    assert harness.state(instance) == "running"


def test_a_system_that_reboots_itself_comes_back(harness: InstanceHarness, instance: str) -> None:
    harness.run(instance, "touch /run/first-boot; systemctl reboot")
    wait_for(lambda: started_anew(harness, instance), "the second boot")
    assert harness.state(instance) == "running"


def test_a_program_that_was_started_from_outside_holds_up_no_shutdown(harness: InstanceHarness, instance: str) -> None:
    with ThreadPoolExecutor() as pool:
        outside = pool.submit(harness.hypervisor.execute, instance, ["sleep", "1000"])
        wait_for(lambda: harness.run(instance, "pgrep -x sleep -a || true").count("1000"), "the program")
        harness.run(instance, "touch /run/first-boot")
        began = time.monotonic()
        harness.ec2.reboot_instances(InstanceIds=[instance])
        assert outside.result(SHUTDOWN_SECONDS).returncode != 0
        wait_for(lambda: started_anew(harness, instance), "the second boot")
        assert time.monotonic() - began < SHUTDOWN_SECONDS


def test_a_stopped_instance_starts_again_with_its_disks(harness: InstanceHarness, instance: str) -> None:
    address = harness.described(instance)["PrivateIpAddress"]
    harness.run(instance, "echo kept >/root/kept")
    harness.ec2.stop_instances(InstanceIds=[instance])
    harness.wait_state(instance, "stopped")
    with pytest.raises(ProcessLookupError):
        harness.hypervisor.execute(instance, ["true"])
    harness.ec2.start_instances(InstanceIds=[instance])
    harness.wait_up(instance)
    assert harness.run(instance, "cat /root/kept") == "kept\n"
    assert address in harness.run(instance, "ip -4 -o address show dev eth0")
    # User data ran once in the instance's life.
    assert harness.run(instance, "systemctl is-active ticking || true").strip() == "inactive"


def test_a_stopped_instance_can_be_terminated(harness: InstanceHarness) -> None:
    instance_id = harness.boot()
    harness.ec2.stop_instances(InstanceIds=[instance_id])
    harness.wait_state(instance_id, "stopped")
    harness.terminate(instance_id)
    assert {path.name for path in (harness.run_dir / "instances" / instance_id).iterdir()} == {"console.log"}


@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_an_instance_that_switches_itself_off_ends_as_it_was_launched_for(
    harness: InstanceHarness, behaviour: str, state: str
) -> None:
    instance_id = harness.boot(InstanceInitiatedShutdownBehavior=behaviour)
    harness.run(instance_id, "systemctl poweroff")
    harness.wait_state(instance_id, state)
    harness.terminate(instance_id)


def test_a_termination_shuts_the_system_down_in_order(harness: InstanceHarness) -> None:
    instance_id = harness.boot(
        "#!/bin/bash\nsystemd-run --unit last sh -c 'trap \"echo last words\" TERM; sleep 1000 & wait'\n"
    )
    harness.terminate(instance_id)
    assert "last words" in harness.console(instance_id)
    assert "Powering off." in harness.console(instance_id)


@pytest.mark.slow
def test_a_system_that_does_not_end_loses_its_power(harness: InstanceHarness) -> None:
    instance_id = harness.boot(STUBBORN)
    began = time.monotonic()
    harness.terminate(instance_id)
    assert time.monotonic() - began >= SHUTDOWN_SECONDS


def test_a_stop_by_force_does_not_ask(harness: InstanceHarness) -> None:
    instance_id = harness.boot(STUBBORN)
    began = time.monotonic()
    harness.ec2.stop_instances(InstanceIds=[instance_id], Force=True)
    harness.wait_state(instance_id, "stopped")
    assert time.monotonic() - began < SHUTDOWN_SECONDS
    harness.terminate(instance_id)


def test_full_disks_take_nothing_more_until_they_are_freed(harness: InstanceHarness) -> None:
    instance = harness.boot(BlockDeviceMappings=[{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}])
    harness.run(instance, "mkfs.xfs -q /dev/sdb; mkdir -p /var/lib/etcd; mount /dev/sdb /var/lib/etcd")
    harness.hypervisor.fill_disk(instance)
    for path in ("/var/log/more", "/var/lib/etcd/more"):
        done = harness.hypervisor.execute(instance, ["bash", "-c", f"head -c 100000 /dev/zero >{path}"])
        assert "No space left on device" in done.stderr
    harness.hypervisor.free_disk(instance)
    harness.run(instance, "for path in /var/log /var/lib/etcd; do head -c 100000 /dev/zero >$path/more; done")
    harness.terminate(instance)


def test_a_termination_while_it_boots_is_obeyed(harness: InstanceHarness) -> None:
    instance_id = harness.launch()
    began = time.monotonic()
    harness.terminate(instance_id)
    assert time.monotonic() - began < SHUTDOWN_SECONDS
    with pytest.raises(ProcessLookupError):
        harness.hypervisor.execute(instance_id, ["true"])


def test_what_was_never_started_is_unknown(harness: InstanceHarness) -> None:
    with pytest.raises(KeyError):
        harness.hypervisor.lose("i-00000000000000000")
    assert harness.hypervisor.console_output("i-00000000000000000") == b""

"""What tests do to instances, each as EC2, the instance and its peers see it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rehearsal.machines.instance import life
from tests.machines.instances.harness import SHUTDOWN_SECONDS, Bed
from tests.waiting import wait_for

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
def pair(bed: Bed) -> Iterator[tuple[str, str]]:
    """Two instances in two zones that answer each other on port 8080, and write down the time all the time."""
    launched = [bed.launch(TICKING, zone=zone) for zone in (0, 1)]
    for instance_id in launched:
        bed.wait_up(instance_id)
    first, second = launched
    wait_for(lambda: reaches(bed, first, second) and reaches(bed, second, first), "the two to reach each other")
    yield first, second
    for zone in "ab":
        bed.hypervisor.rejoin_zone(bed.aws.region + zone)
    bed.terminate(*launched)


@pytest.fixture
def instance(bed: Bed) -> Iterator[str]:
    instance_id = bed.boot(TICKING)
    yield instance_id
    bed.terminate(instance_id)


def reaches(bed: Bed, source: str, target: str) -> bool:
    return asked(bed, source, target) == "204"


def asked(bed: Bed, source: str, target: str) -> str:
    """What came of a request on port 8080: an HTTP status, or curl's error."""
    address = bed.described(target).get("PrivateIpAddress", "")
    script = f"curl -sS -o /dev/null -w '%{{http_code}}' --max-time 1 http://{address}:8080/ 2>&1 || true"
    return bed.run(source, script).strip().replace("000", "", 1)


def tick(bed: Bed, instance: str) -> float:
    return float(bed.run(instance, "cat /root/tick") or 0)


def test_a_lost_instance_is_gone_at_once_and_its_peers_hear_nothing(bed: Bed, pair: tuple[str, str]) -> None:
    lost, peer = pair
    address = bed.described(lost)["PrivateIpAddress"]
    # A connection that is open while the power goes.
    bed.run(
        peer,
        f"systemd-run --unit held bash -c 'exec 3<>/dev/tcp/{address}/8080; "
        "timeout 2 cat <&3; echo $? >/root/held' && sleep 0.3",
    )
    began = time.monotonic()
    bed.hypervisor.lose(lost)
    bed.wait_state(lost, "terminated")
    assert time.monotonic() - began < SHUTDOWN_SECONDS
    assert wait_for(lambda: bed.run(peer, "cat /root/held 2>/dev/null || true"), "the peer's patience") == "124\n"
    with pytest.raises(ProcessLookupError):
        bed.hypervisor.execute(lost, ["true"])


def test_a_hung_instance_still_runs_for_ec2_and_answers_nobody(bed: Bed, pair: tuple[str, str]) -> None:
    hung, peer = pair
    bed.hypervisor.hang(hung)
    assert "timed out" in asked(bed, peer, hung).lower()
    assert bed.state(hung) == "running"
    bed.ec2.reboot_instances(InstanceIds=[hung])
    wait_for(
        lambda: "couldn't connect" in asked(bed, peer, hung).lower(),
        "the instance, where nothing listens after its reboot",
    )
    assert bed.state(hung) == "running"


def test_only_a_hung_instance_fails_its_status_check_until_it_is_rebooted(
    bed: Bed, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance, other = pair
    bed.hypervisor.hang(other)
    assert status(bed, other) == "ok"
    monkeypatch.setattr(life, "STATUS_CHECK_SECONDS", 0.0)
    assert status(bed, other) == "impaired"
    bed.hypervisor.thaw(other)
    assert status(bed, other) == "impaired"
    bed.hypervisor.freeze(instance)
    bed.hypervisor.isolate(instance)
    assert status(bed, instance) == "ok"
    bed.ec2.reboot_instances(InstanceIds=[other])
    wait_for(lambda: status(bed, other) == "ok", "the end of the system that hung")


def status(bed: Bed, instance: str) -> str:
    """The instance's own status check, as EC2 tells it."""
    (found,) = bed.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
    return str(found["InstanceStatus"]["Status"])


def test_a_hung_instance_can_be_terminated(bed: Bed, instance: str) -> None:
    bed.hypervisor.hang(instance)
    began = time.monotonic()
    bed.terminate(instance)
    assert time.monotonic() - began >= SHUTDOWN_SECONDS


def test_a_frozen_instance_pauses_and_goes_on(bed: Bed, instance: str) -> None:
    bed.hypervisor.freeze(instance)
    with pytest.raises(subprocess.TimeoutExpired):
        bed.hypervisor.execute(instance, ["true"], 0.5)
    bed.hypervisor.thaw(instance)
    thawed_at = time.time()
    last = wait_for(lambda: max(tick(bed, instance) - thawed_at, 0.0), "a tick after the pause")
    assert last > 0
    assert bed.state(instance) == "running"


def test_an_isolated_instance_runs_on_alone(bed: Bed, pair: tuple[str, str]) -> None:
    alone, peer = pair
    bed.hypervisor.isolate(alone)
    assert "timed out" in asked(bed, peer, alone).lower()
    assert "timed out" in asked(bed, alone, peer).lower()
    before = tick(bed, alone)
    wait_for(lambda: tick(bed, alone) > before, "the instance to go on")
    bed.hypervisor.rejoin(alone)
    assert reaches(bed, peer, alone)


def test_an_isolated_instance_stays_so_across_a_reboot(bed: Bed, pair: tuple[str, str]) -> None:
    alone, peer = pair
    bed.hypervisor.isolate(alone)
    bed.run(alone, "touch /run/first-boot")
    bed.ec2.reboot_instances(InstanceIds=[alone])
    wait_for(lambda: started_anew(bed, alone), "the second boot")
    assert "timed out" in asked(bed, peer, alone).lower()
    bed.hypervisor.rejoin(alone)


def started_anew(bed: Bed, instance: str) -> bool:
    """Whether the system runs, and what was in /run is gone."""
    try:
        return (
            bed.run(instance, "test -e /run/first-boot || systemctl is-active multi-user.target || true") == "active\n"
        )
    except (ProcessLookupError, AssertionError):
        return False


def test_an_isolated_zone_is_cut_off_the_others(bed: Bed, pair: tuple[str, str]) -> None:
    first, second = pair
    bed.hypervisor.isolate_zone(f"{bed.aws.region}b")
    assert "timed out" in asked(bed, first, second).lower()
    bed.hypervisor.rejoin_zone(f"{bed.aws.region}b")
    assert reaches(bed, first, second)


def test_a_reboot_keeps_disks_and_address_and_nothing_else(bed: Bed, instance: str) -> None:
    address = bed.described(instance)["PrivateIpAddress"]
    bed.run(
        instance, "echo kept | tee /root/kept >/var/lib/etcd/kept; touch /run/first-boot; ip link add left type bridge"
    )
    bed.ec2.reboot_instances(InstanceIds=[instance])
    wait_for(lambda: started_anew(bed, instance), "the second boot")
    assert bed.run(instance, "cat /root/kept /var/lib/etcd/kept") == "kept\nkept\n"
    assert "left" not in bed.run(instance, "ip -o link")
    assert address in bed.run(instance, "ip -4 -o address show dev eth0")
    assert bed.state(instance) == "running"


def test_a_system_that_reboots_itself_comes_back(bed: Bed, instance: str) -> None:
    bed.run(instance, "touch /run/first-boot; systemctl reboot")
    wait_for(lambda: started_anew(bed, instance), "the second boot")
    assert bed.state(instance) == "running"


def test_a_program_that_was_started_from_outside_holds_up_no_shutdown(bed: Bed, instance: str) -> None:
    with ThreadPoolExecutor() as pool:
        outside = pool.submit(bed.hypervisor.execute, instance, ["sleep", "1000"])
        wait_for(lambda: bed.run(instance, "pgrep -x sleep -a || true").count("1000"), "the program")
        bed.run(instance, "touch /run/first-boot")
        began = time.monotonic()
        bed.ec2.reboot_instances(InstanceIds=[instance])
        assert outside.result(SHUTDOWN_SECONDS).returncode != 0
        wait_for(lambda: started_anew(bed, instance), "the second boot")
        assert time.monotonic() - began < SHUTDOWN_SECONDS


def test_a_stopped_instance_starts_again_with_its_disks(bed: Bed, instance: str) -> None:
    address = bed.described(instance)["PrivateIpAddress"]
    bed.run(instance, "echo kept >/root/kept")
    bed.ec2.stop_instances(InstanceIds=[instance])
    bed.wait_state(instance, "stopped")
    with pytest.raises(ProcessLookupError):
        bed.hypervisor.execute(instance, ["true"])
    bed.ec2.start_instances(InstanceIds=[instance])
    bed.wait_up(instance)
    assert bed.run(instance, "cat /root/kept") == "kept\n"
    assert address in bed.run(instance, "ip -4 -o address show dev eth0")
    # User data ran once in the instance's life.
    assert bed.run(instance, "systemctl is-active ticking || true").strip() == "inactive"


def test_a_stopped_instance_can_be_terminated(bed: Bed) -> None:
    instance_id = bed.boot()
    bed.ec2.stop_instances(InstanceIds=[instance_id])
    bed.wait_state(instance_id, "stopped")
    bed.terminate(instance_id)
    assert {path.name for path in (bed.run_dir / "instances" / instance_id).iterdir()} == {"console.log"}


@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_an_instance_that_switches_itself_off_ends_as_it_was_launched_for(bed: Bed, behaviour: str, state: str) -> None:
    instance_id = bed.boot(InstanceInitiatedShutdownBehavior=behaviour)
    bed.run(instance_id, "systemctl poweroff")
    bed.wait_state(instance_id, state)
    bed.terminate(instance_id)


def test_a_termination_shuts_the_system_down_in_order(bed: Bed) -> None:
    instance_id = bed.boot(
        "#!/bin/bash\nsystemd-run --unit last sh -c 'trap \"echo last words\" TERM; sleep 1000 & wait'\n"
    )
    bed.terminate(instance_id)
    assert "last words" in bed.console(instance_id)
    assert "Powering off." in bed.console(instance_id)


def test_a_system_that_does_not_end_loses_its_power(bed: Bed) -> None:
    instance_id = bed.boot(STUBBORN)
    began = time.monotonic()
    bed.terminate(instance_id)
    assert time.monotonic() - began >= SHUTDOWN_SECONDS


def test_a_stop_by_force_does_not_ask(bed: Bed) -> None:
    instance_id = bed.boot(STUBBORN)
    began = time.monotonic()
    bed.ec2.stop_instances(InstanceIds=[instance_id], Force=True)
    bed.wait_state(instance_id, "stopped")
    assert time.monotonic() - began < SHUTDOWN_SECONDS
    bed.terminate(instance_id)


def test_a_full_disk_takes_nothing_more_until_it_is_freed(bed: Bed, instance: str) -> None:
    bed.hypervisor.fill_disk(instance)
    for path in ("/var/log/more", "/var/lib/etcd/more"):
        done = bed.hypervisor.execute(instance, ["bash", "-c", f"head -c 100000 /dev/zero >{path}"])
        assert "No space left on device" in done.stderr
    bed.hypervisor.free_disk(instance)
    bed.run(instance, "head -c 100000 /dev/zero >/var/log/more")


def test_a_termination_while_it_boots_is_obeyed(bed: Bed) -> None:
    instance_id = bed.launch()
    began = time.monotonic()
    bed.terminate(instance_id)
    assert time.monotonic() - began < SHUTDOWN_SECONDS
    with pytest.raises(ProcessLookupError):
        bed.hypervisor.execute(instance_id, ["true"])


def test_what_was_never_started_is_unknown(bed: Bed) -> None:
    with pytest.raises(KeyError):
        bed.hypervisor.lose("i-00000000000000000")
    assert bed.hypervisor.console_output("i-00000000000000000") == b""

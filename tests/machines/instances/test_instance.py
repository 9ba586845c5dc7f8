"""What an instance is from inside: its system, its names, its disks, its user data."""

from __future__ import annotations

import subprocess

import pytest

from tests.machines.instances.harness import InstanceHarness
from tests.waiting import wait_for

USER_DATA = """#!/bin/bash
echo "user data as $(id -un) in $PWD, endpoint $AWS_ENDPOINT_URL"
echo again >>/root/runs
"""


@pytest.fixture(scope="module")
def instance(harness: InstanceHarness) -> str:
    """An instance that the module's tests only look at."""
    return harness.boot(USER_DATA)


def test_systemd_is_the_first_process_and_nothing_has_failed(harness: InstanceHarness, instance: str) -> None:
    assert harness.run(instance, "cat /proc/1/comm").strip() == "systemd"
    assert harness.started(instance) == "running"


def test_an_instance_has_the_name_and_the_address_that_ec2_gave_it(harness: InstanceHarness, instance: str) -> None:
    shown = harness.described(instance)
    assert harness.run(instance, "hostname").strip() == shown["PrivateDnsName"]
    assert shown["PrivateIpAddress"] in harness.run(instance, "ip -4 -o address show dev eth0")
    mac = harness.run(instance, "cat /sys/class/net/eth0/address").strip()
    assert mac == shown["NetworkInterfaces"][0]["MacAddress"]
    assert harness.run(instance, "cat /etc/resolv.conf") == "search ec2.internal\nnameserver 10.0.0.2\n"


def test_an_instance_sees_only_its_own_processes_and_groups(harness: InstanceHarness, instance: str) -> None:
    assert int(harness.run(instance, "ls -d /proc/[0-9]* | wc -l")) < 15
    assert harness.cloud_id not in harness.run(instance, "cat /proc/1/cgroup")
    assert harness.run(instance, "ls /dev").find("vda") == -1


def test_what_belongs_to_this_computer_is_not_in_the_image(harness: InstanceHarness, instance: str) -> None:
    units = harness.run(instance, "systemctl list-units --type=service --plain --no-legend")
    assert {line.split()[0] for line in units.splitlines()} == {
        "cloud-final.service",
        "systemd-journald.service",
        "systemd-sysctl.service",
    }
    assert harness.run(instance, "ls -A /var/log /etc/sysctl.d /var/lib/containerd").count("\n") < 8


def test_an_instance_cannot_change_the_settings_of_this_computer(harness: InstanceHarness, instance: str) -> None:
    harness.run(instance, "! echo 1 >/proc/sys/kernel/panic")
    harness.run(instance, "echo 1 >/proc/sys/net/ipv4/ip_forward")


def test_user_data_runs_once_as_root_and_every_unit_knows_the_endpoint(harness: InstanceHarness, instance: str) -> None:
    expected = "user data as root in /, endpoint http://169.254.169.249"
    assert expected in harness.console(instance)
    assert expected in harness.run(instance, "cat /var/log/cloud-init-output.log")
    harness.ec2.reboot_instances(InstanceIds=[instance])
    wait_for(lambda: "Rebooting." in harness.console(instance), "the end of the first boot")
    harness.wait_up(instance)
    assert harness.run(instance, "cat /root/runs") == "again\n"


def test_user_data_that_fails_shows_on_the_console(harness: InstanceHarness) -> None:
    instance_id = harness.boot("#!/bin/bash\necho it broke >&2\nexit 3\n")
    assert harness.started(instance_id) == "degraded"
    assert "it broke" in harness.console(instance_id)
    assert "the user data ended with 3" in harness.console(instance_id)
    harness.terminate(instance_id)


def test_user_data_that_is_no_script_is_refused_by_name(harness: InstanceHarness) -> None:
    instance_id = harness.boot("#cloud-config\n")
    assert "not a script that begins with #!" in harness.console(instance_id)
    harness.terminate(instance_id)


def test_an_instance_without_user_data_boots(harness: InstanceHarness) -> None:
    instance_id = harness.boot()
    assert harness.started(instance_id) == "running"
    harness.terminate(instance_id)


def test_what_user_data_leaves_running_goes_on_and_is_heard(harness: InstanceHarness) -> None:
    instance_id = harness.boot("#!/bin/bash\n(while sleep 0.1; do echo still here; done) &\n")
    assert harness.started(instance_id) == "running"
    heard = harness.console(instance_id).count("still here")
    wait_for(lambda: harness.console(instance_id).count("still here") > heard + 2, "more of it")
    harness.terminate(instance_id)


def test_instances_have_machine_ids_and_journals_of_their_own(harness: InstanceHarness, instance: str) -> None:
    other = harness.boot()
    ids = {harness.run(each, "cat /etc/machine-id") for each in (instance, other)}
    assert len(ids) == 2
    assert "Finished cloud-final.service" in harness.run(other, "journalctl --no-pager --unit cloud-final")
    harness.terminate(other)


def test_a_program_that_does_not_end_is_killed_inside(harness: InstanceHarness, instance: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        harness.run(instance, "exec -a never-ending sleep 1000", timeout_seconds=0.5)
    harness.run(instance, "! pgrep -f never-endin[g]")


def test_an_image_that_the_harness_does_not_have_ends_the_launch(harness: InstanceHarness) -> None:
    unknown = harness.ec2.register_image(Name="unknown", RootDeviceName="/dev/xvda")["ImageId"]
    instance_id = harness.launch(ImageId=unknown)
    harness.wait_state(instance_id, "terminated")
    assert harness.described(instance_id)["StateReason"]["Code"] == "Server.InternalError"

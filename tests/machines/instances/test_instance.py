"""What an instance is from inside: its system, its names, its disks, its user data."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.machines.instances.harness import Bed
from tests.waiting import wait_for

USER_DATA = """#!/bin/bash
echo "user data as $(id -un) in $PWD, endpoint $AWS_ENDPOINT_URL"
echo again >>/root/runs
"""


@pytest.fixture(scope="module")
def instance(bed: Bed) -> str:
    """An instance that the module's tests only look at."""
    return bed.boot(USER_DATA)


def test_an_instance_boots_quickly(bed: Bed) -> None:
    assert min(seconds_to_boot(bed) for _ in range(3)) < 1.5


def seconds_to_boot(bed: Bed) -> float:
    """From RunInstances to the default target; the best of some, because others work on this computer, too."""
    began = time.monotonic()
    instance_id = bed.launch()
    wait_for(lambda: "Reached target multi-user.target" in bed.console(instance_id), "the default target")
    seconds = time.monotonic() - began
    bed.terminate(instance_id)
    return seconds


def test_systemd_is_the_first_process_and_nothing_has_failed(bed: Bed, instance: str) -> None:
    assert bed.run(instance, "cat /proc/1/comm").strip() == "systemd"
    assert bed.started(instance) == "running"


def test_an_instance_has_the_name_and_the_address_that_ec2_gave_it(bed: Bed, instance: str) -> None:
    shown = bed.described(instance)
    assert bed.run(instance, "hostname").strip() == shown["PrivateDnsName"]
    assert shown["PrivateIpAddress"] in bed.run(instance, "ip -4 -o address show dev eth0")
    mac = bed.run(instance, "cat /sys/class/net/eth0/address").strip()
    assert mac == shown["NetworkInterfaces"][0]["MacAddress"]
    assert bed.run(instance, "cat /etc/resolv.conf") == "search ec2.internal\nnameserver 10.0.0.2\n"


def test_an_instance_sees_only_its_own_processes_and_groups(bed: Bed, instance: str) -> None:
    assert int(bed.run(instance, "ls -d /proc/[0-9]* | wc -l")) < 15
    assert bed.cloud_id not in bed.run(instance, "cat /proc/1/cgroup")
    assert bed.run(instance, "ls /dev").find("vda") == -1


def test_what_belongs_to_this_computer_is_not_in_the_image(bed: Bed, instance: str) -> None:
    units = bed.run(instance, "systemctl list-units --type=service --plain --no-legend")
    assert {line.split()[0] for line in units.splitlines()} == {
        "cloud-final.service",
        "systemd-journald.service",
        "systemd-sysctl.service",
    }
    assert bed.run(instance, "ls -A /var/log /etc/sysctl.d /var/lib/containerd").count("\n") < 8


def test_an_instance_cannot_change_the_settings_of_this_computer(bed: Bed, instance: str) -> None:
    bed.run(instance, "! echo 1 >/proc/sys/kernel/panic")
    bed.run(instance, "echo 1 >/proc/sys/net/ipv4/ip_forward")


def test_user_data_runs_once_as_root_and_every_unit_knows_the_endpoint(bed: Bed, instance: str) -> None:
    expected = "user data as root in /, endpoint http://169.254.169.249"
    assert expected in bed.console(instance)
    assert expected in bed.run(instance, "cat /var/log/cloud-init-output.log")
    bed.ec2.reboot_instances(InstanceIds=[instance])
    wait_for(lambda: "Rebooting." in bed.console(instance), "the end of the first boot")
    bed.wait_up(instance)
    assert bed.run(instance, "cat /root/runs") == "again\n"


def test_user_data_that_fails_shows_on_the_console(bed: Bed) -> None:
    instance_id = bed.boot("#!/bin/bash\necho it broke >&2\nexit 3\n")
    assert bed.started(instance_id) == "degraded"
    assert "it broke" in bed.console(instance_id)
    assert "the user data ended with 3" in bed.console(instance_id)
    bed.terminate(instance_id)


def test_user_data_that_is_no_script_is_refused_by_name(bed: Bed) -> None:
    instance_id = bed.boot("#cloud-config\n")
    assert "not a script that begins with #!" in bed.console(instance_id)
    bed.terminate(instance_id)


def test_an_instance_without_user_data_boots(bed: Bed) -> None:
    instance_id = bed.boot()
    assert bed.started(instance_id) == "running"
    bed.terminate(instance_id)


def test_what_user_data_leaves_running_goes_on_and_is_heard(bed: Bed) -> None:
    instance_id = bed.boot("#!/bin/bash\n(while sleep 0.1; do echo still here; done) &\n")
    assert bed.started(instance_id) == "running"
    heard = bed.console(instance_id).count("still here")
    wait_for(lambda: bed.console(instance_id).count("still here") > heard + 2, "more of it")
    bed.terminate(instance_id)


def test_instances_have_machine_ids_and_journals_of_their_own(bed: Bed, instance: str) -> None:
    other = bed.boot()
    ids = {bed.run(each, "cat /etc/machine-id") for each in (instance, other)}
    assert len(ids) == 2
    assert "Finished cloud-final.service" in bed.run(other, "journalctl --no-pager --unit cloud-final")
    bed.terminate(other)


def test_a_program_that_does_not_end_is_killed_inside(bed: Bed, instance: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        bed.run(instance, "exec -a never-ending sleep 1000", timeout_seconds=0.5)
    bed.run(instance, "! pgrep -f never-endin[g]")


def test_an_image_that_the_bed_does_not_have_ends_the_launch(bed: Bed) -> None:
    unknown = bed.ec2.register_image(Name="unknown", RootDeviceName="/dev/xvda")["ImageId"]
    instance_id = bed.launch(ImageId=unknown)
    bed.wait_state(instance_id, "terminated")
    assert bed.described(instance_id)["StateReason"]["Code"] == "Server.InternalError"

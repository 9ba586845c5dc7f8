"""EC2's side of machines: what is asked of a host, and what EC2 shows of what the host tells."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.aws.server import LocalAws
from rehearsal.aws.services.ec2.hosting import attach_host
from rehearsal.machines.model import BlockDevice
from tests.rehearsal.hosts import PaperHost
from tests.rehearsal.moto_probes import unique
from tests.rehearsal.scaling import refused, state_in_ec2
from tests.rehearsal.test_corrections_ec2 import USER_DATA, image, launch_template, network, profile, start


@pytest.fixture(scope="module")
def host(aws: LocalAws) -> PaperHost:
    host = PaperHost()
    assert attach_host(aws, host) is host.states
    return host


@pytest.fixture
def ec2(aws: LocalAws, host: PaperHost) -> Any:
    host.asked.clear()
    return aws.client("ec2")


@pytest.fixture
def subnet(ec2: Any) -> str:
    return network(ec2)[1]


@pytest.fixture
def pending(ec2: Any, subnet: str) -> str:
    """An instance that the host was asked to start."""
    return str(start(ec2, launch_template(ec2), SubnetId=subnet)[0]["InstanceId"])


@pytest.fixture
def running(pending: str, host: PaperHost) -> str:
    """One that the host said to run."""
    host.states.changed(pending, "running")
    host.asked.clear()
    return pending


def described(ec2: Any, instance_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return found


def test_an_instance_is_pending_until_its_host_runs_it(aws: LocalAws, host: PaperHost, ec2: Any, subnet: str) -> None:
    asked = {"LaunchTemplate": launch_template(ec2, UserData=USER_DATA), "SubnetId": subnet, "MinCount": 1}
    (answer,) = ec2.run_instances(MaxCount=1, **asked)["Instances"]
    assert answer["State"] == {"Code": 0, "Name": "pending"}
    assert host.asked == [("start", answer["InstanceId"])]
    machine = host.machines[answer["InstanceId"]]
    assert machine.interface.address == answer["PrivateIpAddress"]
    assert machine.user_data == b"#!/bin/bash\ntrue\n"
    host.states.changed(answer["InstanceId"], "running")
    assert state_in_ec2(aws, answer["InstanceId"]) == "running"


def test_a_host_hears_of_the_volumes_beside_the_root(host: PaperHost, ec2: Any, subnet: str) -> None:
    disk = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 20}}
    devices = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}, disk]
    asked = [
        start(ec2, launch_template(ec2, **more), SubnetId=subnet)[0]["InstanceId"]
        for more in ({"ImageId": image(ec2), "BlockDeviceMappings": devices}, {"ImageId": image(ec2)})
    ]
    assert [host.machines[each].volumes for each in asked] == [(BlockDevice("/dev/sdb", 20),), ()]


def test_a_repeated_client_token_starts_no_second_machine(host: PaperHost, ec2: Any, subnet: str) -> None:
    template, token = launch_template(ec2), unique("hosted")
    for _ in range(2):
        start(ec2, template, SubnetId=subnet, ClientToken=token)
    assert len(host.asked) == 1


def test_a_dry_run_starts_nothing(host: PaperHost, ec2: Any, subnet: str) -> None:
    asked = {"ImageId": image(ec2), "InstanceType": "m5.large", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}
    assert refused(ec2.run_instances, DryRun=True, **asked).startswith("DryRunOperation")
    assert host.asked == []


def test_a_terminated_instance_keeps_its_address_until_it_is_gone(
    aws: LocalAws, host: PaperHost, ec2: Any, running: str, subnet: str
) -> None:
    change = ec2.terminate_instances(InstanceIds=[running])["TerminatingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "shutting-down")
    assert host.asked == [("terminate", running)]
    assert state_in_ec2(aws, running) == "shutting-down"
    in_subnet = [{"Name": "subnet-id", "Values": [subnet]}]
    volumes = [{"Name": "attachment.instance-id", "Values": [running]}]
    assert ec2.describe_network_interfaces(Filters=in_subnet)["NetworkInterfaces"]
    assert ec2.describe_volumes(Filters=volumes)["Volumes"]
    host.states.changed(running, "terminated")
    assert state_in_ec2(aws, running) == "terminated"
    assert not ec2.describe_network_interfaces(Filters=in_subnet)["NetworkInterfaces"]
    assert not ec2.describe_volumes(Filters=volumes)["Volumes"]
    shown = described(ec2, running)
    assert shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert shown["StateTransitionReason"].startswith("User initiated (")


def test_terminating_twice_asks_the_host_once(host: PaperHost, ec2: Any, running: str) -> None:
    for _ in range(2):
        ec2.terminate_instances(InstanceIds=[running])
    host.states.changed(running, "terminated")
    ec2.terminate_instances(InstanceIds=[running])
    assert host.asked == [("terminate", running)]


def test_a_protected_instance_keeps_all_of_a_request(host: PaperHost, ec2: Any, running: str, subnet: str) -> None:
    (protected,) = start(ec2, launch_template(ec2, DisableApiTermination=True), SubnetId=subnet)
    host.asked.clear()
    refusal = refused(ec2.terminate_instances, InstanceIds=[running, protected["InstanceId"]])
    assert refusal.startswith("OperationNotPermitted")
    assert host.asked == []


def test_an_instance_stops_and_starts_again(aws: LocalAws, host: PaperHost, ec2: Any, running: str) -> None:
    change = ec2.stop_instances(InstanceIds=[running])["StoppingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    assert "cannot" not in refused(ec2.start_instances, InstanceIds=[running])
    host.states.changed(running, "stopped")
    assert state_in_ec2(aws, running) == "stopped"
    assert described(ec2, running)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    ec2.start_instances(InstanceIds=[running])
    assert state_in_ec2(aws, running) == "pending"
    host.states.changed(running, "running")
    assert state_in_ec2(aws, running) == "running"
    assert host.asked == [("stop", running), ("start", running)]


def test_a_stop_by_force_may_follow_one_that_hangs(host: PaperHost, ec2: Any, running: str) -> None:
    ec2.stop_instances(InstanceIds=[running])
    ec2.stop_instances(InstanceIds=[running], Force=True)
    assert host.asked == [("stop", running), ("stop by force", running)]


def test_protection_against_stops_is_kept(host: PaperHost, ec2: Any, running: str) -> None:
    ec2.modify_instance_attribute(InstanceId=running, DisableApiStop={"Value": True})
    assert refused(ec2.stop_instances, InstanceIds=[running]).startswith("OperationNotPermitted")
    assert host.asked == []


@pytest.mark.parametrize("call", ["start_instances", "stop_instances", "reboot_instances"])
def test_what_is_shutting_down_can_do_nothing_else(host: PaperHost, ec2: Any, running: str, call: str) -> None:
    ec2.terminate_instances(InstanceIds=[running])
    refusal = refused(getattr(ec2, call), InstanceIds=[running])
    assert refusal.startswith(
        f"IncorrectInstanceState: The instance '{running}' is not in a state from which it can be"
    )


def test_a_reboot_shows_nothing(aws: LocalAws, host: PaperHost, ec2: Any, running: str) -> None:
    ec2.reboot_instances(InstanceIds=[running])
    assert host.asked == [("reboot", running)]
    assert state_in_ec2(aws, running) == "running"


@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopped"), ("terminate", "shutting-down")])
def test_an_instance_that_switches_itself_off_does_what_its_template_says(
    aws: LocalAws, host: PaperHost, ec2: Any, subnet: str, behaviour: str, state: str
) -> None:
    template = launch_template(ec2, InstanceInitiatedShutdownBehavior=behaviour)
    instance_id = start(ec2, template, SubnetId=subnet)[0]["InstanceId"]
    host.states.changed(instance_id, "running")
    host.states.changed(instance_id, "stopped")
    assert state_in_ec2(aws, instance_id) == state
    assert described(ec2, instance_id)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert (("terminate", instance_id) in host.asked) == (behaviour == "terminate")


@pytest.mark.parametrize(
    ("before", "message"), [("pending", "Internal error on launch"), ("running", "The instance was lost with its host")]
)
def test_an_instance_that_its_host_lost_is_terminated_by_the_server(
    host: PaperHost, ec2: Any, pending: str, before: str, message: str
) -> None:
    if before == "running":
        host.states.changed(pending, "running")
    host.states.changed(pending, "terminated")
    shown = described(ec2, pending)
    assert shown["State"]["Name"] == "terminated"
    assert shown["StateReason"] == {"Code": "Server.InternalError", "Message": f"Server.InternalError: {message}"}


def test_old_news_change_nothing(aws: LocalAws, host: PaperHost, ec2: Any, pending: str) -> None:
    ec2.terminate_instances(InstanceIds=[pending])
    host.states.changed(pending, "running")
    host.states.changed(pending, "stopped")
    assert state_in_ec2(aws, pending) == "shutting-down"
    host.states.changed(pending, "terminated")
    host.states.changed(pending, "running")
    assert state_in_ec2(aws, pending) == "terminated"


def test_the_console_is_what_the_host_kept(host: PaperHost, ec2: Any, running: str) -> None:
    host.consoles[running] = b"Welcome!\r\n"
    # boto3 undoes EC2's base64.
    assert ec2.get_console_output(InstanceId=running)["Output"] == "Welcome!\r\n"


def test_a_silent_instance_fails_its_status_check_and_runs_on(host: PaperHost, ec2: Any, running: str) -> None:
    def status() -> tuple[str, str, str]:
        (found,) = ec2.describe_instance_status(InstanceIds=[running])["InstanceStatuses"]
        return found["InstanceState"]["Name"], found["InstanceStatus"]["Status"], found["SystemStatus"]["Status"]

    assert status() == ("running", "ok", "ok")
    host.silent.add(running)
    assert status() == ("running", "impaired", "ok")


def test_an_instance_profile_that_does_not_exist_is_named(aws: LocalAws, ec2: Any, subnet: str) -> None:
    arn = "arn:aws:iam::123456789012:instance-profile/gone"
    for given, kind, text in (({"Name": "gone"}, "name", "name"), ({"Arn": arn}, "arn", "ARN")):
        template = launch_template(ec2, IamInstanceProfile=given)
        refusal = refused(ec2.run_instances, LaunchTemplate=template, SubnetId=subnet, MinCount=1, MaxCount=1)
        assert refusal == (
            f"InvalidParameterValue: Value ({next(iter(given.values()))}) for parameter iamInstanceProfile.{kind} is "
            f"invalid. Invalid IAM Instance Profile {text}"
        )
    assert start(ec2, launch_template(ec2, IamInstanceProfile={"Name": profile(aws.client)}), SubnetId=subnet)


def test_there_is_one_host(aws: LocalAws, host: PaperHost) -> None:
    with pytest.raises(RuntimeError, match="there is a host already"):
        attach_host(aws, PaperHost())

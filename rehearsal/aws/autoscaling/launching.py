"""Starting and ending a group's instances through EC2's public API: the one place where machines begin.

`Machines` is the interface: whatever RunInstances starts, Auto Scaling only ever sees an instance id and a state name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.aws.autoscaling.model import TemplateVersion

GROUP_NAME_TAG = "aws:autoscaling:groupName"
"""The tag that marks an instance as a group's."""
NOT_STARTED = "Launching EC2 instance failed."
"""What Auto Scaling adds to EC2's reason."""
ASKED_AT_ONCE = 200
"""How many instances one call may name in its filters."""
Clients = Callable[[str], Any]
"""Gives the boto3 client of a service in the group's region."""


@dataclass(frozen=True)
class Start:
    """What an instance is started with."""

    launch_template: Mapping[str, str]
    subnet_id: str
    tags: Mapping[str, str]
    client_token: str


@dataclass(frozen=True)
class Started:
    """What was started."""

    instance_id: str
    instance_type: str
    template: TemplateVersion


class LaunchFailed(Exception):
    """An instance could not be started; the text is the activity's status message."""


class Machines(Protocol):
    """Starts and ends instances and tells their state."""

    def start(self, request: Start) -> Started:
        """Start one instance, or raise LaunchFailed."""

    def terminate(self, instance_id: str) -> None:
        """End an instance; one that is already gone is fine."""

    def states(self, instance_ids: Iterable[str]) -> dict[str, str]:
        """The EC2 state name of each instance; one that EC2 no longer knows is `terminated`."""

    def impaired(self, instance_ids: Iterable[str]) -> set[str]:
        """Those of the instances whose status check fails in EC2, the instance's own or its system's."""

    def end_reason(self, instance_id: str) -> str:
        """Why EC2 ended an instance; empty where it does not say or no longer knows."""

    def adopt(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Put a group's tags on an instance that is attached to it."""

    def disown(self, instance_id: str) -> None:
        """Take the mark of its group off an instance that is detached."""


def resolve(ec2: Any, launch_template: Mapping[str, str]) -> dict[str, Any]:
    """The launch template's version that `$Latest`, `$Default` or a number stands for now. Raises ClientError."""
    # EC2 takes the id or the name, not both.
    key = "LaunchTemplateId" if launch_template.get("LaunchTemplateId") else "LaunchTemplateName"
    named = {key: launch_template.get(key) or ""}
    version = launch_template.get("Version") or "$Default"
    found = ec2.describe_launch_template_versions(**named, Versions=[version])["LaunchTemplateVersions"]
    if not found:
        message = f"Could not find launch template version {version}"
        raise ClientError(
            {"Error": {"Code": "InvalidLaunchTemplateId.VersionNotFound", "Message": message}},
            "DescribeLaunchTemplateVersions",
        )
    described: dict[str, Any] = found[0]
    return described


class Ec2Machines:
    """Instances of the local EC2."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def start(self, request: Start) -> Started:
        ec2 = self._clients("ec2")
        try:
            version = resolve(ec2, request.launch_template)
            data = version["LaunchTemplateData"]
            number = str(version["VersionNumber"])
            reply = ec2.run_instances(
                LaunchTemplate={"LaunchTemplateId": version["LaunchTemplateId"], "Version": number},
                MinCount=1,
                MaxCount=1,
                ClientToken=request.client_token,
                TagSpecifications=[
                    {
                        "ResourceType": "instance",
                        "Tags": [{"Key": key, "Value": value} for key, value in request.tags.items()],
                    }
                ],
                **_placement(data, request.subnet_id),
            )
        except ClientError as error:
            raise LaunchFailed(f"{error.response['Error']['Message']}. {NOT_STARTED}") from error
        except BotoCoreError as error:
            raise LaunchFailed(f"{error}. {NOT_STARTED}") from error
        instance = reply["Instances"][0]
        template = TemplateVersion(version["LaunchTemplateId"], version["LaunchTemplateName"], number)
        return Started(instance["InstanceId"], instance["InstanceType"], template)

    def terminate(self, instance_id: str) -> None:
        ec2 = self._clients("ec2")
        try:
            # Termination protection stops callers of EC2, not Auto Scaling: it retires its own instances all the same.
            ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
            ec2.terminate_instances(InstanceIds=[instance_id])
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidInstanceID.NotFound":
                raise

    def states(self, instance_ids: Iterable[str]) -> dict[str, str]:
        wanted = list(instance_ids)
        pages = self._clients("ec2").get_paginator("describe_instances")
        known = {
            instance["InstanceId"]: instance["State"]["Name"]
            for start in range(0, len(wanted), ASKED_AT_ONCE)
            for page in pages.paginate(
                Filters=[{"Name": "instance-id", "Values": wanted[start : start + ASKED_AT_ONCE]}]
            )
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        }
        return {instance_id: known.get(instance_id, "terminated") for instance_id in wanted}

    def impaired(self, instance_ids: Iterable[str]) -> set[str]:
        wanted = set(instance_ids)
        if not wanted:
            return set()
        # Asked for by id, one that is gone would be an error for all; what does not run is left out of the answer.
        pages = self._clients("ec2").get_paginator("describe_instance_status").paginate()
        failing = {
            status["InstanceId"]
            for page in pages
            for status in page["InstanceStatuses"]
            if "impaired" in (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"])
        }
        return wanted & failing

    def end_reason(self, instance_id: str) -> str:
        by_id = [{"Name": "instance-id", "Values": [instance_id]}]
        reservations = self._clients("ec2").describe_instances(Filters=by_id)["Reservations"]
        found = [instance for reservation in reservations for instance in reservation["Instances"]]
        return str(found[0].get("StateReason", {}).get("Message", "")) if found else ""

    def adopt(self, instance_id: str, tags: Mapping[str, str]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._clients("ec2").create_tags(Resources=[instance_id], Tags=pairs)

    def disown(self, instance_id: str) -> None:
        self._clients("ec2").delete_tags(Resources=[instance_id], Tags=[{"Key": GROUP_NAME_TAG}])


def _placement(template: Mapping[str, Any], subnet_id: str) -> dict[str, Any]:
    """Where the instance goes: a template with network interfaces takes its subnet in the first of them."""
    interfaces = template.get("NetworkInterfaces")
    if not interfaces:
        return {"SubnetId": subnet_id}
    return {"NetworkInterfaces": [{**interfaces[0], "SubnetId": subnet_id}, *interfaces[1:]]}

"""What plain moto gets wrong about starting instances."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around

ROOT_VOLUME_GIB = 8
TEMPLATE_ONLY = frozenset({"LaunchTemplate", "RamDiskId"})


def merged(template: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what RunInstances runs with: the launch template's data, overridden by the request's own parameters.

    Objects (placement, metadata options) are merged by key and tags by resource type and key, as EC2 does.
    """
    result = {name: value for name, value in template.items() if name not in TEMPLATE_ONLY and value is not None}
    for name, value in request.items():
        if name == "TagSpecifications":
            result[name] = _merged_tags(result.get(name) or [], value)
        elif isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = {**result[name], **value}
        else:
            result[name] = value
    if "UserData" in result:
        result["UserData"] = str(result["UserData"])
    return result


def _merged_tags(below: list[dict[str, Any]], above: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_type: dict[str, dict[str, str]] = {}
    for specification in [*below, *above]:
        tags = {tag["Key"]: tag["Value"] for tag in specification.get("Tags") or []}
        by_type.setdefault(specification["ResourceType"], {}).update(tags)
    return [
        {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for kind, tags in by_type.items()
        if tags
    ]


@correction("ec2", "RunInstances takes of a launch template only its image, instance tags and block devices")
def launch_templates_reach_the_instances() -> None:
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "run_instances")
    def run_instances(plain: Any, self: Any) -> Any:
        named = self.params.get("LaunchTemplate")
        if named:
            version = self.ec2_backend._get_template_from_args(named)
            self.params = merged(version.data, self.params)
        return plain(self)


@correction(
    "ec2", "RunInstances drops placement, termination protection, licences, and the profile but of one instance"
)
def instances_keep_what_they_were_started_with() -> None:
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "run_instances")
    def run_instances(plain: Any, self: Any) -> Any:
        answer = plain(self)
        placement = self._get_param("Placement", {})
        for instance in answer.result.instances:
            vpc_tenancy = self.ec2_backend.get_vpc(instance.vpc_id).instance_tenancy if instance.vpc_id else "default"
            wanted = placement.get("Tenancy", "default")
            # A VPC with dedicated tenancy makes every instance dedicated that does not ask for a host.
            instance.placement.tenancy = "dedicated" if (wanted, vpc_tenancy) == ("default", "dedicated") else wanted
            instance.placement.group_name = placement.get("GroupName", "")
            instance.placement.host_resource_group_arn = placement.get("HostResourceGroupArn")
            instance.disable_api_termination = bool(self._get_param("DisableApiTermination", False))
            instance.licenses = self._get_param("LicenseSpecifications", [])
        profile = self._get_param("IamInstanceProfile", {})
        for instance in answer.result.instances[1:] if profile else []:
            self.ec2_backend.associate_iam_instance_profile(
                instance_id=instance.id,
                iam_instance_profile_name=profile.get("Name"),
                iam_instance_profile_arn=profile.get("Arn"),
            )
        return answer


@correction("ec2", "RunInstances makes the same instances again when a client repeats its ClientToken")
def a_repeated_client_token_starts_nothing() -> None:
    from moto.core.responses import ActionResult
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "run_instances")
    def run_instances(plain: Any, self: Any) -> Any:
        token = self._get_param("ClientToken")
        for reservation in self.ec2_backend.reservations.values() if token else ():
            if any(instance.client_token == token for instance in reservation.instances):
                return ActionResult(reservation)
        return plain(self)


@correction("ec2", "Block devices of an instance lose IOPS and throughput, and replace the image's root volume")
def block_devices_add_to_the_root_volume() -> None:
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "_parse_block_device_mapping")
    def parse_block_device_mapping(plain: Any, self: Any) -> Any:
        devices = self._get_param("BlockDeviceMappings", [])
        image = self.ec2_backend.amis.get(self._get_param("ImageId"))
        root = image.root_device_name if image else None
        if devices and root and all(device.get("DeviceName") != root for device in devices):
            devices.insert(0, {"DeviceName": root, "Ebs": {"DeleteOnTermination": True}})
        for device in devices:
            ebs = device.get("Ebs")
            # Without a size a volume is as large as the image's snapshot.
            if device.get("DeviceName") == root and ebs is not None and not ebs.get("VolumeSize"):
                ebs["VolumeSize"] = image.block_device_mappings[0]["Ebs"].get("VolumeSize") or ROOT_VOLUME_GIB
        return plain(self)

    @around(InstanceResponse, "run_instances")
    def run_instances(plain: Any, self: Any) -> Any:
        answer = plain(self)
        wanted = {
            device.get("DeviceName"): device.get("Ebs") or {} for device in self._get_param("BlockDeviceMappings", [])
        }
        for instance in answer.result.instances:
            for name, device in instance.get_block_device_mapping:
                volume = self.ec2_backend.volumes[device.volume_id]
                volume.iops = wanted.get(name, {}).get("Iops") or volume.iops
                volume.throughput = wanted.get(name, {}).get("Throughput") or volume.throughput
        return answer


@correction("ec2", "The network interface that RunInstances makes outlives its instance")
def an_instance_takes_its_interface_along() -> None:
    from moto.ec2.models.instances import Instance

    @around(Instance, "prep_nics")
    def prep_nics(plain: Any, self: Any, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
        plain(self, nic_spec, *args, **kwargs)
        given = {int(nic.get("DeviceIndex", 0)): nic for nic in nic_spec}
        for index, interface in self.nics.items():
            asked = given.get(index, {})
            if "NetworkInterfaceId" not in asked:
                interface.delete_on_termination = asked.get("DeleteOnTermination", True)


@correction("ec2", "TerminateInstances fails of a terminated instance whose network interface went along")
def a_terminated_instance_is_terminated_again() -> None:
    """It is idempotent: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html."""
    from moto.ec2.models.instances import Instance

    @around(Instance, "terminate")
    def terminate(plain: Any, self: Any) -> Any:
        return copy.copy(self._state) if self._state.name == "terminated" else plain(self)


@correction(
    "ec2", "DescribeInstances shows no security groups, and no tags, of the interfaces an instance was started with"
)
def an_instance_shows_its_interfaces_groups() -> None:
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "run_instances")
    def run_instances(plain: Any, self: Any) -> Any:
        answer = plain(self)
        tags = self._parse_tag_specification().get("network-interface", {})
        for instance in answer.result.instances:
            if not instance.security_groups and 0 in instance.nics:
                instance.security_groups = list(instance.nics[0].group_set)
            for interface in instance.nics.values():
                interface.add_tags(tags)
        return answer


@correction("ec2", "RunInstances refuses an instance profile that does not exist with an error of IAM's")
def an_unknown_instance_profile_is_refused() -> None:
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.responses import instances
    from moto.iam.exceptions import NotFoundException

    @around(instances, "filter_iam_instance_profiles")
    def filter_iam_instance_profiles(plain: Any, account_id: str, partition: str, **named: str | None) -> Any:
        try:
            return plain(account_id, partition=partition, **named)
        except NotFoundException as error:
            arn, name = named["iam_instance_profile_arn"], named["iam_instance_profile_name"]
            given, kind, text = (arn, "arn", "ARN") if arn else (name, "name", "name")
            raise EC2ClientError(
                "InvalidParameterValue",
                f"Value ({given}) for parameter iamInstanceProfile.{kind} is invalid. "
                f"Invalid IAM Instance Profile {text}",
            ) from error

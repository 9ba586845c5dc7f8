"""What plain moto gets wrong about machine images and instance types."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around

REFERENCE_REGION = "us-east-1"


@correction("ec2", "RegisterImage keeps of an image only its name and description")
def a_registered_image_is_what_was_registered() -> None:
    from moto.ec2.models.amis import Ami
    from moto.ec2.responses.amis import AmisResponse

    @around(AmisResponse, "register_image")
    def register_image(plain: Any, self: Any) -> Any:
        answer = plain(self)
        image = self.ec2_backend.amis[answer.result["ImageId"]]
        image.architecture = self._get_param("Architecture", "i386")
        image.virtualization_type = self._get_param("VirtualizationType", "paravirtual")
        image.root_device_name = self._get_param("RootDeviceName", image.root_device_name)
        image.root_device_type = "ebs"
        image.boot_mode = self._get_param("BootMode", image.boot_mode)
        image.registered_mappings = self._get_param("BlockDeviceMappings", [])
        image.add_tags(self._parse_tag_specification().get("image", {}))
        return answer

    @around(Ami, "block_device_mappings")
    def block_device_mappings(plain: Any, self: Any) -> Any:
        return getattr(self, "registered_mappings", None) or plain(self)


@correction("ec2", "DescribeImages and RunInstances do not refuse an image that was deregistered")
def a_deregistered_image_is_unknown() -> None:
    from moto.ec2.exceptions import InvalidAMIIdError
    from moto.ec2.models import EC2Backend

    @around(EC2Backend, "describe_images")
    def describe_images(plain: Any, self: Any, ami_ids: list[str] | None = None, *args: Any, **kwargs: Any) -> Any:
        for image_id in ami_ids or []:
            if image_id in self.deleted_amis:
                raise InvalidAMIIdError(image_id)
        return plain(self, ami_ids, *args, **kwargs)


@correction("ec2", "The regions of the European Sovereign Cloud and of the iso partitions have no zones")
def every_region_has_zones() -> None:
    import boto3
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone

    session = boto3.Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("ec2", partition_name=partition):
            # As moto makes those of regions that it knows too little of; the ids are invented.
            zones = [Zone(region_name=region, name=f"{region}{each}", zone_id=f"{region}-{each}") for each in "abc"]
            RegionsAndZonesBackend.zones.setdefault(region, zones)


@correction("ec2", "The regions of GovCloud, China and others offer no instance type at all")
def every_region_offers_instance_types() -> None:
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

    # moto carries no list of what those regions really offer, so they offer what the reference region does.
    types = sorted({item["InstanceType"] for item in INSTANCE_TYPE_OFFERINGS["region"][REFERENCE_REGION]})
    for region, zones in RegionsAndZonesBackend.zones.items():
        places = {
            "region": [region],
            "availability-zone": [zone.name for zone in zones],
            "availability-zone-id": [zone.zone_id for zone in zones],
        }
        for kind, locations in places.items():
            offered = [
                {"InstanceType": name, "Location": location, "LocationType": kind}
                for location in locations
                for name in types
            ]
            INSTANCE_TYPE_OFFERINGS[kind].setdefault(region, offered)


@correction("ec2", "RunInstances, dry or not, accepts unknown images and types, and zones that do not offer the type")
def machines_start_only_where_they_are_offered() -> None:
    from moto.ec2.exceptions import EC2ClientError, InvalidInstanceTypeError
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
    from moto.ec2.responses.instances import InstanceResponse

    @around(InstanceResponse, "run_instances")
    def run_instances(plain: Any, self: Any) -> Any:
        self.ec2_backend.describe_images(ami_ids=[self._get_param("ImageId", "ami-")])
        name = self._get_param("InstanceType")
        offered = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(self.region, [])
        zones = {item["Location"] for item in offered if item["InstanceType"] == name}
        if name and not zones:
            raise InvalidInstanceTypeError(name)
        zone = _zone(self)
        if name and zone and zone not in zones:
            raise EC2ClientError(
                "Unsupported",
                f"Your requested instance type ({name}) is not supported in your requested Availability Zone ({zone}). "
                f"Please retry your request by choosing {', '.join(sorted(zones))}.",
            )
        return plain(self)


def _zone(response: Any) -> str | None:
    """Return the zone that a RunInstances request names: its own, its subnet's, or its first interface's subnet's."""
    interfaces = response._get_param("NetworkInterfaces", [])
    subnet = response._get_param("SubnetId") or (interfaces[0].get("SubnetId") if interfaces else None)
    if subnet:
        return str(response.ec2_backend.get_subnet(subnet).availability_zone)
    named: str | None = response._get_param("Placement.AvailabilityZone")
    return named

"""What plain moto gets wrong about machine images and instance types."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around

REFERENCE_REGION = "us-east-1"


@correction("ec2", "RunInstances accepts an image that does not exist")
def an_unknown_image_is_refused() -> None:
    from moto import settings

    settings.ENABLE_AMI_VALIDATION = True


@correction("ec2", "RunInstances accepts an instance type that the region does not offer")
def an_unknown_instance_type_is_refused() -> None:
    from moto import settings

    settings.EC2_ENABLE_INSTANCE_TYPE_VALIDATION = True


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

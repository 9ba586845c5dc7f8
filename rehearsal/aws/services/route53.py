"""What plain moto gets wrong about private hosted zones."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.corrections import correction
from rehearsal.aws.services.patching import around, given


@correction("route53", "A private hosted zone can be made for, or associated with, a VPC that does not exist")
def a_private_zone_needs_its_vpc() -> None:
    from moto.ec2.models import ec2_backends
    from moto.route53.exceptions import InvalidVPCId
    from moto.route53.models import Route53Backend

    def require(backend: Any, vpc_id: str | None, region: Any) -> None:
        if vpc_id and vpc_id not in ec2_backends[backend.account_id][region].vpcs:
            raise InvalidVPCId()

    @around(Route53Backend, "create_hosted_zone")
    def create_hosted_zone(plain: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        values = given(plain, self, *args, **kwargs)
        require(self, values.get("vpcid"), values.get("vpcregion"))
        return plain(self, *args, **kwargs)

    @around(Route53Backend, "associate_vpc_with_hosted_zone")
    def associate(plain: Any, self: Any, zone_id: str, vpcid: str, vpcregion: str) -> Any:
        require(self, vpcid, vpcregion)
        return plain(self, zone_id, vpcid, vpcregion)


@correction("route53", "Deleting a record that does not exist is a success")
def only_a_record_that_exists_is_deleted() -> None:
    from moto.route53.exceptions import Route53ClientError
    from moto.route53.models import Route53Backend

    @around(Route53Backend, "change_resource_record_sets")
    def change_resource_record_sets(plain: Any, self: Any, zoneid: str, change_list: list[dict[str, Any]]) -> Any:
        zone = self.get_hosted_zone(zoneid)
        for change in change_list:
            wanted = change["ResourceRecordSet"]
            if change["Action"] != "DELETE":
                continue
            name = str(wanted["Name"]).rstrip(".") + "."
            found = [item for item in zone.rrsets if item.name == name and item.type_ == wanted["Type"]]
            if not found:
                text = f"[name='{name}', type='{wanted['Type']}'] but it was not found"
                raise Route53ClientError("InvalidChangeBatch", f"[Tried to delete resource record set {text}]")
        return plain(self, zoneid, change_list)

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


@correction("route53", "Creating a record beside one with other values, and deleting one that is gone, are a success")
def a_change_fits_the_records_that_exist() -> None:
    from moto.route53.exceptions import Route53ClientError
    from moto.route53.models import Route53Backend

    @around(Route53Backend, "change_resource_record_sets")
    def change_resource_record_sets(plain: Any, self: Any, zoneid: str, change_list: list[dict[str, Any]]) -> Any:
        zone = self.get_hosted_zone(zoneid)
        present = {(record.name.rstrip("."), record.type, record.set_identifier) for record in zone.rrsets}
        for change in change_list:
            record = change["ResourceRecordSet"]
            key = (str(record["Name"]).rstrip("."), record["Type"], record.get("SetIdentifier"))
            exists, action = key in present, change["Action"]
            problem = {("CREATE", True): "create", ("DELETE", False): "delete"}.get((action, exists))
            if problem:
                state = "it already exists" if exists else "it was not found"
                raise Route53ClientError(
                    "InvalidChangeBatch",
                    f"[Tried to {problem} resource record set [name='{key[0]}.', type='{key[1]}'] but {state}]",
                )
            present = present - {key} if action == "DELETE" else present | {key}
        return plain(self, zoneid, change_list)

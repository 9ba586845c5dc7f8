"""Route 53: hosted zones and record sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    refuse_others,
    tag_changes,
    tag_list,
    tags_of,
)


class HostedZone:
    """AWS::Route53::HostedZone, private when it names VPCs. Ref is the zone's id."""

    type_name = "AWS::Route53::HostedZone"
    properties = frozenset({"HostedZoneConfig", "HostedZoneTags", "Name", "VPCs"})
    create_only = frozenset({"Name"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the zone with its first VPC, then associate the others, one a call as the API wants."""
        route53 = context.client("route53")
        config = properties.get("HostedZoneConfig") or {}
        refuse_others(config, ("Comment",), "HostedZoneConfig")
        vpcs = self._vpcs(properties)
        values: dict[str, Any] = {"Name": properties["Name"], "CallerReference": context.physical_name(128)}
        if config or vpcs:
            values["HostedZoneConfig"] = {"Comment": config.get("Comment", ""), "PrivateZone": bool(vpcs)}
        if vpcs:
            values["VPC"] = vpcs[0]
        made = route53.create_hosted_zone(**values)
        zone_id = made["HostedZone"]["Id"].rpartition("/")[2]
        context.initiated(zone_id)
        for vpc in vpcs[1:]:
            route53.associate_vpc_with_hosted_zone(HostedZoneId=zone_id, VPC=vpc)
        self._retag(context, zone_id, properties.get("HostedZoneTags"))
        return self._made(route53, zone_id)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change comment, VPCs and tags; a zone that becomes private or public is refused as Route 53 refuses it."""
        route53 = context.client("route53")
        config = new.get("HostedZoneConfig") or {}
        refuse_others(config, ("Comment",), "HostedZoneConfig")
        if config != (old.get("HostedZoneConfig") or {}):
            route53.update_hosted_zone_comment(Id=physical_id, Comment=config.get("Comment", ""))
        before, after = self._vpcs(old), self._vpcs(new)
        if bool(before) != bool(after):
            raise ProviderError("a hosted zone cannot change between public and private")
        for vpc in after:
            if vpc not in before:
                route53.associate_vpc_with_hosted_zone(HostedZoneId=physical_id, VPC=vpc)
        for vpc in before:
            if vpc not in after:
                route53.disassociate_vpc_from_hosted_zone(HostedZoneId=physical_id, VPC=vpc)
        self._retag(context, physical_id, new.get("HostedZoneTags"))
        return self._made(route53, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the zone; Route 53 refuses while records other than its own are left."""
        with already_gone("NoSuchHostedZone"):
            context.client("route53").delete_hosted_zone(Id=physical_id)

    @staticmethod
    def _vpcs(properties: Mapping[str, Any]) -> list[dict[str, str]]:
        for vpc in properties.get("VPCs") or []:
            refuse_others(vpc, ("VPCId", "VPCRegion"), "VPCs")
            for name in ("VPCId", "VPCRegion"):
                if not vpc.get(name):
                    raise ProviderError(f"property VPCs needs {name}")
        return [{"VPCId": vpc["VPCId"], "VPCRegion": vpc["VPCRegion"]} for vpc in properties.get("VPCs") or []]

    @staticmethod
    def _retag(context: Context, zone_id: str, own: Any) -> None:
        route53 = context.client("route53")
        found = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id)["ResourceTagSet"]["Tags"]
        present = {tag["Key"]: tag["Value"] for tag in found}
        gone, changed = tag_changes(present, tags_of(context, own, system=False))
        changes: dict[str, Any] = {"RemoveTagKeys": gone} if gone else {}
        changes |= {"AddTags": tag_list(changed)} if changed else {}
        if changes:
            route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id, **changes)

    @staticmethod
    def _made(route53: Any, zone_id: str) -> Made:
        servers = route53.get_hosted_zone(Id=zone_id).get("DelegationSet", {}).get("NameServers", [])
        return Made(zone_id, {"Id": zone_id, "NameServers": servers})


class RecordSet:
    """AWS::Route53::RecordSet. Ref is the record's domain name."""

    type_name = "AWS::Route53::RecordSet"
    properties = frozenset(
        "AliasTarget Comment Failover HealthCheckId HostedZoneId HostedZoneName MultiValueAnswer Name Region "
        "ResourceRecords SetIdentifier TTL Type Weight".split()
    )
    create_only = frozenset({"HostedZoneId", "HostedZoneName", "Name"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the record; one that exists is an error, as in CloudFormation."""
        self._change(context, properties, [("CREATE", properties)])
        return Made(properties["Name"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Write the record anew, in one batch with the end of the old one where type or identifier changed."""
        same = all(old.get(name) == new.get(name) for name in ("Type", "SetIdentifier"))
        self._change(context, new, [("UPSERT", new)] if same else [("DELETE", old), ("CREATE", new)])
        return Made(physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the record; Route 53 calls a missing one an invalid change."""
        try:
            with already_gone("NoSuchHostedZone"):
                self._change(context, properties, [("DELETE", properties)])
        except ClientError as error:
            if "not found" not in error.response["Error"]["Message"]:
                raise

    def _change(self, context: Context, where: Mapping[str, Any], changes: list[tuple[str, dict[str, Any]]]) -> None:
        route53 = context.client("route53")
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": self._record(item)} for action, item in changes]}
        values = {"HostedZoneId": self._zone(route53, where), "ChangeBatch": batch}
        route53.change_resource_record_sets(**api_values(route53, "ChangeResourceRecordSets", values))

    @staticmethod
    def _record(properties: Mapping[str, Any]) -> dict[str, Any]:
        apart = {"AliasTarget", "Comment", "HostedZoneId", "HostedZoneName", "ResourceRecords"}
        record = {name: value for name, value in properties.items() if name not in apart}
        if properties.get("ResourceRecords"):
            record["ResourceRecords"] = [{"Value": value} for value in properties["ResourceRecords"]]
        if properties.get("AliasTarget"):
            record["AliasTarget"] = {"EvaluateTargetHealth": False, **properties["AliasTarget"]}
        return record

    @staticmethod
    def _zone(route53: Any, properties: Mapping[str, Any]) -> str:
        if properties.get("HostedZoneId"):
            return str(properties["HostedZoneId"])
        wanted = str(properties.get("HostedZoneName", "")).rstrip(".") + "."
        found = [zone["Id"] for zone in route53.list_hosted_zones()["HostedZones"] if zone["Name"] == wanted]
        if len(found) != 1:
            raise ProviderError(f"HostedZoneName {wanted} names {len(found)} hosted zones, not one")
        return str(found[0]).rpartition("/")[2]


for provider in (HostedZone(), RecordSet()):
    register(provider)

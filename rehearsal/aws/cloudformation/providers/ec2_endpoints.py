"""EC2: VPC endpoints, gateway and interface."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, register
from rehearsal.aws.cloudformation.providers.ec2_tags import retag, specification
from rehearsal.aws.cloudformation.providers.translation import already_gone, api_values, list_changes

NOT_FOUND = ("InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound")
DELETION_SECONDS = 600.0


class VpcEndpoint:
    """AWS::EC2::VPCEndpoint. Ref is the endpoint's id; DnsEntries are "zone id:name"."""

    type_name = "AWS::EC2::VPCEndpoint"
    properties = frozenset(
        "DnsOptions IpAddressType PolicyDocument PrivateDnsEnabled RouteTableIds SecurityGroupIds ServiceName "
        "SubnetIds Tags VpcEndpointType VpcId".split()
    )
    create_only = frozenset({"ServiceName", "VpcEndpointType", "VpcId"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the endpoint; without a type it is a gateway."""
        ec2 = context.client("ec2")
        values = {key: properties.get(key) for key in self.properties - {"Tags"}}
        values["VpcEndpointType"] = properties.get("VpcEndpointType") or "Gateway"
        values["TagSpecifications"] = specification(context, "vpc-endpoint", properties.get("Tags"))
        made = ec2.create_vpc_endpoint(**api_values(ec2, "CreateVpcEndpoint", values))
        return self._made(ec2, made["VpcEndpoint"]["VpcEndpointId"])

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change policy, private DNS, and what the endpoint is attached to."""
        ec2 = context.client("ec2")
        changes: dict[str, Any] = {}
        for name in ("RouteTableIds", "SecurityGroupIds", "SubnetIds"):
            changes[f"Add{name}"], changes[f"Remove{name}"] = list_changes(old.get(name), new.get(name))
        if old.get("PolicyDocument") != new.get("PolicyDocument"):
            changes["PolicyDocument"] = new.get("PolicyDocument")
            changes["ResetPolicy"] = True if new.get("PolicyDocument") is None else None
        for name in ("DnsOptions", "IpAddressType", "PrivateDnsEnabled"):
            if old.get(name) != new.get(name):
                changes[name] = new.get(name)
        changes = {name: value for name, value in changes.items() if value not in (None, [])}
        if changes:
            values = api_values(ec2, "ModifyVpcEndpoint", {**changes, "VpcEndpointId": physical_id})
            ec2.modify_vpc_endpoint(**values)
        retag(context, physical_id, new.get("Tags"))
        return self._made(ec2, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the endpoint and wait until it has left its subnets."""
        ec2 = context.client("ec2")
        with already_gone(*NOT_FOUND):
            ec2.delete_vpc_endpoints(VpcEndpointIds=[physical_id])

        def deleted() -> bool:
            with already_gone(*NOT_FOUND):
                found = ec2.describe_vpc_endpoints(VpcEndpointIds=[physical_id])["VpcEndpoints"]
                return all(endpoint["State"] == "deleted" for endpoint in found)
            return True

        context.wait(deleted, DELETION_SECONDS, f"VPC endpoint {physical_id} is still being deleted")

    @staticmethod
    def _made(ec2: Any, endpoint_id: str) -> Made:
        endpoint = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0]
        names = [f"{entry.get('HostedZoneId', '')}:{entry['DnsName']}" for entry in endpoint.get("DnsEntries") or []]
        attributes = {
            "Id": endpoint_id,
            "CreationTimestamp": str(endpoint["CreationTimestamp"]),
            "DnsEntries": names,
            "NetworkInterfaceIds": endpoint.get("NetworkInterfaceIds") or [],
        }
        return Made(endpoint_id, attributes)


register(VpcEndpoint())

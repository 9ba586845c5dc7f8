"""EC2: VPCs, subnets, route tables and flow logs."""

from __future__ import annotations

from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.ec2_tags import retag, specification
from rehearsal.aws.cloudformation.providers.translation import already_gone, api_values, boolean

# Network interfaces of endpoints, balancers and functions leave their subnet some time after their owner.
VANISHING_SECONDS = 300.0
DEPENDENCY = "DependencyViolation"


def delete_when_free(context: Context, what: str, call: Any, *gone: str, **arguments: str) -> None:
    """Delete something, again and again while others still depend on it, as CloudFormation does; gone is success."""

    def deleted() -> bool:
        with already_gone(*gone):
            try:
                call(**arguments)
            except context.client("ec2").exceptions.ClientError as error:
                if error.response["Error"]["Code"] != DEPENDENCY:
                    raise
                reasons.append(str(error))
                return False
        return True

    reasons: list[str] = []
    try:
        context.wait(deleted, VANISHING_SECONDS, f"{what} still has dependants")
    except ProviderError:
        raise ProviderError(reasons[-1] if reasons else f"{what} still has dependants") from None


class Vpc:
    """AWS::EC2::VPC. Ref is the VPC's id."""

    type_name = "AWS::EC2::VPC"
    properties = frozenset({"CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"})
    create_only = frozenset({"CidrBlock"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the VPC, then set its DNS attributes, which the create call does not take."""
        ec2 = context.client("ec2")
        values = {key: properties.get(key) for key in ("CidrBlock", "InstanceTenancy")}
        values["TagSpecifications"] = specification(context, "vpc", properties.get("Tags"))
        vpc_id = ec2.create_vpc(**api_values(ec2, "CreateVpc", values))["Vpc"]["VpcId"]
        context.initiated(vpc_id)
        self._dns(ec2, vpc_id, {}, properties)
        return self._made(ec2, vpc_id)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change DNS attributes and tags; tenancy can only go from dedicated to default in place."""
        ec2 = context.client("ec2")
        if old.get("InstanceTenancy", "default") != new.get("InstanceTenancy", "default"):
            ec2.modify_vpc_tenancy(VpcId=physical_id, InstanceTenancy=new.get("InstanceTenancy", "default"))
        self._dns(ec2, physical_id, old, new)
        retag(context, physical_id, new.get("Tags"))
        return self._made(ec2, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the VPC once nothing is left in it."""
        call = context.client("ec2").delete_vpc
        delete_when_free(context, physical_id, call, "InvalidVpcID.NotFound", VpcId=physical_id)

    @staticmethod
    def _dns(ec2: Any, vpc_id: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        # One attribute a call, and support before host names: EC2 refuses host names in a VPC without DNS support.
        for name, default in (("EnableDnsSupport", True), ("EnableDnsHostnames", False)):
            wanted = boolean(new.get(name, default), name)
            if wanted != boolean(old.get(name, default), name):
                ec2.modify_vpc_attribute(VpcId=vpc_id, **{name: {"Value": wanted}})

    @staticmethod
    def _made(ec2: Any, vpc_id: str) -> Made:
        vpc = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
        in_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
        groups = ec2.describe_security_groups(Filters=[*in_vpc, {"Name": "group-name", "Values": ["default"]}])
        lists = ec2.describe_network_acls(Filters=[*in_vpc, {"Name": "default", "Values": ["true"]}])
        attributes = {
            "VpcId": vpc_id,
            "CidrBlock": vpc["CidrBlock"],
            "CidrBlockAssociations": [item["AssociationId"] for item in vpc["CidrBlockAssociationSet"]],
            "DefaultNetworkAcl": lists["NetworkAcls"][0]["NetworkAclId"],
            "DefaultSecurityGroup": groups["SecurityGroups"][0]["GroupId"],
            "Ipv6CidrBlocks": [],
        }
        return Made(vpc_id, attributes)


class Subnet:
    """AWS::EC2::Subnet. Ref is the subnet's id."""

    type_name = "AWS::EC2::Subnet"
    properties = frozenset("AvailabilityZone AvailabilityZoneId CidrBlock MapPublicIpOnLaunch Tags VpcId".split())
    create_only = frozenset({"AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the subnet, then set what the create call does not take."""
        ec2 = context.client("ec2")
        values = {key: properties.get(key) for key in self.create_only}
        values["TagSpecifications"] = specification(context, "subnet", properties.get("Tags"))
        subnet_id = ec2.create_subnet(**api_values(ec2, "CreateSubnet", values))["Subnet"]["SubnetId"]
        context.initiated(subnet_id)
        self._attributes(ec2, subnet_id, {}, properties)
        return self._made(ec2, subnet_id)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change the attributes for new interfaces, and the tags."""
        ec2 = context.client("ec2")
        self._attributes(ec2, physical_id, old, new)
        retag(context, physical_id, new.get("Tags"))
        return self._made(ec2, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the subnet once no network interface is left in it."""
        call = context.client("ec2").delete_subnet
        delete_when_free(context, physical_id, call, "InvalidSubnetID.NotFound", SubnetId=physical_id)

    @staticmethod
    def _attributes(ec2: Any, subnet_id: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        public = boolean(new.get("MapPublicIpOnLaunch", False), "MapPublicIpOnLaunch")
        if public != boolean(old.get("MapPublicIpOnLaunch", False), "MapPublicIpOnLaunch"):
            ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": public})

    @staticmethod
    def _made(ec2: Any, subnet_id: str) -> Made:
        subnet = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]
        by_subnet = [{"Name": "association.subnet-id", "Values": [subnet_id]}]
        associations = [
            association["NetworkAclAssociationId"]
            for acl in ec2.describe_network_acls(Filters=by_subnet)["NetworkAcls"]
            for association in acl["Associations"]
            if association["SubnetId"] == subnet_id
        ]
        attributes = {name: subnet[name] for name in ("AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId")}
        attributes |= {"SubnetId": subnet_id, "Ipv6CidrBlocks": []}
        return Made(subnet_id, attributes | ({"NetworkAclAssociationId": associations[0]} if associations else {}))


class RouteTable:
    """AWS::EC2::RouteTable. Ref is the route table's id."""

    type_name = "AWS::EC2::RouteTable"
    properties = frozenset({"Tags", "VpcId"})
    create_only = frozenset({"VpcId"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create a table with the VPC's local route."""
        ec2 = context.client("ec2")
        tags = specification(context, "route-table", properties.get("Tags"))
        table_id = ec2.create_route_table(VpcId=properties["VpcId"], TagSpecifications=tags)["RouteTable"][
            "RouteTableId"
        ]
        return Made(table_id, {"RouteTableId": table_id})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change the tags."""
        retag(context, physical_id, new.get("Tags"))
        return Made(physical_id, {"RouteTableId": physical_id})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the table once no subnet uses it."""
        call = context.client("ec2").delete_route_table
        delete_when_free(context, physical_id, call, "InvalidRouteTableID.NotFound", RouteTableId=physical_id)


class SubnetRouteTableAssociation:
    """AWS::EC2::SubnetRouteTableAssociation. Ref is the association's id."""

    type_name = "AWS::EC2::SubnetRouteTableAssociation"
    properties = frozenset({"RouteTableId", "SubnetId"})
    create_only = frozenset({"RouteTableId", "SubnetId"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Make the subnet use the route table."""
        made = context.client("ec2").associate_route_table(
            RouteTableId=properties["RouteTableId"], SubnetId=properties["SubnetId"]
        )
        return Made(made["AssociationId"], {"Id": made["AssociationId"]})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Nothing can change in place."""
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Give the subnet back to the VPC's main table."""
        with already_gone("InvalidAssociationID.NotFound"):
            context.client("ec2").disassociate_route_table(AssociationId=physical_id)


class FlowLog:
    """AWS::EC2::FlowLog. Ref is the flow log's id."""

    type_name = "AWS::EC2::FlowLog"
    properties = frozenset(
        "DeliverLogsPermissionArn DestinationOptions LogDestination LogDestinationType LogFormat LogGroupName "
        "MaxAggregationInterval ResourceId ResourceType Tags TrafficType".split()
    )
    create_only = properties - {"Tags"}

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Start the log; the API reports a failure inside a successful answer."""
        ec2 = context.client("ec2")
        values = {key: properties.get(key) for key in self.create_only - {"ResourceId"}}
        values["ResourceIds"] = [properties["ResourceId"]]
        values["TagSpecifications"] = specification(context, "vpc-flow-log", properties.get("Tags"))
        made = ec2.create_flow_logs(**api_values(ec2, "CreateFlowLogs", values))
        for failure in made.get("Unsuccessful") or []:
            raise ProviderError(f"{failure['Error']['Code']}: {failure['Error']['Message']}")
        return Made(made["FlowLogIds"][0], {"Id": made["FlowLogIds"][0]})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change the tags."""
        retag(context, physical_id, new.get("Tags"))
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Stop the log; what it wrote stays in its log group."""
        with already_gone("InvalidFlowLogId.NotFound"):
            context.client("ec2").delete_flow_logs(FlowLogIds=[physical_id])


for provider in (Vpc(), Subnet(), RouteTable(), SubnetRouteTableAssociation(), FlowLog()):
    register(provider)

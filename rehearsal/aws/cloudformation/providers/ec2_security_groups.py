"""EC2: security groups and their rules, inline and as resources of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.ec2_network import delete_when_free
from rehearsal.aws.cloudformation.providers.ec2_tags import retag, specification
from rehearsal.aws.cloudformation.providers.translation import already_gone, integer, refuse_others

NOT_FOUND = ("InvalidGroup.NotFound", "InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound")
EVERYTHING = {"SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]}
PEERS = {"SecurityGroupIngress": "Source", "SecurityGroupEgress": "Destination"}
CALLS = {"SecurityGroupIngress": "security_group_ingress", "SecurityGroupEgress": "security_group_egress"}
RULE_FIELDS = frozenset({"CidrIp", "CidrIpv6", "Description", "FromPort", "IpProtocol", "ToPort"})


def rule_fields(direction: str) -> frozenset[str]:
    """Return the property names of a rule inside a group; `direction` is the group's property that holds it."""
    peer = PEERS[direction]
    owner = {"SourceSecurityGroupOwnerId"} if peer == "Source" else set()
    return RULE_FIELDS | {f"{peer}PrefixListId", f"{peer}SecurityGroupId"} | owner


def permission(rule: Mapping[str, Any], direction: str) -> dict[str, Any]:
    """Return a rule as the API's IpPermission. Exactly one peer must be named, as EC2 demands."""
    refuse_others(rule, rule_fields(direction) | {"GroupId"}, direction)
    peer = PEERS[direction]
    description = {"Description": str(rule["Description"])} if rule.get("Description") else {}
    peers: dict[str, Any] = {}
    if rule.get("CidrIp"):
        peers["IpRanges"] = [{"CidrIp": rule["CidrIp"], **description}]
    if rule.get("CidrIpv6"):
        peers["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **description}]
    if rule.get(f"{peer}PrefixListId"):
        peers["PrefixListIds"] = [{"PrefixListId": rule[f"{peer}PrefixListId"], **description}]
    if rule.get(f"{peer}SecurityGroupId"):
        owner = rule.get("SourceSecurityGroupOwnerId")
        group = {"GroupId": rule[f"{peer}SecurityGroupId"], **({"UserId": str(owner)} if owner else {})}
        peers["UserIdGroupPairs"] = [{**group, **description}]
    if len(peers) != 1:
        choices = f"CidrIp, CidrIpv6, {peer}PrefixListId or {peer}SecurityGroupId"
        raise ProviderError(f"{direction} must name exactly one of {choices}, not {len(peers)} of them")
    ports = {name: integer(rule[name], name) for name in ("FromPort", "ToPort") if rule.get(name) is not None}
    return {"IpProtocol": str(rule["IpProtocol"]), **ports, **peers}


def allow(ec2: Any, direction: str, group_id: str, rules: list[dict[str, Any]]) -> list[str]:
    """Add rules to a group and return their ids."""
    if not rules:
        return []
    made = getattr(ec2, f"authorize_{CALLS[direction]}")(GroupId=group_id, IpPermissions=rules)
    return [rule["SecurityGroupRuleId"] for rule in made["SecurityGroupRules"]]


def revoke(ec2: Any, direction: str, group_id: str, **which: Any) -> None:
    """Take rules out of a group, by SecurityGroupRuleIds or IpPermissions; rules that are gone are fine."""
    with already_gone(*NOT_FOUND):
        getattr(ec2, f"revoke_{CALLS[direction]}")(GroupId=group_id, **which)


class SecurityGroup:
    """AWS::EC2::SecurityGroup in a VPC. Ref is the group's id.

    EC2 gives a new group an egress rule that allows everything. It goes away only when the template names egress rules
    inside the group; rules in AWS::EC2::SecurityGroupEgress resources leave it in place. Taking the named rules away
    later leaves a group without egress.
    """

    type_name = "AWS::EC2::SecurityGroup"
    properties = frozenset(
        {"GroupDescription", "GroupName", "SecurityGroupEgress", "SecurityGroupIngress", "Tags", "VpcId"}
    )
    create_only = frozenset({"GroupDescription", "GroupName", "VpcId"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the group with its inline rules."""
        ec2 = context.client("ec2")
        name = properties.get("GroupName") or context.physical_name(255)
        vpc = {"VpcId": properties["VpcId"]} if properties.get("VpcId") else {}
        tags = specification(context, "security-group", properties.get("Tags"))
        group_id = ec2.create_security_group(
            GroupName=name, Description=properties["GroupDescription"], TagSpecifications=tags, **vpc
        )["GroupId"]
        context.initiated(group_id)
        if properties.get("SecurityGroupEgress"):
            group = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
            if group["IpPermissionsEgress"]:
                revoke(ec2, "SecurityGroupEgress", group_id, IpPermissions=group["IpPermissionsEgress"])
        for direction in PEERS:
            rules = properties.get(direction) or []
            allow(ec2, direction, group_id, [permission(rule, direction) for rule in rules])
        return self._made(ec2, group_id)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Exchange changed inline rules: the old ones go before the new ones come."""
        ec2 = context.client("ec2")
        old = old if old.get("SecurityGroupEgress") or not new.get("SecurityGroupEgress") else old | EVERYTHING
        for direction in PEERS:
            before = [permission(rule, direction) for rule in old.get(direction) or []]
            after = [permission(rule, direction) for rule in new.get(direction) or []]
            removed = [rule for rule in before if rule not in after]
            if removed:
                revoke(ec2, direction, physical_id, IpPermissions=removed)
            allow(ec2, direction, physical_id, [rule for rule in after if rule not in before])
        retag(context, physical_id, new.get("Tags"))
        return self._made(ec2, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the group once no interface and no other group's rule uses it."""
        call = context.client("ec2").delete_security_group
        delete_when_free(context, physical_id, call, "InvalidGroup.NotFound", GroupId=physical_id)

    @staticmethod
    def _made(ec2: Any, group_id: str) -> Made:
        group = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
        return Made(group_id, {"GroupId": group_id, "Id": group_id, "VpcId": group.get("VpcId", "")})


class SecurityGroupRule:
    """AWS::EC2::SecurityGroupIngress and SecurityGroupEgress. Ref is the rule's id (sgr-...)."""

    def __init__(self, direction: str) -> None:
        self.direction = direction
        self.type_name = f"AWS::EC2::{direction}"
        self.properties = rule_fields(direction) | {"GroupId"}
        self.create_only = self.properties - {"Description"}

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Add the rule to its group; EC2 refuses a second rule that says the same."""
        rule = permission(properties, self.direction)
        (rule_id,) = allow(context.client("ec2"), self.direction, properties["GroupId"], [rule])
        return Made(rule_id, {"Id": rule_id})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change the description, the only thing that can change in place."""
        ec2 = context.client("ec2")
        change = {"SecurityGroupRuleId": physical_id, "Description": str(new.get("Description", ""))}
        call = CALLS[self.direction].replace("group_", "group_rule_descriptions_")
        getattr(ec2, f"update_{call}")(GroupId=new["GroupId"], SecurityGroupRuleDescriptions=[change])
        return Made(physical_id, {"Id": physical_id})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Take the rule out of its group."""
        revoke(context.client("ec2"), self.direction, properties["GroupId"], SecurityGroupRuleIds=[physical_id])


for provider in (SecurityGroup(), SecurityGroupRule("SecurityGroupIngress"), SecurityGroupRule("SecurityGroupEgress")):
    register(provider)

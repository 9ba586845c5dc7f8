"""Elastic Load Balancing v2: balancers, target groups and listeners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.aws.cloudformation.provider import Context, Made, ProviderError, register
from rehearsal.aws.cloudformation.providers.translation import (
    already_gone,
    api_values,
    refuse_others,
    tag_changes,
    tag_list,
    tags_of,
)

NAME_LENGTH = 32  # of balancers and target groups
IN_USE_SECONDS = 60.0


def full_name(arn: str) -> str:
    """Return the part of an ARN by which metrics name a balancer or target group."""
    last = arn.rpartition(":")[2]
    return last.removeprefix("loadbalancer/")


def retag(context: Context, arn: str, own: Any) -> None:
    """Make the tags those of the stack and the template."""
    elb = context.client("elbv2")
    found = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    gone, changed = tag_changes({tag["Key"]: tag["Value"] for tag in found}, tags_of(context, own))
    if gone:
        elb.remove_tags(ResourceArns=[arn], TagKeys=gone)
    if changed:
        elb.add_tags(ResourceArns=[arn], Tags=tag_list(changed))


def attributes(values: Iterable[Mapping[str, Any]] | None, path: str) -> list[dict[str, str]]:
    """Return attributes as key and value text."""
    for item in values or []:
        refuse_others(item, ("Key", "Value"), path)
    return [{"Key": str(item["Key"]), "Value": _text(item["Value"])} for item in values or []]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class LoadBalancer:
    """AWS::ElasticLoadBalancingV2::LoadBalancer. Ref is the balancer's ARN."""

    type_name = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    properties = frozenset(
        "IpAddressType LoadBalancerAttributes Name Scheme SecurityGroups SubnetMappings Subnets Tags Type "
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic".split()
    )
    create_only = frozenset({"Name", "Scheme", "Type"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the balancer, then set its attributes."""
        elb = context.client("elbv2")
        enforced = properties.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic")
        apart = {"LoadBalancerAttributes", "Tags", "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"}
        values = {key: properties.get(key) for key in self.properties - apart}
        values["Name"] = properties.get("Name") or context.physical_name(NAME_LENGTH)
        values["Tags"] = tag_list(tags_of(context, properties.get("Tags")))
        made = elb.create_load_balancer(**api_values(elb, "CreateLoadBalancer", values))["LoadBalancers"][0]
        arn = made["LoadBalancerArn"]
        context.initiated(arn)
        settings = attributes(properties.get("LoadBalancerAttributes"), "LoadBalancerAttributes")
        if settings:
            elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=settings)
        if enforced is not None:
            self._set_groups(elb, arn, properties)
        return self._made(elb, arn)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change subnets, security groups, address type, attributes and tags."""
        elb = context.client("elbv2")
        places = ("Subnets", "SubnetMappings")
        if any(old.get(name) != new.get(name) for name in places):
            values = {"LoadBalancerArn": physical_id, **{name: new.get(name) for name in places}}
            elb.set_subnets(**api_values(elb, "SetSubnets", values))
        guarded = ("SecurityGroups", "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic")
        if any(old.get(name) != new.get(name) for name in guarded):
            self._set_groups(elb, physical_id, new)
        if old.get("IpAddressType") != new.get("IpAddressType"):
            elb.set_ip_address_type(LoadBalancerArn=physical_id, IpAddressType=new.get("IpAddressType", "ipv4"))
        settings = attributes(new.get("LoadBalancerAttributes"), "LoadBalancerAttributes")
        if settings and settings != attributes(old.get("LoadBalancerAttributes"), "LoadBalancerAttributes"):
            elb.modify_load_balancer_attributes(LoadBalancerArn=physical_id, Attributes=settings)
        retag(context, physical_id, new.get("Tags"))
        return self._made(elb, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the balancer and wait until it is gone, so that its interfaces leave the subnets."""
        elb = context.client("elbv2")
        elb.delete_load_balancer(LoadBalancerArn=physical_id)  # one that is gone is no error to this API

        def deleted() -> bool:
            try:
                elb.describe_load_balancers(LoadBalancerArns=[physical_id])
            except elb.exceptions.LoadBalancerNotFoundException:
                return True
            return False

        context.wait(deleted, IN_USE_SECONDS, f"load balancer {physical_id} is still being deleted")

    @staticmethod
    def _set_groups(elb: Any, arn: str, properties: Mapping[str, Any]) -> None:
        name = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
        values = {"LoadBalancerArn": arn, "SecurityGroups": properties.get("SecurityGroups") or []}
        if properties.get(name) is not None:
            values[name] = properties[name]
        elb.set_security_groups(**api_values(elb, "SetSecurityGroups", values))

    @staticmethod
    def _made(elb: Any, arn: str) -> Made:
        balancer = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
        values = {
            "CanonicalHostedZoneID": balancer["CanonicalHostedZoneId"],
            "DNSName": balancer["DNSName"],
            "LoadBalancerArn": arn,
            "LoadBalancerFullName": full_name(arn),
            "LoadBalancerName": balancer["LoadBalancerName"],
            "SecurityGroups": balancer.get("SecurityGroups") or [],
        }
        return Made(arn, values)


class TargetGroup:
    """AWS::ElasticLoadBalancingV2::TargetGroup. Ref is the target group's ARN."""

    type_name = "AWS::ElasticLoadBalancingV2::TargetGroup"
    properties = frozenset(
        "HealthCheckEnabled HealthCheckIntervalSeconds HealthCheckPath HealthCheckPort HealthCheckProtocol "
        "HealthCheckTimeoutSeconds HealthyThresholdCount IpAddressType Matcher Name Port Protocol ProtocolVersion "
        "Tags TargetGroupAttributes TargetType UnhealthyThresholdCount VpcId".split()
    )
    create_only = frozenset("IpAddressType Name Port Protocol ProtocolVersion TargetType VpcId".split())

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the target group, then set its attributes."""
        elb = context.client("elbv2")
        values = {key: properties.get(key) for key in self.properties - {"Tags", "TargetGroupAttributes"}}
        values["Name"] = properties.get("Name") or context.physical_name(NAME_LENGTH)
        values["Tags"] = tag_list(tags_of(context, properties.get("Tags")))
        made = elb.create_target_group(**api_values(elb, "CreateTargetGroup", values))["TargetGroups"][0]
        arn = made["TargetGroupArn"]
        context.initiated(arn)
        settings = attributes(properties.get("TargetGroupAttributes"), "TargetGroupAttributes")
        if settings:
            elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=settings)
        return self._made(elb, arn)

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change health check, attributes and tags."""
        elb = context.client("elbv2")
        names = self.properties - self.create_only - {"Tags", "TargetGroupAttributes"}
        if any(old.get(name) != new.get(name) for name in names):
            values = {"TargetGroupArn": physical_id, **{name: new.get(name) for name in names}}
            elb.modify_target_group(**api_values(elb, "ModifyTargetGroup", values))
        settings = attributes(new.get("TargetGroupAttributes"), "TargetGroupAttributes")
        if settings and settings != attributes(old.get("TargetGroupAttributes"), "TargetGroupAttributes"):
            elb.modify_target_group_attributes(TargetGroupArn=physical_id, Attributes=settings)
        retag(context, physical_id, new.get("Tags"))
        return self._made(elb, physical_id)

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the target group once no listener forwards to it."""
        elb = context.client("elbv2")
        reasons: list[str] = []

        def deleted() -> bool:
            try:
                elb.delete_target_group(TargetGroupArn=physical_id)
            except elb.exceptions.ResourceInUseException as error:
                reasons.append(str(error))
                return False
            except elb.exceptions.TargetGroupNotFoundException:
                return True
            return True

        try:
            context.wait(deleted, IN_USE_SECONDS, f"target group {physical_id} is still in use")
        except ProviderError:
            raise ProviderError(reasons[-1] if reasons else f"target group {physical_id} is still in use") from None

    @staticmethod
    def _made(elb: Any, arn: str) -> Made:
        group = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        values = {
            "LoadBalancerArns": group.get("LoadBalancerArns") or [],
            "TargetGroupArn": arn,
            "TargetGroupFullName": full_name(arn),
            "TargetGroupName": group["TargetGroupName"],
        }
        return Made(arn, values)


class Listener:
    """AWS::ElasticLoadBalancingV2::Listener. Ref is the listener's ARN."""

    type_name = "AWS::ElasticLoadBalancingV2::Listener"
    properties = frozenset(
        "AlpnPolicy Certificates DefaultActions ListenerAttributes LoadBalancerArn Port Protocol SslPolicy Tags".split()
    )
    create_only = frozenset({"LoadBalancerArn"})

    def create(self, context: Context, properties: dict[str, Any]) -> Made:
        """Create the listener, then set its attributes."""
        elb = context.client("elbv2")
        values = {key: properties.get(key) for key in self.properties - {"ListenerAttributes", "Tags"}}
        values["Tags"] = tag_list(tags_of(context, properties.get("Tags")))
        made = elb.create_listener(**api_values(elb, "CreateListener", values))["Listeners"][0]
        context.initiated(made["ListenerArn"])
        self._attributes(elb, made["ListenerArn"], properties)
        return Made(made["ListenerArn"], {"ListenerArn": made["ListenerArn"]})

    def update(self, context: Context, physical_id: str, old: dict[str, Any], new: dict[str, Any]) -> Made:
        """Change everything but the balancer."""
        elb = context.client("elbv2")
        names = self.properties - {"ListenerAttributes", "LoadBalancerArn", "Tags"}
        if any(old.get(name) != new.get(name) for name in names):
            values = {"ListenerArn": physical_id, **{name: new.get(name) for name in names}}
            elb.modify_listener(**api_values(elb, "ModifyListener", values))
        if old.get("ListenerAttributes") != new.get("ListenerAttributes"):
            self._attributes(elb, physical_id, new)
        retag(context, physical_id, new.get("Tags"))
        return Made(physical_id, {"ListenerArn": physical_id})

    def delete(self, context: Context, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete the listener."""
        with already_gone("ListenerNotFound"):
            context.client("elbv2").delete_listener(ListenerArn=physical_id)

    @staticmethod
    def _attributes(elb: Any, arn: str, properties: Mapping[str, Any]) -> None:
        settings = attributes(properties.get("ListenerAttributes"), "ListenerAttributes")
        if settings:
            elb.modify_listener_attributes(ListenerArn=arn, Attributes=settings)


for provider in (LoadBalancer(), TargetGroup(), Listener()):
    register(provider)

"""The root's Rules: what CloudFormation checks of parameters together, before it makes anything.

A rule can compare texts and lists, and ask for a subnet's VPC and zone (CloudFormation template reference, "Rule
functions"). It can neither count nor order, so that no rule says how many zones and subnets are given, that each is
given once, or that a minimum is below its maximum. Nor does it see a VPC's tenancy: of a VPC that page has only the
default network ACL, the default security group and tags.
"""

from __future__ import annotations

from typing import Any

from troposphere import Template

_Function = dict[str, Any]


def sizes(template: Template, prefix: str) -> None:
    """The two sizes of the pool whose parameters begin with `prefix` differ.

    Auto Scaling takes a pool whose two sizes are the same, and CloudFormation refuses its first rolling update
    ("MinInstancesInService must be less than the autoscaling group's MaxSize").
    """
    smallest, largest = f"{prefix}MinSize", f"{prefix}MaxSize"
    text = f"{largest} must be more than {smallest}: an update needs room for one more node"
    template.add_rule(f"{prefix}Sizes", _rule((_unequal(smallest, largest), text)))


def prefix_lists(template: Template) -> None:
    """The prefix lists of S3 and DynamoDB differ: EC2 refuses the second of two rules that say the same."""
    given = _not({"Fn::Equals": [_ref("S3PrefixListId"), ""]})
    unequal = _unequal("S3PrefixListId", "DynamoDbPrefixListId")
    text = "S3PrefixListId and DynamoDbPrefixListId must be different prefix lists, one of each service"
    template.add_rule("PrefixLists", {"RuleCondition": given, **_rule((unequal, text))})


def given_network(template: Template) -> None:
    """The given subnets are in the given VPC, and those of control-plane nodes and of workers in the same zones."""
    control_plane, workers = "ControlPlaneSubnetIds", "WorkerSubnetIds"
    in_vpc = [
        ({"Fn::EachMemberEquals": [_of(name, "VpcId"), _ref("VpcId")]}, f"{name} must be subnets of the VPC VpcId")
        for name in (control_plane, workers)
    ]
    template.add_rule("SubnetsInVpc", _rule(*in_vpc))
    in_zones = [
        (
            {"Fn::EachMemberIn": [_of(name, "AvailabilityZone"), _of(other, "AvailabilityZone")]},
            f"{name} must be subnets in the Availability Zones of {other}",
        )
        for name, other in ((control_plane, workers), (workers, control_plane))
    ]
    template.add_rule("SubnetsInSameZones", _rule(*in_zones))


def _rule(*assertions: tuple[_Function, str]) -> dict[str, Any]:
    return {"Assertions": [{"Assert": function, "AssertDescription": text} for function, text in assertions]}


def _ref(name: str) -> _Function:
    return {"Ref": name}


def _of(name: str, attribute: str) -> _Function:
    """The attribute of each of the subnets that a parameter lists."""
    return {"Fn::ValueOf": [name, attribute]}


def _not(function: _Function) -> _Function:
    return {"Fn::Not": [function]}


def _unequal(name: str, other: str) -> _Function:
    return _not({"Fn::Equals": [_ref(name), _ref(other)]})

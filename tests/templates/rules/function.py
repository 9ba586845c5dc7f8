"""Where the reconcile function runs: in the VPC exactly where the configuration says so, with what it needs there."""

from __future__ import annotations

from collections.abc import Iterator

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

# Of AWSLambdaVPCAccessExecutionRole what is about interfaces (Lambda guide, "Giving Lambda functions access to
# resources in an Amazon VPC").
INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


@rule
def the_function_is_in_the_vpc_exactly_where_the_configuration_says_so(cluster: Cluster) -> Iterator[str]:
    """A service control policy that asks for `lambda:VpcIds` sees the subnets of VpcConfig."""
    in_vpc = cluster.config.lifecycle.function_in_vpc
    (function,) = cluster.resources("AWS::Lambda::Function")
    place = function.properties.get("VpcConfig")
    if (place is not None) is not in_vpc:
        yield f"{function}: VpcConfig is {place}"
    allowed = {action for each in cluster.role_statements("FunctionRole") for action in each.actions}
    if allowed & INTERFACES != (INTERFACES if in_vpc else set()):
        yield f"{function}: its role may {sorted(allowed & INTERFACES)}"
    if place is None:
        return
    subnets = [
        cluster.stacks[layer].properties["Parameters"].get("SubnetIds") for layer in ("lifecycle", "controlplane")
    ]
    if place["SubnetIds"] != {"Ref": "SubnetIds"} or subnets[0] != subnets[1]:
        yield f"{function}: stands in {place['SubnetIds']}, {subnets[0]}"
    groups = [cluster.resource_of(function.layer, each) for each in place["SecurityGroupIds"]]
    if [group.logical_id if group else None for group in groups] != ["FunctionGroup"]:
        yield f"{function}: is in the groups {groups}"


@rule
def the_role_of_a_function_in_the_vpc_outlives_the_network(cluster: Cluster) -> Iterator[str]:
    """Lambda removes the function's interfaces by it, minutes after the function; they hold group and subnets."""
    if not cluster.config.lifecycle.function_in_vpc:
        return
    for statement in cluster.role_statements("FunctionRole"):
        if set(statement.actions) & INTERFACES and statement.resource.layer != "iam":
            yield f"{statement}: goes before the network"
    network = cluster.stacks["network"]
    wired = any(each.get("Fn::GetAtt", [""])[0] == "Iam" for each in network.properties["Parameters"].values())
    if not wired and "Iam" not in network.depends_on:
        yield f"{network}: does not depend on Iam"

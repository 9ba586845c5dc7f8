"""The permissions of requests to Auto Scaling, EC2 and CloudFormation."""

from __future__ import annotations

from dataclasses import replace

from rehearsal.aws.iam.requests import generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, pass_role

EC2_RESOURCES = {
    "i": "instance",
    "vol": "volume",
    "snap": "snapshot",
    "ami": "image",
    "eni": "network-interface",
    "sg": "security-group",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
    "lt": "launch-template",
    "rtb": "route-table",
}
"""How EC2's ids begin, and the resource types in their ARNs."""
EC2_NAMING = ("InstanceId", "InstanceIds", "Resources", "VolumeId", "NetworkInterfaceId", "ImageId")
"""The parameters of EC2's changing requests that name what is changed."""
NO_GROUP = "autoScalingGroup:*:autoScalingGroupName/{}"


def autoscaling(asked: Asked, state: State) -> list[Need]:
    """A group is named by its name, or by an instance that is in it. Raises NotModelled."""
    given = asked.parameters
    if asked.operation.startswith("Describe"):
        return generic.needs(asked)
    if given.get("AutoScalingGroupName"):
        name = given["AutoScalingGroupName"]
        arn = name if name.startswith("arn:") else state.group(asked.region, name)
        arn = arn or asked.arn("autoscaling", NO_GROUP.format(name))
    elif given.get("InstanceId"):
        arn = state.group_of(asked.region, given["InstanceId"]) or asked.arn("autoscaling", NO_GROUP.format("*"))
    else:
        return generic.needs(asked)
    return [Need(f"autoscaling:{asked.operation}", arn, generic.tag_values(asked))]


def ec2(asked: Asked, state: State) -> list[Need]:
    """Describing has no resource level; a change is on what its parameters name. Raises NotModelled."""
    action = f"ec2:{asked.operation}"
    if asked.operation.startswith(("Describe", "Get")):
        return [Need(action)]
    if asked.operation == "RunInstances":
        raise NotModelled(action)
    ids = [each for name in EC2_NAMING for each in generic.texts(asked.parameters.get(name))]
    if not ids:
        return generic.needs(asked)
    return [Need(action, _ec2_arn(asked, each), generic.tag_values(asked)) for each in ids]


def cloudformation(asked: Asked, state: State) -> list[Need]:
    """A stack is named by its name or its id; one that does not exist is any of the name. Raises NotModelled."""
    given = asked.parameters
    values = generic.tag_values(asked)
    for key, parameter in (("RoleArn", "RoleARN"), ("ChangeSetName", "ChangeSetName"), ("TemplateUrl", "TemplateURL")):
        if given.get(parameter):
            values[f"cloudformation:{key}"] = given[parameter]
    name = given.get("StackName")
    if not isinstance(name, str):
        return [replace(need, values=values) for need in generic.needs(asked)]
    arn = name if name.startswith("arn:") else state.stack(asked.region, name)
    stack = arn or asked.arn("cloudformation", f"stack/{name}/*")
    role = given.get("RoleARN")
    passed = [pass_role(role, "cloudformation.amazonaws.com")] if role else []
    return [Need(f"cloudformation:{asked.operation}", stack, values), *passed]


def _ec2_arn(asked: Asked, identity: str) -> str:
    kind = EC2_RESOURCES.get(identity.partition("-")[0])
    if kind is None:
        raise NotModelled(f"ec2:{asked.operation}")
    # Images and snapshots belong to no account in an ARN, for they may be another's.
    account = "" if kind in ("image", "snapshot") else asked.account_id
    return f"arn:{asked.partition}:ec2:{asked.region}:{account}:{kind}/{identity}"

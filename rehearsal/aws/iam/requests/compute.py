"""The permissions of requests to Auto Scaling and CloudFormation."""

from __future__ import annotations

from dataclasses import replace

from rehearsal.aws.iam.requests import ec2, generic
from rehearsal.aws.iam.requests.asked import Asked, Need, NotModelled, State, pass_role

NO_GROUP = "autoScalingGroup:*:autoScalingGroupName/{}"


def autoscaling(asked: Asked, state: State) -> list[Need]:
    """A group is named by its name, or by an instance that is in it. Raises NotModelled."""
    given = asked.parameters
    if asked.operation.startswith("Describe"):
        return generic.needs(asked)
    if asked.operation in ("CreateOrUpdateTags", "DeleteTags"):
        return _tags(asked, state)
    if given.get("AutoScalingGroupName"):
        arn = _group(asked, state, given["AutoScalingGroupName"])
    elif given.get("InstanceId"):
        arn = state.group_of(asked.region, given["InstanceId"]) or asked.arn("autoscaling", NO_GROUP.format("*"))
    else:
        return generic.needs(asked)
    needed = [Need(f"autoscaling:{asked.operation}", arn, generic.tag_values(asked))]
    passed = [given, *(given.get("LifecycleHookSpecificationList") or ())]
    roles = [each[name] for each in passed for name in ("RoleARN", "ServiceLinkedRoleARN") if each.get(name)]
    needed += [pass_role(role, "autoscaling.amazonaws.com") for role in roles]
    if given.get("LaunchTemplate") and asked.operation in ("CreateAutoScalingGroup", "UpdateAutoScalingGroup"):
        # Auto Scaling looks whether its caller might launch this (Auto Scaling guide, "Required permissions from other
        # APIs", "Control Amazon EC2 launch template usage in Auto Scaling groups").
        subnets = [each.strip() for each in (given.get("VPCZoneIdentifier") or "").split(",") if each.strip()]
        needed += ec2.launch(asked, state, given["LaunchTemplate"], subnets)
    elif given.get("MixedInstancesPolicy"):
        raise NotModelled("ec2:RunInstances")
    return needed


def _group(asked: Asked, state: State, name: str) -> str:
    arn = name if name.startswith("arn:") else state.group(asked.region, name)
    return arn or asked.arn("autoscaling", NO_GROUP.format(name))


def _tags(asked: Asked, state: State) -> list[Need]:
    tags = asked.parameters["Tags"]
    names = dict.fromkeys(each["ResourceId"] for each in tags)
    return [
        Need(
            f"autoscaling:{asked.operation}",
            _group(asked, state, name),
            generic.request_tags([each for each in tags if each["ResourceId"] == name]),
        )
        for name in names
    ]


def cloudformation(asked: Asked, state: State) -> list[Need]:
    """A stack is named by its name or its id; one that does not exist is any of the name. Raises NotModelled.

    A change set that is named by its ARN alone stands for its stack: the actions are on stacks (Service Authorization
    Reference, "Actions, resources, and condition keys for AWS CloudFormation").
    """
    given = asked.parameters
    values = generic.tag_values(asked)
    for key, parameter in (("RoleArn", "RoleARN"), ("ChangeSetName", "ChangeSetName"), ("TemplateUrl", "TemplateURL")):
        if given.get(parameter):
            values[f"cloudformation:{key}"] = given[parameter]
    name = given.get("StackName")
    change_set = given.get("ChangeSetName")
    if name is None and isinstance(change_set, str) and change_set.startswith("arn:"):
        name = state.stack(asked.region, change_set) or asked.arn("cloudformation", "stack/*/*")
    if not isinstance(name, str):
        return [replace(need, values=values) for need in generic.needs(asked)]
    arn = name if name.startswith("arn:") else state.stack(asked.region, name)
    stack = arn or asked.arn("cloudformation", f"stack/{name}/*")
    role = given.get("RoleARN")
    passed = [pass_role(role, "cloudformation.amazonaws.com")] if role else []
    return [Need(f"cloudformation:{asked.operation}", stack, values), *passed]

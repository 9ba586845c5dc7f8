"""The organisation's tags of a configuration, on everything in a template that takes tags.

A stack's tags do not reach everything: neither launch templates nor what is made from them, nor hosted zones; and the
launch that Auto Scaling tries when a group is created knows the launch template's alone. So each resource has them
itself, and a policy of the organisation that asks for tags at a creation finds them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import AWSObject, Tags, Template
from troposphere.ec2 import TagSpecifications

# Where a resource type keeps its tags.
_PROPERTIES = ("Tags", "HostedZoneTags")
_GROUP = "AWS::AutoScaling::AutoScalingGroup"
_LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
# Tags that are a property of their own make it anew when they change, and then the new one comes before the old one
# goes, which the VPC's one association refuses. Those of its stack reach it all the same.
_FROM_THE_STACK = frozenset({"AWS::Route53Resolver::ResolverQueryLoggingConfig"})


def add(template: Template, tags: Mapping[str, str]) -> None:
    """Add the tags to every resource of the template, beside those that it has."""
    # In one order, so that a configuration that names them in another changes nothing.
    given = dict(sorted(tags.items()))
    if not given:
        return
    for resource in template.resources.values():
        if resource.resource_type == _LAUNCH_TEMPLATE:
            _add_to_launch_template(resource, given)
        elif resource.resource_type == _GROUP:
            resource.Tags = [*resource.Tags, *group_tags(given, propagate=True)]
        elif resource.resource_type not in _FROM_THE_STACK:
            _add_to_resource(resource, given)


def group_tags(tags: Mapping[Any, Any], propagate: bool) -> list[dict[str, Any]]:
    """Tags of an Auto Scaling group; a key may be an expression."""
    return [{"Key": key, "Value": value, "PropagateAtLaunch": propagate} for key, value in tags.items()]


def _add_to_resource(resource: AWSObject, tags: dict[str, str]) -> None:
    for name in _PROPERTIES:
        if name not in resource.props:
            continue
        own = resource.properties.get(name)
        if resource.props[name][0] is dict:
            setattr(resource, name, {**(own or {}), **tags})
        else:
            setattr(resource, name, (own or Tags()) + Tags(**tags))


def _add_to_launch_template(resource: AWSObject, tags: dict[str, str]) -> None:
    """To the launch template itself, and to each kind of what is made from it."""
    specifications: list[TagSpecifications] = [
        *resource.TagSpecifications,
        *resource.LaunchTemplateData.TagSpecifications,
    ]
    for each in specifications:
        each.Tags = each.Tags + Tags(**tags)

"""The organisation's tags, wherever the schema of a resource type knows tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rehearsal.aws.cloudformation.schemas import schema_of
from tests.templates.cluster import Cluster, Resource
from tests.templates.rules.rule import rule

# Without tags of its own, with the reason.
EXCEPTIONS = {
    "AWS::Route53Resolver::ResolverQueryLoggingConfig": "made anew for others, and a VPC has room for one alone",
}
# A hosted zone takes ten tags (Route 53 API reference, ChangeTagsForResource), and everything else fifty (those of EC2,
# IAM, KMS, S3 and the others). Of a stack that was created by `make deploy` there is one more.
LIMITS = {"AWS::Route53::HostedZone": 10}
DEFAULT_LIMIT = 50
FROM_THE_STACK = 1


@rule
def everything_that_takes_tags_carries_those_of_the_configuration(cluster: Cluster) -> Iterator[str]:
    wanted = cluster.config.tags
    for resource in cluster.resources():
        if resource.type in EXCEPTIONS:
            if "Tags" in resource.properties:
                yield f"{resource}: has tags of its own"
            continue
        for where, found in _carried(resource):
            if {key: value for key, value in found.items() if key in wanted} != wanted:
                yield f"{resource}: {where} is {found}"


@rule
def a_group_hands_the_configurations_tags_to_its_instances(cluster: Cluster) -> Iterator[str]:
    for group in cluster.resources("AWS::AutoScaling::AutoScalingGroup"):
        propagated = {str(tag["Key"]) for tag in group.properties["Tags"] if tag["PropagateAtLaunch"]}
        for key in sorted(cluster.config.tags.keys() - propagated):
            yield f"{group}: does not propagate {key}"


@rule
def no_resource_has_more_tags_than_it_takes(cluster: Cluster) -> Iterator[str]:
    for resource in cluster.resources():
        limit = LIMITS.get(resource.type, DEFAULT_LIMIT)
        for where, found in _carried(resource):
            if len(found) + FROM_THE_STACK > limit:
                yield f"{resource}: {where} has {len(found)} tags"


def _carried(resource: Resource) -> Iterator[tuple[str, dict[str, Any]]]:
    """The places of a resource's tags, and what stands there; a key that is an expression stands as text."""
    name = schema_of(resource.type).tag_property
    if name:
        yield name, _by_key(resource.properties.get(name, {}))
    if resource.type == "AWS::EC2::LaunchTemplate":
        data = resource.properties["LaunchTemplateData"]
        kinds = {each["ResourceType"]: each["Tags"] for each in data.get("TagSpecifications", ())}
        own = {each["ResourceType"]: each["Tags"] for each in resource.properties.get("TagSpecifications", ())}
        for kind in ("instance", "volume", "network-interface"):
            yield kind, _by_key(kinds.get(kind, {}))
        yield "launch-template", _by_key(own.get("launch-template", {}))


def _by_key(tags: Any) -> dict[str, Any]:
    return dict(tags) if isinstance(tags, dict) else {str(tag["Key"]): tag["Value"] for tag in tags}

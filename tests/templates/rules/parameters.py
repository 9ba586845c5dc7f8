"""What CloudFormation is to check of the root's parameters together, before it makes anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.templates.cluster import Cluster
from tests.templates.rules.rule import rule

# Rule -> its condition, and what it asserts.
_PREFIX_LISTS = (
    '{"Fn::Not": [{"Fn::Equals": [{"Ref": "S3PrefixListId"}, ""]}]}',
    ['{"Fn::Not": [{"Fn::Equals": [{"Ref": "S3PrefixListId"}, {"Ref": "DynamoDbPrefixListId"}]}]}'],
)
_IN_VPC = '{"Fn::EachMemberEquals": [{"Fn::ValueOf": ["%s", "VpcId"]}, {"Ref": "VpcId"}]}'
_IN_ZONES = (
    '{"Fn::EachMemberIn": [{"Fn::ValueOf": ["%s", "AvailabilityZone"]}, {"Fn::ValueOf": ["%s", "AvailabilityZone"]}]}'
)
_SUBNETS = ("ControlPlaneSubnetIds", "WorkerSubnetIds")
_GIVEN_VPC = {
    "SubnetsInVpc": ("null", [_IN_VPC % name for name in _SUBNETS]),
    "SubnetsInSameZones": ("null", [_IN_ZONES % pair for pair in (_SUBNETS, _SUBNETS[::-1])]),
}


@rule
def the_root_asks_of_parameters_together_what_a_rule_can_say(cluster: Cluster) -> Iterator[str]:
    wanted = {"PrefixLists": _PREFIX_LISTS, **(_GIVEN_VPC if cluster.config.network.vpc == "given" else {})}
    for name in cluster.templates["root"]["Parameters"]:
        if name.endswith("MinSize"):
            pool = name.removesuffix("MinSize")
            sizes = f'{{"Fn::Not": [{{"Fn::Equals": [{{"Ref": "{pool}MinSize"}}, {{"Ref": "{pool}MaxSize"}}]}}]}}'
            wanted[f"{pool}Sizes"] = ("null", [sizes])
    actual: dict[str, Any] = cluster.templates["root"].get("Rules", {})
    for name in sorted(wanted.keys() ^ actual.keys()):
        yield f"root: the rule {name} is {'missing' if name in wanted else 'not expected'}"
    for name in wanted.keys() & actual.keys():
        found = actual[name]
        asserted = [json.dumps(each["Assert"]) for each in found["Assertions"]]
        if (json.dumps(found.get("RuleCondition")), asserted) != wanted[name]:
            yield f"root: the rule {name} says {json.dumps(found)}"
        if not all(each.get("AssertDescription") for each in found["Assertions"]):
            yield f"root: the rule {name} does not say what it asks for"

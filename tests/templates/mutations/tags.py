"""Mutations of the organisation's tags."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_RULE = "everything_that_takes_tags_carries_those_of_the_configuration"
_MACHINE = "controlplane/Resources/Slot0Template/Properties"
_POOL = "workers-memory/Resources/Group/Properties"

MUTATIONS = [
    Mutation(_RULE, "root/Resources/Iam/Properties/Tags/1", GONE),
    Mutation(_RULE, "network/Resources/PrivateZone/Properties/HostedZoneTags", GONE),
    Mutation(_RULE, "network/Resources/Vpc/Properties/Tags", GONE),
    Mutation(_RULE, "services/Resources/KeyArnSetting/Properties/Tags/cost-center", "another"),
    Mutation(_RULE, f"{_MACHINE}/LaunchTemplateData/TagSpecifications/1/Tags", []),
    Mutation(_RULE, f"{_MACHINE}/TagSpecifications", []),
    Mutation(_RULE, "network/Resources/QueryLog/Properties/Tags", [{"Key": "cost-center", "Value": "4711"}]),
    Mutation("a_group_hands_the_configurations_tags_to_its_instances", f"{_POOL}/Tags", []),
    Mutation(
        "no_resource_has_more_tags_than_it_takes",
        "network/Resources/PrivateZone/Properties/HostedZoneTags",
        [{"Key": str(index), "Value": "x"} for index in range(10)],
    ),
]

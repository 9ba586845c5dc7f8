"""Mutations of how templates read."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_WORDS = "every_parameter_and_output_says_what_it_is_in_words_of_its_own"
_FIRST = "required_parameters_stand_first_and_labels_quote_names"
_POLICIES = "a_role_says_which_templates_hold_its_policies"
_GROUPS = "security_groups_and_their_rules_say_what_they_are_for_and_never_change"
_INTERFACE = "root/Metadata/AWS::CloudFormation::Interface"
_NETWORK = "network/Resources"

_RULES = "the_root_asks_of_parameters_together_what_a_rule_can_say"

MUTATIONS = [
    Mutation(_RULES, "root/Rules/MemorySizes", GONE),
    Mutation(_RULES, "root/Rules/PrefixLists", GONE),
    Mutation(_RULES, "root/Rules/PrefixLists/RuleCondition", GONE),
    Mutation(_RULES, "root/Rules/PrefixLists/Assertions/0/Assert/Fn::Not/0/Fn::Equals/1", {"Ref": "S3PrefixListId"}),
    Mutation(_RULES, "root/Rules/SubnetsInVpc/Assertions/1", GONE, "existing-network"),
    Mutation(
        _RULES,
        "root/Rules/SubnetsInVpc/Assertions/0/Assert/Fn::EachMemberEquals/0/Fn::ValueOf/1",
        "AvailabilityZone",
        "existing-network",
    ),
    Mutation(_RULES, "root/Rules/SubnetsInVpc/Assertions/0/AssertDescription", GONE, "existing-network"),
    Mutation(_RULES, "root/Rules/SubnetsInSameZones/Assertions/0", GONE, "existing-network"),
    Mutation(_RULES, "root/Rules/SubnetsInSameZones", GONE, "existing-network"),
    Mutation(_FIRST, "root/Parameters/ControlPlaneImage/Default", "ami-0"),
    Mutation(_FIRST, "root/Parameters/S3PrefixListId/Default", GONE),
    Mutation(_FIRST, f"{_INTERFACE}/ParameterGroups/0/Parameters", ["WorkerImage", "ControlPlaneImage"]),
    Mutation(
        _FIRST, f"{_INTERFACE}/ParameterGroups/-", {"Label": {"default": "Images"}, "Parameters": ["WorkerImage"]}
    ),
    Mutation(_FIRST, f"{_INTERFACE}/ParameterLabels/MemoryMinSize/default", "Minimum size of the pool memory"),
    Mutation(
        _FIRST,
        f"{_INTERFACE}/ParameterLabels/HostResourceGroupControlArn/default",
        "Host resource group control",
        "dedicated-hosts",
    ),
    Mutation(_POLICIES, "iam/Resources/WorkerRole/Metadata", GONE),
    Mutation(_POLICIES, "iam/Resources/FunctionRole/Metadata/PoliciesIn/-", "database.json"),
    Mutation(_POLICIES, "iam/Resources/FunctionRole/Properties/Description", "The function's role"),
    Mutation(_GROUPS, f"{_NETWORK}/WorkerGroup/Properties/GroupDescription", "Workers of production"),
    Mutation(_GROUPS, f"{_NETWORK}/WorkerToS3/Properties/Description", GONE),
    Mutation(_GROUPS, f"{_NETWORK}/WorkerToS3/Properties/Description", "HTTPS to S3 <by its gateway>"),
    Mutation(_GROUPS, f"{_NETWORK}/WorkerToS3/Properties/Description", "HTTPS to S3 for production"),
    Mutation(_GROUPS, f"{_NETWORK}/ControlPlaneFromWorkerApi/Properties/Description", "Kubernetes API"),
    Mutation(_WORDS, "database/Description", "x" * 1025),
    Mutation(_WORDS, "database/Parameters/KeyArn/Description", GONE),
    Mutation(_WORDS, "database/Parameters/KeyArn/Description", "Key ARN"),
    Mutation(_WORDS, "database/Parameters/WorkerRoleName/Description", "Name of the role of control-plane nodes"),
    Mutation(_WORDS, "database/Outputs/TableName/Description", GONE),
    Mutation(_WORDS, "database/Outputs/TableName/Description", "x" * 1025),
    Mutation(_WORDS, "root/Parameters/WorkerImage/Description", "x" * 4001),
    # What is added to a mapping stands at its end.
    Mutation("keys_stand_in_the_order_in_which_people_write_them", "iam/Mappings", {"Any": {}}),
    Mutation("keys_stand_in_the_order_in_which_people_write_them", "database/Resources/Table/DependsOn", []),
    Mutation("keys_stand_in_the_order_in_which_people_write_them", "services/Outputs/ParameterPrefix/Condition", "Any"),
    Mutation(
        "keys_stand_in_the_order_in_which_people_write_them",
        "root/Parameters/EndpointCidrs/Default",
        "10.1.0.0/24",
        "existing-network",
    ),
]

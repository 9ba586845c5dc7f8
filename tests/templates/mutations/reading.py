"""Mutations of how templates read."""

from __future__ import annotations

from tests.templates.mutations.mutation import GONE, Mutation

_WORDS = "every_parameter_and_output_says_what_it_is_in_words_of_its_own"

MUTATIONS = [
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
        "root/Parameters/EndpointCidr/Default",
        "10.1.0.0/24",
        "existing-network",
    ),
]

"""Mutations of how templates read."""

from __future__ import annotations

from tests.templates.mutations.mutation import Mutation

MUTATIONS = [
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

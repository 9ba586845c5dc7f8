"""What a type cannot say: each rule is a pure function from a configuration to the problems it finds.

Every rule is asked every time, so that a person sees all that is wrong at once. A rule never raises, whatever the
other rules would refuse.
"""

from __future__ import annotations

from generator.config.model import ClusterConfig
from generator.config.problem import Note, Problem
from generator.config.rules import (
    addresses,
    given_vpc,
    images,
    instance_types,
    names,
    node_labels,
    oidc,
    oidc_claims,
    repositories,
    reservations,
    resolved_names,
    shape,
    tags,
    tenancy,
)

RULES = (
    *names.RULES,
    *images.RULES,
    *shape.RULES,
    *given_vpc.RULES,
    *addresses.RULES,
    *resolved_names.RULES,
    *tenancy.RULES,
    *instance_types.RULES,
    *reservations.RULES,
    *node_labels.RULES,
    *tags.RULES,
    *oidc.RULES,
    *oidc_claims.RULES,
    *repositories.RULES,
)


def check(config: ClusterConfig) -> list[Problem]:
    """Everything that the rules refuse in the configuration."""
    return [problem for rule in RULES for problem in rule(config)]


def notes(config: ClusterConfig) -> list[Note]:
    """What a person should look at again, of a configuration that the rules accept."""
    return list(addresses.public_ranges(config))

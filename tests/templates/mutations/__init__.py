"""Changes that break one rule each, in tables by subject."""

from __future__ import annotations

from tests.templates.mutations import (
    access,
    compute,
    data,
    monitoring,
    network,
    reading,
    sessions,
    stacks,
    tags,
    volumes,
)
from tests.templates.mutations.mutation import Mutation, change

MUTATIONS: list[Mutation] = [
    *access.MUTATIONS,
    *compute.MUTATIONS,
    *data.MUTATIONS,
    *monitoring.MUTATIONS,
    *network.MUTATIONS,
    *reading.MUTATIONS,
    *sessions.MUTATIONS,
    *volumes.MUTATIONS,
    *stacks.MUTATIONS,
    *tags.MUTATIONS,
]

__all__ = ["MUTATIONS", "change"]

"""One look at a cluster from outside. Each part is known, or says why it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coordination.instances import Groups
from coordination.launches import GroupActivities
from coordination.outcomes import Reading
from coordination.rows import Rows
from deployment.stacks import Stack


@dataclass(frozen=True)
class Look:
    """`now` is in seconds since 1970."""

    now: float
    stack: Stack
    rows: Reading[Rows]
    """Unknown, too, where there is no table yet."""
    groups: Reading[Groups]
    activities: Mapping[str, Reading[GroupActivities]] = field(default_factory=dict)
    """By the group's name; of those groups alone that have an instance which is not in service, or one too few."""

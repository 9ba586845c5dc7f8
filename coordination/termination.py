"""When an instance is gone for good, so that nothing it holds can ever serve again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from coordination.outcomes import Reading

States: TypeAlias = Callable[[Collection[str]], Reading[Mapping[str, str | None]]]
"""Gives EC2's words for instances, None for one that EC2 does not know (coordination.adapters.instances)."""

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html: the only state that nothing leaves.
TERMINATED = "terminated"

# EC2 shows a terminated instance for about an hour, and then not at all. It may also not show one that was just
# launched, so a single look, or a young instance, proves nothing.
NOT_FOUND_SECONDS = 60
YOUNG_SECONDS = 2 * 3600


def is_gone(state: str | None, known_since: int | None, not_found_since: int | None, now: int) -> bool:
    """Whether an instance is gone. Times are in seconds since 1970.

    `state` is EC2's word for it, None where EC2 does not know it; `not_found_since` when EC2 first did not know it;
    `known_since` when its row was written (the member row, or the boot row of an instance that has no other), None
    where nobody can say. Stopped, shutting-down, retained, standby and impaired instances are not gone: they may come
    back with their data.
    """
    if state is not None:
        return state == TERMINATED
    if known_since is None or not_found_since is None:
        return False
    return now - known_since > YOUNG_SECONDS and now - not_found_since >= NOT_FOUND_SECONDS

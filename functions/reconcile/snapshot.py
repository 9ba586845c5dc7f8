"""The whole state that one pass decides on; it never needs to call AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coordination.instances import Groups
from coordination.launches import Launches
from coordination.outcomes import Reading
from coordination.rows import Rows
from coordination.teardowns import Teardown


@dataclass(frozen=True)
class Snapshot:
    """`now` is in seconds since 1970, `lease` the fence under which this pass runs."""

    cluster_id: str
    now: int
    lease: Reading[int]
    groups: Reading[Groups]
    rows: Reading[Rows]
    root_status: Reading[str]
    # EC2's words for instances that have a row, and are in no group or leave theirs.
    states: Reading[Mapping[str, str | None]]
    # Only looked at where it may have to change, else None.
    table_protected: Reading[bool] | None = None
    # The cluster table's name, for commands that a person pastes.
    table: str = ""
    # CloudFormation's words for the groups of slots, by their names: of slots with two instances, and only while the
    # root stack is not at rest. They were read before the groups.
    slot_states: Mapping[str, Reading[str]] = field(default_factory=dict)
    # By the name of the group: of slots in which no instance boots or serves, and of those whose launches fail again
    # and again.
    launches: Mapping[str, Reading[Launches]] = field(default_factory=dict)
    # A request of CloudFormation in this very event: known even where the table cannot hold it.
    request: Teardown | None = None

"""The whole state that one pass decides on; it never needs to call AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coordination.instances import Groups
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
    # EC2's words for instances that have a row and are in no group.
    states: Reading[Mapping[str, str | None]]
    # Only looked at where it may have to change, else None.
    table_protected: Reading[bool] | None = None
    # The cluster table's name, for commands that a person pastes.
    table: str = ""
    # A request of CloudFormation in this very event: known even where the table cannot hold it.
    request: Teardown | None = None

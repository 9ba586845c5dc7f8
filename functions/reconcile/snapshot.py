"""The whole state that one pass decides on; it never needs to call AWS."""

from __future__ import annotations

from dataclasses import dataclass

from coordination.instances import GroupInstance, SlotGroup
from coordination.outcomes import Reading, Unknown
from coordination.rows import Rows
from coordination.teardowns import Teardown

_NOT_READ = Unknown("the groups were not read")


@dataclass(frozen=True)
class Snapshot:
    """`now` is in seconds since 1970, `lease` the fence under which this pass runs."""

    cluster_id: str
    now: int
    lease: Reading[int]
    instances: Reading[tuple[GroupInstance, ...]]
    rows: Reading[Rows]
    root_status: Reading[str]
    # Only looked at where it may have to change, else None.
    table_protected: Reading[bool] | None = None
    # From the same answer as the instances.
    slots: Reading[tuple[SlotGroup, ...]] = _NOT_READ
    # A request of CloudFormation in this very event: known even where the table cannot hold it.
    request: Teardown | None = None

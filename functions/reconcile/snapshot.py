"""The whole state that one pass decides on; it never needs to call AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coordination.conditions import Condition
from coordination.instances import GroupInstance
from coordination.members import Member
from coordination.outcomes import Reading
from coordination.record import ClusterRecord
from coordination.release_grants import ReleaseGrant
from coordination.teardowns import Teardown


@dataclass(frozen=True)
class Rows:
    """What the cluster table holds. A row that cannot be understood is Unknown and hides no other."""

    record: Reading[ClusterRecord | None]
    members: Mapping[str, Reading[Member]]
    conditions: Mapping[str, Condition]
    teardown: Reading[Teardown | None]
    release_grants: Mapping[str, ReleaseGrant] = field(default_factory=dict)
    """By instance. One that cannot be understood is none: its member is held."""


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
    # A request of CloudFormation in this very event: known even where the table cannot hold it.
    request: Teardown | None = None

"""From items of the cluster table to rows, in one place.

One rule for a row that cannot be understood: it is Unknown, with one line that says why, and it hides no other row.
What that means is for the reader to say: `understood` ignores such rows, `all_of` lets one of them make the whole
reading unknown, `unreadable` tells of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from coordination.approvals import Approval, approval
from coordination.boot_failures import BootFailures, boot_failures
from coordination.boots import Boot, boot
from coordination.conditions import Condition, condition
from coordination.drains import Drain, drain
from coordination.fields import Malformed, as_number, parsed
from coordination.members import Member, member
from coordination.names import (
    BOOT_FAILURES_ITEM_PREFIX,
    BOOT_ITEM_PREFIX,
    CLUSTER_ITEM,
    CONDITION_ITEM_PREFIX,
    DRAIN_ITEM_PREFIX,
    LEASE_ITEM_PREFIX,
    MEMBER_ITEM_PREFIX,
    OBSERVATION_ITEM,
    OPERATION_ITEM,
    RELEASE_GRANT_ITEM_PREFIX,
    REMOVAL_APPROVAL_ITEM,
    REPLACEMENT_ITEM_PREFIX,
    RESTORE_APPROVAL_ITEM,
    START_ITEM,
    TABLE_KEY,
    TEARDOWN_ITEM,
    TIMER_ITEM_PREFIX,
    lease_item,
)
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.observed_state import ClusterObservation, cluster_observation
from coordination.operations import Operation, operation
from coordination.outcomes import Item, Known, Reading, Unknown
from coordination.ports import TableReader
from coordination.record import ClusterRecord, cluster_record
from coordination.release_grants import ReleaseGrant, release_grant
from coordination.replacements import Replacement, replacement
from coordination.starts import Start, start
from coordination.teardowns import Teardown, teardown
from coordination.timers import Timer, timer

Row = TypeVar("Row", covariant=True)
Parsed = TypeVar("Parsed")

_NOT_READ = Unknown("it was not read")


class _NotRead(Mapping[str, Reading[Row]]):
    """Rows that nobody has read. That is no empty answer, so whoever looks at them has a defect: LookupError."""

    def __getitem__(self, key: str) -> NoReturn:
        raise LookupError("these rows were not read")

    def __iter__(self) -> Iterator[str]:
        raise LookupError("these rows were not read")

    def __len__(self) -> int:
        raise LookupError("these rows were not read")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _NotRead)

    def __hash__(self) -> int:
        return hash(_NotRead)


@dataclass(frozen=True)
class Rows:
    """What the table holds. Items that were not read are Unknown, and rows that were not read are a LookupError."""

    record: Reading[ClusterRecord | None] = _NOT_READ
    members: Mapping[str, Reading[Member]] = field(default_factory=_NotRead)
    """By instance id; of every epoch."""
    boots: Mapping[str, Reading[Boot]] = field(default_factory=_NotRead)
    """By instance ARN. A worker writes its own as it likes, but the key is its own: IAM sees to that."""
    boot_failures: Mapping[str, Reading[BootFailures]] = field(default_factory=_NotRead)
    """By slot."""
    gone_since: Mapping[str, int] = field(default_factory=dict)
    """What the leader has written into rows of boots and members (coordination.retention), by item id, whatever else
    they hold. What an instance may have written there instead is left out, unless it looks the same."""
    conditions: Mapping[str, Reading[Condition]] = field(default_factory=_NotRead)
    """By name."""
    leases: Mapping[str, Reading[NodeLease]] = field(default_factory=_NotRead)
    """Those of nodes, by LeaseName."""
    release_grants: Mapping[str, Reading[ReleaseGrant]] = field(default_factory=_NotRead)
    """By instance id."""
    drains: Mapping[str, Reading[Drain]] = field(default_factory=_NotRead)
    """By instance id."""
    replacements: Mapping[str, Reading[Replacement]] = field(default_factory=_NotRead)
    """By the id of the request."""
    observation: Reading[ClusterObservation | None] = _NOT_READ
    operation: Reading[Operation | None] = _NOT_READ
    restore_approval: Reading[Approval | None] = _NOT_READ
    removal_approval: Reading[Approval | None] = _NOT_READ
    start: Reading[Start | None] = _NOT_READ
    teardown: Reading[Teardown | None] = _NOT_READ
    timers: Mapping[str, Reading[Timer]] = field(default_factory=_NotRead)
    """By name."""

    def members_of(self, epoch: int) -> dict[str, Member]:
        """The member rows of an epoch that can be understood, by instance id."""
        return {name: row for name, row in understood(self.members).items() if row.epoch == epoch}


def read(table: TableReader, wanted: Collection[str]) -> Reading[Rows]:
    """The rows of these keys and prefixes of keys (coordination.names), by one scan of the table."""
    reading = table.items(list(wanted))
    return reading if isinstance(reading, Unknown) else Known(rows(reading.value, wanted))


def rows(items: Iterable[Item], wanted: Collection[str]) -> Rows:
    """The rows that `items` hold, which are all that there are of these keys and prefixes of keys."""
    by_key = {str(item[TABLE_KEY]): item for item in items}

    def one(key: str, parse: Callable[[Item], Parsed]) -> Reading[Parsed | None]:
        return parsed(Known(by_key.get(key)), parse) if key in wanted else _NOT_READ

    def several(prefix: str, parse: Callable[[Item], Parsed]) -> Mapping[str, Reading[Parsed]]:
        if prefix not in wanted:
            return _NotRead()
        return {
            key.removeprefix(prefix): _parsed(item, parse) for key, item in by_key.items() if key.startswith(prefix)
        }

    def leases() -> Mapping[str, Reading[NodeLease]]:
        if LEASE_ITEM_PREFIX not in wanted:
            return _NotRead()
        # lease#function is judged by time and is not a node's; names of a later release are nobody's here.
        keys = {name: lease_item(name) for name in LeaseName}
        return {name: _parsed(by_key[key], node_lease) for name, key in keys.items() if key in by_key}

    return Rows(
        record=one(CLUSTER_ITEM, cluster_record),
        members=several(MEMBER_ITEM_PREFIX, member),
        boots=several(BOOT_ITEM_PREFIX, boot),
        boot_failures=several(BOOT_FAILURES_ITEM_PREFIX, boot_failures),
        gone_since={
            key: marked for key, item in by_key.items() if (marked := as_number(item.get("GoneSince"))) is not None
        },
        conditions=several(CONDITION_ITEM_PREFIX, condition),
        leases=leases(),
        release_grants=several(RELEASE_GRANT_ITEM_PREFIX, release_grant),
        drains=several(DRAIN_ITEM_PREFIX, drain),
        replacements=several(REPLACEMENT_ITEM_PREFIX, replacement),
        observation=one(OBSERVATION_ITEM, cluster_observation),
        operation=one(OPERATION_ITEM, operation),
        restore_approval=one(RESTORE_APPROVAL_ITEM, approval),
        removal_approval=one(REMOVAL_APPROVAL_ITEM, approval),
        start=one(START_ITEM, start),
        teardown=one(TEARDOWN_ITEM, teardown),
        timers=several(TIMER_ITEM_PREFIX, timer),
    )


def understood(found: Mapping[str, Reading[Parsed]]) -> dict[str, Parsed]:
    """The rows that can be understood; the others are ignored."""
    return {name: each.value for name, each in found.items() if isinstance(each, Known)}


def unreadable(found: Mapping[str, Reading[object]]) -> dict[str, Unknown]:
    """The rows that cannot be understood, ordered by their names."""
    return {name: each for name, each in sorted(found.items()) if isinstance(each, Unknown)}


def all_of(found: Mapping[str, Reading[Parsed]]) -> Reading[tuple[Parsed, ...]]:
    """Every row, ordered by its name; one that cannot be understood makes that unknown."""
    for each in unreadable(found).values():
        return each
    return Known(tuple(value for _, value in sorted(understood(found).items(), key=lambda pair: pair[0])))


def _parsed(item: Item, parse: Callable[[Item], Parsed]) -> Reading[Parsed]:
    try:
        return Known(parse(item))
    except Malformed as error:
        return Unknown(str(error))

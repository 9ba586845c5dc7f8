"""The writes of member rows: joining, promoted, what etcd itself says, and whether EC2 still knows the instance.

A write that corrects a row names the row as it was read, so that none undoes another.
"""

from __future__ import annotations

from coordination.members import Member, MemberState
from coordination.names import CLUSTER_ITEM
from coordination.node_leases import NodeLease, still_held
from coordination.record import ClusterRecord, Phase
from coordination.writes import ABSENT, Transaction, Update, Value, update


def joining_row(seen: ClusterRecord, row: Member, lease: NodeLease, before: Member | None) -> Transaction:
    """A joiner's row, before etcd hears of it, under its `lease#join`; `before` is its row of an earlier try.

    Conditional on the epoch being ready still, the lease being held still and its row being as it was read: whose hook
    is completed must not become a member any more. The row version grows, so that nobody who read the rows before can
    start a restore on them.
    """
    return Transaction(
        (
            _next_row_version(seen),
            still_held(lease),
            update(row.item_id, row.fields(), ABSENT if before is None else _seen(before)),
        )
    )


def never_joined(seen: ClusterRecord, instance_id: str, now: int) -> Update:
    """The row of an instance that is let go without ever having had one: it cannot become a member any more.

    Refused where it has one by now. It is no member's row, so the row version stays.
    """
    row = Member(instance_id, seen.epoch, MemberState.REMOVED, created_at=now, never_joined=True)
    return update(row.item_id, row.fields(), ABSENT)


def voter_row(row: Member, etcd_member_id: str) -> Update:
    """A joining row's instance was promoted. A row that was removed since is left as it is."""
    changes: dict[str, Value] = {
        "Epoch": row.epoch,
        "State": MemberState.VOTER.value,
        "EtcdMemberId": etcd_member_id or None,
    }
    return update(row.item_id, changes, {"Epoch": row.epoch, "State": MemberState.JOINING.value})


def listed_again(seen: ClusterRecord, row: Member, etcd_member_id: str) -> Transaction:
    """A voter that etcd lists, whose row says removed. Only for a list that was read after the row.

    It is a member from now on in whatever counts members, so it is no row that bars its instance any more, and the row
    version grows as with a new row: whoever read it as removed must not start a restore on that.
    """
    changes: dict[str, Value] = {
        "Epoch": row.epoch,
        "State": MemberState.VOTER.value,
        "EtcdMemberId": etcd_member_id,
        "NeverJoined": None,
    }
    expected: dict[str, Value] = {
        **_seen(row),
        "EtcdMemberId": row.etcd_member_id or None,
        "NeverJoined": row.never_joined or None,
    }
    return Transaction((_next_row_version(seen), update(row.item_id, changes, expected)))


def not_found(row: Member, now: int) -> Update:
    """EC2 does not know the instance, for the first time. `now` is in seconds since 1970."""
    return update(row.item_id, {"Epoch": row.epoch, "NotFoundSince": now}, {"Epoch": row.epoch, "NotFoundSince": None})


def found_again(row: Member) -> Update:
    """EC2 knows the instance after all."""
    expected = {"Epoch": row.epoch, "NotFoundSince": row.not_found_since}
    return update(row.item_id, {"Epoch": row.epoch, "NotFoundSince": None}, expected)


def silent(row: Member, now: int) -> Update:
    """A majority answers, and this voter does not. `now` is in seconds since 1970; a row silent before begins anew."""
    expected = {"Epoch": row.epoch, "SilentSince": row.silent_since}
    return update(row.item_id, {"Epoch": row.epoch, "SilentSince": now}, expected)


def answers_again(row: Member) -> Update:
    """The voter serves."""
    expected = {"Epoch": row.epoch, "SilentSince": row.silent_since}
    return update(row.item_id, {"Epoch": row.epoch, "SilentSince": None}, expected)


def hook_began(row: Member, now: int) -> Update:
    """A terminating hook holds the instance. `now` is in seconds since 1970."""
    return update(row.item_id, {"Epoch": row.epoch, "HookSince": now}, {"Epoch": row.epoch, "HookSince": None})


def serves_again(row: Member, now: int) -> Update:
    """It is a target of the balancer again, though it terminates. `now` is in seconds since 1970."""
    return update(row.item_id, {"Epoch": row.epoch, "TargetSince": now}, {"Epoch": row.epoch, "TargetSince": None})


def left_balancer(row: Member, now: int) -> Update:
    """It is no target any more, since another one serves. `now` is in seconds since 1970."""
    expected = {"Epoch": row.epoch, "TargetSince": row.target_since}
    return update(row.item_id, {"Epoch": row.epoch, "TargetSince": None, "LeftAt": now}, expected)


def removal_vetoed(row: Member, now: int) -> Update:
    """An agent has refused to remove it. `now` is in seconds since 1970."""
    return update(row.item_id, {"Epoch": row.epoch, "VetoedAt": now}, {"Epoch": row.epoch, "State": row.state.value})


def ended(row: Member, now: int) -> Update:
    """Its instance is terminated next, because the member is silent. `now` is in seconds since 1970."""
    expected = {**_seen(row), "SilentSince": row.silent_since}
    return update(row.item_id, {"Epoch": row.epoch, "EndedAt": now}, expected)


def etcd_id(row: Member, etcd_member_id: str) -> Update:
    """The id that etcd has given to the row's instance."""
    changes: dict[str, Value] = {"Epoch": row.epoch, "EtcdMemberId": etcd_member_id}
    return update(row.item_id, changes, {**_seen(row), "EtcdMemberId": row.etcd_member_id or None})


def removed(row: Member) -> Update:
    """etcd lists a voter no more. Only for a row that was read before a list that a majority has confirmed."""
    changes: dict[str, Value] = {"Epoch": row.epoch, "State": MemberState.REMOVED.value}
    return update(row.item_id, changes, {**_seen(row), "EtcdMemberId": row.etcd_member_id or None})


def _next_row_version(seen: ClusterRecord) -> Update:
    """The record of a ready epoch, in which members have changed."""
    expected: dict[str, Value] = {
        "Epoch": seen.epoch,
        "Phase": Phase.READY.value,
        "RowVersion": seen.row_version,
    }
    return update(CLUSTER_ITEM, {"RowVersion": seen.row_version + 1}, expected)


def _seen(row: Member) -> dict[str, Value]:
    return {"Epoch": row.epoch, "State": row.state.value}

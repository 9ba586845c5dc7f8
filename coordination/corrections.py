"""Writes that make member rows say what etcd itself says. Each names the row as it was seen, so none undoes another."""

from __future__ import annotations

from coordination.members import Member, MemberState
from coordination.writes import Update, Value, update


def etcd_id(row: Member, etcd_member_id: str) -> Update:
    """The id that etcd has given to the row's instance."""
    changes: dict[str, Value] = {"Epoch": row.epoch, "EtcdMemberId": etcd_member_id}
    return update(row.item_id, changes, {**_seen(row), "EtcdMemberId": row.etcd_member_id or None})


def removed(row: Member) -> Update:
    """etcd lists a voter no more. Only for a row that was read before a list that a majority has confirmed."""
    changes: dict[str, Value] = {"Epoch": row.epoch, "State": MemberState.REMOVED.value}
    return update(row.item_id, changes, {**_seen(row), "EtcdMemberId": row.etcd_member_id or None})


def _seen(row: Member) -> dict[str, Value]:
    return {"Epoch": row.epoch, "State": row.state.value}

"""The members of etcd as an agent saw them last, beside their rows and Auto Scaling's words for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from coordination.members import Member, MemberState
from coordination.observed_state import OLD_SECONDS, ClusterObservation, SeenMember
from coordination.outcomes import Reading, Unknown
from coordination.report.parts import Part, ago, lasting
from coordination.report.table import TableRows


def members_part(reading: Reading[TableRows], epoch: int | None, lifecycle: Mapping[str, str], now: float) -> Part:
    """Every member that was seen or has a row; `lifecycle` are Auto Scaling's words for instances.

    Nothing here needs attention by itself: that a member does not serve is a condition once it has lasted, and that
    nobody looks any more is told of the observation.
    """
    if isinstance(reading, Unknown):
        return Part("members", unknown=(reading.reason,))
    seen = reading.value.observation
    rows = {row.instance_id: row for row in reading.value.members}
    listed = _listed(seen, epoch)
    cells: list[tuple[str, ...]] = []
    data: list[Mapping[str, object]] = []
    for each in listed or ():
        row = rows.pop(each.name, None)
        leads = seen is not None and seen.leader == each.etcd_member_id
        kind, state = _kind(each, leads), lifecycle.get(each.name, "")
        served = each.problem or _serves(seen, now)
        cells.append((each.name or "(never started)", kind, each.etcd_member_id, *_of_row(row), state, served))
        data.append(_data(each.name, row, lifecycle, each, leads))
    for name, row in sorted(rows.items()):
        if row.state is MemberState.REMOVED:
            continue
        last = "not seen" if listed is None else "not listed"
        cells.append((name, last, row.etcd_member_id, *_of_row(row), lifecycle.get(name, ""), _silence(row, now)))
        data.append(_data(name, row, lifecycle, None, leads=False))
    unknown = () if listed is not None or seen is None else (f"{_whose(seen, epoch)} names no members of etcd",)
    return Part("members", tuple(cells), data, unknown=unknown)


def _whose(seen: ClusterObservation, epoch: int | None) -> str:
    of = "" if epoch in (None, seen.epoch) else f", which is of epoch {seen.epoch},"
    return f"the last observation{of} by {seen.by}"


def _listed(seen: ClusterObservation | None, epoch: int | None) -> tuple[SeenMember, ...] | None:
    """etcd's list as it was seen last; None where none was, or it was of another epoch."""
    return seen.members if seen is not None and epoch in (None, seen.epoch) else None


def _serves(seen: ClusterObservation | None, now: float) -> str:
    """That a member served, and when that was seen where nobody has looked since."""
    age = 0.0 if seen is None else now - seen.observed_at
    return "serves" if age <= OLD_SECONDS else f"served {ago(age)}"


def _kind(seen: SeenMember, leads: bool) -> str:
    kind = "learner" if seen.learner else "voter"
    return f"{kind}, leads" if leads else kind


def _of_row(row: Member | None) -> tuple[str, str]:
    """Its slot, and what its row says where that is not that it is a voter."""
    if row is None:
        return "", "no row"
    return f"slot {row.slot}" if row.slot else "", "" if row.state is MemberState.VOTER else f"row: {row.state}"


def _silence(row: Member, now: float) -> str:
    return "" if row.silent_since is None else f"silent for {lasting(now - row.silent_since)}"


def _data(
    name: str, row: Member | None, lifecycle: Mapping[str, str], seen: SeenMember | None, leads: bool
) -> Mapping[str, object]:
    """What was not seen is null."""
    return {
        "name": name,
        "etcd_member_id": seen.etcd_member_id if seen else row.etcd_member_id if row else "",
        "learner": seen.learner if seen else None,
        "leads": leads if seen else None,
        "problem": seen.problem if seen else None,
        "row": row.state.value if row else None,
        "slot": row.slot if row else "",
        "silent_since": row.silent_since if row else None,
        "address": row.address if row else "",
        "lifecycle_state": lifecycle.get(name),
    }

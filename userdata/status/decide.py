"""From a snapshot to a report: what is told of each part, what needs attention, what could not be found out. Pure.

What the cluster table says is told by coordination.report; here is what a node alone sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from coordination.members import Member, MemberState
from coordination.names import CONTROL_PLANE_ROLE
from coordination.outcomes import Reading, Unknown
from coordination.report.parts import Attention, Part, Report, ago
from coordination.report.table import TableRows, record_part, table_parts
from userdata.agent.observe.members import by_etcd, member_of
from userdata.etcd.model import hexadecimal
from userdata.etcd.view import EtcdView, address
from userdata.logs.lines import Outcome
from userdata.pki.inventory import HeldCertificate
from userdata.shipping.progress import LogProgress, Progress, behind
from userdata.status.snapshot import Snapshot, StageLine, Who

_STAGES = 12
"""How many of the last stages are told."""


def decide(snapshot: Snapshot) -> Report:
    """What a snapshot comes to: always the same."""
    parts = [record_part(snapshot.record)]
    if snapshot.etcd is not None:
        parts.append(_members(snapshot.table, snapshot.etcd))
    if snapshot.table is not None:
        parts += table_parts(snapshot.table, snapshot.now)
    parts += [_certificates(snapshot.certificates, snapshot.now), _stages(snapshot.stages, snapshot.now)]
    parts.append(_logs(snapshot.logs, snapshot.now))
    return Report(snapshot.now, _title(snapshot.who), (_node(snapshot.who), *parts))


def _title(who: Reading[Who]) -> str:
    if isinstance(who, Unknown):
        return "a node whose identity is unknown"
    found = who.value
    place = f"slot {found.place}" if found.role == CONTROL_PLANE_ROLE else f"pool {found.place}"
    return f"{found.instance_id or 'an instance'}, {found.role} ({place}) of cluster {found.cluster_uuid}"


def _node(who: Reading[Who]) -> Part:
    if isinstance(who, Unknown):
        return Part("node", unknown=(who.reason,))
    unknown = () if who.value.instance_id else ("the instance's metadata does not answer",)
    return Part("node", data=vars(who.value), unknown=unknown)


def _members(table: Reading[TableRows] | None, etcd: Reading[EtcdView]) -> Part:
    rows = () if table is None or isinstance(table, Unknown) else table.value.members
    unknown = tuple(reading.reason for reading in (table, etcd) if isinstance(reading, Unknown))
    if isinstance(etcd, Unknown):
        cells = tuple((row.instance_id, f"row: {row.state}", row.etcd_member_id, row.address) for row in rows)
        return Part("members", cells, [_row_data(row) for row in rows], unknown=unknown)
    view = etcd.value
    by_id = {found.member_id: row for row in rows if (found := member_of(row, view.listed)) is not None}
    cells_list: list[tuple[str, ...]] = []
    data: list[Mapping[str, object]] = []
    wrong: list[str] = []
    for member in view.listed.members:
        row = by_id.get(member.member_id)
        problem = view.problems.get(member.member_id, "")
        kind = "learner" if member.is_learner else "voter"
        leads = view.leader_id == member.member_id
        known_as = hexadecimal(member.member_id)
        stands = f"row: {row.state}" if row else "no row"
        cells_list.append(
            (
                member.name or "(never started)",
                f"{kind}, leads" if leads else kind,
                known_as,
                address(member),
                stands,
                problem or "serves",
            )
        )
        data.append(
            {
                "name": member.name,
                "etcd_member_id": known_as,
                "address": address(member),
                "learner": member.is_learner,
                "leads": leads,
                "problem": problem,
                "row": row.state.value if row else None,
            }
        )
        if problem:
            wrong.append(f"etcd's member {known_as} ({member.name or address(member)}) does not serve: {problem}")
        elif member.is_learner:
            wrong.append(f"etcd's member {known_as} ({member.name}) is a learner still")
        if row is None and not unknown:
            wrong.append(f"etcd's member {known_as} ({member.name or address(member)}) has no member row")
    listed = set(map(id, by_id.values()))
    for row in rows:
        if id(row) not in listed and row.state is not MemberState.REMOVED:
            cells_list.append((row.instance_id, "not listed", row.etcd_member_id, row.address, f"row: {row.state}", ""))
            data.append(_row_data(row))
    wrong += [each.reason for each in by_etcd(rows, view.listed)]
    if not view.leader_id:
        wrong.append("etcd has no leader")
    return Part("members", tuple(cells_list), data, tuple(map(Attention, wrong)), unknown)


def _row_data(row: Member) -> Mapping[str, object]:
    return {
        "name": row.instance_id,
        "etcd_member_id": row.etcd_member_id,
        "address": row.address,
        "row": row.state.value,
    }


def _certificates(held: Sequence[HeldCertificate], now: float) -> Part:
    moment = datetime.fromtimestamp(now, UTC)
    cells: list[tuple[str, ...]] = []
    data: list[Mapping[str, object]] = []
    wrong: list[str] = []
    unknown: list[str] = []
    for each in held:
        if isinstance(each.certificate, Unknown):
            unknown.append(each.certificate.reason)
            continue
        certificate, name = each.certificate.value, each.place.name
        if certificate is None:
            if not each.place.optional:
                wrong.append(f"{each.place.path} is missing")
            continue
        days = certificate.days_left(moment)
        cells.append((name, f"{days:.1f} days", f"renewed by {each.place.renewal}"))
        data.append({"name": name, "days_left": round(days, 3), "renewed_by": each.place.renewal.value})
        if each.is_alarming(moment):
            wrong.append(f"{name} ends in {days:.1f} days" if days > 0 else f"{name} has ended")
    return Part("certificates", tuple(cells), data, tuple(map(Attention, wrong)), tuple(unknown))


def _stages(reading: Reading[tuple[StageLine, ...]], now: float) -> Part:
    if isinstance(reading, Unknown):
        return Part("boot", unknown=(reading.reason,))
    lines = reading.value
    wrong: tuple[Attention, ...] = ()
    if lines and lines[-1].outcome is not Outcome.DONE:
        wrong = (Attention(f"the boot is at {lines[-1].stage}, {lines[-1].outcome}: {lines[-1].reason}"),)
    return Part(
        "boot",
        tuple(
            (line.stage, line.outcome.value, f"{line.seconds:.1f} s", ago(now - line.at), line.reason)
            for line in lines[-_STAGES:]
        ),
        [{**vars(line), "outcome": line.outcome.value} for line in lines[-_STAGES:]],
        wrong,
    )


def _logs(reading: Reading[Progress], now: float) -> Part:
    if isinstance(reading, Unknown):
        return Part("logs", unknown=(reading.reason,))
    found = reading.value.logs
    return Part(
        "logs",
        tuple((each.name, f"shipped until {ago(now - each.caught_up_at)}", _loss(each), each.reason) for each in found),
        [vars(each) for each in found],
        tuple(map(Attention, behind(reading.value, now))),
    )


def _loss(of: LogProgress) -> str:
    return f"{of.lost} lines refused, {of.gaps} gaps" if of.lost or of.gaps else "whole"

"""What is wrong with the member rows, and the writes that make them true. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coordination import member_writes
from coordination.member_writes import found_again, not_found, voter_row
from coordination.members import Member, MemberState
from coordination.observed_state import ClusterObservation
from coordination.record import ClusterRecord
from userdata.agent.observe.actions import Correction, ListAgain
from userdata.etcd.model import EtcdMember, MemberKind, MemberList, hexadecimal
from userdata.etcd.view import EtcdView


def member_of(row: Member, listed: MemberList) -> EtcdMember | None:
    """The member of etcd that is the row's instance: by its name, which is the instance's, else by its id.

    One that has never started has no name yet.
    """
    by_name = [member for member in listed.members if member.name == row.instance_id]
    by_id = [
        member
        for member in listed.members
        if not member.name and row.etcd_member_id and hexadecimal(member.member_id) == row.etcd_member_id
    ]
    by_address = [
        member
        for member in listed.members
        if not member.name and row.address and any(f"//{row.address}:" in url for url in member.peer_urls)
    ]
    return next(iter([*by_name, *by_id, *by_address]), None)


def by_etcd(rows: Sequence[Member], listed: MemberList) -> list[Correction]:
    """What etcd's list says against the rows of its epoch. The rows have to be read before the list."""
    return [correction for row in rows for correction in _by_etcd(row, member_of(row, listed))]


def listed_again(rows: Sequence[Member], listed: MemberList, record: ClusterRecord) -> list[ListAgain]:
    """The rows that say removed of voters that etcd lists. The rows have to be read before the list.

    A row says removed only after etcd has forgotten its member. So a member that is listed later was added since, by a
    joiner that was paused inside of kubeadm while its row was ended; and whoever ended a row in the moment before does
    it no harm. What started and votes is a member whatever its row says, even where that was written to bar its
    instance. A learner may still be cleaned away, and one that has never started is nobody's for sure.
    """
    found = []
    for row in rows:
        if not row.is_out(record.epoch):
            continue
        member = member_of(row, listed)
        if member is not None and member.kind is MemberKind.VOTER:
            transaction = member_writes.listed_again(record, row, hexadecimal(member.member_id))
            found.append(ListAgain(transaction, f"etcd lists {row.instance_id}, whose row said removed"))
    return found


def by_ec2(rows: Sequence[Member], states: Mapping[str, str | None], now: int) -> list[Correction]:
    """Since when EC2 has not known an instance, for whoever judges whether it is gone (coordination.termination)."""
    found = []
    for row in rows:
        if row.state is MemberState.REMOVED or row.instance_id not in states:
            continue
        known = states[row.instance_id] is not None
        if not known and row.not_found_since is None:
            found.append(Correction(not_found(row, now), f"EC2 does not know {row.instance_id}"))
        if known and row.not_found_since is not None:
            found.append(Correction(found_again(row), f"EC2 knows {row.instance_id} after all"))
    return found


def by_answers(
    rows: Sequence[Member], view: EtcdView, last: ClusterObservation | None, epoch: int, now: int
) -> list[Correction]:
    """Since when members have not done their work.

    Nobody saw what they did while no majority answered, or no agent led: then the time begins anew.
    """
    seen_before = last is not None and last.shows_members(epoch, now)
    found = []
    for row in rows:
        member = None if row.state is MemberState.REMOVED else member_of(row, view.listed)
        if member is None:
            continue
        problem = view.problems.get(member.member_id, "")
        if problem and (row.silent_since is None or not seen_before):
            found.append(Correction(member_writes.silent(row, now), ""))
        if not problem and row.silent_since is not None:
            found.append(Correction(member_writes.answers_again(row), ""))
    return found


def _by_etcd(row: Member, member: EtcdMember | None) -> list[Correction]:
    if row.state is MemberState.REMOVED:
        return []
    if member is None:
        # A row is written before its member is added, and says voter only after its member is one.
        gone = row.state is MemberState.VOTER
        return (
            [Correction(member_writes.removed(row), f"etcd does not list {row.instance_id} any more")] if gone else []
        )
    known_as = hexadecimal(member.member_id)
    if row.state is MemberState.JOINING and member.name and not member.is_learner:
        return [Correction(voter_row(row, known_as), f"{row.instance_id} was promoted")]
    if row.etcd_member_id != known_as:
        return [Correction(member_writes.etcd_id(row, known_as), f"{row.instance_id} is etcd's member {known_as}")]
    return []

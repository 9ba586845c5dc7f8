"""What the function believes of etcd's members: the last observation, and what rows have said since. Pure.

It is a belief, for the function cannot ask etcd. A plan made of it is checked by an agent before anything is done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from coordination.members import Member, MemberState
from coordination.observed_state import ClusterObservation, is_fresh
from coordination.outcomes import Known, Reading, Unknown
from coordination.quorum import Membership


@dataclass(frozen=True)
class Believed:
    """Members are named by their instances, and those of no known instance by their etcd ids."""

    members: Membership
    etcd_ids: Mapping[str, str]
    """What the observation gives for each; a voter that it has not seen yet has none here."""
    learner_answers: bool
    """Whether the learner that is listed answered; of no meaning where there is none."""


def without_gone(found: Believed, gone: Collection[str]) -> Believed:
    """The same with the instances that are `gone` silent: they answered a look that was before their end."""
    members = found.members
    fallen = members.answering & frozenset(gone)
    return replace(
        found, members=replace(members, answering=members.answering - fallen, silent=members.silent | fallen)
    )


def believed(
    observation: Reading[ClusterObservation | None], rows: Mapping[str, Member], epoch: int, now: int
) -> Reading[Believed]:
    """The members. `rows` are those of the epoch, by instance. Unknown where no agent has seen a majority lately."""
    if isinstance(observation, Unknown):
        return observation
    seen = observation.value
    if seen is None or seen.epoch != epoch:
        return Unknown("no agent has seen etcd's members yet")
    # Without numbers: a condition is stored anew whenever its reason changes.
    if not is_fresh(seen.observed_at, now):
        if seen.observed_at > now:
            return Unknown(f"the clock of {seen.by}, whose agent saw etcd's members, is far ahead")
        return Unknown("no agent has seen etcd's members lately")
    if seen.members is None:
        return Unknown(f"no majority of etcd answered the agent on {seen.by}")
    by_etcd_id = {row.etcd_member_id: name for name, row in rows.items() if row.etcd_member_id}
    answering, silent, learners = set(), set(), set()
    etcd_ids: dict[str, str] = {}
    learner_answers = False
    for each in seen.members:
        name = each.name or by_etcd_id.get(each.etcd_member_id, each.etcd_member_id)
        state = rows[name].state if name in rows else None
        etcd_ids[name] = each.etcd_member_id
        if state is MemberState.REMOVED and not each.learner:
            # Removed after the look. A learner may as well have been added after its row was ended.
            continue
        if each.learner and state is not MemberState.VOTER:
            learners.add(name)
            learner_answers = each.healthy
        elif each.healthy or each.learner:
            answering.add(name)
        else:
            silent.add(name)
    # Promoted after the look.
    answering |= {name for name, row in rows.items() if row.state is MemberState.VOTER and name not in etcd_ids}
    members = Membership(frozenset(answering), frozenset(silent), frozenset(learners))
    return Known(Believed(members, etcd_ids, learner_answers))

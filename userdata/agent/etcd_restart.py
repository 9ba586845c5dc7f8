"""Whether the etcd of this node may be restarted now, so that it reads its new certificates. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from coordination.outcomes import Reading, Unknown
from coordination.quorum import majority
from userdata.agent.removal.check import membership
from userdata.etcd.model import hexadecimal
from userdata.etcd.view import EtcdView, unhealthy_members

CLOSE_SECONDS = 3 * 24 * 3600
"""So long before the end of what it has read it is restarted all the same where it is one of too few voters: a minute
without a majority is better than members that do not believe each other any more."""


@dataclass(frozen=True)
class MayRestart:
    """A majority answers without it, or its certificates end too soon to wait for that."""


@dataclass(frozen=True)
class TooFewVoters:
    """All other voters answer, and are no majority without it: that lasts until there are more."""

    reason: str


@dataclass(frozen=True)
class NotNow:
    """Something is wrong with the other members, or unknown."""

    reason: str


Verdict: TypeAlias = MayRestart | TooFewVoters | NotNow


def judge(seen: Reading[EtcdView], instance_id: str, ends: float | None, now: float) -> Verdict:
    """Whether etcd keeps its majority while the member of this instance is down, right after this look.

    `ends` is when the first certificate ends that it has read, None where that is not known; both are in seconds since
    1970.
    """
    if isinstance(seen, Unknown):
        return NotNow(seen.reason)
    own = {hexadecimal(each.member.member_id) for each in seen.value.members if each.member.name == instance_id}
    members = membership(seen.value)
    if not own & members.voters:
        return NotNow("etcd does not list this node as a voter")
    if len(members.answering - own) >= majority(len(members.voters)):
        return MayRestart()
    if members.silent - own:
        return NotNow("; ".join(unhealthy_members(seen)))
    if ends is not None and ends - now < CLOSE_SECONDS:
        return MayRestart()
    return TooFewVoters(f"without this node's there would be no majority of {len(members.voters)} voters of etcd")

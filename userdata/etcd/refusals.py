"""What etcd refuses, and what it leaves open: from its words to outcomes.

The words are those of etcd's api/v3rpc/rpctypes/error.go; they are part of its API, and the same from 3.5 to 3.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from coordination.outcomes import Throttled, Unknown

_PREFIX = "etcdserver: "
_LONGEST = 300


class Refusal(StrEnum):
    """Why etcd refused a request, and has certainly not carried it out; the value is what it says."""

    UNHEALTHY = "unhealthy cluster"
    """A change of members while a voter does not answer, or within five seconds of its first answer."""
    TOO_MANY_LEARNERS = "too many learner members in cluster"
    NOT_ENOUGH_STARTED = "re-configuration failed due to not enough started members"
    """The change would leave fewer members that started than make a quorum."""
    MEMBER_NOT_FOUND = "member not found"
    PEER_URL_EXISTS = "Peer URLs already exists"
    NOT_A_LEARNER = "can only promote a learner member"
    LEARNER_NOT_READY = "can only promote a learner member which is in sync with leader"
    NOT_LEADER = "not leader"
    BAD_TRANSFEREE = "bad leader transferee"
    ASKED_A_LEARNER = "rpc not supported for learner"


@dataclass(frozen=True)
class EtcdRefused:
    """etcd said no, for a reason that it says again until something changes."""

    refusal: Refusal

    @property
    def reason(self) -> str:
        """What etcd said."""
        return self.refusal.value


NO_MAJORITY = frozenset(
    {
        "request timed out",
        "request timed out, possibly due to connection lost",
        "request timed out, possibly due to previous leader failure",
        "request timed out, waiting for the applied index took too long",
        "no leader",
        "leader changed",
    }
)
"""What etcd says while no majority answers it; the request may have been carried out all the same."""

NO_SPACE = "mvcc: database space exceeded"
"""What etcd says of a write that it has no room for; no refusal, for the write that finds the last room gone is applied
first, and answered with these words then (quotaApplierV3 in etcd's server/etcdserver/apply/quota.go)."""

# gRPC's RESOURCE_EXHAUSTED with these words: the request was not taken in.
_TOO_MANY_REQUESTS = "too many requests"
_BY_WORDS: Mapping[str, Refusal] = {refusal.value: refusal for refusal in Refusal}

Failed: TypeAlias = EtcdRefused | Unknown


def failure(operation: str, status: int, answer: object) -> Failed:
    """The outcome of an answer that is not 200. What may have been carried out all the same is Unknown, with etcd's
    own words as the code."""
    said = _message(answer)
    words = said.removeprefix(_PREFIX)
    if words in _BY_WORDS:
        return EtcdRefused(_BY_WORDS[words])
    reason = f"{operation}: {said[:_LONGEST] or f'status {status}'}"
    code = words[:_LONGEST] or f"HTTP {status}"
    return Throttled(reason, code) if words == _TOO_MANY_REQUESTS else Unknown(reason, code)


def _message(answer: object) -> str:
    if not isinstance(answer, dict):
        return ""
    fields: Mapping[str, Any] = answer
    # 3.5's gateway says it twice, later ones once.
    said = fields.get("message") or fields.get("error")
    return said if isinstance(said, str) else ""

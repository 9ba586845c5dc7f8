"""What etcd's refusals mean for a node, and what it says when it could not find out."""

from __future__ import annotations

from collections.abc import Mapping

from userdata.etcd.refusals import NO_MAJORITY, NO_SPACE, Refusal
from userdata.faults.fault import CHECK_MEMBERS, Fault

ONE_AT_A_TIME = Fault(False, "another member is joining etcd, and etcd takes one at a time", CHECK_MEMBERS)
NOT_ALL_HEALTHY = Fault(
    False, "etcd changes no members while one of them is unreachable, or was added a moment ago", CHECK_MEMBERS
)
NOT_IN_SYNC = Fault(
    False,
    "the new member has not caught up with etcd's leader yet",
    "Look at the load and the disks of etcd's members.",
)
NO_LEADER = Fault(False, "etcd has no leader, or no majority that answers in time", CHECK_MEMBERS)
FULL = Fault(False, "etcd's database is full", "Compact and defragment etcd, then clear the alarm.")

_BY_REFUSAL: Mapping[Refusal, Fault] = {
    Refusal.TOO_MANY_LEARNERS: ONE_AT_A_TIME,
    Refusal.UNHEALTHY: NOT_ALL_HEALTHY,
    Refusal.NOT_ENOUGH_STARTED: NOT_ALL_HEALTHY,
    Refusal.LEARNER_NOT_READY: NOT_IN_SYNC,
}


def of_etcd(refusal: Refusal) -> Fault:
    """The fault that a refusal stands for. None is permanent: each ends with what another member does."""
    return _BY_REFUSAL.get(refusal) or Fault(False, f"etcd refuses: {refusal}", CHECK_MEMBERS)


def of_etcd_doubt(code: str) -> Fault | None:
    """The fault of an answer that leaves open what was done, by etcd's words; None where nobody has sorted them."""
    if code == NO_SPACE:
        return FULL
    return NO_LEADER if code in NO_MAJORITY else None

"""A look at a healthy cluster of three slots and a pool, which tests change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coordination.boots import Boot
from coordination.instances import GroupInstance, Groups, PoolGroup, SlotGroup
from coordination.launches import GroupActivities
from coordination.members import Member, MemberState
from coordination.node_leases import LeaseName, NodeLease
from coordination.observed_state import ClusterObservation, SeenMember
from coordination.outcomes import Known, Reading
from coordination.record import ClusterRecord, Phase
from coordination.rows import Rows
from deployment.stacks import Stack
from deployment.status.look import Look

NOW = 1_800_000_000
STACK_ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/demo/0f1e2d3c-0000-4000-8000-000000000001"
STACK = Stack(STACK_ID, "demo", "UPDATE_COMPLETE")
VOTERS = ("i-0000000000000000a", "i-0000000000000000b", "i-0000000000000000c")
WORKERS = ("i-0000000000000000d", "i-0000000000000000e")
RECORD = ClusterRecord(
    STACK_ID,
    Phase.READY,
    epoch=1,
    owner=VOTERS[0],
    counter=9,
    pki_epoch=1,
    etcd_cluster_id="cdf818194e3a8c32",
    row_version=3,
    kubernetes_version="v1.37.2",
)
SEEN = tuple(SeenMember(f"8e9e05c52164694{at}", name, False, "") for at, name in enumerate(VOTERS))
OBSERVATION = ClusterObservation(
    NOW - 12, VOTERS[1], 1, "cdf818194e3a8c32", SEEN[0].etcd_member_id, SEEN, 30 << 20, 5, 5, 300
)
ARN = "arn:aws:ec2:eu-central-1:123456789012:instance/"


def row(at: int, **changes: Any) -> Member:
    """The member row of the slot's instance."""
    made = Member(VOTERS[at], 1, MemberState.VOTER, str(at), f"10.0.{at}.10", SEEN[at].etcd_member_id, NOW - 9999)
    return replace(made, **changes)


def boot(instance_id: str, stage: str, **fields: Any) -> Boot:
    return Boot(ARN + instance_id, stage, **fields)


def boots(*rows: Boot) -> Mapping[str, Reading[Boot]]:
    return {each.instance_arn: Known(each) for each in rows}


def instance(instance_id: str, place: str, state: str = "InService", **changes: Any) -> GroupInstance:
    """An instance of `slot <n>`, or of the pool."""
    slot = place.removeprefix("slot ") if place.startswith("slot ") else ""
    role = "control-plane" if slot else "worker"
    return GroupInstance(instance_id, f"group of {place}", role, state, slot, **changes)


GROUPS = Groups(
    (
        *(instance(name, f"slot {at}") for at, name in enumerate(VOTERS)),
        *(instance(name, "general") for name in WORKERS),
    ),
    tuple(SlotGroup(f"group of slot {at}", str(at), 0, 1, 2) for at in range(3)),
    (PoolGroup("group of general", "general", frozenset(), 1, 2, 5),),
)
ROWS = Rows(
    record=Known(RECORD),
    members={VOTERS[at]: Known(row(at)) for at in range(3)},
    boots=boots(
        *(boot(name, "start-agent", place=str(at), started_at=NOW - 9999) for at, name in enumerate(VOTERS)),
        *(boot(name, "node-ready", place="general", started_at=NOW - 9000) for name in WORKERS),
    ),
    boot_failures={},
    conditions={},
    leases={
        LeaseName.AGENT: Known(NodeLease(LeaseName.AGENT, VOTERS[1], 7, 3)),
        LeaseName.JOIN: Known(NodeLease(LeaseName.JOIN, "", 9, 4)),
    },
    drains={},
    observation=Known(OBSERVATION),
    operation=Known(None),
    restore_approval=Known(None),
    removal_approval=Known(None),
)
WELL = Look(NOW, STACK, Known(ROWS), Known(GROUPS))


def with_rows(**changes: Any) -> Look:
    return replace(WELL, rows=Known(replace(ROWS, **changes)))


def with_instances(
    *instances: GroupInstance, since: Mapping[str, int] | None = None, activities: GroupActivities | None = None
) -> Look:
    """These in place of the healthy ones of the same ids, and others beside them."""
    changed = {each.instance_id: each for each in (*GROUPS.instances, *instances)}
    groups = replace(GROUPS, instances=tuple(changed[name] for name in sorted(changed)))
    told = activities or GroupActivities(since=since or {})
    return replace(WELL, groups=Known(groups), activities={each.group: Known(told) for each in instances})

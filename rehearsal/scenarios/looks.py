"""One look at the control planes of a running rehearsal: EC2, Auto Scaling, the cluster table, and etcd itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from rehearsal.cloud import table
from rehearsal.cloud.control import Control, Refused
from rehearsal.scenarios.timeline import Look, Sight

_TABLE_KEY, _OPERATION, _CONDITION_PREFIX = "Id", "operation", "condition#"
_ETCD = "/etc/kubernetes/pki/etcd"
_ETCDCTL = (
    f"etcdctl --endpoints https://127.0.0.1:2379 --command-timeout 3s --write-out json "
    f"--cacert {_ETCD}/ca.crt --cert {_ETCD}/peer.crt --key {_ETCD}/peer.key"
)
# Two lines of JSON: who is a member, and what the asked member knows of its leader.
_ASK_ETCD = f"export ETCDCTL_API=3; {_ETCDCTL} member list && echo && {_ETCDCTL} endpoint status"
_ASK_SECONDS = 8.0


class Looker:
    """Looks again and again. What cannot be learned at one look stays what it was at the one before."""

    def __init__(self, clients: table.Clients, control: Callable[[], Control], begun: float) -> None:
        """`control` is called at each look: the local cloud may begin later. `begun` is the moment from which looks
        count, of the monotonic clock."""
        self._clients = clients
        self._control = control
        self._begun = begun
        self._members: dict[str, str] = {}
        self._leader = ""

    def look(self, rows: Sequence[table.Row], broken: Collection[str]) -> Look:
        """Look at what `rows` lists; instances that are `broken` are not asked for anything. Raises ClientError."""
        at = time.monotonic() - self._begun
        sights = tuple(
            Sight(
                row.instance_id,
                int(row.place.removeprefix("slot ")),
                row.state,
                row.lifecycle_state,
                row.target_health,
                row.stage,
            )
            for row in rows
            if row.place.startswith("slot ") and row.state != "terminated"
        )
        self._ask_etcd(sights, broken)
        operation, conditions = _items(self._clients("dynamodb"))
        return Look(at, sights, dict(self._members), self._leader, operation, conditions)

    def _ask_etcd(self, sights: Sequence[Sight], broken: Collection[str]) -> None:
        """Ask one member after the other until one answers; those that leave come last."""
        able = [each for each in sights if each.lifecycle_state == "InService" and each.instance_id not in broken]
        for sight in able:
            try:
                done = self._control().execute(sight.instance_id, ["sh", "-c", _ASK_ETCD], _ASK_SECONDS)
            except (Refused, OSError):
                continue
            if done.returncode == 0:
                self._members, self._leader = etcd_told(done.stdout)
                return
        self._leader = ""


def etcd_told(text: str) -> tuple[dict[str, str], str]:
    """Members and leader (empty where there is none), of the two lines that etcdctl printed. Raises ValueError."""
    listed, status = (json.loads(line) for line in text.splitlines() if line.strip())
    members, leader = {}, ""
    for member in listed["members"]:
        # A member that never started has no name yet.
        name = member.get("name") or f"?{member['ID']:x}"
        members[name] = "learner" if member.get("isLearner") else "voter"
        if member["ID"] == status[0]["Status"].get("leader"):
            leader = name
    return members, leader


def _items(dynamodb: Any) -> tuple[str, tuple[str, ...]]:
    """The operation that is in flight (empty without one), and the names of conditions; of the only cluster's table."""
    items = [
        item
        for name in table.cluster_tables(dynamodb)
        for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
        for item in page["Items"]
    ]
    fields = {item[_TABLE_KEY]["S"]: item for item in items}
    conditions = tuple(
        sorted(name.removeprefix(_CONDITION_PREFIX) for name in fields if name.startswith(_CONDITION_PREFIX))
    )
    found = {name: next(iter(value.values())) for name, value in fields.get(_OPERATION, {}).items()}
    if not found or "Outcome" in found:
        return "", conditions
    return f"{found.get('Kind')} {found.get('TargetInstance') or found.get('TargetMemberId')}", conditions

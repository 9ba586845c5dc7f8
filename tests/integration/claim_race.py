"""Many contenders for the first claim, released at one moment: who wins, and how many requests each of them needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coordination.adapters.table import ClusterTable
from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Done, Known, Unknown
from coordination.record import cluster_record
from tests.integration.flaky import dynamodb, make_table
from userdata.boot.actions import TakeClaim
from userdata.boot.decide import decide
from userdata.boot.snapshot import Reach, Snapshot
from userdata.host.etcd_disk import ClusterNode, Disk

_NOT_ASKED = Unknown("not asked")


@dataclass(frozen=True)
class Round:
    """`winners` are the instances that were told that the claim is theirs, `owner` is whom the table names."""

    winners: tuple[str, ...]
    owner: str
    most_requests: int


def race(endpoint: str, contenders: int, rounds: int, name: str = "race") -> list[Round]:
    """Every round has a table of its own. `endpoint` is a local AWS."""
    # One try each, so that every request is one that a contender needs.
    client = dynamodb(endpoint, tries=1, connections=contenders)
    requests = _count_by_thread(client)
    done = []
    for number in range(rounds):
        table = f"{name}-{number}"
        make_table(client, table)
        done.append(_round(ClusterTable(client, table), contenders, requests))
        client.delete_table(TableName=table)
    return done


def _round(table: ClusterTable, contenders: int, requests: Callable[[], int]) -> Round:
    barrier = threading.Barrier(contenders)
    winners: list[str] = []
    counts: list[int] = []

    def contend(instance_id: str) -> None:
        barrier.wait()
        won = _claims(table, instance_id)
        counts.append(requests())
        if won:
            winners.append(instance_id)

    threads = [threading.Thread(target=contend, args=(f"i-{number}",)) for number in range(contenders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == contenders, "a contender failed"
    stored = table.get(CLUSTER_ITEM)
    assert isinstance(stored, Known)
    assert stored.value is not None
    return Round(tuple(winners), cluster_record(stored.value).owner, max(counts))


def _claims(table: ClusterTable, instance_id: str) -> bool:
    """One look, as a booting node takes it, and the claim if it says so."""
    reading = table.get(CLUSTER_ITEM)
    assert isinstance(reading, Known), reading
    action = decide(
        Snapshot(
            node=ClusterNode("the cluster", instance_id),
            disk=Disk(),
            record=Known(cluster_record(reading.value) if reading.value else None),
            row=_NOT_ASKED,
            owner_gone=Known(False),
            owner_still=False,
            reach=Reach.NOBODY,
        )
    )
    if not isinstance(action, TakeClaim):
        return False
    written = table.apply(action.claim.write)
    assert not isinstance(written, Unknown), written
    return isinstance(written, Done)


def _count_by_thread(client: Any) -> Callable[[], int]:
    """Gives how many requests the calling thread has sent."""
    here = threading.local()

    def sent(**_: Any) -> None:
        here.count = getattr(here, "count", 0) + 1

    client.meta.events.register("before-send.dynamodb", sent)
    return lambda: int(getattr(here, "count", 0))

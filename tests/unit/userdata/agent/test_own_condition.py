"""The condition that etcd waits for its restart: stored once, kept, and deleted by the node itself."""

from __future__ import annotations

import pytest

from coordination.conditions import Condition, condition
from tests.unit.userdata.tables import Fate, MemoryTable
from userdata.agent.observe.conditions import of_restart
from userdata.agent.observe.own_condition import keep
from userdata.logs.lines import StageFailed

NAME, ITEM = "CertificatesDue/i-1", "condition#CertificatesDue/i-1"
WANTED = of_restart("i-1", "there are two voters")


def stored(table: MemoryTable) -> Condition:
    item = table.stored(ITEM)
    assert item is not None
    return condition(item)


def test_it_is_stored_once_and_lasts_since_then_and_is_deleted_without_a_reason() -> None:
    table = MemoryTable()
    assert keep(table, NAME, [WANTED], 100) == f"set {NAME}: etcd is not restarted: there are two voters"
    assert keep(table, NAME, [WANTED], 200) == ""
    assert (stored(table).since, stored(table).reason) == (100, "etcd is not restarted: there are two voters")
    assert keep(table, NAME, [], 300) == f"cleared {NAME}"
    assert keep(table, NAME, [], 400) == ""
    assert table.keys == ()


@pytest.mark.parametrize("call", ["get", "put"])
def test_what_is_unknown_is_told(call: str) -> None:
    table = MemoryTable()
    table.fate = lambda asked: Fate.FAILED if asked.startswith(call) else Fate.ANSWERED
    with pytest.raises(StageFailed):
        keep(table, NAME, [WANTED], 100)

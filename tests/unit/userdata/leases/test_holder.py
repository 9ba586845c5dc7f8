"""The agent's leases: who leads, what is held only for a while, and how both are let go of."""

from __future__ import annotations

import pytest

from coordination.names import lease_item
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.outcomes import Known
from coordination.termination import TERMINATED
from coordination.timings import Timings
from coordination.writes import as_item
from tests.unit.userdata.tables import MemoryTable
from tests.waiting import wait_for
from userdata.leases.holder import LeaseHolder
from userdata.logs.lines import StageFailed

TIMINGS = Timings(lease=0.3, renew=0.02)


def leasing(table: MemoryTable, owner: str = "i-1", name: LeaseName = LeaseName.AGENT) -> LeaseHolder:
    return LeaseHolder(table, name, owner, TIMINGS)


def stored(table: MemoryTable, name: LeaseName = LeaseName.AGENT) -> NodeLease:
    item = table.stored(lease_item(name))
    assert item is not None
    return node_lease(item)


def test_the_first_who_contends_leads_and_the_next_one_when_it_lets_go() -> None:
    table = MemoryTable()
    first, second = leasing(table), leasing(table, "i-2")
    assert first.contend() == "this node holds lease#agent"
    assert (first.held(), first.contend()) == (True, "")
    # That another one leads is no news.
    assert (second.contend(), second.held()) == ("", False)
    first.release()
    assert not first.held()
    assert second.contend() == "this node holds lease#agent"
    assert stored(table).owner == "i-2"
    second.release()


def test_a_leader_that_stands_still_is_followed_and_one_that_renews_is_not() -> None:
    table = MemoryTable()
    first, second = leasing(table), leasing(table, "i-2")
    first.contend()
    for renewals in (20, 40, 60):
        assert second.contend() == ""
        wait_for(lambda least=renewals: stored(table).counter > least, f"{renewals} renewals")  # type: ignore[misc]
    first.release()
    table.store(as_item("lease#agent", {"Owner": "i-3", "Counter": 99, "Fence": 9}))
    wait_for(lambda: second.contend() == "this node holds lease#agent", "the take-over")
    assert stored(table).fence == 10
    second.release()


def test_a_leader_whose_lease_was_taken_says_so_and_leads_no_more() -> None:
    table = MemoryTable()
    first = leasing(table)
    first.contend()
    table.store(as_item("lease#agent", {"Owner": "i-2", "Counter": 50, "Fence": 7}))
    wait_for(lambda: not first.held(), "the loss")
    assert first.contend() == "this node does not hold the lease any more: another owner has taken it"
    first.release()
    assert stored(table).owner == "i-2"


def test_what_is_held_for_a_while_is_let_go_of_even_when_the_task_fails() -> None:
    table = MemoryTable()
    restarting = leasing(table, name=LeaseName.RESTART)

    def fail() -> None:
        with restarting.during():
            restarting.require()
            assert stored(table, LeaseName.RESTART).owner == "i-1"
            raise StageFailed("the pod does not come back")

    with pytest.raises(StageFailed, match="the pod does not come back"):
        fail()
    assert stored(table, LeaseName.RESTART).owner == ""
    with pytest.raises(StageFailed, match="the lease restart is not this node's any more: it was released"):
        restarting.require()


def test_only_one_node_at_a_time_restarts_its_pods() -> None:
    table = MemoryTable()
    one, other = (leasing(table, owner, LeaseName.RESTART) for owner in ("i-1", "i-2"))
    with one.during(), pytest.raises(StageFailed, match="i-1 holds lease#restart"), other.during():
        pytest.fail("two nodes hold one lease")
    with other.during():
        assert stored(table, LeaseName.RESTART).owner == "i-2"


def test_the_lease_of_a_terminated_leader_is_taken_at_the_second_look() -> None:
    table, now = MemoryTable(), [0.0]
    dead = leasing(table, "i-2")
    dead.contend()
    dead._forget()
    heir = LeaseHolder(
        table,
        LeaseName.AGENT,
        "i-1",
        TIMINGS,
        clock=lambda: now[0],
        states=lambda names: Known(dict.fromkeys(names, TERMINATED)),
    )
    assert heir.contend() == ""
    now[0] = 1.0
    assert heir.contend() == "this node holds lease#agent"
    heir.release()


def test_whoever_stands_aside_lets_another_one_lead_first_and_contends_again_after_a_lease() -> None:
    table, now = MemoryTable(), [0.0]
    first = LeaseHolder(table, LeaseName.AGENT, "i-1", TIMINGS, clock=lambda: now[0])
    first.contend()
    first.stand_aside()
    assert (first.held(), stored(table).owner) == (False, "")
    now[0] = TIMINGS.lease - 0.01
    assert (first.contend(), stored(table).owner) == ("", "")
    second = leasing(table, "i-2")
    assert second.contend() == "this node holds lease#agent"
    second.release()
    now[0] = TIMINGS.lease
    assert first.contend() == "this node holds lease#agent"
    first.release()


def test_whoever_stands_aside_without_the_lease_takes_it_from_nobody() -> None:
    table = MemoryTable()
    first, second = leasing(table), leasing(table, "i-2")
    second.contend()
    first.stand_aside()
    assert (second.held(), stored(table).owner) == (True, "i-2")
    second.release()


def test_the_lease_that_is_held_for_a_while_is_given_to_what_is_done_under_it() -> None:
    table = MemoryTable()
    with leasing(table, name=LeaseName.JOIN).during() as lease:
        assert (lease.owner, lease.fence) == (stored(table, LeaseName.JOIN).owner, stored(table, LeaseName.JOIN).fence)

"""The agent's look at a real etcd: who leads, who does not serve, who has not started; and the conditions of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coordination.members import Member, MemberState
from coordination.outcomes import Done, Known, NoOp, Reading, Unknown
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.programs import EACH_MINOR
from tests.waiting import wait_for
from userdata.agent.observe.conditions import of_etcd
from userdata.agent.observe.members import by_etcd
from userdata.etcd.client import Etcd
from userdata.etcd.model import hexadecimal
from userdata.etcd.view import EtcdView, look, unhealthy_members

THREE = ("m1", "m2", "m3")
SECONDS = 1.0


@pytest.fixture(params=EACH_MINOR)
def three(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EtcdCluster]:
    """Three members that serve."""
    cluster = EtcdCluster(tmp_path, request.param)
    try:
        cluster.found(THREE)
        yield cluster
    finally:
        cluster.stop()


def at(cluster: EtcdCluster) -> Callable[[str], Etcd]:
    return lambda address: Etcd(address, cluster.credentials, seconds=SECONDS)


def seen(cluster: EtcdCluster, by: str = "m1") -> Reading[EtcdView]:
    return look(cluster.client(by), at(cluster))


def viewed(cluster: EtcdCluster, by: str = "m1") -> EtcdView:
    reading = seen(cluster, by)
    assert isinstance(reading, Known), reading
    return reading.value


def rows(cluster: EtcdCluster, view: EtcdView) -> list[Member]:
    """The rows of members by their names, as if these were instances."""
    return [
        Member(each.name, 1, MemberState.VOTER, "0", cluster.address(each.name), hexadecimal(each.member_id))
        for each in view.listed.members
    ]


def test_members_that_are_well_have_no_problem_and_one_leads(three: EtcdCluster) -> None:
    wait_for(lambda: viewed(three).leader_id, "a leader")
    view = viewed(three)
    assert set(view.problems.values()) == {""}
    assert view.leader_id in {each.member_id for each in view.listed.members}
    assert (by_etcd(rows(three, view), view.listed), of_etcd(view, rows(three, view), {})) == ([], [])
    assert unhealthy_members(seen(three)) == ()


@pytest.mark.parametrize("how", ["killed", "hung"])
def test_a_member_that_is_lost_or_hangs_is_named_by_those_that_are_left(three: EtcdCluster, how: str) -> None:
    known = rows(three, viewed(three))
    if how == "killed":
        three.kill("m3")
        problem = look_until_named(three, known)
    else:
        with three.hung("m3"):
            began = time.monotonic()
            problem = look_until_named(three, known)
            # One member that is silent costs its time-out, not the client's eight seconds for each question.
            assert time.monotonic() - began < 10
    assert "does not serve" in problem


def look_until_named(cluster: EtcdCluster, known: list[Member]) -> str:
    def named() -> str:
        reading = seen(cluster)
        if isinstance(reading, Unknown):
            # The leader is gone, and the next one is not elected yet.
            return ""
        wanted = {each.name: each.reason for each in of_etcd(reading.value, known, {})}
        assert set(wanted) <= {"MemberUnhealthy/m1", "MemberUnhealthy/m2", "MemberUnhealthy/m3"}
        return wanted.get("MemberUnhealthy/m3", "") if len(wanted) == 1 else ""

    return wait_for(named, "the lost member's condition")


def is_added(cluster: EtcdCluster) -> bool:
    """Add a learner; etcd refuses it for five seconds after a member has come."""
    try:
        cluster.control("m1", "member", "add", "m4", "--learner", f"--peer-urls={cluster.peer_url('m4')}")
    except AssertionError as refused:
        if "unhealthy cluster" not in str(refused):
            raise
        return False
    return True


def test_a_member_that_was_added_and_never_started_is_a_stray_learner(three: EtcdCluster) -> None:
    known = rows(three, viewed(three))
    wait_for(lambda: is_added(three), "the learner is added", pause_seconds=0.5)
    view = viewed(three)
    (wanted,) = of_etcd(view, known, {})
    assert wanted.name.startswith("LearnerStray/")
    assert f"({three.address('m4')}) has no member row" in wanted.reason
    # A joiner's row, written before the member was added, knows no id yet.
    joining = Member("m4", 1, MemberState.JOINING, "0", three.address("m4"))
    (correction,) = by_etcd([joining], view.listed)
    assert dict(correction.update.changes)["EtcdMemberId"] == wanted.about
    assert len(unhealthy_members(seen(three))) == 1


def test_a_voter_that_was_removed_leaves_a_row_that_is_corrected(three: EtcdCluster) -> None:
    known = rows(three, viewed(three))
    gone = next(row for row in known if row.instance_id == "m3")

    def removed() -> bool:
        # Refused for five seconds after a member has come.
        return isinstance(three.client("m1").remove(int(gone.etcd_member_id, 16)), Done | NoOp)

    wait_for(removed, "the removal")
    wait_for(lambda: isinstance(seen(three), Known) and len(viewed(three).listed.members) == 2, "two members")
    (correction,) = by_etcd(known, viewed(three).listed)
    assert (correction.update.item_id, dict(correction.update.changes)["State"]) == ("member#m3", "removed")


def test_without_a_majority_there_is_no_look(three: EtcdCluster) -> None:
    three.kill("m2")
    three.kill("m3")
    assert isinstance(seen(three), Unknown)

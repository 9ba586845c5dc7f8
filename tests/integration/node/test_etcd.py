"""The client of etcd against real members: lists, leaders, removals, and members that are dead, hung or learning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from coordination.outcomes import Done, Known, NoOp, Unknown
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.programs import EACH_MINOR
from tests.waiting import wait_for
from userdata.etcd.client import Etcd
from userdata.etcd.model import Health, Status, hexadecimal
from userdata.etcd.refusals import EtcdRefused, Refusal

THREE = ("m1", "m2", "m3")


@pytest.fixture(params=EACH_MINOR)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EtcdCluster]:
    """An etcd of each minor that nodes run; its members are started by the test."""
    made = EtcdCluster(tmp_path, request.param)
    yield made
    made.stop()


@pytest.fixture
def three(cluster: EtcdCluster) -> EtcdCluster:
    """Three members that serve."""
    cluster.found(THREE)
    return cluster


def ids(cluster: EtcdCluster, by: str) -> dict[str, int]:
    return {member.name: member.member_id for member in cluster.listed(by).members}


def status(cluster: EtcdCluster, name: str) -> Status:
    reading = cluster.client(name).status()
    assert isinstance(reading, Known)
    return reading.value


def test_every_member_lists_the_same_members_and_etcdctl_agrees(three: EtcdCluster) -> None:
    lists = {three.listed(name) for name in THREE}
    assert len(lists) == 1
    (listed,) = lists
    assert {member.name for member in listed.voters} == set(THREE)
    assert listed.unfinished == ()
    assert {member.name: member.peer_urls for member in listed.members} == {
        name: (three.peer_url(name),) for name in THREE
    }
    printed = three.control("m1", "member", "list")
    assert all(printed.count(hexadecimal(member.member_id)) == 1 for member in listed.members)


def test_exactly_one_member_leads_and_all_know_it(three: EtcdCluster) -> None:
    leader = ids(three, "m1")[three.leader(THREE)]
    statuses = [status(three, name) for name in THREE]
    assert {each.leader_id for each in statuses} == {leader}
    assert [each.leads for each in statuses].count(True) == 1
    assert {each.cluster_id for each in statuses} == {three.listed("m1").cluster_id}
    assert all(each.size_bytes >= each.in_use_bytes > 0 for each in statuses)


def test_a_member_that_leads_is_removed_after_another_one_took_over(three: EtcdCluster) -> None:
    old = three.leader(THREE)
    known = ids(three, old)
    new = next(name for name in THREE if name != old)
    assert three.client(old).move_leader(known[new]) == Done()
    assert three.leader(THREE) == new

    def remove() -> bool:
        outcome = three.client(new).remove(known[old])
        assert outcome in (Done(), EtcdRefused(Refusal.UNHEALTHY)), outcome
        return outcome == Done()

    # Peers that were connected for less than five seconds count as unhealthy.
    wait_for(remove, "the removal")
    assert set(ids(three, new)) == set(THREE) - {old}
    assert three.client(new).health() == Known(Health(True))
    # As an agent asks that was paused after it had chosen this heir.
    assert three.client(new).move_leader(known[old]) == EtcdRefused(Refusal.BAD_TRANSFEREE)
    assert three.leader(sorted(set(THREE) - {old})) == new


def test_only_the_leader_hands_over_and_only_to_another_member(three: EtcdCluster) -> None:
    leader = three.leader(THREE)
    known = ids(three, leader)
    follower = next(name for name in THREE if name != leader)
    assert three.client(follower).move_leader(known[follower]) == EtcdRefused(Refusal.NOT_LEADER)
    assert three.client(leader).move_leader(1) == EtcdRefused(Refusal.BAD_TRANSFEREE)


def test_removing_who_is_no_member_is_settled(three: EtcdCluster) -> None:
    assert three.client("m1").remove(0xABC) == NoOp("etcd has no member abc")


def test_a_dead_member_is_removed_by_the_others_once_they_lead_again(three: EtcdCluster) -> None:
    known = ids(three, "m1")
    lost = three.leader(THREE)
    by = next(name for name in THREE if name != lost)
    three.kill(lost)
    assert isinstance(three.client(lost).members(), Unknown)
    three.leader(set(THREE) - {lost})
    wait_for(lambda: three.client(by).remove(known[lost]) == Done(), "the removal")
    assert set(ids(three, by)) == set(THREE) - {lost}


def test_a_healthy_member_is_not_removed_where_too_few_started_ones_would_stay(three: EtcdCluster) -> None:
    known = ids(three, "m1")
    three.kill("m3")
    three.leader(("m1", "m2"))
    wait_for(lambda: status(three, "m1").leader_id != 0, "a leader")
    outcome = three.client("m1").remove(known["m2"])
    assert outcome in (EtcdRefused(Refusal.UNHEALTHY), EtcdRefused(Refusal.NOT_ENOUGH_STARTED))
    assert set(ids(three, "m1")) == set(THREE)


def test_without_a_majority_the_list_is_unknown_and_not_an_old_one(three: EtcdCluster) -> None:
    three.kill("m2")
    three.kill("m3")
    assert isinstance(three.client("m1").members(), Unknown)
    assert three.client("m1").health() == Known(Health(False, "RAFT NO LEADER"))
    alone = three.client("m1").members_it_knows()
    assert isinstance(alone, Known)
    assert {member.name for member in alone.value.voters} == set(THREE)
    # Its own view needs nobody else.
    assert wait_for(lambda: status(three, "m1").leader_id == 0, "the loss of its leader")


def test_a_member_that_hangs_costs_its_time_limit_and_is_unknown(three: EtcdCluster) -> None:
    with three.hung("m2"):
        started = time.monotonic()
        outcome = three.client("m2", seconds=1.0).status()
        took = time.monotonic() - started
    assert isinstance(outcome, Unknown)
    assert "TimeoutError" in outcome.reason
    # The client's own limit is eight seconds.
    assert took < 7


def test_a_learner_is_listed_as_unfinished_before_and_after_it_starts(cluster: EtcdCluster) -> None:
    cluster.found(("m1",))
    cluster.control("m1", "member", "add", "m2", "--learner", f"--peer-urls={cluster.peer_url('m2')}")
    (learner,) = cluster.listed("m1").unfinished
    assert (learner.name, learner.is_learner, learner.peer_urls) == ("", True, (cluster.peer_url("m2"),))
    cluster.start("m2", ("m1", "m2"))

    def started() -> bool:
        return any(member.name == "m2" for member in cluster.listed("m1").unfinished)

    wait_for(started, "the learner's start")
    assert [member.name for member in cluster.listed("m1").voters] == ["m1"]
    assert cluster.client("m2").members() == EtcdRefused(Refusal.ASKED_A_LEARNER)
    assert status(cluster, "m2").is_learner
    assert cluster.client("m1").move_leader(learner.member_id) == EtcdRefused(Refusal.BAD_TRANSFEREE)
    assert cluster.client("m1").remove(learner.member_id) == Done()
    assert cluster.listed("m1").unfinished == ()


def test_a_member_that_never_started_can_be_removed(cluster: EtcdCluster) -> None:
    cluster.found(("m1",))
    cluster.control("m1", "member", "add", "m2", "--learner", f"--peer-urls={cluster.peer_url('m2')}")
    (stray,) = cluster.listed("m1").unfinished
    assert cluster.client("m1").remove(stray.member_id) == Done()
    assert [member.name for member in cluster.listed("m1").members] == ["m1"]


def test_a_cluster_founded_anew_at_the_same_address_has_the_same_id_unless_its_token_is_another_one(
    cluster: EtcdCluster,
) -> None:
    def founded(token: str) -> int:
        cluster.found(("m1",), token)
        found = cluster.listed("m1").cluster_id
        cluster.lose("m1")
        return found

    first, same, second = founded("uuid-1"), founded("uuid-1"), founded("uuid-2")
    assert first == same
    assert first != second


@pytest.mark.parametrize("token", ["uuid-1", "uuid-2"])
def test_a_member_that_joins_takes_the_id_of_the_cluster_that_is_there_whatever_its_token_says(
    cluster: EtcdCluster, token: str
) -> None:
    cluster.found(("m1",), "uuid-1")
    founded = cluster.listed("m1").cluster_id
    cluster.control("m1", "member", "add", "m2", "--learner", f"--peer-urls={cluster.peer_url('m2')}")
    cluster.start("m2", ("m1", "m2"), token=token)
    joined = wait_for(lambda: any(each.name == "m2" for each in cluster.listed("m1").unfinished), "the learner's start")
    assert joined
    assert status(cluster, "m2").cluster_id == founded


def test_no_alarm_is_an_empty_answer(cluster: EtcdCluster) -> None:
    cluster.found(("m1",))
    assert cluster.client("m1").alarms() == Known(())


def test_nobody_is_answered_without_a_certificate_of_the_same_authority(
    cluster: EtcdCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster.found(("m1",))
    stranger = EtcdCluster(tmp_path_factory.mktemp("stranger")).credentials
    theirs = replace(stranger, authority=cluster.credentials.authority)
    distrusting = replace(cluster.credentials, authority=stranger.authority)
    for credentials in (theirs, distrusting, replace(theirs, key=cluster.credentials.key)):
        assert isinstance(Etcd(cluster.address("m1"), credentials).members(), Unknown)


def test_a_certificate_that_has_ended_opens_nothing_and_a_renewed_one_is_read_anew(cluster: EtcdCluster) -> None:
    cluster.found(("m1",))
    client = cluster.client("m1")
    cluster.issue_client(lifetime=timedelta(seconds=-60))
    assert isinstance(client.members(), Unknown)
    cluster.issue_client()
    assert isinstance(client.members(), Known)


def test_missing_certificates_are_an_outcome_that_names_what_was_asked_and_what_is_missing(
    cluster: EtcdCluster,
) -> None:
    nowhere = replace(cluster.credentials, certificate="/nowhere")
    outcome = Etcd(cluster.address("m1"), nowhere).members()
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith(f"member list at {cluster.address('m1')}: /nowhere, ")
    assert "FileNotFoundError" in outcome.reason

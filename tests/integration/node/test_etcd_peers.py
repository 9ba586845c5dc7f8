"""Asking a real etcd from a node that is no member: with a certificate that the node issues to itself."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coordination.members import Member, MemberState
from coordination.outcomes import Done, Known, NoOp, Reading, Unknown
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.programs import EACH_MINOR
from tests.waiting import wait_for
from userdata.boot.etcd_peers import EtcdPeerClients, addresses
from userdata.boot.snapshot import Reach, reach
from userdata.etcd.model import MemberList, hexadecimal
from userdata.pki.issuing import new_authority, new_pki

THREE = ("m1", "m2", "m3")
NOW = datetime.now(UTC)
MATERIAL = new_pki(NOW)


@pytest.fixture(params=EACH_MINOR)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EtcdCluster]:
    """An etcd of each minor that nodes run; its members are started by the test."""
    made = EtcdCluster(tmp_path / "etcd", request.param)
    yield made
    made.stop()


@pytest.fixture
def three(cluster: EtcdCluster) -> EtcdCluster:
    """Three members that serve."""
    cluster.found(THREE)
    return cluster


@pytest.fixture
def etcd_peers(cluster: EtcdCluster, tmp_path: Path) -> EtcdPeerClients:
    """Those of a node that was introduced."""
    made = EtcdPeerClients(tmp_path / "node", "i-0123456789abcdef0")
    made.introduce(replace(MATERIAL, etcd=cluster.authority), NOW)
    return made


def everyone(cluster: EtcdCluster) -> list[str]:
    return [cluster.address(name) for name in THREE]


def known(reading: Reading[MemberList]) -> MemberList:
    assert isinstance(reading, Known), reading
    return reading.value


def reached(cluster: EtcdCluster, etcd_peers: EtcdPeerClients, of: MemberList) -> Reach:
    return reach(etcd_peers.answers(everyone(cluster)), hexadecimal(of.cluster_id))


def test_members_answer_a_node_that_has_only_the_authoritys_keys(
    three: EtcdCluster, etcd_peers: EtcdPeerClients, tmp_path: Path
) -> None:
    listed = known(etcd_peers.members(everyone(three)))
    assert {member.name for member in listed.voters} == set(THREE)
    assert etcd_peers.silent(listed) == []
    assert reached(three, etcd_peers, listed) is Reach.QUORUM
    assert reached(three, etcd_peers, replace(listed, cluster_id=1)) is Reach.NOBODY, (
        "another epoch's members are nobody"
    )
    key = tmp_path / "node/run/holdfast/etcd/client.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_member_that_is_lost_is_named_and_the_others_have_a_majority_until_they_have_not(
    three: EtcdCluster, etcd_peers: EtcdPeerClients
) -> None:
    listed = known(etcd_peers.members(everyone(three)))
    three.kill("m1")
    wait_for(lambda: reached(three, etcd_peers, listed) is Reach.QUORUM, "a majority")
    assert etcd_peers.silent(listed) == ["m1"]
    # Whoever does not answer is passed over.
    assert known(etcd_peers.members(everyone(three))) == listed
    three.kill("m2")
    wait_for(lambda: reached(three, etcd_peers, listed) is Reach.NO_QUORUM, "the end of the majority", seconds=60)
    assert isinstance(etcd_peers.members(everyone(three)), Unknown)
    three.kill("m3")
    assert reached(three, etcd_peers, listed) is Reach.NOBODY


def test_a_learner_is_removed_by_whoever_answers_and_removing_it_again_is_no_failure(
    cluster: EtcdCluster, etcd_peers: EtcdPeerClients
) -> None:
    cluster.found(["m1"])
    cluster.control("m1", "member", "add", "m4", f"--peer-urls={cluster.peer_url('m4')}", "--learner")
    # m2 and m3 are nobody.
    (learner,) = known(etcd_peers.members(everyone(cluster)[::-1])).unfinished
    assert learner.addresses == (cluster.address("m4"),)
    assert etcd_peers.remove(everyone(cluster)[::-1], learner.member_id) == Done()
    assert isinstance(etcd_peers.remove(everyone(cluster)[::-1], learner.member_id), NoOp)
    assert known(etcd_peers.members(everyone(cluster))).unfinished == ()
    unanswered = etcd_peers.remove([cluster.address("m2")], learner.member_id)
    assert isinstance(unanswered, Unknown)
    assert "ConnectionRefusedError" in unanswered.reason


def test_without_anybody_to_ask_nothing_is_known(etcd_peers: EtcdPeerClients) -> None:
    assert etcd_peers.answers([]) == []
    assert etcd_peers.members([]) == Unknown("no address of a member is known")
    assert etcd_peers.remove([], 1) == Unknown("no address of a member is known")


def test_a_node_of_another_cluster_is_answered_by_nobody(three: EtcdCluster, tmp_path: Path) -> None:
    stranger = EtcdPeerClients(tmp_path / "stranger", "i-0123456789abcdef0")
    stranger.introduce(replace(MATERIAL, etcd=new_authority("etcd-ca", NOW)), NOW)
    assert stranger.answers(everyone(three)) == []
    assert isinstance(stranger.members(everyone(three)), Unknown)


def test_a_certificate_is_made_once_for_each_authority(cluster: EtcdCluster, tmp_path: Path) -> None:
    node = EtcdPeerClients(tmp_path / "node", "i-0123456789abcdef0")
    place = tmp_path / "node/run/holdfast/etcd/client.crt"
    made = []
    for authority in (cluster.authority, cluster.authority, new_authority("etcd-ca", NOW)):
        node.introduce(replace(MATERIAL, etcd=authority), NOW)
        made.append(place.read_text())
    assert made[0] == made[1] != made[2]


def row(instance_id: str, state: MemberState, epoch: int = 2, address: str = "10.0.0.1") -> Member:
    return Member(instance_id, epoch, state, "0", address)


def test_voters_are_asked_first_and_neither_the_removed_nor_other_epochs_nor_oneself() -> None:
    rows = [
        row("i-3", MemberState.JOINING, address="10.0.0.3"),
        row("i-2", MemberState.VOTER, address="10.0.0.2"),
        row("i-1", MemberState.VOTER, address="10.0.0.1"),
        row("i-4", MemberState.REMOVED, address="10.0.0.4"),
        row("i-5", MemberState.VOTER, epoch=1, address="10.0.0.5"),
        row("i-6", MemberState.VOTER, address=""),
        row("i-me", MemberState.VOTER, address="10.0.0.9"),
    ]
    assert addresses(rows, 2, without="i-me") == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]

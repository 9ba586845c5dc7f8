"""The boot table, row by row; docs/architecture.md has the same rows in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordination.claims import claim_first, claim_next
from coordination.record import Phase
from tests.unit.userdata.boot.looks import BROKEN, CLUSTER, EMPTY, HALF, ME, disk, look, member, record
from userdata.boot.actions import (
    AbandonLaunch,
    EvaluateRestore,
    Join,
    Resume,
    Start,
    Stop,
    TakeClaim,
    Wait,
    WaitForHuman,
)
from userdata.boot.decide import decide
from userdata.boot.snapshot import Reach
from userdata.host.etcd_disk import ClusterNode, Disk

CLAIMED, READY, RESTORING = Phase.CLAIMED, Phase.READY, Phase.RESTORING
DISKS = {
    "no data": EMPTY,
    "partial data": HALF,
    "a member's data": disk(),
    "data without a marker": disk(marker=False),
    "data of an older epoch": disk("another", 1),
}
UNREADY = [CLAIMED, RESTORING]


@pytest.mark.parametrize("on", DISKS.values(), ids=DISKS)
def test_row_1_a_node_of_a_cluster_that_is_being_deleted_stops(on: Disk) -> None:
    assert isinstance(decide(look(record(Phase.DELETING), on)), Stop)


@pytest.mark.parametrize("on", DISKS.values(), ids=DISKS)
@pytest.mark.parametrize("phase", [CLAIMED, READY, RESTORING])
def test_row_2_a_node_that_finds_the_record_of_another_cluster_stops(phase: Phase, on: Disk) -> None:
    assert isinstance(decide(look(record(phase, cluster_id="arn:another"), on)), Stop)


def test_row_3a_a_member_of_the_ready_cluster_resumes() -> None:
    action = decide(look(record(), disk(), member()))
    assert isinstance(action, Resume)
    assert (action.write_marker, action.promoted) == (False, True)


def test_row_3a_a_member_resumes_even_when_nobody_can_be_asked() -> None:
    assert isinstance(decide(look(record(), disk(), member(), reach=Reach.NOBODY)), Resume)


def test_row_3a_a_founder_that_crashed_before_its_marker_writes_it_and_resumes() -> None:
    action = decide(look(record(owner=ME.instance_id), disk(marker=False), member()))
    assert isinstance(action, Resume)
    assert action.write_marker


def test_row_3a_a_joiner_that_crashed_before_its_promotion_goes_on_with_it() -> None:
    action = decide(look(record(), disk(marker=False), member(state="joining")))
    assert isinstance(action, Resume)
    assert (action.write_marker, action.promoted) == (True, False)


def test_row_3a_a_row_of_an_older_epoch_does_not_count() -> None:
    assert isinstance(decide(look(record(), disk(), member(state="removed", epoch=1))), Resume)


def test_row_3b_a_member_whose_row_cannot_be_read_waits() -> None:
    assert isinstance(decide(look(record(), disk(), BROKEN)), Wait)


@pytest.mark.parametrize(
    "on",
    [disk("another", 1), disk("another", 2), HALF, disk(node=replace(ME, instance_id="i-copied"))],
    ids=["an older epoch", "a loser's", "partial", "a copy of another instance's"],
)
def test_row_4a_data_that_is_not_of_the_ready_cluster_is_never_started(on: Disk) -> None:
    assert isinstance(decide(look(record(), on, member(), reach=Reach.QUORUM)), AbandonLaunch)


def test_row_4a_a_removed_member_abandons_its_launch() -> None:
    assert isinstance(decide(look(record(), disk(), member(state="removed"))), AbandonLaunch)


@pytest.mark.parametrize("phase", UNREADY)
@pytest.mark.parametrize("owner", ["i-other", ""], ids=["another owner", "no owner"])
def test_row_4b_data_under_another_ones_claim_is_never_started(phase: Phase, owner: str) -> None:
    for on in (disk(), disk(marker=False), HALF, disk("another", 1)):
        seen = look(record(phase, owner=owner), on, member(), owner_gone=True, owner_still=True)
        assert isinstance(decide(seen), AbandonLaunch)


def test_row_5a_without_a_record_the_first_epoch_is_claimed() -> None:
    action = decide(look(None))
    assert isinstance(action, TakeClaim)
    assert action.claim == claim_first(CLUSTER, ME.instance_id)
    assert not action.wipe


@pytest.mark.parametrize("on", [disk(), disk(marker=False), HALF])
def test_row_5b_a_record_that_vanished_is_no_reason_to_found_over_data(on: Disk) -> None:
    assert isinstance(decide(look(None, on)), Stop)


@pytest.mark.parametrize("on", DISKS.values(), ids=DISKS)
def test_row_6_an_owner_that_restarted_claims_the_next_epoch_and_only_then_wipes(on: Disk) -> None:
    mine = record(CLAIMED, owner=ME.instance_id)
    action = decide(look(mine, on))
    assert isinstance(action, TakeClaim)
    assert action.claim == claim_next(mine, ME.instance_id)
    assert action.claim.record.epoch == mine.epoch + 1
    assert action.wipe


@pytest.mark.parametrize("phase", UNREADY)
def test_rows_7_and_9_the_claim_of_a_terminated_owner_is_taken_once_its_lease_has_expired(phase: Phase) -> None:
    seen = record(phase)
    action = decide(look(seen, owner_gone=True, owner_still=True))
    assert isinstance(action, TakeClaim)
    assert action.claim == claim_next(seen, ME.instance_id)
    assert action.claim.record.phase is phase


@pytest.mark.parametrize("phase", UNREADY)
def test_rows_7_and_9_a_released_claim_is_taken_at_once(phase: Phase) -> None:
    assert isinstance(decide(look(record(phase, owner=""))), TakeClaim)


@pytest.mark.parametrize("phase", UNREADY)
@pytest.mark.parametrize(
    ("gone", "still"),
    [(False, False), (False, True), (True, False), (BROKEN, True)],
    ids=["alive", "alive and still", "gone and not watched", "unknown"],
)
def test_row_8_a_claim_whose_owner_may_still_work_is_waited_for(phase: Phase, gone: bool, still: bool) -> None:
    assert isinstance(decide(look(record(phase), owner_gone=gone, owner_still=still)), Wait)


def test_row_9_a_restoring_owner_that_restarted_claims_the_next_epoch_as_restoring_and_wipes_what_it_made() -> None:
    mine = record(RESTORING, owner=ME.instance_id)
    action = decide(look(mine, disk(marker=False)))
    assert isinstance(action, TakeClaim)
    assert (action.claim.record.phase, action.claim.record.restore_from) == (RESTORING, "backup-7")
    assert action.wipe


def test_row_10a_a_fresh_node_joins_a_cluster_that_serves() -> None:
    action = decide(look(record(), reach=Reach.QUORUM))
    assert action == Join("epoch 2 is ready and serves", record())


def test_row_10b_a_fresh_node_of_another_version_does_not_join_and_says_so() -> None:
    running = record(kubernetes_version="v1.37.2")
    newer = replace(look(running, reach=Reach.QUORUM), kubernetes_version="v1.38.0")
    action = decide(newer)
    assert isinstance(action, WaitForHuman)
    assert action.condition == "UpgradeRefused/i-me"
    assert "v1.38.0" in action.reason
    assert "v1.37.2" in action.next_step
    assert isinstance(decide(replace(newer, kubernetes_version="v1.37.2")), Join)


def test_a_member_of_another_version_than_the_record_is_resumed_all_the_same() -> None:
    """It has been a member with its version before, and a majority may need it."""
    running = record(kubernetes_version="v1.37.2")
    seen = replace(look(running, disk(), member()), kubernetes_version="v1.36.0")
    assert isinstance(decide(seen), Resume)


def test_row_11c_a_fresh_node_that_reaches_no_member_evaluates_a_restore() -> None:
    action = decide(look(record(), reach=Reach.NOBODY))
    assert isinstance(action, EvaluateRestore)
    assert action.record == record()


def test_row_11b_members_that_could_not_be_asked_are_waited_for_and_are_no_loss() -> None:
    action = decide(look(record(), reach=Reach.UNASKED))
    assert action == Wait("epoch 2 is ready, and its members could not be asked yet")


def test_row_11a_members_that_answer_without_quorum_are_no_total_loss_but_a_condition() -> None:
    action = decide(look(record(), reach=Reach.NO_QUORUM))
    assert isinstance(action, WaitForHuman)
    assert action.condition == "QuorumLost"


def test_row_0a_without_the_table_a_member_starts_what_it_has() -> None:
    assert isinstance(decide(look(BROKEN, disk())), Start)


@pytest.mark.parametrize(
    "on",
    [
        EMPTY,
        HALF,
        disk(marker=False),
        disk(node=ClusterNode("arn:another", ME.instance_id)),
        disk(node=ClusterNode(CLUSTER, "i-2")),
    ],
    ids=["no data", "partial", "no marker", "another cluster's", "another instance's"],
)
def test_row_0b_without_the_table_everything_but_a_member_waits(on: Disk) -> None:
    assert isinstance(decide(look(BROKEN, on)), Wait)


def test_row_0a_a_member_that_started_without_the_table_stops_once_it_shows_a_newer_epoch() -> None:
    older = disk("another", 1)
    assert isinstance(decide(look(BROKEN, older)), Start)
    assert isinstance(decide(look(record(), older)), AbandonLaunch)
    assert isinstance(decide(look(record(RESTORING), older)), AbandonLaunch)


@pytest.mark.parametrize("reach", [Reach.QUORUM, Reach.NO_QUORUM, Reach.NOBODY, Reach.UNASKED])
def test_row_4c_a_fresh_node_whose_row_says_removed_abandons_its_launch(reach: Reach) -> None:
    assert isinstance(decide(look(record(), EMPTY, member(state="removed"), reach=reach)), AbandonLaunch)
    older = member(state="removed", epoch=0)
    assert not isinstance(decide(look(record(), EMPTY, older, reach=reach)), AbandonLaunch)

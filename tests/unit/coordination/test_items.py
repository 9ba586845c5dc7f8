"""Items are read as the protocol writes them, and anything else is one clear line."""

from __future__ import annotations

from typing import Any

import pytest

from coordination.conditions import Condition, condition
from coordination.fields import Malformed
from coordination.members import Member, MemberState, member
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.release_grants import ReleaseGrant, release_grant
from coordination.teardowns import Teardown, teardown

RECORD = {
    "Id": "cluster",
    "ClusterId": "arn:stack",
    "Phase": "ready",
    "Epoch": 3,
    "Owner": "i-1",
    "Counter": 9,
    "PkiEpoch": 1,
    "EtcdClusterId": "cdf818194e3a8c32",
    "RowVersion": 4,
}
ROW = {"Id": "member#i-1", "Epoch": 3, "State": "voter", "Slot": "0"}


def test_a_record_is_read() -> None:
    read = cluster_record(RECORD)
    assert read == ClusterRecord("arn:stack", Phase.READY, 3, "i-1", 9, 1, "cdf818194e3a8c32", 4)


@pytest.mark.parametrize("phase", [Phase.CLAIMED, Phase.READY, Phase.RESTORING, Phase.DELETING])
def test_a_record_comes_back_as_it_was_stored(phase: Phase) -> None:
    source = "backup-7" if phase is Phase.RESTORING else ""
    record = ClusterRecord("arn:stack", phase, 3, "", 9, 1, "cdf818194e3a8c32", 4, source)
    assert cluster_record(record.item()) == record


def test_a_cluster_that_was_deleted_before_anyone_claimed_it_has_epoch_zero() -> None:
    assert cluster_record({"Id": "cluster", "ClusterId": "arn:stack", "Phase": "deleting"}).epoch == 0


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"Phase": "asleep"}, "item cluster: Phase is 'asleep', allowed: claimed, ready, restoring, deleting"),
        ({"Epoch": None}, "item cluster: Epoch is missing, allowed: a whole number up to 2^53"),
        ({"Epoch": True}, "item cluster: Epoch is True, allowed: a whole number up to 2^53"),
        ({"Epoch": "3"}, "item cluster: Epoch is '3', allowed: a whole number up to 2^53"),
        # DynamoDB stores it, and takes no condition on it.
        ({"Epoch": 10**125}, f"item cluster: Epoch is 1{'0' * 79}, allowed: a whole number up to 2^53"),
        ({"ClusterId": ""}, "item cluster: ClusterId is '', allowed: text"),
    ],
)
def test_a_wrong_field_of_the_record_is_one_line(change: dict[str, Any], line: str) -> None:
    item = {name: value for name, value in {**RECORD, **change}.items() if value is not None}
    with pytest.raises(Malformed) as raised:
        cluster_record(item)
    assert str(raised.value) == line


def test_a_member_row_is_read() -> None:
    assert member(ROW) == Member("i-1", 3, MemberState.VOTER, slot="0")


def test_a_member_row_comes_back_as_it_was_stored() -> None:
    row = Member("i-1", 3, MemberState.JOINING, "0", "10.0.0.4", "8e9e05c52164694d", 1_800_000_000, 1_800_000_600)
    assert member(row.item()) == row


def test_a_member_in_a_state_that_nobody_knows_is_not_read() -> None:
    with pytest.raises(Malformed, match="State is 'leaving', allowed: joining, voter, removed"):
        member({**ROW, "State": "leaving"})


def test_a_condition_comes_back_as_it_was_stored() -> None:
    stored = Condition("TerminationHeld/i-1", "a reason", "a step", since=17)
    assert condition(stored.item()) == stored


def test_a_release_grant_comes_back_as_it_was_stored() -> None:
    said = ReleaseGrant("i-1", epoch=2, row_version=7, by="i-2")
    assert said.item_id == "release-grant#i-1"
    assert release_grant(said.item()) == said


def test_a_teardown_comes_back_as_it_was_stored_and_never_shows_its_address() -> None:
    stored = Teardown("https://secret.example/answer?signature=1", "r-1", "arn:stack", "Teardown", "teardown-1", 660)
    assert teardown(stored.item()) == stored
    assert "secret.example" not in repr(stored)

"""What the nodes' writes ask for before they change anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coordination import claims, member_writes, node_leases
from coordination.approvals import approval
from coordination.boots import Boot, boot, tell
from coordination.fields import Malformed
from coordination.members import Member, MemberState
from coordination.node_leases import LeaseName, NodeLease, node_lease
from coordination.record import ClusterRecord, Phase, cluster_record
from coordination.writes import Transaction, Update, as_item

CLAIMED = ClusterRecord("arn:stack", Phase.CLAIMED, 3, "i-1", 9, 1, "", 4)
READY = ClusterRecord("arn:stack", Phase.READY, 3, "i-1", 9, 3, "cdf818194e3a8c32", 4)
ROW = Member("i-1", 3, MemberState.JOINING, "0", "10.0.0.4", created_at=1_800_000_000)
LEASE = NodeLease(LeaseName.JOIN, "i-1", 5, 2)
OF_THE_RECORD: dict[str, Callable[[], Update]] = {
    "claim_next": lambda: claims.claim_next(CLAIMED, "i-2").write,
    "claim_restoring": lambda: claims.claim_restoring(READY, "i-2", "backup-1").write,
    "flip_pki": lambda: claims.set_pki_epoch(CLAIMED),
    "ready": lambda: claims.ready(CLAIMED, "cdf818194e3a8c32", "v1.37.2", ROW).updates[0],
    "renew": lambda: claims.renew(CLAIMED).write,
    "give_up": lambda: claims.release_claim(CLAIMED),
    "joining_row": lambda: member_writes.joining_row(READY, ROW, LEASE, None).updates[0],
}


@pytest.mark.parametrize("build", OF_THE_RECORD.values(), ids=OF_THE_RECORD)
def test_every_write_of_the_record_names_epoch_and_phase(build: Callable[[], Update]) -> None:
    expected = dict(build().expected)
    assert expected["Epoch"] == 3
    assert expected["Phase"] in ("claimed", "ready")


@pytest.mark.parametrize("name", ["claim_next", "flip_pki", "ready", "renew", "give_up"])
def test_what_only_the_owner_may_do_names_the_owner(name: str) -> None:
    assert dict(OF_THE_RECORD[name]().expected)["Owner"] == "i-1"


@pytest.mark.parametrize("name", ["claim_next", "renew"])
def test_the_counter_only_moves_on_from_where_it_was_seen(name: str) -> None:
    write = OF_THE_RECORD[name]()
    assert (dict(write.expected)["Counter"], dict(write.changes)["Counter"]) == (9, 10)


def test_the_pointer_to_the_keys_moves_together_with_the_hashes_by_which_workers_know_them() -> None:
    changes = dict(claims.set_pki_epoch(CLAIMED, "sha256:a,sha256:b").changes)
    assert (changes["PkiEpoch"], changes["CaHashes"]) == (3, "sha256:a,sha256:b")
    stored = {**CLAIMED.item(), **changes}
    assert cluster_record(stored).ca_hashes == "sha256:a,sha256:b"
    # Hashes of other keys must not stay behind.
    assert dict(claims.set_pki_epoch(CLAIMED).changes)["CaHashes"] is None


def test_a_claim_that_was_given_up_is_taken_from_nobody() -> None:
    given_up = ClusterRecord("arn:stack", Phase.CLAIMED, 3, "", 9, 1, "", 4)
    assert dict(claims.claim_next(given_up, "i-2").write.expected)["Owner"] is None


@pytest.mark.parametrize(
    "write", [claims.ready(CLAIMED, "e", "v1.37.2", ROW), member_writes.joining_row(READY, ROW, LEASE, None)]
)
def test_every_new_row_moves_the_row_version(write: Transaction) -> None:
    record = write.updates[0]
    assert (dict(record.expected)["RowVersion"], dict(record.changes)["RowVersion"]) == (4, 5)


def test_a_joiners_row_is_refused_once_the_lease_is_anothers() -> None:
    checked = member_writes.joining_row(READY, ROW, LEASE, None).updates[1]
    assert (checked.item_id, checked.changes) == ("lease#join", ())
    assert dict(checked.expected) == {"Owner": "i-1", "Fence": 2}


def test_a_restore_keeps_what_it_restores_from_through_the_next_claim() -> None:
    restoring = claims.claim_restoring(READY, "i-2", "backup-1").record
    again = claims.claim_next(restoring, "i-3").record
    assert (again.phase, again.epoch, again.restore_from) == (Phase.RESTORING, 5, "backup-1")


def test_a_lease_is_taken_from_whom_it_was_seen_with_and_its_fence_grows() -> None:
    holding = node_leases.take(LeaseName.JOIN, LEASE, "i-2")
    assert dict(holding.write.expected) == {"Owner": "i-1", "Counter": 5, "Fence": 2}
    assert holding.lease == NodeLease(LeaseName.JOIN, "i-2", 6, 3)


def test_a_released_lease_keeps_counter_and_fence() -> None:
    stored: dict[str, Any] = {"Owner": "i-1", "Counter": 5, "Fence": 2}
    released = as_item("lease#join", {**stored, **dict(node_leases.release(LEASE).changes)})
    assert node_lease(released) == NodeLease(LeaseName.JOIN, "", 5, 2)
    assert dict(node_leases.take(LeaseName.JOIN, node_lease(released), "i-2").write.expected)["Owner"] is None


def test_a_lease_that_nobody_knows_is_not_read() -> None:
    with pytest.raises(Malformed, match="allowed: lease#join, lease#backup, lease#agent, lease#restart"):
        node_lease({"Id": "lease#other", "Counter": 1, "Fence": 1})


def test_a_row_that_was_removed_is_not_made_a_voter() -> None:
    assert dict(member_writes.voter_row(ROW, "8e9e05c52164694d").expected) == {"Epoch": 3, "State": "joining"}


def test_a_boot_row_comes_back_as_it_was_told_and_knows_its_instance() -> None:
    arn = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"
    row = Boot(arn, "found", "waits for a claim", "SHA256:abc", 1_800_000_000, "2")
    write = tell(row)
    assert (write.item_id, write.expected) == (f"boot#{arn}", ())
    assert boot(as_item(write.item_id, dict(write.changes))) == row
    assert row.instance_id == "i-1"
    assert boot({"Id": f"boot#{arn}", "Stage": "found", "Reason": ""}).reason == ""


def test_an_approval_is_read_as_a_person_types_it() -> None:
    item = {"Id": "approval#restore", "Epoch": 3, "InstanceIds": "i-1, i-2,", "Who": "somebody"}
    given = approval(item)
    assert given.covers(3, ["i-2", "i-1"])
    assert not given.covers(4, ["i-1", "i-2"])
    with pytest.raises(Malformed, match="Who is '', allowed: text"):
        approval({**item, "Who": ""})

"""The observation item, there and back."""

from __future__ import annotations

import pytest

from coordination.fields import Malformed
from coordination.observed_state import ClusterObservation, SeenMember, cluster_observation

FULL = ClusterObservation(
    observed_at=1_800_000_000,
    by="i-1",
    epoch=2,
    etcd_cluster_id="abc",
    leader="10",
    members=(SeenMember("10", "i-1", False, ""), SeenMember("20", "", True, "it has never started")),
    size_bytes=1000,
    nodes=5,
    nodes_ready=4,
    certificate_days=-1,
)
BARE = ClusterObservation(observed_at=1_800_000_000, by="i-1", epoch=2)


@pytest.mark.parametrize("observation", [FULL, BARE])
def test_what_is_stored_is_what_is_read(observation: ClusterObservation) -> None:
    assert cluster_observation(observation.item()) == observation


def test_what_was_not_seen_is_no_field() -> None:
    assert BARE.item() == {"Id": "observation", "ObservedAt": 1_800_000_000, "By": "i-1", "Epoch": 2}


@pytest.mark.parametrize("members", ["{", "[1]", '[{"name": "x"}]', ""])
def test_members_that_cannot_be_understood_are_refused(members: str) -> None:
    with pytest.raises(Malformed, match="Members"):
        cluster_observation({**BARE.item(), "Members": members})

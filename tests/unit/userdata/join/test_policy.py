"""When the join data is renewed: each line of the table is a sentence."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from coordination.record import ClusterRecord, Phase
from userdata.join.data import JoinData
from userdata.join.policy import Keep, OwnCluster, Renew, needed
from userdata.join.tokens import expiry, secret
from userdata.kubeadm.tokens import new_token

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RECORD = ClusterRecord("stack", Phase.READY, epoch=3, etcd_cluster_id="e1")
HERE = OwnCluster("e1", "https://api.holdfast.internal:6443", "bundle")
STORED = JoinData(3, "e1", HERE.server, HERE.bundle, new_token())
GOOD = NOW + timedelta(hours=13)


def test_good_data_is_kept() -> None:
    assert needed(RECORD, HERE, STORED, GOOD, NOW, DAY) == Keep("the token is good")


@pytest.mark.parametrize(
    ("stored", "ends", "said"),
    [
        (None, None, "no join data"),
        (STORED, None, "does not know the token"),
        (STORED, NOW + timedelta(hours=11), "less than half"),
        (STORED, NOW - DAY, "less than half"),
        (replace(STORED, epoch=2), GOOD, "of epoch 2"),
        (replace(STORED, etcd_cluster_id="e0"), GOOD, "of epoch 3"),
        (replace(STORED, bundle="old"), GOOD, "CA has changed"),
        (replace(STORED, server="https://other:6443"), GOOD, "name or the cluster's CA"),
    ],
)
def test_what_is_old_or_leads_elsewhere_is_renewed(stored: JoinData | None, ends: datetime | None, said: str) -> None:
    renewed = needed(RECORD, HERE, stored, ends, NOW, DAY)
    assert isinstance(renewed, Renew)
    assert said in renewed.reason


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.READY])
def test_nothing_is_published_while_the_cluster_is_not_ready(phase: Phase) -> None:
    assert isinstance(needed(replace(RECORD, phase=phase), HERE, None, None, NOW, DAY), Keep)


def test_a_node_that_the_cluster_was_restored_without_publishes_nothing() -> None:
    assert isinstance(needed(RECORD, replace(HERE, etcd_cluster_id="e0"), None, None, NOW, DAY), Keep)


def test_a_token_ends_when_its_secret_says_so() -> None:
    token = new_token()
    made = as_stored(secret(token, GOOD))
    assert expiry(made, token) == GOOD


def test_a_secret_of_another_token_or_of_no_use_to_workers_counts_for_nothing() -> None:
    token = new_token()
    made = as_stored(secret(token, GOOD))
    assert expiry(made, replace(token, secret="0123456789abcdef")) is None
    assert expiry({"data": None}, token) is None
    for field in ("usage-bootstrap-authentication", "auth-extra-groups", "expiration"):
        lacking = {name: value for name, value in made["data"].items() if name != field}
        assert expiry({"data": lacking}, token) is None
    assert expiry({"data": {**made["data"], "expiration": "?"}}, token) is None


def as_stored(secret: object) -> dict[str, dict[str, str]]:
    """As the API server gives it back: texts have become base64."""
    assert isinstance(secret, dict)
    return {"data": {name: base64.b64encode(text.encode()).decode() for name, text in secret["stringData"].items()}}

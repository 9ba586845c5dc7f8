"""The join token is kept good: in a real API server, and in the local SSM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coordination.names import CLUSTER_ITEM
from coordination.outcomes import Done, Known, Unknown
from coordination.record import ClusterRecord, Phase
from rehearsal.aws.server import LocalAws
from tests.integration.node.api_server import ApiServer
from tests.integration.node.etcd_cluster import EtcdCluster
from tests.integration.node.kube import Cloud, Kube
from tests.waiting import wait_for
from userdata.join import tokens
from userdata.join.data import JoinData
from userdata.join.policy import OwnCluster
from userdata.join.store import JoinStore
from userdata.join.tokens import JoinTokens
from userdata.kube import rights
from userdata.kube.client import Api
from userdata.kube.resources import SECRETS, SYSTEM
from userdata.kubeadm.cluster import Cluster
from userdata.kubeadm.tokens import BootstrapToken
from userdata.logs.lines import StageFailed

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """An API server on which the agents have their rights."""
    cluster = Cluster("holdfast", "", "api.holdfast.internal", "100.64.0.0/16", "172.20.0.0/16", "uuid-1", 20)
    etcd = EtcdCluster(tmp_path_factory.mktemp("etcd"))
    server = ApiServer(tmp_path_factory.mktemp("control-plane"), etcd, cluster)
    try:
        etcd.found(["m1"])
        server.start()
        made = Kube(server)
        wait_for(lambda: rights.install(made.master) == Done(), "the agents' rights")
        yield made
    finally:
        server.stop()
        etcd.stop()


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    running = LocalAws().start()
    yield running
    running.stop()


class Renewing:
    """An agent whose clock and record a test sets."""

    def __init__(self, kube: Kube, aws: LocalAws, prefix: str) -> None:
        self.cloud = Cloud()
        self.now = NOW
        self.kube = kube
        key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        self.store = JoinStore(aws.client("ssm"), prefix, key)
        self.here = OwnCluster("e1", "https://api.holdfast.internal:6443", kube.server.pki.cluster.bundle)
        self.record(ClusterRecord("stack", Phase.READY, epoch=1, etcd_cluster_id="e1"))

    def record(self, record: ClusterRecord) -> None:
        """Let the table hold this record."""
        self.cloud.rows[CLUSTER_ITEM] = record.item()

    def tokens(self) -> JoinTokens:
        """The task's object."""
        return JoinTokens(self.kube.agent, self.cloud, self.store, lambda: Known(self.here), now=lambda: self.now)

    def published(self) -> JoinData:
        """What workers read."""
        read = self.store.read()
        assert isinstance(read, Known)
        assert read.value is not None
        return read.value

    def stored(self, token: BootstrapToken) -> Any:
        """The token's Secret."""
        answer = self.kube.master.get(SECRETS, f"bootstrap-token-{token.token_id}", SYSTEM)
        assert isinstance(answer, Known), answer
        return answer.value


@pytest.fixture
def renewing(kube: Kube, aws: LocalAws, request: pytest.FixtureRequest) -> Renewing:
    return Renewing(kube, aws, f"/holdfast/{request.node.name}")


def test_the_first_run_publishes_a_token_that_the_cluster_knows_and_the_next_one_keeps_it(renewing: Renewing) -> None:
    said = renewing.tokens().run()
    data = renewing.published()
    assert said.endswith("there is no join data")
    assert data.token.token_id in said
    assert data.token.secret not in said
    assert data.is_of(1, "e1")
    assert renewing.stored(data.token)["type"] == "bootstrap.kubernetes.io/token"
    assert renewing.tokens().run() == ""
    assert renewing.published() == data


def test_a_token_is_renewed_after_half_of_its_life_and_the_old_one_left_to_those_who_join_by_it(
    renewing: Renewing,
) -> None:
    renewing.tokens().run()
    old = renewing.published().token
    renewing.now = NOW + DAY / 2 - timedelta(minutes=1)
    assert renewing.tokens().run() == ""
    renewing.now = NOW + DAY / 2 + timedelta(minutes=1)
    assert "less than half" in renewing.tokens().run()
    new = renewing.published().token
    assert new != old
    assert tokens.expiry(renewing.stored(old), old) == (NOW + DAY).replace(microsecond=0)
    assert tokens.expiry(renewing.stored(new), new) == (renewing.now + DAY).replace(microsecond=0)


def test_a_token_that_the_cluster_has_lost_is_replaced(renewing: Renewing) -> None:
    renewing.tokens().run()
    old = renewing.published().token
    assert renewing.kube.master.delete(SECRETS, f"bootstrap-token-{old.token_id}", SYSTEM) == Done()
    assert "does not know the token" in renewing.tokens().run()
    assert renewing.published().token != old


def test_after_a_restore_the_data_leads_into_the_new_cluster(renewing: Renewing) -> None:
    renewing.tokens().run()
    renewing.record(ClusterRecord("stack", Phase.READY, epoch=2, etcd_cluster_id="e2"))
    # Who is left from before keeps quiet.
    assert renewing.tokens().run() == ""
    assert renewing.published().is_of(1, "e1")
    renewing.here = replace(renewing.here, etcd_cluster_id="e2")
    assert "of epoch 1" in renewing.tokens().run()
    assert renewing.published().is_of(2, "e2")


def test_without_a_record_nothing_is_published_and_it_is_said(renewing: Renewing) -> None:
    renewing.cloud.rows.clear()
    with pytest.raises(StageFailed, match="no record"):
        renewing.tokens().run()
    assert renewing.store.read() == Known(None)


def test_an_api_server_that_does_not_answer_leaves_the_data_alone(renewing: Renewing) -> None:
    renewing.tokens().run()
    data = renewing.published()
    nobody = replace(renewing.tokens(), api=Api(renewing.kube.server.address, renewing.kube.access.agent, port=6444))
    with pytest.raises(StageFailed, match="get secrets"):
        nobody.run()
    assert renewing.published() == data


def test_data_that_no_parameter_can_hold_makes_no_token(renewing: Renewing) -> None:
    renewing.here = replace(renewing.here, bundle=renewing.here.bundle * 8)
    before = tokens_in(renewing.kube)
    with pytest.raises(StageFailed, match="allowed: 4096"):
        renewing.tokens().run()
    assert tokens_in(renewing.kube) == before


def tokens_in(kube: Kube) -> int:
    listed = kube.master.list(SECRETS, SYSTEM)
    assert isinstance(listed, Known)
    return len(listed.value)


def test_who_does_not_know_what_stands_behind_it_publishes_nothing(renewing: Renewing) -> None:
    lost = replace(renewing.tokens(), here=lambda: Unknown("status at 10.0.0.5: TimeoutError"))
    with pytest.raises(StageFailed, match="TimeoutError"):
        lost.run()
    assert renewing.store.read() == Known(None)

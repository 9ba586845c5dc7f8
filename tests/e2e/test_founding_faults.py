"""The founder is lost, or hangs, at each stage of founding: the cluster is founded exactly once in the end.

All stages are gone through in one cluster, one after the other, because what a founder leaves behind is the table, its
keys and its instance's end, and the next epoch has to cope with what all epochs before it have left. Once an epoch was
ready its founder is alone with it: the joiners are held before their gate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import pytest

from coordination.names import release_grant_item
from coordination.outcomes import Known
from coordination.record import Phase
from tests.e2e.harness import ClusterHarness, Seen, running

UNREADY = ("clean", "make-keys", "store-keys", "point-at-keys", "configure", "kubeadm-init", "identify", "ready")
"""Whoever is lost here has not founded anything."""
READY = ("marker", "serve", "rights", "publish-join-data", "launch-hook")
SERVING = ("signal", "add-ons", "start-agent")
"""The launch hook was answered: an instance that hangs from here on is ended by its group, when EC2's check fails."""
RESTORING = ("clean", "read-keys", "configure", "kubeadm-init", "identify", "ready")
"""What an epoch goes through that is founded with the keys of the one before."""

SHORT = {
    "pace": {"heartbeat": 5, "look": 1},
    "leases": {"lease": 6, "renew": 1.5},
}
HOOK_SECONDS = 30
STAGE_SECONDS = 180.0
"""A boot and a `kubeadm init`, on a busy machine."""
TAKEN_SECONDS = 180.0
"""A launch hook that ends, a shutdown, a lease, a look, and a new instance's boot."""
NOTICED_SECONDS = 150.0
"""EC2's status check, and how long the local Auto Scaling lets it fail."""
HEALTHY_SECONDS = 420.0


@pytest.fixture(scope="class")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster without workers, in which the next founder is held at its first stage."""
    parameters = {"GeneralMinSize": "0", **request.cls.parameters}
    with running(tmp_path_factory.mktemp("founding"), node_settings=SHORT, parameters=parameters) as cluster:
        cluster.holding.found = UNREADY[:1]
        cluster.holding.join = ("gate",)
        yield cluster


class TestLost:
    """Its power fails, and EC2 says so."""

    parameters: ClassVar[Mapping[str, str]] = {}

    @pytest.mark.parametrize("stage", UNREADY)
    def test_before_it_is_ready_it_is_followed_by_the_next_epoch(self, cluster: ClusterHarness, stage: str) -> None:
        followed(cluster, "lose", stage, Phase.CLAIMED)

    @pytest.mark.parametrize("stage", [*READY, *SERVING])
    def test_alone_with_a_ready_cluster_it_is_followed_by_an_empty_one(
        self, cluster: ClusterHarness, stage: str
    ) -> None:
        founder, before = held(cluster, stage)
        assert phase(before) is Phase.READY
        broken(cluster, "lose", founder, stage)
        emptied(cluster, before)

    @pytest.mark.parametrize("stage", RESTORING)
    def test_while_it_restores_it_is_followed_by_one_that_restores_the_same(
        self, cluster: ClusterHarness, stage: str
    ) -> None:
        followed(cluster, "lose", stage, Phase.RESTORING)

    def test_in_the_end_there_is_one_cluster_of_the_last_epoch(self, cluster: ClusterHarness) -> None:
        one_cluster(cluster)


class TestHung:
    """Nothing on it runs any more, and EC2 still calls it running: its launch hook ends it, or else its group."""

    parameters: ClassVar[Mapping[str, str]] = {"LaunchHookHeartbeatSeconds": str(HOOK_SECONDS)}

    @pytest.mark.parametrize("stage", UNREADY)
    def test_before_it_is_ready_it_is_followed_by_the_next_epoch(self, cluster: ClusterHarness, stage: str) -> None:
        followed(cluster, "hang", stage, Phase.CLAIMED)

    @pytest.mark.parametrize("stage", [*READY, *SERVING])
    def test_alone_with_a_ready_cluster_it_is_let_go_and_followed_by_an_empty_one(
        self, cluster: ClusterHarness, stage: str
    ) -> None:
        """It is a member, and its terminating hook holds it, until the one that was launched for it finds it silent."""
        founder, before = held(cluster, stage)
        assert phase(before) is Phase.READY
        broken(cluster, "hang", founder, stage)
        emptied(cluster, before, NOTICED_SECONDS + TAKEN_SECONDS)
        assert cluster.look().state(founder) == "terminated"
        grant = cluster.table.get(release_grant_item(founder))
        assert isinstance(grant, Known)
        assert grant.value is not None

    # It is ended in the same way as before it was ready, so one stage shows that it is followed, too.
    def test_while_it_restores_it_is_followed_by_one_that_restores_the_same(self, cluster: ClusterHarness) -> None:
        followed(cluster, "hang", "kubeadm-init", Phase.RESTORING)

    def test_in_the_end_there_is_one_cluster_of_the_last_epoch(self, cluster: ClusterHarness) -> None:
        one_cluster(cluster)


def followed(cluster: ClusterHarness, verb: str, stage: str, wanted: Phase) -> None:
    """Break a founder that is not ready, and see that another one claims the next epoch in the same phase."""
    founder, before = held(cluster, stage)
    assert phase(before) is wanted
    broken(cluster, verb, founder, stage)
    after = cluster.until(lambda seen: taken(seen, before), "nobody claims the next epoch", TAKEN_SECONDS)
    assert after.record is not None
    assert before.record is not None
    assert (after.record.phase, after.record.epoch) == (wanted, before.record.epoch + 1)
    assert (after.record.pki_epoch, after.record.restore_from) == (before.record.pki_epoch, before.record.restore_from)
    assert after.members == before.members
    assert after.state(founder) == "terminated"


def emptied(cluster: ClusterHarness, before: Seen, seconds: float = TAKEN_SECONDS) -> None:
    """See that the next epoch is claimed to be founded anew with the same keys."""
    after = cluster.until(lambda seen: taken(seen, before), "nobody claims the next epoch", seconds)
    assert after.record is not None
    assert before.record is not None
    assert (after.record.phase, after.record.restore_from) == (Phase.RESTORING, "nothing")
    assert after.record.epoch == before.record.epoch + 1
    assert after.record.pki_epoch == before.record.pki_epoch


def one_cluster(cluster: ClusterHarness) -> None:
    """Hold nobody any more, and see one healthy cluster of the epoch that was claimed last."""
    before = cluster.look()
    cluster.holding.found = ()
    cluster.holding.join = ()
    after = cluster.healthy(HEALTHY_SECONDS)
    assert after.record is not None
    assert before.record is not None
    assert (after.record.epoch, after.record.pki_epoch) == (before.record.epoch, before.record.pki_epoch)


def phase(seen: Seen) -> Phase | None:
    """The record's phase."""
    return seen.record.phase if seen.record else None


def held(cluster: ClusterHarness, stage: str) -> tuple[str, Seen]:
    """Let whoever founds go on to a stage, where it is held; its instance, and what was seen then."""
    cluster.holding.found = (stage,)

    def there(seen: Seen) -> tuple[str, Seen] | None:
        owner = seen.record.owner if seen.record else ""
        return (owner, seen) if owner in seen.running and seen.stage(owner) == stage else None

    return cluster.until(there, f"no founder comes to {stage}", STAGE_SECONDS)


def broken(cluster: ClusterHarness, verb: str, founder: str, stage: str) -> None:
    """Break the founder where it is held. Whoever founds next is held at its first stage."""
    cluster.holding.found = (stage, UNREADY[0])
    cluster.look()
    cluster.act(verb, founder)


def taken(seen: Seen, before: Seen) -> Seen | None:
    """Whether another instance owns a later epoch."""
    assert before.record is not None
    record = seen.record
    assert record is not None
    return seen if record.epoch > before.record.epoch and record.owner != before.record.owner else None

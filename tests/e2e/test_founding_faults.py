"""The founder is lost, or hangs, at each stage of founding: the cluster is founded exactly once in the end.

All stages are gone through in one cluster, one after the other, because what a founder leaves behind is the table, its
keys and its instance's end, and the next epoch has to cope with what all epochs before it have left. Once an epoch was
ready its founder is alone with it: the joiners are held before their gate.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coordination.record import Phase
from tests.e2e.bed import Bed, Seen, running

UNREADY = ("clean", "make-keys", "store-keys", "point-at-keys", "configure", "kubeadm-init", "identify", "ready")
"""Whoever is lost here has not founded anything."""
READY = ("marker", "serve", "rights", "publish-join-data", "launch-hook")
SERVING = ("signal", "add-ons", "start-agent")
"""The launch hook was answered: nothing ends an instance that hangs from here on."""
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
HEALTHY_SECONDS = 420.0


@pytest.fixture(scope="module", params=["lose", "hang"])
def verb(request: pytest.FixtureRequest) -> str:
    """What is done to the founder."""
    return str(request.param)


@pytest.fixture(scope="module")
def bed(verb: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A cluster without workers, in which the next founder is held at its first stage."""
    parameters = {"GeneralMinSize": "0"}
    if verb == "hang":
        parameters["LaunchHookHeartbeatSeconds"] = str(HOOK_SECONDS)
    folder = tmp_path_factory.mktemp(verb)
    with running(folder, node_settings=SHORT, parameters=parameters) as bed:
        bed.holding.found = UNREADY[:1]
        bed.holding.join = ("gate",)
        yield bed


@pytest.mark.parametrize("stage", UNREADY)
def test_a_founder_that_ends_before_it_is_ready_is_followed_by_the_next_epoch(bed: Bed, verb: str, stage: str) -> None:
    founder, before = held(bed, stage)
    assert before.record is not None
    assert before.record.phase is Phase.CLAIMED
    broken(bed, verb, founder, stage)
    after = bed.until(lambda seen: taken(seen, before), "nobody claims the next epoch", TAKEN_SECONDS)
    assert after.record is not None
    assert (after.record.phase, after.record.epoch) == (Phase.CLAIMED, before.record.epoch + 1)
    assert after.record.pki_epoch == before.record.pki_epoch
    assert after.state(founder) == "terminated"
    assert not after.members


@pytest.mark.parametrize("stage", [*READY, *SERVING])
def test_a_founder_that_ends_alone_with_a_ready_cluster_is_followed_by_an_empty_one(
    bed: Bed, verb: str, stage: str
) -> None:
    founder, before = held(bed, stage)
    assert before.record is not None
    assert before.record.phase is Phase.READY
    broken(bed, verb, founder, stage)
    if verb == "hang":
        # Its data may be the only one there is, and nobody can tell that it will not come back: a person ends it.
        blocked = bed.until(lambda seen: blocking(seen, founder), "nobody says what is in the way", TAKEN_SECONDS)
        assert blocked.record == before.record or unchanged(blocked, before)
        bed.act("terminate", founder)
    after = bed.until(lambda seen: taken(seen, before), "nobody claims the next epoch", TAKEN_SECONDS)
    assert after.record is not None
    assert (after.record.phase, after.record.restore_from) == (Phase.RESTORING, "nothing")
    assert after.record.epoch == before.record.epoch + 1
    assert after.record.pki_epoch == before.record.pki_epoch


@pytest.mark.parametrize("stage", RESTORING)
def test_a_restoring_founder_that_ends_is_followed_by_one_that_restores_the_same(
    bed: Bed, verb: str, stage: str
) -> None:
    founder, before = held(bed, stage)
    assert before.record is not None
    assert before.record.phase is Phase.RESTORING
    broken(bed, verb, founder, stage)
    after = bed.until(lambda seen: taken(seen, before), "nobody claims the next epoch", TAKEN_SECONDS)
    assert after.record is not None
    assert (after.record.phase, after.record.restore_from) == (Phase.RESTORING, "nothing")
    assert after.record.epoch == before.record.epoch + 1
    assert after.record.pki_epoch == before.record.pki_epoch
    assert after.state(founder) == "terminated"


def test_in_the_end_there_is_one_cluster_of_the_last_epoch(bed: Bed) -> None:
    before = bed.look()
    assert before.record is not None
    bed.holding.found = ()
    bed.holding.join = ()
    after = bed.healthy(HEALTHY_SECONDS)
    assert after.record is not None
    assert after.record.epoch == before.record.epoch
    assert after.record.pki_epoch == before.record.pki_epoch


def held(bed: Bed, stage: str) -> tuple[str, Seen]:
    """Let whoever founds go on to a stage, where it is held; its instance, and what was seen then."""
    bed.holding.found = (stage,)

    def there(seen: Seen) -> tuple[str, Seen] | None:
        owner = seen.record.owner if seen.record else ""
        return (owner, seen) if owner in seen.running and seen.stage(owner) == stage else None

    return bed.until(there, f"no founder comes to {stage}", STAGE_SECONDS)


def broken(bed: Bed, verb: str, founder: str, stage: str) -> None:
    """Break the founder where it is held. Whoever founds next is held at its first stage."""
    bed.holding.found = (stage, UNREADY[0])
    bed.look()
    bed.act(verb, founder)


def taken(seen: Seen, before: Seen) -> Seen | None:
    """Whether another instance owns a later epoch."""
    assert before.record is not None
    record = seen.record
    assert record is not None
    return seen if record.epoch > before.record.epoch and record.owner != before.record.owner else None


def blocking(seen: Seen, instance_id: str) -> Seen | None:
    """Whether the condition names the instance that is in the way of a restore."""
    told = seen.conditions.get("RestoreBlocked")
    return seen if told is not None and instance_id in told.reason else None


def unchanged(seen: Seen, before: Seen) -> bool:
    """Whether the record is of the same epoch and phase as before."""
    assert seen.record is not None
    assert before.record is not None
    return (seen.record.epoch, seen.record.phase) == (before.record.epoch, before.record.phase)

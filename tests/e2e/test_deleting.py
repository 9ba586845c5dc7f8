"""A cluster is deleted in each phase of its life: nothing is left of it but what is documented as kept, and its name is
free again. All clusters here have the same name, in one local cloud, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coordination.names import TEARDOWN_ITEM
from coordination.operations import OperationState
from coordination.outcomes import Known
from coordination.record import Phase
from functions.reconcile.deletion import no_deletion
from rehearsal.local.steps import STACK
from tests.e2e.deleting import Deletions, tells_what_stays
from tests.e2e.forging import foreign_address, forge
from tests.e2e.harness import LOOK_SECONDS, ClusterHarness, Seen, prepared
from tests.e2e.holding_node import FIRST_STAGE
from tests.e2e.replacing import HEALTHY_SECONDS, SHORT, leader_and_followers, terminate
from tests.e2e.updating import UPDATE_SECONDS, fail_newcomer, newcomer, status, update
from tests.waiting import wait_for

NO_WORKERS = {"GeneralMinSize": "0"}
PAUSE = "PT5M"
STAGE_SECONDS = 180.0
PAUSED_SECONDS = 900.0
"""Longer than any deletion here."""
NOBODYS = "https://127.0.0.1:9/"
"""An address at which nobody listens (the discard port)."""
SERVES = "curl --silent --insecure --output /dev/null --max-time 5 https://127.0.0.1:6443/livez"
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deletions]:
    """A local cloud in which nothing was created yet."""
    folder = tmp_path_factory.mktemp("deleting")
    with prepared(folder, node_settings=SHORT, parameters=NO_WORKERS, pause=PAUSE) as found:
        yield Deletions(found)


@pytest.fixture
def deletions(cloud: Deletions) -> Iterator[Deletions]:
    """The same, in which no cluster is."""
    yield cloud
    cloud.end()


def whole(deletions: Deletions, **parameters: str) -> ClusterHarness:
    """A healthy cluster whose stack is complete."""
    cluster = deletions.create(**parameters)
    cluster.healthy(HEALTHY_SECONDS)
    cluster.until(lambda _: status(cluster) == "CREATE_COMPLETE", "the stack is not complete", HEALTHY_SECONDS)
    return cluster


def begun_update(cluster: ClusterHarness, *flags: str) -> str:
    """Begin an update to another image; the new instance of its first slot."""
    before = cluster.look()
    update(cluster, *flags, ControlPlaneImage=cluster.rehearsal.control.register_image(settings=SHORT))
    return newcomer(cluster, before, 0)


# in a creation


def test_before_anything_is_founded(deletions: Deletions) -> None:
    cluster = deletions.create()
    cluster.holding.resume = (FIRST_STAGE,)

    def boots(seen: Seen) -> Seen | None:
        return seen if [seen.stage(each) for each in seen.control_planes] == [FIRST_STAGE] * cluster.slots else None

    seen = cluster.until(boots, "three control planes do not boot", STAGE_SECONDS)
    assert (seen.record, status(cluster)) == (None, "CREATE_IN_PROGRESS")
    assert tells_what_stays(deletions.make_delete())


def test_while_it_is_founded(deletions: Deletions) -> None:
    cluster = deletions.create()
    cluster.holding.found = ("identify",)

    def founds(seen: Seen) -> Seen | None:
        return seen if "identify" in {seen.stage(each) for each in seen.control_planes} else None

    seen = cluster.until(founds, "nobody founds", STAGE_SECONDS)
    assert seen.record is not None
    assert seen.record.phase is Phase.CLAIMED
    deletions.aws_delete()


def test_a_creation_that_fails_rolls_back_by_itself_and_what_is_left_goes_with_make_delete(
    deletions: Deletions,
) -> None:
    cluster, local = deletions.create(), deletions.rehearsal.local
    cluster.holding.join = ("gate",)

    def is_ready(seen: Seen) -> Seen | None:
        return seen if seen.record is not None and seen.record.phase is Phase.READY else None

    seen = cluster.until(is_ready, "nobody founds", STAGE_SECONDS)
    stack = local.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId="Controlplane")
    local.aws(
        *("cloudformation", "signal-resource", "--stack-name", stack["StackResourceDetail"]["PhysicalResourceId"]),
        *("--logical-resource-id", "ClusterReady", "--unique-id", min(seen.control_planes), "--status", "FAILURE"),
    )
    # The table goes, too, so that there is nothing to look at; and `wait stack-rollback-complete` is for updates alone.
    wait_for(lambda: not status(cluster).endswith("_IN_PROGRESS"), "the rollback ends", STAGE_SECONDS, LOOK_SECONDS)
    assert status(cluster) == "ROLLBACK_COMPLETE"
    # Secrets that the founder wrote, which no stack knows of; the key that goes by itself in thirty days; and the name.
    (key,), parameters = local.present("key"), local.present("parameter")
    assert parameters
    deletions.check_left(parameters | {key, STACK})
    assert local.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    done = local.command("delete", "--stack", STACK, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    deletions.check_left(parameters | {key})
    kept = [line.split()[0] for line in done.stdout.splitlines() if " costs " in line]
    assert kept == ["parameters"]


# of a cluster


def test_a_cluster_in_use_after_forged_requests_that_changed_nothing(deletions: Deletions) -> None:
    cluster = whole(deletions, GeneralMinSize="1")
    before = cluster.look()
    assert before.record is not None
    cluster_id = before.record.cluster_id
    with foreign_address() as (url, received):
        forge(cluster, cluster_id, url)
        forge(cluster, cluster_id, url, StackId=f"{cluster_id[:-4]}ffff")
        forge(cluster, cluster_id, NOBODYS)
    assert [each["Reason"].partition(";")[0] for each in received] == [
        no_deletion("CREATE_COMPLETE"),
        f"this function belongs to {cluster_id}",
    ]
    after = cluster.healthy(HEALTHY_SECONDS)
    assert (after.record, after.members, after.control_planes) == (before.record, before.members, before.control_planes)
    assert {row.lifecycle_state for row in after.rows if row.instance_id in after.running} == {"InService"}
    assert cluster.table.get(TEARDOWN_ITEM) == Known(None)
    assert tells_what_stays(deletions.make_delete())


def test_in_the_middle_of_a_replacement(deletions: Deletions) -> None:
    cluster = whole(deletions)
    _, (leaving, _) = leader_and_followers(cluster, cluster.look())
    cluster.holding.agent = {"accept": PAUSED_SECONDS}
    cluster.look()
    terminate(cluster, leaving)

    def stands(seen: Seen) -> bool:
        accepted = seen.operation is not None and seen.operation.state is OperationState.ACCEPTED
        return accepted and seen.lifecycle_state(leaving) == "Terminating:Wait"

    cluster.until(stands, "no operation stands", HEALTHY_SECONDS)
    deletions.aws_delete()


def test_without_any_api_server(deletions: Deletions) -> None:
    cluster = whole(deletions, GeneralMinSize="1")
    for name in cluster.look().control_planes:
        done = cluster.shell(name, f"mv {MANIFEST} /root/ && while {SERVES}; do sleep 0.5; done", STAGE_SECONDS)
        assert done.returncode == 0, done.stderr
    deletions.make_delete()


def test_without_a_quorum(deletions: Deletions) -> None:
    cluster = whole(deletions)
    alone, *lost = sorted(cluster.look().control_planes)
    for name in lost:
        cluster.act("lose", name)
    cluster.until(lambda seen: "QuorumLost" in seen.conditions, "nobody names the lost quorum", HEALTHY_SECONDS)
    assert alone in cluster.look().control_planes
    deletions.aws_delete()


# in an update


def test_an_update_is_in_the_way_and_the_line_that_says_so_ends_it_and_the_cluster(deletions: Deletions) -> None:
    cluster = whole(deletions)
    begun_update(cluster)
    line = deletions.refused()
    assert line.startswith(f"{STACK} is UPDATE_IN_PROGRESS"), line
    assert tells_what_stays(deletions.pasted(line.partition("type first: ")[2], cluster))


def test_of_an_update_that_stopped_in_a_failure(deletions: Deletions) -> None:
    cluster = whole(deletions)
    fail_newcomer(cluster, 0, begun_update(cluster, "--disable-rollback"))
    cluster.until(lambda _: status(cluster) == "UPDATE_FAILED", "the update does not stop", UPDATE_SECONDS)
    deletions.make_delete()


def test_of_an_update_whose_rollback_failed(deletions: Deletions) -> None:
    cluster = whole(deletions)
    before = cluster.look()
    begun_update(cluster)
    second = newcomer(cluster, before, 1)
    halfway = cluster.look()
    fail_newcomer(cluster, 1, second)
    cluster.until(lambda _: status(cluster) == "UPDATE_ROLLBACK_IN_PROGRESS", "no rollback begins", UPDATE_SECONDS)
    assert deletions.refused().startswith(f"{STACK} is UPDATE_ROLLBACK_IN_PROGRESS")
    fail_newcomer(cluster, 0, newcomer(cluster, halfway, 0))
    cluster.until(lambda _: status(cluster) == "UPDATE_ROLLBACK_FAILED", "the rollback does not fail", UPDATE_SECONDS)
    deletions.aws_delete()

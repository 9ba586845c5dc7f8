"""A joiner is lost, hangs, or is rebooted at each stage of joining: the cluster heals, or says who is in the way."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import ClassVar

import pytest

from coordination.members import MemberState
from coordination.record import Phase
from tests.e2e.harness import ClusterHarness, Json, Seen, etcdctl, running

NO_MEMBER = ("read-keys", "gate", "clean", "configure", "joining-row", "check-gate", "kubeadm-join")
"""Held at the beginning of these, a joiner is in nobody's list yet."""
VOTER = ("voter-row", "marker", "serve", "rights", "launch-hook", "signal", "start-agent")
"""etcd lists a voter from here on."""

SHORT = {
    "pace": {"heartbeat": 5, "look": 1},
    "leases": {"lease": 6, "renew": 1.5},
}
HOOK_SECONDS = 30
STAGE_SECONDS = 240.0
"""A boot and a `kubeadm join`, on a busy machine."""
HEALTHY_SECONDS = 420.0


@pytest.fixture(scope="class")
def new(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterHarness]:
    """A cluster whose joiners are held at their first stage."""
    parameters = {"GeneralMinSize": "0", **request.cls.parameters}
    with running(tmp_path_factory.mktemp("joining"), node_settings=SHORT, parameters=parameters) as cluster:
        cluster.holding.join = NO_MEMBER[:1]
        yield cluster


@pytest.fixture(scope="class")
def cluster(new: ClusterHarness) -> ClusterHarness:
    """A cluster of a founder and one that has joined; the third is held at its first stage."""
    let_one_join(new)
    return new


class TestLost:
    """The joiner's power fails; its slot gets a new instance."""

    parameters: ClassVar[Mapping[str, str]] = {}

    @pytest.mark.parametrize("stage", NO_MEMBER)
    def test_without_a_member_left_behind_the_replacement_joins(self, cluster: ClusterHarness, stage: str) -> None:
        joiner, before = held(cluster, stage)
        members = cluster.etcd(founder(before))["members"]
        assert len(members) == 2
        cluster.act("lose", joiner)
        newcomer = cluster.until(
            lambda seen: replacement(seen, joiner), "no replacement comes to joining", STAGE_SECONDS
        )
        after = cluster.look()
        assert cluster.etcd(founder(after))["members"] == members
        assert unchanged(after, before)
        assert newcomer != joiner

    def test_in_the_middle_of_kubeadm_the_learner_is_in_nobodys_way(self, cluster: ClusterHarness) -> None:
        """It counts for no quorum. An agent removes it, or a replacement with its address, as it would its own."""
        joiner, before = held(cluster, "kubeadm-join")
        cluster.holding.join = ("clean",)
        wait_for_learner(cluster, founder(before))
        cluster.act("lose", joiner)
        newcomer = cluster.until(lambda seen: telling(seen, "", "clean"), "the gate does not open", STAGE_SECONDS)
        after = cluster.look()
        assert unchanged(after, before)
        assert after.place(newcomer) == before.place(joiner)
        assert after.members[joiner].address == address(cluster, newcomer)
        assert len(cluster.etcd(founder(after))["members"]) == 2

    @pytest.mark.parametrize("stage", VOTER)
    def test_the_member_left_behind_is_removed_and_the_replacement_joins(
        self, cluster: ClusterHarness, stage: str
    ) -> None:
        joiner, before = held(cluster, stage)
        assert joiner in voters(cluster, founder(before))
        cluster.act("lose", joiner)
        cluster.holding.join = ("clean",)
        newcomer = cluster.until(lambda seen: telling(seen, "", "clean"), "the gate does not open", STAGE_SECONDS)
        after = cluster.look()
        assert unchanged(after, before)
        assert after.place(newcomer) == before.place(joiner)
        forgotten(cluster, joiner)

    def test_in_the_end_all_three_are_voters_of_the_first_epoch(self, cluster: ClusterHarness) -> None:
        cluster.holding.join = ()
        after = healed(cluster)
        assert after.record is not None
        assert (after.record.phase, after.record.epoch) == (Phase.READY, 1)


class TestHung:
    """Nothing on the joiner runs any more. Its launch hook ends it, or else its group, and another one is launched."""

    parameters: ClassVar[Mapping[str, str]] = {"LaunchHookHeartbeatSeconds": str(HOOK_SECONDS)}

    @pytest.mark.parametrize("stage", NO_MEMBER)
    def test_without_a_member_left_behind_the_replacement_joins(self, cluster: ClusterHarness, stage: str) -> None:
        joiner, before = held(cluster, stage)
        members = cluster.etcd(founder(before))["members"]
        cluster.act("hang", joiner)
        cluster.until(lambda seen: successor(seen, joiner), "no replacement comes to joining", STAGE_SECONDS)
        after = cluster.look()
        assert cluster.etcd(founder(after))["members"] == members
        assert unchanged(after, before)
        forgotten(cluster, joiner)

    def test_in_the_middle_of_kubeadm_the_learner_is_removed(self, cluster: ClusterHarness) -> None:
        """It counts for no quorum, but etcd takes no second one beside it. The replacement has another address."""
        joiner, before = held(cluster, "kubeadm-join")
        cluster.holding.join = ("clean",)
        wait_for_learner(cluster, founder(before))
        cluster.act("hang", joiner)
        stray = learners(cluster, founder(before))
        assert stray, "its learner was promoted before it hung"
        newcomer = cluster.until(lambda seen: telling(seen, "", "clean"), "the gate does not open", STAGE_SECONDS)
        after = cluster.look()
        assert unchanged(after, before)
        assert after.place(newcomer) == before.place(joiner)
        assert stray[0]["ID"] not in [each["ID"] for each in cluster.etcd(founder(after))["members"]]
        forgotten(cluster, joiner)

    @pytest.mark.parametrize("stage", VOTER)
    def test_the_member_left_behind_is_removed_and_the_replacement_joins(
        self, cluster: ClusterHarness, stage: str
    ) -> None:
        joiner, before = held(cluster, stage)
        assert joiner in voters(cluster, founder(before))
        cluster.act("hang", joiner)
        cluster.holding.join = ("clean",)
        newcomer = cluster.until(lambda seen: telling(seen, "", "clean"), "the gate does not open", STAGE_SECONDS)
        after = cluster.look()
        assert unchanged(after, before)
        assert after.place(newcomer) == before.place(joiner)
        forgotten(cluster, joiner)

    def test_in_the_end_all_three_are_voters_of_the_first_epoch(self, cluster: ClusterHarness) -> None:
        cluster.holding.join = ()
        after = healed(cluster)
        assert after.record is not None
        assert (after.record.phase, after.record.epoch) == (Phase.READY, 1)


class TestRebooted:
    """The joiner is rebooted by EC2, and goes on with what it finds on its own disk."""

    parameters: ClassVar[Mapping[str, str]] = {}

    def test_as_a_member_without_a_row_it_is_one_in_the_end(self, new: ClusterHarness) -> None:
        """The other agents may have written the row in the meantime, so this is the only stage that is not repeated."""
        joiner = new.until(waiting_joiner, "nobody joins", STAGE_SECONDS)
        new.holding.own[joiner] = ("voter-row",)
        before = new.until(lambda seen: at(seen, joiner, "voter-row"), "it is never promoted", STAGE_SECONDS)
        assert voters(new, founder(before)) == {founder(before), joiner}
        started = before.boots[joiner].started_at
        new.act("reboot", joiner)
        new.until(lambda seen: again(seen, joiner, started), "it does not boot again", STAGE_SECONDS)
        new.holding.own[joiner] = ()
        after = new.until(lambda seen: at(seen, joiner, "start-agent"), "it does not come into service", STAGE_SECONDS)
        assert unchanged(after, before)
        assert after.members[joiner].state is MemberState.VOTER
        assert voters(new, founder(after)) == {founder(after), joiner}

    @pytest.mark.parametrize("stage", NO_MEMBER)
    def test_before_it_is_a_member_it_joins_anew(self, cluster: ClusterHarness, stage: str) -> None:
        joiner, before = held(cluster, stage)
        started = before.boots[joiner].started_at
        cluster.act("reboot", joiner)
        cluster.until(lambda seen: again(seen, joiner, started), "it does not boot again", STAGE_SECONDS)
        after = cluster.look()
        assert unchanged(after, before)
        assert after.control_planes == before.control_planes

    def test_in_the_middle_of_kubeadm_it_takes_its_learner_back_and_joins_anew(self, cluster: ClusterHarness) -> None:
        joiner, before = held(cluster, "kubeadm-join")
        cluster.holding.join = ("clean",)
        wait_for_learner(cluster, founder(before))
        cluster.act("reboot", joiner)
        cluster.until(lambda seen: seen.stage(joiner) == "clean", "it does not join anew", STAGE_SECONDS)
        after = cluster.look()
        assert unchanged(after, before)
        assert after.control_planes == before.control_planes
        assert not learners(cluster, founder(after))

    @pytest.mark.parametrize("stage", VOTER[1:])
    def test_as_a_member_it_goes_on(self, cluster: ClusterHarness, stage: str) -> None:
        cluster.holding.resume = (stage,)
        joiner, before = held(cluster, stage)
        listed = voters(cluster, founder(before))
        started = before.boots[joiner].started_at
        cluster.act("reboot", joiner)
        cluster.until(lambda seen: again(seen, joiner, started), "it does not boot again", STAGE_SECONDS)
        after = cluster.look()
        assert unchanged(after, before)
        assert after.control_planes == before.control_planes
        assert voters(cluster, founder(after)) == listed

    def test_in_the_end_the_same_three_are_voters_of_the_first_epoch(self, cluster: ClusterHarness) -> None:
        before = cluster.look()
        cluster.holding.join = ()
        cluster.holding.resume = ()
        after = healed(cluster)
        assert after.record is not None
        assert (after.record.phase, after.record.epoch) == (Phase.READY, 1)
        assert after.control_planes == before.control_planes


def let_one_join(cluster: ClusterHarness) -> None:
    """Let one of two joiners through, unless one is already."""
    if not cluster.holding.own:
        first = cluster.until(waiting_joiner, "nobody joins", STAGE_SECONDS)
        cluster.holding.own[first] = ()
        cluster.until(lambda seen: at(seen, first, "start-agent"), "the first does not join", STAGE_SECONDS)


def at(seen: Seen, instance_id: str, stage: str) -> Seen | None:
    """Whether an instance's boot has come to a stage."""
    return seen if seen.stage(instance_id) == stage else None


def healed(cluster: ClusterHarness) -> Seen:
    """A healthy cluster; the rows of lost instances are not what it is judged by."""
    seen = cluster.look()
    return cluster.healthy(HEALTHY_SECONDS, without=frozenset(seen.members) - seen.control_planes)


def founder(seen: Seen) -> str:
    """Who founded the cluster."""
    assert seen.record is not None
    return seen.record.owner


def voters(cluster: ClusterHarness, through: str) -> set[str]:
    """The names of etcd's voters."""
    return {each.get("name", "") for each in cluster.etcd(through)["members"] if not each.get("isLearner")}


def waiting_joiner(seen: Seen) -> str | None:
    """An instance that is held at the first stage of joining."""
    held = sorted(name for name in seen.control_planes if seen.stage(name) == NO_MEMBER[0])
    return held[0] if held and seen.record and seen.record.phase is Phase.READY else None


def joiners(cluster: ClusterHarness, seen: Seen) -> list[str]:
    """Who is neither the founder nor let through."""
    if seen.record is None:
        return []
    return sorted(seen.control_planes - cluster.holding.own.keys() - {seen.record.owner})


def held(cluster: ClusterHarness, stage: str) -> tuple[str, Seen]:
    """Let the third go on to a stage, where it is held; its instance, and what was seen then."""
    cluster.holding.join = (stage,)

    def there(seen: Seen) -> tuple[str, Seen] | None:
        for name in joiners(cluster, seen):
            if seen.stage(name) == stage:
                return name, seen
        return None

    return cluster.until(there, f"no joiner comes to {stage}", STAGE_SECONDS)


def replacement(seen: Seen, lost: str) -> str | None:
    """A new instance in the place of a lost one, once it has begun to join."""
    place = seen.place(lost)
    come = [
        row.instance_id
        for row in seen.rows
        if row.place == place and row.instance_id in seen.running and seen.stage(row.instance_id) in NO_MEMBER
    ]
    return come[0] if come and lost not in come else None


def successor(seen: Seen, hung: str) -> str | None:
    """Another instance in the place of one that leaves, once it has begun to join."""
    place = seen.place(hung)
    come = [row.instance_id for row in seen.rows if row.place == place and row.state == "running"]
    return next((name for name in come if name != hung and seen.stage(name) in NO_MEMBER), None)


def forgotten(cluster: ClusterHarness, gone: str) -> None:
    """See an instance go for good: its row, if it has one, says removed, and nothing is in flight any more."""

    def over(seen: Seen) -> bool:
        row = seen.members.get(gone)
        out = row is None or row.state is MemberState.REMOVED
        return out and seen.state(gone) in ("terminated", "unknown") and seen.operation is None

    cluster.until(over, f"{gone} is not let go", STAGE_SECONDS)


def address(cluster: ClusterHarness, instance_id: str) -> str:
    """Where an instance is."""
    (found,) = cluster.rehearsal.local.client("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"]
    return str(found["Instances"][0]["PrivateIpAddress"])


def telling(seen: Seen, reason: str, stage: str = "gate") -> str | None:
    """An instance that is at a stage of joining, and gives a reason."""
    for name in seen.control_planes:
        if seen.stage(name) == stage and reason in seen.boots[name].reason:
            return name
    return None


def learners(cluster: ClusterHarness, through: str) -> list[Json]:
    """etcd's members that are no voters."""
    return [each for each in cluster.etcd(through)["members"] if each.get("isLearner")]


def wait_for_learner(cluster: ClusterHarness, through: str) -> None:
    """Let the held joiner go on, and wait until etcd has taken it as a learner: it is one for a second or two."""
    cluster.look()
    looking = f"until {etcdctl()} member list --write-out json | grep -q isLearner; do sleep 0.05; done"
    assert cluster.shell(through, f"timeout 120 sh -c {shlex.quote(looking)}", 130).returncode == 0


def again(seen: Seen, instance_id: str, started: int | None) -> bool:
    """Whether an instance has booted since, and has come to a stage of joining or of resuming."""
    told = seen.boots[instance_id]
    return told.started_at != started and told.stage in (*NO_MEMBER, *VOTER, "start")


def unchanged(seen: Seen, before: Seen) -> bool:
    """Whether the record says the same, and no row of a member speaks of another epoch."""
    assert seen.record is not None
    assert before.record is not None
    same = (seen.record.epoch, seen.record.etcd_cluster_id) == (before.record.epoch, before.record.etcd_cluster_id)
    known = {MemberState.JOINING, MemberState.VOTER, MemberState.REMOVED}
    return same and all(row.epoch == seen.record.epoch and row.state in known for row in seen.members.values())

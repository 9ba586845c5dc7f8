"""A scenario is played on a cluster of which only the looks are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from rehearsal.cloud import folders
from rehearsal.local.processes import StepFailed
from rehearsal.scenarios import __main__ as command
from rehearsal.scenarios import play as playing
from rehearsal.scenarios.play import Play
from rehearsal.scenarios.steps import ScenarioError, parse
from rehearsal.scenarios.timeline import Episode, Look
from rehearsal.scenarios.writes import Writes, WritesLost
from tests.unit.rehearsal.scenarios.lives import look, sight

FIRST = "steps:\n- wait: whole\n"


class Cluster:
    """Three control planes. What is terminated or lost is replaced two looks later, what is frozen stays."""

    def __init__(self, *, heals: bool = True) -> None:
        self.sights = {slot: [sight(f"i-{slot}", slot)] for slot in range(3)}
        self.leader = "i-1"
        self.heals = heals
        self.done: list[tuple[str, str]] = []
        self.clock = 1000.0
        self.count = 3
        self.stored: set[int] = set()
        self.statuses: list[str] = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
        self.local = SimpleNamespace(
            client=lambda _: self,
            facts=SimpleNamespace(slots=3),
            create=lambda: None,
            say=lambda _: None,
            update=self.update,
            status=lambda: self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0],
        )
        self.control = SimpleNamespace(act=self.act, register_image=lambda: "ami-2")

    def now(self) -> float:
        """Every question about the time takes a while."""
        self.clock += 0.25
        return self.clock

    def look(self, rows: Sequence[Any], broken: Sequence[str]) -> Look:
        every = [each for sights in self.sights.values() for each in sights]
        seen = look(self.now() - 1000.0, *every, leader=self.leader)
        for slot, sights in self.sights.items():
            if sights and sights[0].is_leaving and self.heals:
                self.sights[slot] = [sight(f"i-{self.count}", slot)]
                self.count += 1
        return seen

    def act(self, verb: str, target: str) -> None:
        self.done.append((verb, target))
        for slot, (first, *_) in self.sights.items():
            if first.instance_id == target and verb in ("terminate", "lose"):
                self.sights[slot] = [sight(target, slot, "Terminating:Wait")]
                self.leader = next(f"{each[0].instance_id}" for place, each in self.sights.items() if place != slot)

    def update(self, values: Mapping[str, str]) -> None:
        self.done.append(("update", values["ControlPlaneImage"]))
        for slot in self.sights:
            self.sights[slot] = [sight(f"i-{self.count}", slot)]
            self.count += 1
        self.leader = "i-3"

    def terminate_instance_in_auto_scaling_group(self, **asked: Any) -> None:
        assert asked["ShouldDecrementDesiredCapacity"] is False
        self.act("terminate", asked["InstanceId"])

    def watch(self, until: Callable[[Sequence[Any]], bool]) -> None:
        while not until([]):
            pass

    def complete(self, seen: Callable[[Sequence[Any]], object]) -> None:
        seen([])

    def say(self, what: str) -> None:
        pass

    def refusals(self) -> list[str]:
        return ["refused: something"]

    @contextmanager
    def kubectl(self) -> Iterator[Any]:
        yield self

    def items(self, *_: str) -> list[dict[str, Any]]:
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        names = [each.instance_id for sights in self.sights.values() for each in sights]
        return [{"metadata": {"name": name}, "status": ready} for name in names]


class FakeWriter:
    """One that was acknowledged every second, but for the four in the middle."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def stop(self) -> Writes:
        every = range(1001, int(self.cluster.clock))
        middle = (1001 + len(every) // 2) if len(every) > 8 else 0
        return Writes({at: float(at) for at in every if not middle <= at < middle + 4}, 2)

    def check(self, writes: Writes) -> None:
        self.cluster.done.append(("check", str(len(writes.acknowledged))))


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cluster, str], Play]:
    """Makes a play of a scenario's text."""

    def make(cluster: Cluster, text: str) -> Play:
        @contextmanager
        def writing(*_: Any) -> Iterator[FakeWriter]:
            yield FakeWriter(cluster)

        monkeypatch.setattr(playing, "Looker", lambda *_: cluster)
        monkeypatch.setattr(playing, "writing", writing)
        monkeypatch.setattr(playing, "time", SimpleNamespace(monotonic=cluster.now))
        scenario = parse(text)
        whole: Any = cluster
        return Play(whole, scenario, scenario.unrolled(3, 0), {})

    return make


Start = Callable[[Cluster, str], Play]


def test_an_instance_that_leaves_is_not_meant_by_its_slot(start: Start, tmp_path: Any) -> None:
    cluster = Cluster(heals=False)
    play = start(cluster, f"{FIRST}- terminate: slot 0\n- terminate: slot 0\n- wait: whole")
    with pytest.raises(StepFailed, match="terminate slot 0: 0 instances are meant: none"):
        play.run(tmp_path)
    assert [each for each in cluster.done if each[0] != "check"] == [("terminate", "i-0")]


def test_steps_hit_the_instances_they_name_and_each_wait_is_an_episode(start: Start, tmp_path: Any) -> None:
    cluster = Cluster()
    hits = ("terminate: slot 0", "lose: leader", "terminate: slot 0")
    play = start(cluster, FIRST + "".join(f"- {hit}\n- wait: whole\n" for hit in hits))
    play.run(tmp_path)
    *done, checked = cluster.done
    assert done == [("terminate", "i-0"), ("lose", "i-1"), ("terminate", "i-3")]
    assert checked[0] == "check"
    told = [(each.what, each.gone, each.came) for each in play.timeline().episodes]
    assert told == [
        ("deploy", (), ("i-0", "i-1", "i-2")),
        ("terminate slot 0", ("i-0",), ("i-3",)),
        ("lose leader", ("i-1",), ("i-4",)),
        ("terminate slot 0", ("i-3",), ("i-5",)),
    ]
    assert all(isinstance(each, Episode) and 0 <= each.start < each.end for each in play.timeline().episodes)


def test_several_steps_before_one_wait_are_one_episode_that_starts_with_the_first(start: Start, tmp_path: Any) -> None:
    play = start(Cluster(), f"{FIRST}- terminate: slot 0\n- wait: 3 s\n- terminate: slot 2\n- wait: whole\n")
    play.run(tmp_path)
    deploy, both = play.timeline().episodes
    assert (both.what, both.gone, both.came) == ("terminate slot 0, terminate slot 2", ("i-0", "i-2"), ("i-3", "i-4"))
    assert both.seconds > 3
    assert deploy.end <= both.start


def test_an_update_is_over_when_its_stack_has_ended_too(start: Start, tmp_path: Any) -> None:
    cluster = Cluster()
    play = start(cluster, f"{FIRST}- update: control planes\n- wait: whole\n")
    play.run(tmp_path)
    assert cluster.done[0] == ("update", "ami-2")
    assert cluster.statuses == ["UPDATE_COMPLETE"]
    _, update = play.timeline().episodes
    assert (update.what, update.gone, update.came) == (
        "update control planes",
        ("i-0", "i-1", "i-2"),
        ("i-3", "i-4", "i-5"),
    )


def test_an_update_that_goes_back_has_failed(start: Start, tmp_path: Any) -> None:
    cluster = Cluster()
    cluster.statuses = ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]
    play = start(cluster, f"{FIRST}- update: control planes\n- wait: whole\n")
    with pytest.raises(StepFailed, match="the update has failed: the stack is UPDATE_ROLLBACK_IN_PROGRESS"):
        play.run(tmp_path)


def test_a_frozen_instance_is_not_whole_until_it_is_thawed(start: Start, tmp_path: Any) -> None:
    cluster = Cluster()
    frozen = start(cluster, f"{FIRST}- freeze: slot 1\n- wait: whole\n  within: 20 s")
    with pytest.raises(
        StepFailed, match="the cluster is not whole after 20 s:\ni-1 is still there\nrefused: something"
    ):
        frozen.run(tmp_path)
    cluster = Cluster()
    start(cluster, f"{FIRST}- freeze: slot 1\n- wait: 5 s\n- thaw: slot 1\n- wait: whole").run(tmp_path)
    assert cluster.done[:2] == [("freeze", "i-1"), ("thaw", "i-1")]


def test_a_run_that_fails_has_a_time_line_and_its_writes(start: Start, tmp_path: Any) -> None:
    cluster = Cluster(heals=False)
    play = start(cluster, f"{FIRST}- terminate: slot 0\n- wait: whole\n  within: 20 s")
    with pytest.raises(StepFailed, match=r"i-0 \(slot 0\): Terminating:Wait"):
        play.run(tmp_path)
    timeline = play.timeline()
    assert [each.what for each in timeline.episodes] == ["deploy", "terminate slot 0: not whole"]
    assert timeline.episodes[-1].end == timeline.end
    assert timeline.writing is not None
    assert [bar.instance_id for bar in timeline.bars()] == ["i-0", "i-1", "i-2"]
    # What was acknowledged is read back from a cluster that is not whole, too.
    assert cluster.done[-1][0] == "check"


@pytest.mark.parametrize(
    ("unread", "raised"), [(WritesLost("7 is missing"), WritesLost), (StepFailed("no answer"), StepFailed)]
)
def test_a_loss_counts_more_than_a_failed_step_and_a_failed_step_more_than_what_cannot_be_read(
    unread: Exception, raised: type[Exception], start: Start, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(*_: Any) -> None:
        raise unread

    monkeypatch.setattr(FakeWriter, "check", check)
    play = start(Cluster(heals=False), f"{FIRST}- terminate: slot 0\n- wait: whole\n  within: 20 s")
    with pytest.raises(raised, match="7 is missing" if raised is WritesLost else "the cluster is not whole"):
        play.run(tmp_path)
    with pytest.raises(type(unread), match=str(unread)):
        start(Cluster(), FIRST).run(tmp_path)


def test_the_largest_gap_is_told_by_the_step_in_which_it_was(start: Start, tmp_path: Any) -> None:
    play = start(
        Cluster(), f"{FIRST}- terminate: slot 0\n- wait: 30 s\n- wait: whole\n- terminate: slot 1\n- wait: whole"
    )
    play.run(tmp_path)
    timeline = play.timeline()
    largest = max(gap.seconds for gap in timeline.gaps)
    # Four seconds without an acknowledgement, between two that are a second before and after.
    assert largest == 5.0
    assert [each.what for each in timeline.episodes if each.gap and each.gap.seconds == largest] == ["terminate slot 0"]


@pytest.mark.parametrize(
    ("raised", "code"),
    [(None, 0), (StepFailed("failed"), 1), (ScenarioError("wrong"), 2), (WritesLost("7 is missing"), 3)],
)
def test_exit_codes_say_what_happened(
    raised: Exception | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(*_: Any) -> int:
        if raised is not None:
            raise raised
        return 0

    monkeypatch.setattr(folders, "rehearse", act)
    assert command.main(["replace"]) == code
    assert capsys.readouterr().err == (f"{raised}\n" if raised else "")
